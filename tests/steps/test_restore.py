import numpy as np
import pytest
import rasterio

from scenes import blob, cloudy_scene, geobox, land, smooth_noise
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import OptionError, QualityError, RadiometryError, SunbreakWarning
from sunbreak.legend import Quality, Source
from sunbreak.models import DEFAULT
from sunbreak.scene import make_scene
from sunbreak.steps.restore import RestoreOptions, restore
from sunbreak.steps.write import write

BY = [("scene-prior", Source.SCENE_PRIOR), (DEFAULT, Source.NETWORK_WITH_RADAR)]
"""The models that ship, with the source of what they restore where there is radar."""


def rmse(product, truth, where):
    return float(np.sqrt(((product.reflectance.values - truth)[:, where] ** 2).mean()))


@pytest.mark.parametrize("model", ["scene-prior", DEFAULT])
@pytest.mark.parametrize("with_radar", [True, False])
def test_clear_pixels_come_out_bit_identical(with_radar, model):
    scene, _, cloud = cloudy_scene(with_radar=with_radar)
    product = restore(scene, model=model)
    np.testing.assert_array_equal(
        product.reflectance.values[:, ~cloud].view(np.uint32), scene.optical.values[:, ~cloud].view(np.uint32)
    )
    assert (product.source.values[~cloud] == Source.MEASURED).all()
    assert (product.uncertainty.values[:, ~cloud] == 0).all()
    assert (product.uncertainty.values[:, cloud] > 0).all()
    assert np.isfinite(product.reflectance.values).all()


def test_radar_restores_better_than_filling_and_both_better_than_cloud():
    scene, truth, cloud = cloudy_scene(seed=3)
    prior, fill = (restore(one, model="scene-prior") for one in (scene, scene.drop_vars("radar")))
    assert rmse(prior, truth, cloud) < 0.75 * rmse(fill, truth, cloud)
    assert rmse(fill, truth, cloud) < 0.1
    assert (prior.source.values[cloud] == Source.SCENE_PRIOR).all()
    assert (fill.source.values[cloud] == Source.SPATIAL_FILL).all()


def test_without_radar_the_scene_is_filled_and_says_so():
    scene, truth, cloud = cloudy_scene(with_radar=False)
    product = restore(scene, model="scene-prior")
    assert (product.source.values[cloud] == Source.SPATIAL_FILL).all()
    assert rmse(product, truth, cloud) < 0.05


def test_where_the_radar_ends_the_fill_takes_over():
    scene, truth, cloud = cloudy_scene()
    scene.radar.values[:, :, :150] = np.nan
    product = restore(scene, model="scene-prior")
    left = np.arange(scene.sizes["x"]) < 150
    assert (product.source.values[cloud & left] == Source.SPATIAL_FILL).all()
    assert (product.source.values[cloud & ~left] == Source.SCENE_PRIOR).all()
    assert rmse(product, truth, cloud) < 0.05


def test_the_default_says_where_it_had_radar_and_where_not():
    scene, _, cloud = cloudy_scene()
    scene.radar.values[:, :, :150] = np.nan
    product = restore(scene)
    left = np.arange(scene.sizes["x"]) < 150
    assert (product.source.values[cloud & left] == Source.NETWORK_WITHOUT_RADAR).all()
    assert (product.source.values[cloud & ~left] == Source.NETWORK_WITH_RADAR).all()
    without = restore(scene.drop_vars("radar"))
    assert (without.source.values[cloud] == Source.NETWORK_WITHOUT_RADAR).all()
    for found in (product, without):
        assert found.attrs["model"] == DEFAULT
        assert np.isfinite(found.reflectance.values).all()
        assert (found.uncertainty.values[:, cloud] > 0).all()


def test_one_polarisation_restores():
    scene, truth, cloud = cloudy_scene()
    single = make_scene(
        scene.optical.values, bands=L1C_BANDS, level="L1C", radar=scene.radar.values[1:], pols=["VH"],
        quality=scene.quality.values,
    )  # fmt: skip
    assert rmse(restore(single, model="scene-prior"), truth, cloud) < 0.05


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_a_fully_clouded_scene_with_radar_takes_the_global_regression(level):
    bands = L1C_BANDS if level == "L1C" else L2A_BANDS
    truth, radar = land((256, 256), bands)
    scene = make_scene(
        np.full_like(truth, 0.8), bands=bands, level=level, radar=radar, quality=np.full((256, 256), 3, np.uint8)
    )
    with pytest.warns(SunbreakWarning, match="only 0 clear pixels with radar.*global regression"):
        product = restore(scene, model="scene-prior")
    assert (product.source.values == Source.GLOBAL_REGRESSION).all()
    assert rmse(product, truth, np.ones((256, 256), bool)) < 0.2
    clear, _, cloud = cloudy_scene(bands=bands, level=level)
    usual = restore(clear, model="scene-prior").uncertainty.values[:, cloud].mean()
    assert product.uncertainty.mean() > 1.5 * usual


def test_a_fully_clouded_scene_without_radar_is_an_error():
    scene = make_scene(np.full((3, 50, 50), 0.8, np.float32), bands=["B02", "B03", "B04"], level="L2A",
                       quality=np.full((50, 50), 3, np.uint8), optical_path="s2.tif")  # fmt: skip
    with pytest.raises(QualityError, match=r"s2\.tif: no clear pixel, and no radar.*--radar"):
        restore(scene)


def test_a_scene_without_cloud_is_passed_through():
    scene, truth, _ = cloudy_scene()
    scene.optical.values[:] = truth
    scene.quality.values[:] = 1
    product = restore(scene)
    np.testing.assert_array_equal(product.reflectance.values, truth)
    assert product.attrs["model"] == "none"


@pytest.mark.parametrize(("model", "source"), BY)
def test_nodata_stays_nodata_and_is_not_fitted_on(model, source):
    scene, _, cloud = cloudy_scene()
    scene.optical.values[:, :40] = np.nan
    scene.quality.values[:40] = Quality.NODATA
    product = restore(scene, model=model)
    assert np.isnan(product.reflectance.values[:, :40]).all()
    assert (product.source.values[:40] == Source.NONE).all()
    assert np.isnan(product.uncertainty.values[:, :40]).all()
    assert np.isfinite(product.reflectance.values[:, 40:]).all()
    assert (product.source.values[40:][cloud[40:]] == source).all()


def test_a_band_missing_in_a_clear_pixel_stays_missing_there_only():
    scene, _, _ = cloudy_scene()
    scene.optical.values[4, 0, :20] = np.nan
    product = restore(scene)
    assert np.isnan(product.reflectance.values[4, 0, :20]).all()
    assert np.isnan(product.reflectance.values).sum() == 20


def test_quality_classes_partition_the_pixels_and_explain_the_source():
    scene, _, _ = cloudy_scene()
    product = restore(scene)
    quality, source = product.quality.values, product.source.values
    assert np.isin(quality, list(Quality)).all()
    assert ((quality == Quality.CLEAR) == (source == Source.MEASURED)).all()


@pytest.mark.outcome("Numbers", "the same scene again", "the same bytes")
@pytest.mark.parametrize("model", ["scene-prior", DEFAULT])
def test_the_same_scene_gives_the_same_bytes(model):
    scene, _, _ = cloudy_scene()
    first, second = restore(scene, model=model), restore(scene, model=model)
    for name in first.data_vars:
        assert first[name].values.tobytes() == second[name].values.tobytes()


@pytest.mark.outcome("Numbers", "blocks of 256 to 1,024 pixels", "the same bytes")
@pytest.mark.parametrize("block", [256, 512, 1024])
def test_block_size_changes_nothing(block):
    scene, _, _ = cloudy_scene((700, 900))
    reference = restore(scene, options=RestoreOptions("scene-prior", block=768))
    other = restore(scene, options=RestoreOptions("scene-prior", block=block))
    for name in reference.data_vars:
        assert reference[name].values.tobytes() == other[name].values.tobytes(), name


def seam_ratio(image, where, every=256):
    """Mean gradient across the borders of cells and blocks, over that of the columns beside them."""
    steps = np.abs(np.diff(image, axis=-1)).mean(axis=0)
    inside = where[:, 1:] & where[:, :-1]
    columns = np.array([steps[inside[:, col], col].mean() if inside[:, col].any() else np.nan
                        for col in range(steps.shape[1])])  # fmt: skip
    borders = np.arange(every - 1, steps.shape[1], every)
    beside = np.concatenate([borders + away for away in (-3, -2, -1, 1, 2, 3)])
    return float(np.nanmean(columns[borders]) / np.nanmean(columns[beside]))


def test_a_homogeneous_field_under_cloud_shows_no_seams():
    truth, radar = land((768, 1024), ["B02", "B03", "B04", "B08"], seed=11)
    truth[:] = 0.2 + 0.01 * np.random.default_rng(0).standard_normal(truth.shape)
    cloud = blob((768, 1024), (380, 512), 340)
    scene = make_scene(np.where(cloud, np.float32(0.8), truth), bands=["B02", "B03", "B04", "B08"], level="L2A",
                       radar=radar, quality=np.where(cloud, 3, 1).astype(np.uint8))  # fmt: skip
    product = restore(scene, model="scene-prior")
    restored = product.reflectance.values
    assert np.abs(restored[:, cloud] - 0.2).max() < 0.005
    assert seam_ratio(restored, cloud) == pytest.approx(1.0, abs=0.1)


def test_strong_contrasts_under_cloud_show_no_seams():
    shape, bands = (768, 1024), ["B02", "B03", "B04", "B08"]
    rng = np.random.default_rng(5)
    coast = np.indices(shape)[1] + 60 * smooth_noise(shape, 60, rng) > 520
    truth, radar = land(shape, bands, seed=12)
    truth = np.where(coast, truth + 0.15, 0.03).astype(np.float32)
    radar = np.where(coast, radar, radar - 10).astype(np.float32)
    cloud = blob(shape, (380, 512), 340)
    scene = make_scene(np.where(cloud, np.float32(0.8), truth), bands=bands, level="L2A", radar=radar,
                       quality=np.where(cloud, 3, 1).astype(np.uint8), geobox=geobox(shape))  # fmt: skip
    product = restore(scene, model="scene-prior")
    assert seam_ratio(product.reflectance.values, cloud) == pytest.approx(1.0, abs=0.1)
    assert rmse(product, truth, cloud) < 0.06


@pytest.mark.outcome("Numbers", "scene shifted by a cell of the scene prior", "within 0.01 of reflectance")
def test_shifting_the_scene_by_a_cell_shifts_the_result():
    truth, radar = land((1024, 1280), ["B03", "B08"], seed=13)
    cloud = blob((1024, 1280), (640, 760), 90)
    optical, quality = np.where(cloud, np.float32(0.8), truth), np.where(cloud, 3, 1).astype(np.uint8)

    def restored(top, left):
        part = np.s_[..., top:, left:]
        scene = make_scene(optical[part], bands=["B03", "B08"], level="L2A", radar=radar[part], quality=quality[part])
        return restore(scene, model="scene-prior").reflectance.values

    whole, shifted = restored(0, 0)[:, 256:, 256:], restored(256, 256)
    # the scene's own statistics change with what it holds, the picture hardly
    assert np.abs(whole - shifted)[:, cloud[256:, 256:]].max() < 0.01


def test_a_scene_smaller_than_any_smoothing_is_restored():
    truth, radar = land((40, 30))
    quality = np.ones((40, 30), np.uint8)
    quality[10:15, 10:15] = 3
    product = restore(make_scene(truth, bands=L1C_BANDS, level="L1C", radar=radar, quality=quality))
    assert np.isfinite(product.reflectance.values).all()


def test_float64_reflectance_stays_float64():
    scene, _, cloud = cloudy_scene()
    scene["optical"] = scene.optical.astype(np.float64) + 1e-12
    product = restore(scene)
    assert product.reflectance.dtype == np.float64
    np.testing.assert_array_equal(product.reflectance.values[:, ~cloud], scene.optical.values[:, ~cloud])


def test_unknown_models_and_blocks_are_refused():
    scene, _, _ = cloudy_scene()
    with pytest.raises(OptionError, match="unknown; one of scene-prior"):
        restore(scene, model="magic")
    with pytest.raises(OptionError, match="multiple of 256"):
        RestoreOptions(block=100)


def test_a_band_without_data_is_named_rather_than_spoiling_the_fit():
    scene, _, _ = cloudy_scene()
    scene.optical.values[10] = np.nan
    with pytest.raises(RadiometryError, match=r"band B10 holds no data.*--bands=B01,.*,B09,-,B11,B12"):
        restore(scene)


def test_overcast_with_radar_that_sees_nothing_is_an_error_and_with_some_a_warning():
    truth, radar = land((256, 256), ["B02", "B03", "B04"])
    radar[:, :, :100] = np.nan
    told = {"bands": ["B02", "B03", "B04"], "level": "L2A", "quality": np.full((256, 256), 3, np.uint8)}
    with pytest.warns(SunbreakWarning, match="no radar over 39 % of the cloud"):
        product = restore(make_scene(np.full_like(truth, 0.8), radar=radar, **told))
    assert np.isnan(product.reflectance.values[:, :, :100]).all()
    assert (product.source.values[:, :100] == Source.NONE).all()
    with pytest.raises(QualityError, match="no radar over what is to be restored"):
        restore(make_scene(np.full_like(truth, 0.8), radar=np.full_like(radar, np.nan), **told))


@pytest.mark.parametrize("size", [60, 70, 512])
def test_uncertainty_is_sane_when_all_clear_pixels_lie_together(size):
    truth, radar = land((size, size), seed=7)
    clear = np.zeros((size, size), bool)
    clear[2:60, 2:60] = True
    clear[20:30, 20:30] = False
    optical, quality = np.where(clear, truth, np.float32(0.8)), np.where(clear, 1, 3).astype(np.uint8)
    scene = make_scene(optical, bands=L1C_BANDS, level="L1C", radar=radar, quality=quality)
    product = restore(scene, model="scene-prior")
    assert product.uncertainty.values[:, ~clear].mean() < 4 * rmse(product, truth, ~clear)


@pytest.mark.parametrize("model", ["scene-prior", DEFAULT])
def test_restored_water_does_not_read_as_no_data(tmp_path, model):
    truth, radar = land((200, 200), ["B03", "B08"])
    truth[1] = np.abs(truth[1] - truth[1].mean()) * 0.05
    cloud = blob((200, 200), (100, 100), 50)
    scene = make_scene(np.where(cloud, np.float32(0.8), truth), bands=["B03", "B08"], level="L2A", radar=radar,
                       quality=np.where(cloud, 3, 1).astype(np.uint8),
                       encoding={"dtype": "float32", "offset": 0, "quantification": 1, "nodata": 0.0})  # fmt: skip
    write(restore(scene, model=model), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert (file.read()[:, cloud] != 0).all()
