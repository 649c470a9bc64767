"""Looks of other dates: harmonised, blended, and the same whatever window is asked for."""

import warnings

import numpy as np
import pytest

from references import rmse, two_dates
from scenes import geobox
from sunbreak import with_references
from sunbreak.bands import L1C_BANDS
from sunbreak.errors import GeometryError, OptionError, RadiometryError, SunbreakWarning
from sunbreak.scene import make_scene
from sunbreak.scene import window as load
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.steps.reference import FADING_DAYS


def dated(scene, day):
    return scene.assign_attrs(datetime=f"2023-{day}T10:30:00+00:00")


def flat(value, day, shape=(60, 60), **facts):
    quality = facts.pop("quality", np.ones(shape, np.uint8))
    optical = np.full((1, *shape), value, np.float32)
    return dated(make_scene(optical, bands=["B08"], level="L2A", quality=quality, **facts), day)


def test_a_look_is_brought_to_the_light_of_the_scene():
    made = two_dates(share=0.0)
    look = with_references(made.scene, [made.earlier]).look.values
    seen = np.isfinite(look).all(axis=0)
    np.testing.assert_array_equal(seen, made.earlier.quality.values == 1)
    np.testing.assert_allclose(look[:, seen], made.truth[:, seen], atol=5e-3)
    assert rmse(made.earlier.optical.values, made.truth, seen) > 10 * rmse(look, made.truth, seen)


def test_contrast_is_changed_within_bounds():
    rng = np.random.default_rng(0)
    field = (0.2 + 0.01 * rng.standard_normal((1, 60, 60))).astype(np.float32)
    facts = {"bands": ["B08"], "level": "L2A"}
    quality = np.where(np.arange(60) < 10, np.uint8(3), np.ones((60, 60), np.uint8))
    scene = make_scene(0.2 + 5 * (field - 0.2), quality=quality, **facts)
    look = with_references(scene, [make_scene(field, quality=np.ones((60, 60), np.uint8), **facts)]).look.values
    assert np.isclose(look.std() / field.std(), 1.4, atol=1e-3)


def test_any_window_holds_the_same_numbers():
    made = two_dates()
    both = with_references(made.scene, [made.earlier, dated(made.earlier, "07-10").roll(x=40)])
    for name in ("look", "look_radar"):
        whole = load(both, name, slice(0, 300), slice(0, 330))
        for rows, cols in ((slice(0, 1), slice(0, 330)), (slice(37, 222), slice(100, 131))):
            np.testing.assert_array_equal(load(both, name, rows, cols), whole[:, rows, cols])
    assert both.look.dtype == np.float32


def test_the_nearer_date_counts_most_and_the_order_where_dates_are_unknown():
    scene = flat(0.5, "07-15", quality=np.full((60, 60), 3, np.uint8))
    references = [flat(0.1, "07-10"), flat(0.4, "07-25")]
    with pytest.warns(SunbreakWarning, match="0 pixels are clear in it and in the scene"):
        look = with_references(scene, references).look.values
    share = 1 / (1 + np.exp(-5 / FADING_DAYS))
    np.testing.assert_allclose(look, 0.1 * share + 0.4 * (1 - share), atol=1e-6)
    scene.attrs.pop("datetime")
    with pytest.warns(SunbreakWarning):
        look = with_references(scene, references[::-1]).look.values
    assert (look > 0.25).all()


def test_far_away_dates_count_where_they_alone_are_clear():
    left = np.where(np.arange(60) < 30, 1, 3).astype(np.uint8) * np.ones((60, 1), np.uint8)
    scene = flat(0.5, "07-15", quality=np.full((60, 60), 3, np.uint8))
    far = flat(0.3, "07-15").assign_attrs(datetime="2015-07-15T10:30:00+00:00")
    with pytest.warns(SunbreakWarning):
        look = with_references(scene, [flat(0.1, "07-14", quality=left), far]).look.values
    np.testing.assert_allclose(look[0, :, :30], 0.1, atol=1e-4)
    np.testing.assert_allclose(look[0, :, 30:], 0.3, atol=1e-4)


def test_a_scene_without_cloud_looks_at_nothing():
    made = two_dates((100, 110))
    scene = made.scene.assign(quality=made.scene.quality * 0 + 1)
    bare = made.earlier.drop_vars("quality").assign_attrs(optical_path="earlier.tif")
    found = with_references(scene, [bare])
    assert "look" not in found
    assert found.attrs["reference_paths"] == ["earlier.tif"]


def test_a_reference_with_nothing_clear_is_left_out():
    made = two_dates()
    overcast = made.earlier.assign(quality=made.earlier.quality * 0 + 3)
    with pytest.warns(SunbreakWarning, match="nothing clear"):
        assert "look" not in with_references(made.scene, [overcast])


@pytest.mark.parametrize("buffer", [0, 3])
def test_references_without_quality_are_masked_and_grown_like_the_scene(buffer):
    spec = SceneSpec(size=160, seed=3, clouds=CloudSpec(seed=3, cover=0.4))
    made = simulate(spec)
    facts = {"bands": spec.bands, "level": spec.level}
    bare, scene = make_scene(made.optical, **facts), make_scene(made.truth, quality=made.quality, **facts)
    look = with_references(scene.assign_attrs(buffer=buffer), [bare]).look.values
    clear = mask(bare, options=MaskOptions(buffer=buffer)).quality.values == 1
    assert 0.1 < clear.mean() < 0.9
    np.testing.assert_array_equal(np.isfinite(look).all(axis=0), clear)


def test_radar_of_the_dates_comes_along_where_both_have_it():
    made = two_dates()
    assert "look_radar" in with_references(made.scene, [made.earlier])
    assert "look_radar" not in with_references(made.scene.drop_vars("radar"), [made.earlier])
    assert "look_radar" not in with_references(made.scene, [made.earlier.drop_vars("radar")])
    mixed = with_references(made.scene, [made.earlier.drop_vars("radar"), made.earlier.roll(y=150)])
    then, look = mixed.look_radar.values, mixed.look.values
    only_first = (made.earlier.quality.values == 1) & (np.roll(made.earlier.quality.values, 150, 0) != 1)
    assert np.isnan(then[:, only_first]).all()  # what is known of the radar is not of the date of the look
    assert np.isfinite(look[:, only_first]).all()


def test_what_does_not_fit_is_refused():
    made = two_dates((100, 110))
    l2a = make_scene(
        made.earlier.optical.values[:3], bands=["B02", "B03", "B04"], level="L2A", geobox=geobox((100, 110))
    )
    few = make_scene(made.earlier.optical.values[:3], bands=L1C_BANDS[:3], level="L1C", geobox=geobox((100, 110)))
    away = make_scene(made.earlier.optical.values, bands=L1C_BANDS, level="L1C", geobox=geobox((100, 110), (0.0, 5e6)))
    for reference, kind, words in (
        (l2a, RadiometryError, "is L2A, the scene is L1C"),
        (few, RadiometryError, "has no band B04, B05"),
        (away, GeometryError, "another grid.*read_reference"),
        (made.earlier.isel(x=slice(50)), GeometryError, "another grid"),
        (made.scene.assign_attrs(optical_path="a.tif"), OptionError, "the scene itself"),
    ):
        with pytest.raises(kind, match=words):
            with_references(
                made.scene.assign_attrs(optical_path="a.tif") if kind is OptionError else made.scene, [reference]
            )


def test_bands_are_told_by_name():
    made = two_dates((100, 110))
    turned = made.earlier.isel(band=slice(None, None, -1))
    with warnings.catch_warnings():
        warnings.simplefilter("error", SunbreakWarning)
        expected, found = (with_references(made.scene, [one]).look.values for one in (made.earlier, turned))
    np.testing.assert_array_equal(found, expected)
