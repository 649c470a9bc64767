"""Rasters that point elsewhere, or declare sizes that nothing could hold."""

import struct

import numpy as np
import pytest
import rasterio

from conftest import l1c_dn, write_raster
from servers import files_over_http

GROUP = "Hostile input"
shows = pytest.mark.outcome


def header(width, height, *, bands=1, tile=None, rows=None):
    """A little-endian TIFF of a header and nothing else: every offset lies inside the file."""
    entries = [
        (256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 16), (259, 3, 1, 1), (262, 3, 1, 1), (277, 3, 1, bands),
    ]  # fmt: skip
    if tile:
        entries += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 8), (325, 4, 1, 8)]
    else:
        entries += [(273, 4, 1, 8), (278, 4, 1, rows or height), (279, 4, 1, 8)]
    body = b"".join(struct.pack("<HHII", *entry) for entry in sorted(entries))
    return b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + struct.pack("<I", 0)


GIANTS = {
    "2^31 x 2^31 pixels": {"width": 2**31 - 1, "height": 2**31 - 1},
    "4,000,000,000 rows of a pixel": {"width": 1, "height": 4_000_000_000},
    "one tile of 2 GiB": {"width": 65_000, "height": 65_000, "tile": 32_768},
    "one strip of 8 GiB": {"width": 65_000, "height": 65_000},
    "65,535 bands": {"width": 64, "height": 64, "bands": 65_535},
}


@pytest.mark.parametrize(
    "declared",
    [
        pytest.param(sizes, marks=shows(GROUP, f"TIFF of 200 bytes that declares {what}", "refused"))
        for what, sizes in GIANTS.items()
    ],
    ids=list(GIANTS),
)
@pytest.mark.parametrize("role", ["optical", "radar", "quality"])
def test_giants_are_refused(tmp_path, restore_refused, s2, declared, role):
    path = tmp_path / "giant.tif"
    path.write_bytes(header(**declared))
    given = (path,) if role == "optical" else (s2, f"--{role}", path)
    restore_refused(*given, words=["giant.tif"])


@shows(GROUP, "JPEG 2000 that declares 2^31 x 2^31 pixels", "refused")
def test_giant_jpeg2000(tmp_path, restore_refused):
    path = write_raster(tmp_path / "giant.jp2", l1c_dn(32, 32)[:1], driver="JP2OpenJPEG", QUALITY="100")
    content = bytearray(path.read_bytes())
    size = content.find(b"\xff\x51")  # marker SIZ: length, capabilities, width, height, ...
    image = content.find(b"ihdr")
    struct.pack_into(">II", content, size + 6, 2**31 - 1, 2**31 - 1)
    struct.pack_into(">II", content, image + 4, 2**31 - 1, 2**31 - 1)
    path.write_bytes(content)
    restore_refused(path, words=["giant.jp2"])


def virtual(source):
    return (
        '<VRTDataset rasterXSize="64" rasterYSize="64"><VRTRasterBand dataType="UInt16" band="1"><SimpleSource>'
        f"<SourceFilename>{source}</SourceFilename><SourceBand>1</SourceBand></SimpleSource></VRTRasterBand></VRTDataset>"
    )


@shows(GROUP, "VRT that points at a file or an address", "refused, unread")
@pytest.mark.parametrize("name", ["a.vrt", "a.tif"])
@pytest.mark.parametrize("where", ["file", "http", "python"])
def test_virtual_rasters_are_not_opened(tmp_path, restore_refused, s2, name, where):
    with files_over_http(tmp_path) as address:
        text = virtual(s2 if where == "file" else f"/vsicurl/{address}/s2.tif")
        if where == "python":
            text = text.replace('band="1"', 'band="1" subClass="VRTDerivedRasterBand"', 1).replace(
                "<SimpleSource>", "<PixelFunctionLanguage>Python</PixelFunctionLanguage><SimpleSource>", 1
            )
        path = tmp_path / name
        path.write_text(text)
        restore_refused(path, words=[name, "not a readable GeoTIFF or JPEG 2000"])


@shows(GROUP, "names that GDAL would follow: /vsicurl/, /vsizip/, /vsistdin/, drivers", "refused")
@pytest.mark.parametrize(
    "name",
    ["/vsicurl/http://127.0.0.1:9/a.tif", "/vsizip/a.zip/a.tif", "/vsistdin/", "/vsimem/a.tif", "GTIFF_DIR:1:a.tif",
     "NETCDF:a.nc:x", "http://127.0.0.1:9/a.tif", "ftp://a.org/a.tif", "WMS:http://127.0.0.1:9/", "<VRTDataset/>"],
)  # fmt: skip
def test_names_are_paths_of_files(restore_refused, name):
    restore_refused(name, words=[name.replace("//", "/")[:4]])


@shows(GROUP, "files beside a raster (.aux.xml, .ovr, .msk) that change what it says", "not looked at")
def test_what_lies_beside_a_raster_does_not_change_it(tmp_path, s2):
    from sunbreak.rasters.raster import RasterFile

    plain = RasterFile(s2)
    beside = s2.with_name(f"{s2.name}.aux.xml")
    beside.write_text(
        '<PAMDataset><SRS>EPSG:4326</SRS><PAMRasterBand band="1"><Description>B99</Description><Scale>7</Scale>'
        "<NoDataValue>5</NoDataValue></PAMRasterBand></PAMDataset>"
    )
    write_raster(s2.with_name(f"{s2.name}.ovr"), np.full((13, 32, 32), 9, "uint16"), crs=None)
    write_raster(s2.with_name(f"{s2.name}.msk"), np.zeros((1, 64, 64), "uint8"), crs=None)
    with rasterio.open(s2) as file:
        assert file.scales[0] == 7, "GDAL alone would take it up"
    spoilt = RasterFile(s2)
    assert (spoilt.crs, spoilt.descriptions, spoilt.scales, spoilt.nodata) == (
        plain.crs, plain.descriptions, plain.scales, plain.nodata,
    )  # fmt: skip
    np.testing.assert_array_equal(spoilt.overview((32, 32), [1]), plain.overview((32, 32), [1]))


@shows(GROUP, "area of interest: nested 100,000 deep, not finite, or no numbers", "refused")
@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, '{"coordinates":' * 50_000, '{"type":"Point","coordinates":[NaN,1]}',
     '{"type":"Point","coordinates":[1e999,1]}', '{"type":"Point","coordinates":["a","b"]}',
     '{"type":"Point","coordinates":[' + "9" * 5000 + ',1]}', '{"crs":[],"coordinates":[1,2]}', "\0", ""],
    ids=["list", "object", "nan", "infinite", "text", "long", "crs", "nul", "empty"],
)  # fmt: skip
def test_areas_of_interest(tmp_path, restore_refused, s2, text):
    path = tmp_path / "area.geojson"
    path.write_text(text)
    restore_refused(s2, "--aoi", path, words=["area.geojson"])
