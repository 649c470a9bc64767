import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import OptionError
from sunbreak.tiles import PatchGrid, Window, blocks, padded

shapes = st.tuples(st.integers(1, 700), st.integers(1, 700))


@given(st.tuples(st.integers(1, 90), st.integers(1, 90)), st.integers(1, 100))
def test_blocks_cover_every_pixel_once(shape, size):
    hits = np.zeros(shape, int)
    for block in blocks(shape, size):
        hits[block.rows, block.cols] += 1
    assert (hits == 1).all()


@given(shapes, st.sampled_from([(64, 8), (96, 48), (50, 0)]), st.data())
def test_patches_touching_a_window_are_those_of_the_whole_grid_that_share_pixels(shape, size, data):
    grid = PatchGrid(shape, *size)
    top, left = data.draw(st.integers(0, shape[0] - 1)), data.draw(st.integers(0, shape[1] - 1))
    window = Window(top, left, data.draw(st.integers(1, shape[0] - top)), data.draw(st.integers(1, shape[1] - left)))
    whole = list(grid.touching(Window(0, 0, *shape)))
    assert list(grid.touching(window)) == [patch for patch in whole if patch.intersection(window)]


@given(shapes, st.sampled_from([(64, 8), (96, 48), (50, 0)]))
def test_blending_weights_sum_to_one_away_from_the_border(shape, size):
    grid = PatchGrid(shape, *size)
    total = np.zeros((shape[0] + 2 * size[0], shape[1] + 2 * size[0]))
    for patch in grid.touching(Window(0, 0, *shape)):
        total[patch.rows, patch.cols] += grid.weights()
    inner = total[size[1] : max(shape[0] - size[1], 0), size[1] : max(shape[1] - size[1], 0)]
    assert (total[: shape[0], : shape[1]] > 0).all()
    np.testing.assert_allclose(inner, 1.0, atol=1e-6)


def test_padding_mirrors_at_the_border_like_numpy():
    array = np.arange(12.0).reshape(3, 4)
    out = padded(array, Window(0, 0, 3, 4), Window(-2, -1, 7, 7))
    np.testing.assert_array_equal(out, np.pad(array, ((2, 2), (1, 2)), mode="reflect"))


def test_padding_a_single_pixel_repeats_it():
    assert (padded(np.ones((1, 1)), Window(0, 0, 1, 1), Window(0, 0, 4, 4)) == 1).all()


def test_windows_grow_to_the_border_of_the_scene():
    assert Window(2, 90, 5, 5).grown(10, (100, 100)) == Window(0, 80, 17, 20)
    assert Window(0, 0, 2, 2).intersection(Window(2, 2, 5, 5)) is None


def test_an_overlap_beyond_half_a_patch_is_refused():
    with pytest.raises(OptionError, match="overlap 40"):
        PatchGrid((100, 100), 64, 40)
