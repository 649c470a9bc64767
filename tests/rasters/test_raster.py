import os
import pickle
import struct
import threading
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import rasterio

from conftest import l1c_dn, write_raster
from sunbreak.errors import RasterError
from sunbreak.rasters import pooled
from sunbreak.rasters.raster import RasterFile, open_raster


def tiff_header(width, height, samples=1, bits=16, rows_per_strip=None):
    """A little-endian TIFF that is nothing but its header."""
    entries = [
        (256, 4, 1, width),
        (257, 4, 1, height),
        (258, 3, 1, bits),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (273, 4, 1, 8),
        (277, 3, 1, samples),
        (278, 4, 1, rows_per_strip or height),
        (279, 4, 1, 16),
        (284, 3, 1, 1),
    ]
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + b"\0" * 4


def refused(path, *words):
    with pytest.raises(RasterError) as caught:
        open_raster(path)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    assert str(path).rsplit("/", 1)[-1].split("\0")[0] in message
    for word in words:
        assert word in message
    return message


@pytest.mark.parametrize(
    "path",
    [
        "https://a.example/s2.tif",
        "s3://b/s2.tif",
        "/vsicurl/https://a.example/s2.tif",
        "/vsizip/a.zip/s2.tif",
        "zip:///tmp/a.zip!s2.tif",
        "file:///tmp/s2.tif",
        "zip+https://a.example/a.zip!s2.tif",
    ],
)
def test_addresses_are_refused(path):
    refused(path, "local files", "download")


@pytest.mark.parametrize("path", ["zip:a.zip", "GTIFF_DIR:1:s2.tif", "NETCDF:s2.nc:x", "no/such/s2.tif"])
def test_what_is_no_file_is_missing(path):
    refused(path, "no such file", "check the path")


def test_a_file_named_like_an_address_is_still_a_file(tiff):
    for name in ("a#b?c!d.tif", "zip:x.tif", "ü ñ.tif"):
        assert open_raster(tiff(name, l1c_dn())).count == 13


def test_folder_empty_file_and_fifo(tmp_path):
    refused(tmp_path, "is a folder")
    (tmp_path / "empty.tif").touch()
    refused(tmp_path / "empty.tif", "empty", "check the download")
    os.mkfifo(tmp_path / "pipe.tif")
    refused(tmp_path / "pipe.tif", "no regular file")


def test_nul_in_path():
    with pytest.raises(RasterError):
        open_raster("a\0b.tif")


def test_unreadable(tmp_path, s2, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    refused(s2, "permissions")


@pytest.mark.parametrize(
    "content", [b"<html>404</html>", b"II*\0", b"\x89PNG\r\n\x1a\n" + b"\0" * 50, b"II*\0\xff\xff\xff\xff"]
)
def test_non_raster(tmp_path, content):
    path = tmp_path / "s2.tif"
    path.write_bytes(content)
    refused(path, "not a readable GeoTIFF or JPEG 2000", "check the download")


def test_vrt_pointing_elsewhere(tmp_path, s2):
    path = tmp_path / "sneaky.tif"
    path.write_text(
        f'<VRTDataset rasterXSize="4" rasterYSize="4"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{s2}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    refused(path, "not a readable")


@pytest.mark.parametrize("keep", [0.2, 0.5, 0.95])
@pytest.mark.parametrize("profile", [{}, {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"}])
def test_truncated(tmp_path, keep, profile):
    path = write_raster(tmp_path / "cut.tif", l1c_dn(256, 256), **profile)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    refused(path, "check the download")


def test_damage_in_the_middle_names_the_file(tmp_path):
    path = write_raster(
        tmp_path / "hurt.tif", l1c_dn(256, 256), tiled=True, blockxsize=64, blockysize=64, compress="deflate"
    )
    content = bytearray(path.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 4000] = b"\xaa" * 4000
    path.write_bytes(content)
    with pytest.raises(RasterError, match=r"hurt\.tif: rows 0-256 cannot be read .*download it again"):
        RasterFile(path).read(slice(0, 256), slice(0, 256))


@pytest.mark.parametrize(("width", "height"), [(2_000_000_000, 2_000_000_000), (70_000, 10), (10, 4_000_000_000)])
def test_huge_declared_dimensions(tmp_path, width, height):
    path = tmp_path / "huge.tif"
    path.write_bytes(tiff_header(width, height, rows_per_strip=1))
    refused(path)


def test_huge_block(tmp_path):
    path = tmp_path / "strip.tif"
    path.write_bytes(tiff_header(60_000, 60_000))
    refused(path)


def test_huge_block_of_a_real_file(tmp_path, monkeypatch):
    monkeypatch.setattr("sunbreak.rasters.raster.MAX_BLOCK_BYTES", 1000)
    path = write_raster(tmp_path / "strip.tif", l1c_dn())
    refused(path, "gdal_translate -of COG")


def test_too_many_bands_and_complex_and_no_single_type(tmp_path):
    refused(write_raster(tmp_path / "many.tif", np.ones((65, 4, 4), "uint8")), "65 bands")
    refused(write_raster(tmp_path / "slc.tif", np.ones((1, 4, 4), "complex64")), "complex")


def test_sidecars_are_not_read(s2):
    s2.with_name("s2.tif.aux.xml").write_text(
        "<PAMDataset><Metadata><MDI key='PROCESSING_LEVEL'>Level-2A</MDI></Metadata></PAMDataset>"
    )
    assert "PROCESSING_LEVEL" not in RasterFile(s2).tags


def test_jpeg_2000(tmp_path):
    dn = l1c_dn(64, 64)
    path = tmp_path / "s2.jp2"
    with rasterio.open(
        path, "w", driver="JP2OpenJPEG", height=64, width=64, count=13, dtype="uint16", QUALITY="100", REVERSIBLE="YES"
    ) as file:
        file.write(dn)
    np.testing.assert_array_equal(RasterFile(path).read(slice(3, 9), slice(5, 60)), dn[:, 3:9, 5:60])


def test_no_warning_without_georeferencing(tiff):
    path = tiff("bare.tif", l1c_dn(), crs=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        open_raster(path)


def test_threads_fork_and_pickle_read_the_same(tiff):
    dn = l1c_dn(300, 300)
    file = RasterFile(tiff("s2.tif", dn, tiled=True, blockxsize=64, blockysize=64))
    wrong = []

    def work(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            row, col = rng.integers(0, 250, 2)
            if not np.array_equal(
                file.read(slice(row, row + 50), slice(col, col + 50), [3, 1]),
                dn[[2, 0], row : row + 50, col : col + 50],
            ):
                wrong.append((row, col))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    again = pickle.loads(pickle.dumps(file))
    np.testing.assert_array_equal(again.read(slice(0, 5), slice(0, 5)), dn[:, :5, :5])
    child = os.fork()
    if child == 0:
        same = np.array_equal(file.read(slice(0, 300), slice(0, 300)), dn)
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_truncated_jpeg_2000(tmp_path):
    path = tmp_path / "s2.jp2"
    with rasterio.open(path, "w", driver="JP2OpenJPEG", height=256, width=256, count=1, dtype="uint16") as file:
        file.write(l1c_dn(256, 256)[:1])
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(RasterError, match=r"s2\.jp2: .*download"):
        RasterFile(path).read(slice(0, 256), slice(0, 256))


def test_few_datasets_stay_open_however_many_files_are_read(tmp_path, monkeypatch):
    monkeypatch.setattr(pooled, "MOST_IDLE", 4)
    monkeypatch.setattr(pooled, "_idle", OrderedDict())
    dn = l1c_dn()
    files = [RasterFile(write_raster(tmp_path / f"{number}.tif", dn + number)) for number in range(12)]
    for _ in range(2):
        for number, file in enumerate(files):
            np.testing.assert_array_equal(file.read(slice(0, 64), slice(0, 64)), dn + number)
    assert sum(len(file._pool) for file in files) <= 4
    assert len(files[-1]._pool) == 1
