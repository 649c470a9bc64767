"""What is slow to read is read once while it is kept, and comes out the same."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st

import sunbreak
from conftest import write_raster
from safe_layouts import LOSSLESS, write_safe
from sunbreak.errors import RasterError
from sunbreak.rasters import keeping as module
from sunbreak.rasters.keeping import CELL, Kept, keeping
from sunbreak.rasters.raster import RasterFile

SHAPE = (1500, 2300)
WINDOWS = [
    (slice(0, 1500), slice(0, 2300)),
    (slice(1000, 1100), slice(1020, 1030)),
    (slice(1499, 1500), slice(7, 2300)),
]


@pytest.fixture
def slow(tmp_path):
    dn = np.random.default_rng(0).integers(1, 9000, (2, *SHAPE)).astype("uint16")
    return RasterFile(write_raster(tmp_path / "slow.jp2", dn, **LOSSLESS)), dn


def open_files():
    return len(list(Path("/proc/self/fd").iterdir()))


def counted(raster, monkeypatch):
    loads = []
    values = raster._values
    monkeypatch.setattr(raster, "_values", lambda *args, **how: loads.append(how["window"]) or values(*args, **how))
    return loads


def test_every_cell_is_decoded_once(slow, tmp_path, monkeypatch):
    raster, dn = slow
    loads = counted(raster, monkeypatch)
    with keeping(tmp_path), ThreadPoolExecutor(4) as pool:
        for _ in range(2):
            jobs = [pool.submit(raster.read, *one, [2, 1]) for one in WINDOWS]
            for job, (rows, cols) in zip(jobs, WINDOWS, strict=True):
                np.testing.assert_array_equal(job.result(), dn[::-1, rows, cols])
    cells = -(-SHAPE[0] // CELL) * -(-SHAPE[1] // CELL)
    assert len(loads) == 2 * cells
    raster.read(*WINDOWS[0], [1])
    assert len(loads) == 2 * cells + 1


sides = st.lists(st.integers(1, 9), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(st.tuples(sides, sides, sides), st.data())
def test_cells_of_any_sizes_give_back_what_they_were_loaded_with(sizes, data):
    shape = tuple(map(sum, sizes))
    whole = np.random.default_rng(0).integers(0, 60_000, shape, dtype="uint16")
    loaded = []

    def load(*cell):
        loaded.append(str(cell))
        return whole[cell]

    with tempfile.TemporaryDirectory() as folder:
        kept = Kept([[0, *np.cumsum(each).tolist()] for each in sizes], whole.dtype, Path(folder))
    for _ in range(5):
        bands = data.draw(st.lists(st.integers(0, shape[0] - 1), min_size=1, max_size=5))
        rows, cols = (slice(*sorted((data.draw(st.integers(0, side)), data.draw(st.integers(0, side)))))
                      for side in shape[1:])  # fmt: skip
        np.testing.assert_array_equal(kept.window(bands, rows, cols, load), whole[bands, rows, cols])
    assert len(loaded) == len(set(loaded))


def test_a_raster_takes_one_file_however_many_bands_it_has(tmp_path):
    dn = np.random.default_rng(0).integers(1, 9000, (7, 40, 50)).astype("uint16")
    raster = RasterFile(write_raster(tmp_path / "bands.jp2", dn, **LOSSLESS))
    raster.read(slice(0, 40), slice(0, 50))
    before = open_files()
    with keeping(tmp_path):
        np.testing.assert_array_equal(raster.read(slice(0, 40), slice(0, 50)), dn)
        assert open_files() == before + 1


def test_what_fails_is_told_and_not_kept(slow, tmp_path, monkeypatch):
    raster, dn = slow
    values = raster._values

    def failing(*_, **__):
        raise RasterError("gone")

    with keeping(tmp_path):
        monkeypatch.setattr(raster, "_values", failing)
        with pytest.raises(RasterError, match="gone"):
            raster.read(*WINDOWS[1], [1])
        monkeypatch.setattr(raster, "_values", values)
        np.testing.assert_array_equal(raster.read(*WINDOWS[1], [1])[0], dn[0, 1000:1100, 1020:1030])


def test_without_room_it_is_read_as_before(slow, tmp_path, monkeypatch):
    raster, dn = slow

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "pwrite", full)
    with keeping(tmp_path):
        np.testing.assert_array_equal(raster.read(*WINDOWS[0]), dn)


def test_scenes_worked_on_at_a_time_do_not_disturb_each_other(slow, tmp_path):
    raster, dn = slow
    rows, cols = WINDOWS[2]
    (tmp_path / "a").mkdir()
    first, second = keeping(tmp_path / "a"), keeping(tmp_path)
    first.__enter__()
    np.testing.assert_array_equal(raster.read(rows, cols), dn[:, rows, cols])
    second.__enter__()
    first.__exit__(None, None, None)
    (tmp_path / "a").rmdir()  # nothing lies there by name
    for one in (*WINDOWS, WINDOWS[2]):
        np.testing.assert_array_equal(raster.read(*one), dn[:, one[0], one[1]])
    second.__exit__(None, None, None)
    assert module.kept_in() is None


def test_nothing_is_left_of_it_in_the_product(tmp_path):
    sunbreak.process(write_safe(tmp_path, size=120), None, tmp_path / "out")
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]
    with rasterio.open(tmp_path / "out" / "reflectance.vrt") as file:
        assert file.count == 12


def test_restoring_in_memory_decodes_every_cell_once(tmp_path, monkeypatch):
    scene = sunbreak.read(write_safe(tmp_path / "safe", level="L1C"))
    loads = []
    values = RasterFile._values

    def noted(raster, what, indexes, **how):
        loads.append((str(raster.path), what, tuple(indexes), how["window"]))
        return values(raster, what, indexes, **how)

    monkeypatch.setattr(RasterFile, "_values", noted)
    sunbreak.restore(scene, model="scene-prior")
    assert len(loads) >= 13
    assert len(loads) == len(set(loads))
