"""The scene prior with looks of other dates: better where nothing has changed, not fooled where something has."""

import numpy as np
import pytest

from model_files import node, save
from references import rmse, two_dates
from sunbreak import restore, with_references
from sunbreak.errors import QualityError, SunbreakWarning
from sunbreak.legend import Source
from sunbreak.steps.restore import RestoreOptions


@pytest.fixture(scope="module")
def made():
    return two_dates(seed=1)


@pytest.fixture(scope="module")
def seen(made):
    return with_references(made.scene, [made.earlier])


def prior(scene, **options):
    return restore(scene, model="scene-prior", options=RestoreOptions(**options))


def looked_at(made):
    return made.cloud & (made.earlier.quality.values == 1)


def test_unchanged_places_are_far_better_than_without_reference(made, seen):
    same = looked_at(made) & ~made.changed
    assert rmse(prior(seen), made.truth, same) < 0.4 * rmse(prior(made.scene), made.truth, same)


def test_what_has_changed_is_not_painted_over(made, seen):
    new = looked_at(made) & made.changed
    painted = np.nan_to_num(seen.look.values)
    restored = prior(seen)
    assert rmse(restored, made.truth, new) < 0.75 * rmse(painted, made.truth, new)
    sigma = restored.uncertainty.values
    assert sigma[:, new].mean() > 1.5 * sigma[:, looked_at(made) & ~made.changed].mean()


def test_without_radar_of_the_earlier_date_change_still_is_not_painted_over(made):
    scene = with_references(made.scene, [made.earlier.drop_vars("radar")])
    new = looked_at(made) & made.changed
    assert rmse(prior(scene), made.truth, new) < rmse(np.nan_to_num(scene.look.values), made.truth, new)


def test_without_radar_the_look_is_trusted(made, seen):
    product = prior(seen.drop_vars(["radar", "look_radar"]))
    same = looked_at(made) & ~made.changed
    assert rmse(product, made.truth, same) < 0.4 * rmse(prior(made.scene.drop_vars("radar")), made.truth, same)
    error = np.abs(product.reflectance.values - made.truth)[:, same]
    assert (error <= product.uncertainty.values[:, same]).mean() > 0.6


def test_the_source_says_where_a_look_was_used(made, seen, tmp_path):
    source, looked = prior(seen).source.values, looked_at(made)
    assert (source[looked] == Source.REFERENCE_DATE).all()
    assert (source[made.cloud & ~looked] == Source.SCENE_PRIOR).all()
    assert (source[~made.cloud] == Source.MEASURED).all()
    passed_on = save(tmp_path / "prior.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    product = restore(seen, model=passed_on)
    assert (product.source.values[looked] == Source.REFERENCE_DATE).all()
    assert (product.source.values[made.cloud & ~looked] == Source.NETWORK_WITH_RADAR).all()
    np.testing.assert_allclose(product.reflectance, prior(seen).reflectance, atol=6e-5)  # remembered to half a DN


def test_a_network_that_takes_no_prior_does_not_claim_a_look(made, seen, tmp_path):
    blind = save(tmp_path / "blind.onnx", [node("Identity", ["optical"], ["reflectance"])], [("optical", 13)])
    source = restore(seen, model=blind).source.values
    assert (source[made.cloud] == Source.NETWORK_WITHOUT_RADAR).all()


def test_without_radar_source_and_fill_share_the_cloud(made, seen):
    source, looked = prior(seen.drop_vars(["radar", "look_radar"])).source.values, looked_at(made)
    assert (source[looked] == Source.REFERENCE_DATE).all()
    assert (source[made.cloud & ~looked] == Source.SPATIAL_FILL).all()


def test_clear_pixels_are_not_touched(made, seen):
    clear = ~made.cloud
    np.testing.assert_array_equal(prior(seen).reflectance.values[:, clear], made.scene.optical.values[:, clear])


@pytest.mark.parametrize("block", [256, 768])
def test_block_size_changes_nothing(block):
    made = two_dates((300, 780), seed=2, bands=("B04", "B08"))
    seen = with_references(made.scene, [made.earlier])
    expected, found = prior(seen, block=512), prior(seen, block=block)
    for name in ("reflectance", "uncertainty", "source"):
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("with_radar", [True, False])
def test_a_fully_clouded_scene_takes_the_look_as_it_is(with_radar):
    made = two_dates(share=0.0, with_radar=with_radar)
    scene = made.scene.assign(quality=made.scene.quality * 0 + 3)
    with pytest.warns(SunbreakWarning, match="taken as it is"):
        seen = with_references(scene, [made.earlier])
    with pytest.warns(SunbreakWarning, match="taken as they are"):
        product = prior(seen)
    assert product.attrs["model"] == "reference-date"
    looked = made.earlier.quality.values == 1
    assert (product.source.values[looked] == Source.REFERENCE_DATE).all()
    left = Source.GLOBAL_REGRESSION if with_radar else Source.NONE
    assert (product.source.values[~looked] == left).all()
    assert np.isfinite(product.reflectance.values[:, looked]).all()
    assert product.uncertainty.values[:, looked].mean() > 0.02


def test_a_fully_clouded_scene_with_a_fully_clouded_reference_is_an_error(made):
    scene = made.scene.drop_vars("radar").assign(quality=made.scene.quality * 0 + 3)
    overcast = made.earlier.assign(quality=made.earlier.quality * 0 + 3)
    with pytest.warns(SunbreakWarning, match="nothing clear"):
        seen = with_references(scene, [overcast])
    with pytest.raises(QualityError, match="--reference"):
        restore(seen)


def test_where_the_radar_ends_the_look_goes_on():
    made = two_dates(seed=3, share=0.0)
    made.scene.radar.values[:, :, :150] = np.nan
    product = prior(with_references(made.scene, [made.earlier]))
    left = looked_at(made) & (np.arange(330) < 150)
    assert (product.source.values[left] == Source.REFERENCE_DATE).all()
    assert rmse(product, made.truth, left) < 0.02


def test_too_few_clear_pixels_under_the_look_leave_the_scene_to_the_radar():
    """The reference is clear only where the scene is not: radar is fitted, so it is preferred to a look as it is."""
    made = two_dates(seed=4)
    earlier = made.earlier.copy()
    earlier["quality"] = (("y", "x"), np.where(made.cloud, 1, 3).astype(np.uint8))
    with pytest.warns(SunbreakWarning):
        product = prior(with_references(made.scene, [earlier]))
    assert (product.source.values[made.cloud] == Source.SCENE_PRIOR).all()
