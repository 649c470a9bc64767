import json
import pickle

import numpy as np
import pytest
from affine import Affine

from conftest import UTM, l1c_dn, radar_db, refused
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import OptionError, RasterError
from sunbreak.radiometry.dn import encode
from sunbreak.rasters.raster import RasterFile
from sunbreak.scene import window
from sunbreak.steps.read import ReadOptions, read

TAGS_1C = {
    "PROCESSING_LEVEL": "Level-1C",
    "PROCESSING_BASELINE": "05.11",
    "PRODUCT_START_TIME": "2024-05-27T10:20:31.024Z",
    "MEAN_SOLAR_ZENITH_ANGLE": "31.5",
    "MEAN_SOLAR_AZIMUTH_ANGLE": "152.25",
}
TEN = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
FOUR = ("B02", "B03", "B04", "B08")


def bands_of(dn, names):
    return dn[[L1C_BANDS.index(name) for name in names]]


def test_the_example_of_the_issue(s2, s1):
    scene = read(str(s2), radar=str(s1))
    assert dict(scene.sizes) == {"band": 13, "y": 64, "x": 64, "pol": 2}
    assert scene.attrs["level"] == "L1C"
    assert scene.attrs["optical_path"] == str(s2)
    assert scene.attrs["radar_path"] == str(s1)
    assert scene.attrs["georeferenced"] is True
    assert scene.odc.geobox.affine == UTM
    assert scene.odc.geobox.crs.epsg == 32633
    np.testing.assert_allclose(scene.optical.values, l1c_dn() / 10_000, rtol=1e-6)
    assert scene.optical.dtype == np.float32
    np.testing.assert_array_equal(scene.radar.values, radar_db())


def test_facts_and_encoding(tiff):
    path = tiff("s2.tif", l1c_dn(offset=-1000), tags=TAGS_1C, nodata=0, descriptions=L1C_BANDS, scaling=(0.0001, -0.1))
    scene = read(path)
    assert scene.attrs["datetime"] == "2024-05-27T10:20:31.024000Z"
    assert (scene.attrs["sun_elevation"], scene.attrs["sun_azimuth"]) == (58.5, 152.25)
    stored = scene.optical.encoding
    assert (stored["dtype"], stored["offset"], stored["quantification"], stored["nodata"]) == (
        "uint16",
        -1000,
        10_000,
        0,
    )
    assert stored["descriptions"] == L1C_BANDS
    assert stored["indexes"] == tuple(range(1, 14))
    assert (set(stored["scales"]), set(stored["offsets"])) == ({0.0001}, {-0.1})
    assert stored["tags"]["PROCESSING_BASELINE"] == "05.11"
    assert "radar" not in scene


@pytest.mark.parametrize(
    ("names", "level", "offset"),
    [
        (L1C_BANDS, None, 0),
        (L1C_BANDS, None, -1000),
        (L2A_BANDS, "L2A", 0),
        (TEN, "L2A", 0),
        (FOUR, "L1C", 0),
        (("B08",), "L2A", 0),
    ],
)
def test_stacks(names, level, offset, tiff):
    dn = bands_of(l1c_dn(offset=offset), names)
    if offset == 0:
        dn[:, 0] = np.minimum(dn[:, 0], 500)  # woods and water that prove the offset
    path = tiff("s2.tif", dn, descriptions=names)
    scene = read(path, level=level)
    assert tuple(scene.band.values) == names
    np.testing.assert_array_equal(encode(scene.optical.values, scene.optical.encoding), dn)


def test_bands_in_another_order_and_left_out(tiff):
    dn = l1c_dn()
    scene = read(tiff("s2.tif", dn[[3, 2, 1, 0]]), level="L1C", bands=["B04", "B03", "-", "B01"], offset=0)
    assert list(scene.band.values) == ["B04", "B03", "B01"]
    assert scene.optical.encoding["indexes"] == (1, 2, 4)
    np.testing.assert_array_equal(encode(scene.optical[1:].values, scene.optical.encoding), dn[[2, 0]])


@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64"])
@pytest.mark.parametrize("offset", [0, -1000])
def test_dtypes_come_back(dtype, offset, tiff):
    dn = l1c_dn(offset=offset, dtype=dtype)
    dn[:, :5, :7] = 0
    scene = read(tiff("s2.tif", dn, nodata=0))
    assert np.isnan(scene.optical.values[:, :5, :7]).all()
    back = encode(scene.optical.values, scene.optical.encoding)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, dn)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_float_reflectance_is_unchanged(dtype, tiff):
    values = (l1c_dn() / 10_000 - 0.01).astype(dtype)
    values[:, 3, 3] = np.nan
    scene = read(tiff("s2.tif", values))
    assert scene.optical.dtype == dtype
    assert scene.optical.encoding["quantification"] == 1
    assert scene.optical.values.tobytes() == values.tobytes()


def test_float_reflectance_padded_with_zeros(tiff):
    values = (l1c_dn() / 10_000).astype("float32")
    values[:, :9] = 0
    scene = read(tiff("s2.tif", values))
    assert np.isnan(scene.optical.values[:, :9]).all()
    assert encode(scene.optical.values, scene.optical.encoding).tobytes() == values.tobytes()


def test_float_that_is_neither(tiff):
    refused(["s2.tif", "neither reflectance", "convert"], tiff("s2.tif", (l1c_dn() / 100).astype("float32")))
    refused(["--offset -1000", "drop it"], tiff("r.tif", (l1c_dn() / 10_000).astype("float32")), offset=-1000)


def test_negative_int16_reflectance_is_kept(tiff):
    dn = l1c_dn(dtype="int16")
    dn[3, :10] = -37
    scene = read(tiff("s2.tif", dn))
    np.testing.assert_allclose(scene.optical[3, :10].values, -0.0037, rtol=1e-6)
    np.testing.assert_array_equal(encode(scene.optical.values, scene.optical.encoding), dn)


def test_a_nodata_tag_that_the_type_cannot_hold(tiff):
    path = tiff("half.tif", l1c_dn(), nodata=12345)
    path.write_bytes(path.read_bytes().replace(b"12345\0", b"0.5\0\0\0"))
    scene = read(path)
    assert scene.optical.encoding["nodata"] is None
    assert np.isfinite(scene.optical.values).all()


def test_nothing_is_read_before_it_is_asked_for(tiff, monkeypatch):
    dn = l1c_dn(2000, 2000)
    path = tiff("s2.tif", dn, tiled=True)
    radar = tiff(
        "s1.tif", radar_db(2000, 2000), descriptions=("VV", "VH"), transform=Affine(10, 0, UTM.c - 4, 0, -10, UTM.f)
    )
    sizes, plain = [], RasterFile.read

    def spy(self, rows, cols, indexes=None):
        sizes.append((rows.stop - rows.start) * (cols.stop - cols.start))
        return plain(self, rows, cols, indexes)

    monkeypatch.setattr(RasterFile, "read", spy)
    scene = read(path, radar)
    assert sum(sizes) <= 3 * 25 * 128 * 128
    sizes.clear()
    got = window(scene, "optical", slice(700, 730), slice(1990, 2000))
    assert sizes == [300]
    np.testing.assert_array_equal(encode(got, scene.optical.encoding), dn[:, 700:730, 1990:])
    window(scene, "radar", slice(700, 730), slice(1990, 2000))
    assert sizes[1] <= 33 * 13


def test_indexing_loading_and_pickling(s2, s1):
    scene = read(s2, s1)
    whole = read(s2, s1).load()
    values = whole.optical.values
    np.testing.assert_array_equal(scene.optical[5, 3].values, values[5, 3])
    np.testing.assert_array_equal(scene.optical[[7, 1], ::-3, 60:2:-7].values, values[[7, 1], ::-3, 60:2:-7])
    np.testing.assert_array_equal(scene.optical.sel(band="B08").values, values[7])
    np.testing.assert_array_equal(scene.radar.sel(pol="VH")[4:4].values, whole.radar.values[1, 4:4])
    np.testing.assert_array_equal(scene.radar.sel(pol="VH").values, whole.radar.values[1])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(scene)).optical.values, values)


@pytest.mark.parametrize(
    "fields",
    [
        {"level": "L3"},
        {"offset": 1000},
        {"radar_units": "db"},
        {"radar_bands": ["HH"]},
        {"bbox": (1, 2, 3, 4), "aoi": "a.json"},
    ],
)
def test_bad_options(fields):
    with pytest.raises(OptionError, match="--"):
        ReadOptions(**fields)


def test_options_as_object_or_keywords(s2):
    assert read(s2, options=ReadOptions(level="L1C")).identical(read(s2, level="L1C"))
    with pytest.raises(OptionError, match="not both"):
        read(s2, options=ReadOptions(), level="L1C")


def test_unknown_level_offset_and_bands(tiff):
    twelve = tiff("s2.tif", bands_of(l1c_dn(), L2A_BANDS), descriptions=L2A_BANDS)
    refused(["s2.tif", "--level"], twelve)
    bright = tiff("bright.tif", np.full((12, 8, 8), 6000, "uint16"), descriptions=L2A_BANDS)
    refused(["bright.tif", "--offset -1000", "--offset 0"], bright, level="L2A")
    refused(["bands.tif", "has 7 bands", "--bands"], tiff("bands.tif", l1c_dn()[:7]))
    refused(["count.tif", "has 13 bands, --bands names 2"], tiff("count.tif", l1c_dn()), bands=["B02", "B03"])
    refused(["rgb.tif", "8-bit", "original"], tiff("rgb.tif", np.ones((3, 8, 8), "uint8")))
    refused(["void.tif", "no valid pixel"], tiff("void.tif", np.zeros((13, 8, 8), "uint16")))


def test_conflicting_metadata(tiff, tmp_path):
    path = tiff("S2A_MSIL2A_20240527T102031_N0510_R065_T33UUB.tif", l1c_dn(offset=-1000), tags=TAGS_1C)
    refused(["conflicting metadata", "level is L1C", "tag PROCESSING_LEVEL", "file name"], path)
    path = tiff("s2.tif", l1c_dn(offset=-1000), tags=TAGS_1C)
    refused(["conflicting metadata", "--level L2A", "Level-1C"], path, level="L2A")
    refused(["conflicting metadata", "--offset 0", "05.11"], path, offset=0)
    item = {"type": "Feature", "collection": "sentinel-2-l1c", "properties": {"s2:processing_baseline": "02.05"}}
    (tmp_path / "item.json").write_text(json.dumps(item))
    refused(["conflicting metadata", "offset is 0", "item.json", "05.11"], path, metadata=tmp_path / "item.json")


def test_metadata_file_decides(tiff, tmp_path):
    dn = bands_of(l1c_dn(offset=-1000), L2A_BANDS)
    path = tiff("s2.tif", dn)
    properties = {"s2:processing_baseline": "05.11", "datetime": "2024-05-27T10:20:31Z", "view:sun_elevation": 58.5}
    (tmp_path / "item.json").write_text(
        json.dumps({"type": "Feature", "collection": "sentinel-2-l2a", "properties": properties})
    )
    scene = read(path, metadata=tmp_path / "item.json")
    assert (scene.attrs["level"], scene.optical.encoding["offset"], scene.attrs["sun_elevation"]) == (
        "L2A",
        -1000,
        58.5,
    )
    assert tuple(scene.band.values) == L2A_BANDS


def test_bad_files(s2, tmp_path):
    refused(["nothing.tif", "no such file"], tmp_path / "nothing.tif", kind=RasterError)
    refused(["no such file"], s2, tmp_path / "nothing.tif", kind=RasterError)
    refused(["local files"], "https://a.example/s2.tif", kind=RasterError)
