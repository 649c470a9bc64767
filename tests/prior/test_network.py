import gc
import weakref

import numpy as np
import pytest

from model_files import CODES, mapper, node, save
from scenes import cloudy_scene
from sunbreak.bands import L1C_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_NODATA, Quality, Source
from sunbreak.scene import make_scene
from sunbreak.steps.fit import fit_estimator
from sunbreak.steps.restore import RestoreOptions, open_network, restore, restore_blocks
from sunbreak.tiles import PatchGrid, Window, blocks

SUBSETS = [("B02", "B03", "B04"), ("B11", "B08", "B03"), ("B8A",), L1C_BANDS[::-1]]
STEP = np.linspace(0.05, 0.6, 13).reshape(1, 13, 1, 1)


def scene_of(bands=L1C_BANDS, level="L1C", shape=(150, 170), **more):
    return cloudy_scene(shape, bands=bands, level=level, **more)


@pytest.mark.parametrize("bands", SUBSETS, ids=",".join)
def test_any_bands_in_any_order_reach_their_places_and_come_back(tmp_path, bands):
    """A model that passes the prior on gives what the prior gives; one that numbers its bands gives their numbers."""
    prior = save(tmp_path / "prior.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    nothing = [node("Mul", ["optical", "zero"], ["blank"]), node("Add", ["blank", "step"], ["reflectance"])]
    numbers = save(tmp_path / "numbers.onnx", nothing, [("optical", 13)], constants={"zero": np.zeros(1), "step": STEP})
    scene, _, cloud = scene_of(bands)
    passed_on, expected = restore(scene, model=prior), restore(scene, model="scene-prior")
    np.testing.assert_allclose(passed_on.reflectance, expected.reflectance, atol=3e-5)  # remembered to half a DN
    restored = restore(scene, model=numbers).reflectance.values
    for index, band in enumerate(bands):
        np.testing.assert_allclose(restored[index, cloud], STEP.ravel()[L1C_BANDS.index(band)], atol=3e-5)


@pytest.mark.parametrize("level", ["L1C", "L2A"])
def test_absent_bands_are_zero_and_the_model_is_told_which_and_the_level(tmp_path, level):
    nodes = [
        node("ReduceSum", ["optical", "axis"], ["light"]),
        node("ReduceSum", ["prior_sigma", "axis"], ["doubt"]),
        node("Mul", ["light", "zero"], ["blank"]),
        node("Mul", ["present", "tenth"], ["share"]),
        node("Mul", ["level", "weight"], ["weighted"]),
        node("ReduceSum", ["weighted", "axis"], ["told"]),
        node("Add", ["share", "told"], ["facts"]),
        node("Add", ["facts", "blank"], ["reflectance"]),
        node("Sub", ["light", "doubt"], ["both"]),
        node("Mul", ["both", "present"], ["log_variance"]),
    ]
    path = save(
        tmp_path / "m.onnx", nodes, [("optical", 13), ("prior_sigma", 13), ("present", 13), ("level", 2)],
        outputs=("reflectance", "log_variance"),
        constants={"zero": [0.0], "tenth": [0.1], "weight": np.array([0.2, 0.4]).reshape(1, 2, 1, 1), "axis": [1]},
    )  # fmt: skip
    scene, _, cloud = scene_of(("B04", "B08"), level, with_radar=False)
    product, prior = restore(scene, model=path), restore(scene, model="scene-prior")
    expected = 0.1 + {"L1C": 0.2, "L2A": 0.4}[level]
    np.testing.assert_allclose(product.reflectance.values[:, cloud], expected, atol=3e-5)  # to half a DN
    found = 2 * np.log(product.uncertainty.values[0, cloud])
    light, doubt = (array.values[:, cloud].sum(axis=0) for array in (scene.optical, prior.uncertainty))
    np.testing.assert_allclose(found, light - doubt, rtol=1e-3)  # in half precision


def test_the_cards_calibration_multiplies_the_error_band_by_band(tmp_path):
    nodes = [node("Identity", ["prior"], ["reflectance"]), node("Mul", ["prior", "zero"], ["log_variance"])]
    scale = [round(0.5 + 0.1 * index, 1) for index in range(13)]
    path = save(
        tmp_path / "m.onnx", nodes, [("prior", 13)], outputs=("reflectance", "log_variance"),
        card={"sigma_scale": scale}, constants={"zero": np.zeros(1)},
    )  # fmt: skip
    scene, _, cloud = scene_of(("B12", "B02"))
    product = restore(scene, model=path)
    np.testing.assert_allclose(product.uncertainty.values[0, cloud], scale[12], rtol=1e-6)
    np.testing.assert_allclose(product.uncertainty.values[1, cloud], scale[1], rtol=1e-6)
    assert (product.uncertainty.values[:, ~cloud] == 0).all()


def two_clouds(shape=(600, 700)):
    """Clouds over the border of a block and in a corner; a strip without data."""
    scene, truth, _ = scene_of(shape=shape)
    quality = np.ones(shape, np.uint8)
    quality[240:270, 500:530], quality[-3:, -3:], quality[:, :20] = 3, 4, 0
    optical = np.where((quality > 1), np.float32(0.8), truth)
    optical[:, quality == 0] = np.nan
    return make_scene(
        optical, bands=list(L1C_BANDS), level="L1C", radar=scene.radar.values, quality=quality,
        encoding=dict(scene.optical.encoding),
    )  # fmt: skip


@pytest.mark.parametrize("everywhere", [False, True])
def test_land_cover_is_the_same_however_the_scene_is_cut(tmp_path, everywhere):
    path, scene = mapper(tmp_path / "m.onnx"), two_clouds()
    products = [
        restore(scene, model=path, options=RestoreOptions(block=block, everywhere=everywhere))
        for block in (256, 512, 1024)
    ]
    for product in products[1:]:
        for name in product.data_vars:
            assert product[name].values.tobytes() == products[0][name].values.tobytes(), name
    assert len(np.unique(products[0].land_cover)) > 4


def test_land_cover_is_mapped_in_the_patches_that_hold_a_pixel_to_restore(tmp_path):
    path, scene = mapper(tmp_path / "m.onnx"), two_clouds()
    product = restore(scene, model=path)
    quality = scene.quality.values
    expected = np.zeros(quality.shape, bool)
    grid, whole = PatchGrid(quality.shape, 64, 16), Window(0, 0, *quality.shape)
    for patch in grid.touching(whole):
        if (quality[patch.rows, patch.cols] > 1).any():
            expected[patch.rows, patch.cols] = True
    expected &= quality != Quality.NODATA
    classes, percent = product.land_cover.values, product.land_cover_probability.values
    assert classes.dtype == percent.dtype == np.uint8
    np.testing.assert_array_equal(classes != LAND_COVER_NODATA, expected)
    np.testing.assert_array_equal(percent > 0, expected)
    assert set(np.unique(classes[expected])) <= set(CODES)
    assert 100 / 11 - 1 <= percent[expected].min() <= percent.max() <= 100


def test_everywhere_completes_the_map_and_touches_no_clear_pixel(tmp_path):
    path, scene = mapper(tmp_path / "m.onnx"), two_clouds()
    product = restore(scene, model=path, options=RestoreOptions(everywhere=True))
    quality = scene.quality.values
    np.testing.assert_array_equal(product.land_cover.values != LAND_COVER_NODATA, quality != Quality.NODATA)
    clear = quality == Quality.CLEAR
    assert product.reflectance.values[:, clear].tobytes() == scene.optical.values[:, clear].tobytes()
    assert (product.source.values[quality > 1] == Source.NETWORK_WITH_RADAR).all()


def test_a_scene_without_cloud_is_mapped_only_when_asked(tmp_path):
    path = mapper(tmp_path / "m.onnx")
    scene, truth, _ = scene_of()
    scene.optical.values[:], scene.quality.values[:] = truth, 1
    asked, not_asked = (
        restore(scene, model=path, options=RestoreOptions(everywhere=everywhere)) for everywhere in (True, False)
    )
    assert (asked.land_cover != LAND_COVER_NODATA).all()
    assert (not_asked.land_cover == LAND_COVER_NODATA).all()
    assert (asked.attrs["model"], not_asked.attrs["model"]) == ("m", "none")
    for product in (asked, not_asked):
        np.testing.assert_array_equal(product.reflectance.values, truth)


def test_a_model_without_land_cover_gives_none_and_cannot_map_everywhere(tmp_path):
    path = save(tmp_path / "m.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    scene, _, _ = scene_of()
    assert "land_cover" not in restore(scene, model=path)
    for model in (path, "scene-prior"):
        with pytest.raises(OptionError, match=r"--everywhere: .* maps no land cover"):
            restore(scene, model=model, options=RestoreOptions(everywhere=True))


def test_outputs_that_the_card_does_not_promise_are_refused_in_one_line(tmp_path):
    scene, _, _ = scene_of()
    path = save(tmp_path / "m.onnx", [node("Identity", ["prior"], ["picture"])], [("prior", 13)], outputs=("picture",))
    with pytest.raises(OptionError, match=r"m\.onnx: returns 'reflectance' of shape None"):
        restore(scene, model=path)
    path = mapper(tmp_path / "n.onnx", card={"land_cover": CODES[:3]})
    with pytest.raises(OptionError, match=r"returns 'land_cover' of shape \(1, 11, 64, 64\)"):
        restore(scene, model=path)


def test_nothing_is_restored_where_neither_radar_nor_a_clear_pixel_tells_anything(tmp_path):
    path = save(tmp_path / "m.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    scene, _, _ = scene_of()
    scene.quality.values[:], scene.radar.values[:, :, :50] = 3, np.nan
    with pytest.warns(match="left without data"):
        product = restore(scene, model=path)
    assert (product.source.values[:, :50] == Source.NONE).all()
    assert np.isnan(product.reflectance.values[:, :, :50]).all()
    assert (product.source.values[:, 50:] == Source.NETWORK_WITH_RADAR).all()


def test_what_an_estimator_remembers_goes_with_it(tmp_path):
    """Without waiting for the garbage collector: laying out the files of a tile needs the memory."""
    scene = two_clouds((300, 330))
    gc.collect()
    gc.disable()
    try:
        estimator, _ = fit_estimator(scene, open_network(scene, RestoreOptions(mapper(tmp_path / "m.onnx"))))
        made = []
        restore_blocks(scene, estimator, lambda block: made.append(block.window), block=256)
        assert set(made) == set(blocks((300, 330), 256, 128))
        gone = weakref.ref(estimator)
        del estimator
        assert gone() is None
    finally:
        gc.enable()
