"""The picture of the cloudy scene, gathered block by block, is the one that is read at once."""

import numpy as np
import pytest

from sunbreak.bands import L1C_BANDS
from sunbreak.preview import PANEL, Sketch, colour_uncertainty, scene_colours
from sunbreak.scene import make_scene
from sunbreak.tiles import blocks


@pytest.mark.parametrize("shape", [(70, 90), (PANEL + 30, 2 * PANEL + 77)])
@pytest.mark.parametrize("block", [64, 256])
def test_a_sketch_of_blocks_is_the_thinned_scene(shape, block):
    optical = np.random.default_rng(0).random((13, *shape), np.float32)
    optical[:, :5, :7] = np.nan
    scene = make_scene(optical, bands=L1C_BANDS, level="L1C")
    sketch = Sketch(shape, L1C_BANDS)
    for window in blocks(shape, block):
        sketch.add(window, optical[:, window.rows, window.cols])
    np.testing.assert_array_equal(sketch.planes, scene_colours(scene))


def test_unknown_uncertainty_is_grey_and_measured_pixels_are_black():
    shown = colour_uncertainty(np.array([[0.0, np.nan]], np.float32))
    assert shown[:, 0, 0].max() < 10
    assert len(set(shown[:, 0, 1])) == 1
    assert 50 < shown[0, 0, 1] < 200
