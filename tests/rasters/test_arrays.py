"""Dask arrays are computed window by window, every chunk once, with the numbers of arrays in memory."""

import threading
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import xarray as xr

import sunbreak
from scenes import cloudy_scene
from sunbreak.rasters import arrays as module
from sunbreak.rasters.arrays import ArrayRaster, ChunkWindows, streamed


class Chunks:
    """A Dask array that notes every chunk as it is computed."""

    def __init__(self, array, chunks):
        self.computed = []
        self._turn = threading.Lock()
        self.array = da.from_array(array, chunks=chunks).map_blocks(self._note, dtype=array.dtype, meta=array[:0, :0])

    def _note(self, block, block_info=None):
        with self._turn:
            self.computed.append(block_info[0]["chunk-location"])
        return block.copy()

    @property
    def count(self):
        return int(np.prod(self.array.numblocks))


@pytest.fixture
def plain():
    scene, _, _ = cloudy_scene((300, 330))
    return scene


def chunked(scene, chunks=(1, 100, 128)):
    per_band = {"optical": chunks, "radar": (1, *chunks[1:]), "quality": chunks[1:]}
    noted = {name: Chunks(scene[name].values, sides) for name, sides in per_band.items()}
    made = scene.assign({name: (scene[name].dims, one.array) for name, one in noted.items()})
    made["optical"].encoding.update(scene["optical"].encoding)
    return made, noted


@pytest.mark.parametrize(
    "chunks", [(1, 100, 128), (5, 300, 64), (13, 300, 330), ((3, 10), (7, 193, 100), (1, 200, 129))]
)
def test_restoring_computes_every_chunk_once_and_gives_the_same_numbers(plain, chunks):
    lazy, noted = chunked(plain, chunks)
    assert not any(one.computed for one in noted.values())
    made = sunbreak.restore(lazy, model="scene-prior")
    xr.testing.assert_identical(made, sunbreak.restore(plain, model="scene-prior"))
    for name, one in noted.items():
        assert sorted(one.computed) == sorted(set(one.computed)), name
        assert len(one.computed) == one.count, name


def test_masking_on_the_way_computes_no_chunk_again(plain):
    lazy, noted = chunked(plain)
    lazy = lazy.drop_vars("quality")
    made = sunbreak.restore(lazy, model="scene-prior")
    xr.testing.assert_identical(made, sunbreak.restore(plain.drop_vars("quality"), model="scene-prior"))
    assert len(noted["optical"].computed) == noted["optical"].count


def test_composing_computes_no_chunk_again(plain):
    lazy, noted = chunked(plain)
    xr.testing.assert_identical(sunbreak.composite([lazy]), sunbreak.composite([plain]))
    assert len(noted["optical"].computed) <= noted["optical"].count
    assert len(noted["quality"].computed) == noted["quality"].count


def test_a_window_computes_the_chunks_that_it_touches(plain):
    one = Chunks(plain.optical.values, (13, 100, 100))
    windows = ChunkWindows(one.array)
    part = windows([3, 1], slice(90, 110), slice(0, 100))
    np.testing.assert_array_equal(part, plain.optical.values[[3, 1], 90:110, :100])
    assert sorted(one.computed) == [(0, 0, 0), (0, 1, 0)]


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def test_many_dates_take_few_files(plain):
    lazy, _ = chunked(plain)
    before = open_files()
    kept = [streamed(lazy) for _ in range(20)]
    assert open_files() <= before + 3 * len(kept)


def test_without_room_for_files_windows_are_computed_again(plain, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "Kept", full)
    lazy, noted = chunked(plain)
    made = sunbreak.restore(lazy, model="scene-prior")
    xr.testing.assert_identical(made, sunbreak.restore(plain, model="scene-prior"))
    assert len(noted["optical"].computed) > noted["optical"].count


def test_scenes_without_dask_stay_as_they_are(plain):
    assert streamed(plain) is plain


@pytest.mark.parametrize("dask", [True, False])
def test_an_overview_is_the_nearest_pixels(dask):
    values = np.arange(1030 * 50, dtype="float32").reshape(1030, 50)
    data = da.from_array(values, chunks=(100, 50)) if dask else values
    raster = ArrayRaster("it", [xr.Variable(("y", "x"), data)], ["B02"], None)
    np.testing.assert_array_equal(raster.overview((103, 5), [1])[0], values[5::10, 5::10])
