"""Rasters and products: GeoTIFF, JPEG 2000, quality files, SAFE of Sentinel-2 and GRD of Sentinel-1."""

import contextlib

import numpy as np
from hypothesis import strategies as st

import grd_layouts
import safe_layouts
from conftest import l1c_dn, write_raster
from fuzz_mutations import latin, names, spoilt_bytes, spoilt_text, spoilt_xml
from fuzz_targets.target import SMALL, Target, whole
from sunbreak.errors import SunbreakError
from sunbreak.inputs.grd import open_grd
from sunbreak.inputs.opened import open_optical
from sunbreak.inputs.safe import open_safe
from sunbreak.radiometry.product_metadata import read_metadata_file
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.quality_file import quality_from_file
from sunbreak.steps.read import read
from sunbreak.tiles import Window


def pixels(path):
    file = RasterFile(path)
    return file.read(slice(0, min(file.shape[0], 64)), slice(0, min(file.shape[1], 64)))


def scene(path):
    """Read a scene as `restore` does, with some of its pixels."""
    return read(path).optical[:, SMALL, SMALL].values


def tiff(folder):
    path = folder / "s2.tif"
    kinds = [{}, {"compress": "deflate", "predictor": 2, "tiled": True, "blockxsize": 16, "blockysize": 16},
             {"compress": "lzw", "interleave": "band"}, {"BIGTIFF": "YES"}, {"compress": "zstd"}]  # fmt: skip
    told = {"descriptions": ("B02", "B03", "B04", "B08"), "tags": {"PROCESSING_LEVEL": "Level-1C"}}
    made = [write_raster(path, l1c_dn(24, 24)[1:5], **told, **kind).read_bytes() for kind in kinds]
    cases = st.one_of([spoilt_bytes(content) for content in made])
    return Target(cases, lambda content: (whole(path, content, pixels), scene(path)))


def jpeg2000(folder):
    path = folder / "s2.jp2"
    content = write_raster(path, l1c_dn(32, 32)[:3], **safe_layouts.LOSSLESS).read_bytes()
    return Target(spoilt_bytes(content), lambda spoilt: whole(path, spoilt, pixels))


def tags(folder):
    keys = ("PROCESSING_LEVEL", "PRODUCT_TYPE", "RADIO_ADD_OFFSET", "BOA_ADD_OFFSET", "PROCESSING_BASELINE",
            "PRODUCT_START_TIME", "MEAN_SOLAR_ZENITH_ANGLE", "MEAN_SOLAR_AZIMUTH_ANGLE", "DATATAKE_1_SPACECRAFT_NAME",
            "ACQUISITION_START_TIME", "TIFFTAG_DATETIME")  # fmt: skip
    cases = st.tuples(
        st.dictionaries(st.sampled_from(keys), names, max_size=2),
        st.just([""] * 13) | st.lists(names, min_size=13, max_size=13),
        st.sampled_from(((1, 0), (0.0001, 0), (0.0001, -0.1))) | st.tuples(st.floats(), st.floats()),
        st.sampled_from(("", "S2A_MSIL1C_20240527T102031_N0510_R065_T33UUT_")),
    )  # fmt: skip
    dn = l1c_dn(16, 16)

    def run(case):
        told, bands, (scale, offset), name = case
        path = folder / f"{name}x.tif"
        path.unlink(missing_ok=True)
        with contextlib.suppress(ValueError, OverflowError):  # what GDAL itself does not write
            write_raster(path, dn, tags=told, descriptions=bands, scaling=(scale, offset))
        return scene(path)

    return Target(cases, run)


def spoilt_files(valid):
    """One of several XML files is spoilt, and written beside the others; their paths and texts."""
    cases = st.one_of([st.tuples(st.just(file), spoilt_xml(text)) for file, text in valid.items()])

    def write(case):
        for file, text in valid.items():
            file.write_text(text)
        file, content = case
        file.write_bytes(content)
        return file

    return cases, write


def safe(folder):
    product = safe_layouts.write_safe(folder, "L1C")
    (tile,) = product.rglob("MTD_TL.xml")
    cases, write = spoilt_files({file: file.read_text() for file in (product / "MTD_MSIL1C.xml", tile)})

    def run(case):
        with contextlib.suppress(SunbreakError):  # as --metadata; the product is read all the same
            read_metadata_file(write(case))
        return open_optical(product, ReadOptions(bands=("B02",))).understood(ReadOptions())

    return Target(cases, run)


def archive(folder):
    product = safe_layouts.write_safe(folder, "L1C")
    for image in product.rglob("*.jp2"):
        if "_B02" not in image.name:
            image.unlink()
    path = safe_layouts.zipped(product)
    content = path.read_bytes()
    return Target(
        spoilt_bytes(content),
        lambda spoilt: whole(path, spoilt, lambda _: open_safe(path, ("B02",)).rasters.bands.read(SMALL, SMALL)),
    )


def annotation(folder):
    product = grd_layouts.write_grd(folder)
    cases, write = spoilt_files({file: file.read_text() for file in sorted(product.rglob("*-vv-*.xml"))})

    def run(case):
        write(case)
        raster, _ = open_grd(product)
        return raster.read(SMALL, SMALL)

    return Target(cases, run)


def quality(folder):
    path = write_raster(folder / "quality.tif", np.ones((1, 24, 24), "uint8"))
    content = path.read_bytes()
    ground = read(write_raster(folder / "s2.tif", l1c_dn(24, 24)))
    maps = spoilt_text("0=clear,1=thick,2=thin,3=shadow,255=nodata", r"([^=,]+)").map(latin)

    def run(case):
        spoilt, text = case
        return whole(path, spoilt, lambda _: quality_from_file(ground, path, text)(Window(0, 0, 24, 24)))

    return Target(st.tuples(st.just(content) | spoilt_bytes(content), st.none() | st.just("scl") | maps), run)
