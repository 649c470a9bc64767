import numpy as np
import pytest
import rasterio
from rasterio.enums import Resampling
from rasterio.shutil import copy
from rio_cogeo.cogeo import cog_validate

from sunbreak.rasters.cog import lay_out

OPTIONS = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "deflate", "zlevel": 1}
KINDS = [
    # (bands, data type, predictor, interleaving, BigTIFF)
    (3, "uint16", 2, "pixel", "no"),
    (3, "uint16", 2, "pixel", "yes"),
    (2, "float32", 3, "pixel", "no"),
    (2, "uint8", 1, "band", "no"),
    (1, "int16", 2, "pixel", "yes"),
]


def make_source(path, shape, *, count, dtype, predictor, interleave, bigtiff, levels, byte_order=None):
    rng = np.random.default_rng(5)
    # GDAL writes blocks in the order in which it gets them: from the last to the first
    options = OPTIONS | {"predictor": predictor, "interleave": interleave, "bigtiff": bigtiff, "nodata": 0}
    if byte_order:
        options["endianness"] = byte_order
    transform = rasterio.transform.from_origin(500_000, 4_600_000, 10, 10)
    with rasterio.open(
        path, "w", driver="GTiff", height=shape[0], width=shape[1], count=count, dtype=dtype, crs="EPSG:32633",
        transform=transform, **options,
    ) as file:  # fmt: skip
        for top in reversed(range(0, shape[0], 512)):
            for left in reversed(range(0, shape[1], 512)):
                size = (count, min(512, shape[0] - top), min(512, shape[1] - left))
                block = rng.integers(0, 200, size).astype(dtype)
                file.write(block, window=rasterio.windows.Window(left, top, size[2], size[1]))
        file.update_tags(PRODUCT_START_TIME="2023-07-15T10:30:00Z")
        file.descriptions = [f"B{band:02d}" for band in range(1, count + 1)]
    overviews = {
        "COMPRESS_OVERVIEW": "DEFLATE", "ZLEVEL_OVERVIEW": "1", "PREDICTOR_OVERVIEW": str(predictor),
        "GDAL_TIFF_OVR_BLOCKSIZE": "512",
    }  # fmt: skip
    with rasterio.Env(**overviews), rasterio.open(path, "r+") as file:
        if levels:
            file.build_overviews(levels, Resampling.average)


def everything(path, level=None):
    options = {} if level is None else {"overview_level": level}
    with rasterio.open(path, **options) as file:
        return file.read(), file.tags(), file.descriptions, file.transform, file.crs, file.nodata, file.overviews(1)


@pytest.mark.parametrize(("count", "dtype", "predictor", "interleave", "bigtiff"), KINDS)
def test_a_laid_out_file_is_what_gdals_own_driver_makes(tmp_path, count, dtype, predictor, interleave, bigtiff):
    source, ours, theirs = (tmp_path / f"{name}.tif" for name in ("source", "ours", "theirs"))
    make_source(
        source, (1100, 1300), count=count, dtype=dtype, predictor=predictor, interleave=interleave, bigtiff=bigtiff,
        levels=[2, 4],
    )  # fmt: skip
    lay_out(source, ours)
    copy(source, theirs, driver="COG", compress="deflate", level=1, predictor="YES" if predictor > 1 else "NO",
         bigtiff=bigtiff)  # fmt: skip
    valid, errors, warnings = cog_validate(ours, strict=True)
    assert valid, (errors, warnings)
    for level in (None, 0, 1):
        expected, found = everything(theirs, level), everything(ours, level)
        np.testing.assert_array_equal(found[0], expected[0])
        assert found[2:] == expected[2:]
    with rasterio.open(ours) as file, rasterio.open(theirs) as other:
        assert file.tags()["PRODUCT_START_TIME"] == other.tags()["PRODUCT_START_TIME"]
        told = other.tags(ns="IMAGE_STRUCTURE")
        if count > 1:  # theirs are by pixel, always
            told |= {"INTERLEAVE": interleave.upper()}
        assert file.tags(ns="IMAGE_STRUCTURE") == told
        assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
    if interleave == "pixel":  # and even of its size, but for what the driver notes of its overviews
        assert abs(ours.stat().st_size - theirs.stat().st_size) < 2000


def test_big_endian_files_and_files_without_overviews_keep_their_pixels(tmp_path):
    for name, order, shape in (("big", "big", (600, 600)), ("small", None, (40, 30)), ("tiny", None, (1, 1))):
        source, target = tmp_path / f"{name}.tif", tmp_path / f"{name}-cog.tif"
        make_source(source, shape, count=2, dtype="uint16", predictor=2, interleave="pixel", bigtiff="no", levels=[],
                    byte_order=order)  # fmt: skip
        lay_out(source, target)
        np.testing.assert_array_equal(everything(target)[0], everything(source)[0])
        with rasterio.open(target) as file:
            assert file.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"


def test_tiles_that_were_never_written_stay_absent(tmp_path):
    source, target = tmp_path / "source.tif", tmp_path / "target.tif"
    with rasterio.open(source, "w", driver="GTiff", height=1024, width=1024, count=1, dtype="uint8", nodata=7,
                       sparse_ok=True, **OPTIONS) as file:  # fmt: skip
        file.write(np.full((512, 512), 3, np.uint8), 1, window=rasterio.windows.Window(512, 0, 512, 512))
    lay_out(source, target)
    pixels = everything(target)[0][0]
    assert (pixels[:512, 512:] == 3).all()
    assert (pixels[512:] == 7).all()


def test_a_source_that_is_cut_off_is_an_error(tmp_path):
    source = tmp_path / "source.tif"
    make_source(source, (600, 600), count=1, dtype="uint16", predictor=2, interleave="pixel", bigtiff="no", levels=[])
    content = source.read_bytes()
    with rasterio.open(source) as file:
        assert file.shape == (600, 600)
    source.write_bytes(content[: len(content) // 2])
    with pytest.raises(OSError, match="cut off"):
        lay_out(source, tmp_path / "target.tif")
