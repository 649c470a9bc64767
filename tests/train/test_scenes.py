"""Training scenes: pure, in the units of the networks' inputs, with the prior that inference feeds."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from sunbreak.bands import L1C_BANDS, RADAR_DB_RANGE
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.legend import LAND_COVER_LEGEND, Quality
from sunbreak.prior.network import NetworkEstimator
from sunbreak.scene import make_scene
from sunbreak.steps.fit import fit_estimator
from sunbreak.tiles import Window
from sunbreak.train.real_images import is_open, real_images
from sunbreak.train.scene_options import SUBSETS, SceneOptions
from sunbreak.train.scenes import training_scene
from sunbreak.work import one_blas_thread

PLAIN = SceneOptions(seed=1, size=128)
ARRAYS = ("optical", "truth", "present", "radar", "radar_valid", "quality", "sky", "land_cover", "known")


@pytest.fixture(scope="module")
def scenes():
    return [training_scene(PLAIN, index) for index in range(6)]


@pytest.fixture(scope="module")
def many():
    options = SceneOptions(seed=2, size=64, with_prior=False, radar_dropout=0.5, band_dropout=0.5)
    return [training_scene(options, index) for index in range(30)]


def test_a_scene_depends_on_its_options_and_number_only(scenes):
    again = training_scene(PLAIN, 3)
    for name in (*ARRAYS, "prior", "prior_sigma"):
        np.testing.assert_array_equal(getattr(again, name), getattr(scenes[3], name))
    assert not np.array_equal(scenes[2].truth, scenes[3].truth)


def test_the_prior_changes_nothing_else(scenes):
    without = training_scene(SceneOptions(seed=1, size=128, with_prior=False), 3)
    assert without.prior is None
    assert without.prior_sigma is None
    for name in ARRAYS:
        np.testing.assert_array_equal(getattr(without, name), getattr(scenes[3], name))


def test_values_are_finite_and_in_range(scenes, many):
    for scene in (*scenes, *many):
        for name in ("optical", "truth", "radar"):
            array = getattr(scene, name)
            assert array.dtype == np.float32
            assert np.isfinite(array).all()
        assert scene.truth.max() < 2
        assert scene.optical.max() < 3
        assert (scene.radar[:, ~scene.radar_valid] == RADAR_DB_RANGE[0]).all()
        assert set(np.unique(scene.land_cover)) <= {*LAND_COVER_LEGEND, 255}
        assert scene.known.all()


def test_pixels_rightly_held_clear_show_the_truth_but_for_faint_haze(scenes):
    for scene in scenes:
        clear = (scene.quality == Quality.CLEAR) & (scene.sky == Quality.CLEAR)
        assert (abs(scene.optical - scene.truth)[:, clear] < 0.06).all()
        assert (scene.quality >= Quality.THIN_CLOUD).any()


def test_masks_err_at_times_and_mostly_in_thin_cloud_and_shadow(many):
    missed = [np.unique(scene.sky[(scene.quality == Quality.CLEAR)]) for scene in many]
    assert any(Quality.THIN_CLOUD in found for found in missed)
    assert any(Quality.SHADOW in found for found in missed)
    assert not any(Quality.THICK_CLOUD in found for found in missed)
    assert any((found == Quality.CLEAR).all() for found in missed)


def test_the_prior_is_measured_on_clear_pixels_and_estimated_elsewhere(scenes):
    for scene in scenes:
        clear = scene.quality == Quality.CLEAR
        np.testing.assert_array_equal(scene.prior[:, clear], scene.optical[:, clear])
        assert (scene.prior_sigma[:, clear] == 0).all()
        assert (scene.prior_sigma[scene.present][:, ~clear] > 0).all()
        assert (scene.prior[~scene.present] == 0).all()
        assert (scene.prior_sigma[~scene.present] == 0).all()


@pytest.mark.parametrize("size", [128, 320])
def test_the_prior_is_the_one_that_networks_are_fed_with(size):
    trained = training_scene(SceneOptions(seed=4, size=size, radar_dropout=0.0, band_dropout=0.0), 0)
    bands = [name for name, here in zip(L1C_BANDS, trained.present, strict=True) if here]
    scene = make_scene(
        trained.optical[trained.present], bands=bands, level=trained.level, radar=trained.radar, quality=trained.quality
    )
    # sums keep one order, as where training scenes are made and where blocks are restored
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore", SunbreakWarning)
        first, _ = fit_estimator(scene)
        estimator = NetworkEstimator(SimpleNamespace(bands=L1C_BANDS, patch=256, overlap=32), scene, first)
        found = estimator._prior(Window(0, 0, size, size), trained.optical[trained.present], trained.quality)
        unlooked = estimator._unlooked(Window(0, 0, size, size))
    # restoring remembers reflectance to half a DN, and the rest in half precision
    np.testing.assert_allclose(trained.prior[trained.present], found[0], atol=3e-5)
    np.testing.assert_allclose(trained.prior_sigma[trained.present], found[1], rtol=1e-3, atol=1e-6)
    unlooked = estimator._unlooked(Window(0, 0, size, size))
    np.testing.assert_array_equal(trained.regression[trained.present], unlooked[0])
    np.testing.assert_allclose(trained.kriging[trained.present], unlooked[1], rtol=1e-3, atol=1e-6)


def test_bands_and_radar_are_dropped_at_times(many):
    kept = {tuple(name for name, here in zip(L1C_BANDS, scene.present, strict=True) if here) for scene in many}
    assert kept == {L1C_BANDS, *SUBSETS}
    for scene in many:
        assert (scene.optical[~scene.present] == 0).all()
        assert (scene.truth[~scene.present] == 0).all()
        assert scene.level == "L1C" or not scene.present[L1C_BANDS.index("B10")]
    assert {scene.level for scene in many} == {"L1C", "L2A"}
    shares = [scene.radar_valid.mean() for scene in many]
    assert 0 in shares
    assert 1 in shares
    assert any(0.25 < share < 0.95 for share in shares)


def test_nothing_is_dropped_unasked():
    scene = training_scene(SceneOptions(size=64, with_prior=False, radar_dropout=0, band_dropout=0), 0)
    assert scene.radar_valid.all()
    assert scene.present.sum() == (13 if scene.level == "L1C" else 12)


def test_skies_are_of_all_sorts(many):
    covers = [(scene.sky != Quality.CLEAR).mean() for scene in many]
    assert min(covers) < 0.35
    assert max(covers) > 0.8


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("CC BY 4.0 (SEN12MS-CR, Ebel et al.); contains modified Copernicus Sentinel data", True),
        ("CDLA-Permissive-1.0 (BigEarthNet-MM)", True),
        ("repository GPL-3.0 (code); image content: contains modified Copernicus Sentinel data", True),
        ("TerraMesh sample in an Apache-2.0 repository; TerraMesh itself is CC BY-SA 4.0", False),
        ("contains modified Copernicus Sentinel data; label licence unclear", False),
        ("CC BY-NC 4.0", False),
        ("repository without licence file; WorldCereal maps CC BY 4.0", False),
        ("", False),
    ],
)
def test_licences(licence, expected):
    assert is_open(licence) is expected


@pytest.mark.parametrize("wrong", [{"real_share": 0.5}, {"band_dropout": 1.5}, {"size": 32}, {"seed": -1}])
def test_wrong_options_are_refused(wrong):
    with pytest.raises(OptionError):
        SceneOptions(**wrong)


def test_real_images_are_open_and_of_the_train_split(collection):
    images = real_images(str(collection))
    assert images
    assert all(is_open(image.licence) and image.image.optical.split == "train" for image in images)
    assert {"terramesh_s1_s2_lulc", "majortom_pair"}.isdisjoint(image.source for image in images)
    with pytest.raises(OptionError, match="at least 5000"):
        real_images(str(collection), 5000)


def test_real_surfaces_under_simulated_skies(collection):
    options = SceneOptions(collection=str(collection), real_share=1.0, size=256, smallest=256)
    for index in range(3):
        scene = training_scene(options, index)
        clear = (scene.quality == Quality.CLEAR) & (scene.sky == Quality.CLEAR) & scene.known
        assert scene.truth.shape == (13, 256, 256)
        assert (abs(scene.optical - scene.truth)[:, clear] < 0.06).all()
        assert np.isfinite(scene.prior).all()
        assert (scene.land_cover == 255).all()
        assert scene.known.mean() > 0.9
