"""Errors of the prior at clear pixels, carried to where clouds lie."""

from types import SimpleNamespace

import numpy as np
import pytest

from sunbreak.prior.features import at_one_scale
from sunbreak.prior.inputs import block_inputs
from sunbreak.prior.kriging import Kriging, means
from sunbreak.prior.regression import CELL
from sunbreak.scene import make_scene
from sunbreak.tiles import Window


def nothing(scene):
    """A guess that is 0 everywhere, so that all reflectance is error."""

    def guess(cell):
        inputs, mean = block_inputs(scene, cell), np.zeros((2, cell.height, cell.width), np.float32)
        return SimpleNamespace(radar=means(at_one_scale(inputs.radar, 2)), radar_valid=inputs.radar_valid, mean=mean)

    return guess


def scene_of(shape=(256, 256), covered=np.s_[96:160, 96:160], *, seed=0):
    """Two sorts of land that the radar tells apart, on a slope of reflectance, under a cloud."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[: shape[0], : shape[1]]
    sort = (rows // 24 + cols // 24) % 2
    truth = (0.1 + 0.1 * sort + 0.0002 * cols)[np.newaxis].repeat(2, axis=0).astype(np.float32)
    radar = np.stack([-8.0 - 6.0 * sort, -15.0 - 6.0 * sort]) + rng.normal(0, 1.0, (2, *shape))
    quality = np.ones(shape, np.uint8)
    quality[covered] = 3
    optical = np.where(quality == 3, np.float32(0.8), truth)
    scene = make_scene(optical, bands=["B04", "B08"], level="L2A", radar=radar.astype(np.float32), quality=quality)
    return scene, truth, quality == 3


def test_predicts_land_of_each_sort_from_clear_land_alike_and_near():
    scene, truth, hidden = scene_of()
    found = Kriging(scene, nothing(scene)).predict(Window(0, 0, 256, 256))
    assert np.abs(found - truth)[:, hidden].mean() < 0.35 * truth[:, hidden].std()


def test_knows_nothing_of_the_covered_pixels_themselves():
    scene, _, hidden = scene_of()
    darker = scene.copy(deep=True)
    darker["optical"].data[:, hidden] = 0.01
    whole = Window(0, 0, 256, 256)
    np.testing.assert_array_equal(
        Kriging(scene, nothing(scene)).predict(whole), Kriging(darker, nothing(darker)).predict(whole)
    )


def test_corrects_nothing_where_too_little_is_clear():
    scene, _, _ = scene_of(covered=np.s_[:, 1:])
    assert (Kriging(scene, nothing(scene)).predict(Window(0, 0, 256, 256)) == 0).all()


@pytest.mark.parametrize("order", [1, -1])
def test_cells_join_without_a_step_whatever_their_order(order):
    scene, _, _ = scene_of((384, 640), np.s_[100:300, 150:500])
    kriging = Kriging(scene, nothing(scene))
    cells = [
        Window(top, left, min(CELL, 384 - top), min(CELL, 640 - left)) for top in (0, 256) for left in (0, 256, 512)
    ]
    found = np.zeros((2, 384, 640), np.float32)
    for cell in cells[::order]:
        found[:, cell.rows, cell.cols] = kriging.predict(cell)
    across = np.abs(np.diff(found, axis=2))
    seam, beside = across[:, :, [255, 511]].mean(), across[:, :, [247, 263, 503, 519]].mean()
    assert seam < 1.5 * beside + 1e-4
    if order == -1:
        np.testing.assert_array_equal(found[:, :256, :256], Kriging(scene, nothing(scene)).predict(cells[0]))
