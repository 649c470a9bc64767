import json

import pytest

from sunbreak.errors import InputError, RadiometryError
from sunbreak.radiometry.metadata import merge
from sunbreak.radiometry.product_metadata import read_metadata_file


def product_xml(level="1C", baseline="05.11", offsets=True, quantification=10000):
    kind = {"1C": "RADIO", "2A": "BOA"}[level]
    values = (
        "".join(f'<{kind}_ADD_OFFSET band_id="{i}">-1000</{kind}_ADD_OFFSET>' for i in range(13)) if offsets else ""
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-{level}_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-{level}.xsd">
  <n1:General_Info><Product_Info>
    <PRODUCT_START_TIME>2024-05-27T10:20:31.024Z</PRODUCT_START_TIME><PROCESSING_LEVEL>Level-{level}</PROCESSING_LEVEL>
    <PRODUCT_TYPE>S2MSI{level}</PRODUCT_TYPE><PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE>
    <Datatake><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME></Datatake></Product_Info>
    <Product_Image_Characteristics><QUANTIFICATION_VALUE unit="none">{quantification}</QUANTIFICATION_VALUE>
    <Radiometric_Offset_List>{values}</Radiometric_Offset_List></Product_Image_Characteristics>
  </n1:General_Info></n1:Level-{level}_User_Product>"""


TILE_XML = """<?xml version="1.0"?><n1:Level-1C_Tile_ID xmlns:n1="https://x.example"><n1:General_Info>
<SENSING_TIME>2024-05-27T10:23:01Z</SENSING_TIME></n1:General_Info><n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle>
<ZENITH_ANGLE unit="deg">31.5</ZENITH_ANGLE><AZIMUTH_ANGLE unit="deg">152.25</AZIMUTH_ANGLE></Mean_Sun_Angle>
</Tile_Angles></n1:Geometric_Info></n1:Level-1C_Tile_ID>"""


def stac(collection="sentinel-2-l2a", assets=None, **properties):
    return json.dumps(
        {
            "type": "Feature",
            "stac_version": "1.1.0",
            "collection": collection,
            "assets": assets or {},
            "properties": {"datetime": "2024-05-27T10:20:31Z", **properties},
        }
    )


def raster_bands(offset, scale=0.0001):
    return {
        "red": {"href": "r.tif", "raster:bands": [{"scale": scale, "offset": offset, "nodata": 0}]},
        "wvp": {"href": "w.tif", "raster:bands": [{"scale": 0.001, "offset": 0}]},
    }


def read(tmp_path, text, name="item.json"):
    path = tmp_path / name
    path.write_text(text)
    return merge(read_metadata_file(path), path)


@pytest.mark.parametrize(
    ("level", "baseline", "offsets", "expected"),
    [("1C", "05.11", True, -1000), ("1C", "02.05", False, 0), ("2A", "04.00", False, -1000)],
)
def test_safe_product(tmp_path, level, baseline, offsets, expected):
    found = read(tmp_path, product_xml(level, baseline, offsets), "MTD_MSIL1C.xml")
    assert (found.level, found.offset, found.platform) == (f"L{level}", expected, "sentinel-2a")
    assert found.datetime == "2024-05-27T10:20:31.024000Z"


def test_safe_product_contradicting_itself(tmp_path):
    with pytest.raises(RadiometryError, match="conflicting metadata"):
        read(tmp_path, product_xml("1C", "02.05", True), "MTD_MSIL1C.xml")
    with pytest.raises(RadiometryError, match="QUANTIFICATION_VALUE is 1000"):
        read(tmp_path, product_xml(quantification=1000), "MTD_MSIL1C.xml")


def test_safe_tile(tmp_path):
    found = read(tmp_path, TILE_XML, "MTD_TL.xml")
    assert (found.sun_elevation, found.sun_azimuth, found.datetime) == (58.5, 152.25, "2024-05-27T10:23:01Z")


def test_stac_offsets(tmp_path):
    assert read(tmp_path, stac(assets=raster_bands(-0.1), **{"s2:processing_baseline": "05.11"})).offset == -1000
    assert read(tmp_path, stac(**{"s2:processing_baseline": "02.14"})).offset == 0
    modern = {"red": {"bands": [{"name": "B04"}], "raster:scale": 0.0001, "raster:offset": -0.1}}
    assert read(tmp_path, stac(assets=modern)).offset == -1000
    nested = {"B04": {"bands": [{"name": "B04", "raster:scale": 0.0001, "raster:offset": 0}]}}
    assert read(tmp_path, stac(assets=nested)).offset == 0


def test_boa_offset_applied_overrides_raster_bands(tmp_path):
    properties = {"s2:processing_baseline": "05.11", "earthsearch:boa_offset_applied": True}
    assert read(tmp_path, stac(assets=raster_bands(-0.1), **properties)).offset == 0
    properties["earthsearch:boa_offset_applied"] = False
    assert read(tmp_path, stac(assets=raster_bands(-0.1), **properties)).offset == -1000


def test_any_other_disagreement_is_an_error(tmp_path):
    with pytest.raises(RadiometryError, match=r"raster:bands of asset red in item\.json.*baseline 05\.11"):
        read(tmp_path, stac(assets=raster_bands(0), **{"s2:processing_baseline": "05.11"}))


def test_stac_facts(tmp_path):
    found = read(
        tmp_path,
        stac("sentinel-2-l1c", **{"view:sun_azimuth": 150.0, "view:sun_elevation": 40, "platform": "Sentinel-2B"}),
    )
    assert (found.level, found.sun_azimuth, found.sun_elevation, found.platform) == ("L1C", 150.0, 40.0, "sentinel-2b")


BOMB = '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a "aaaaaaaaaa"><!ENTITY c "&a;&a;&a;&a;&a;&a;">]><b>&c;</b>'
XXE = '<?xml version="1.0"?><!DOCTYPE b [<!ENTITY a SYSTEM "file:///etc/hostname">]><b>&a;</b>'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "defines XML entities"),
        (XXE, "defines XML entities"),
        ("<a>", "not well-formed XML"),
        ("<a/>", "not the metadata of"),
        ("{", "not well-formed JSON"),
        ("{}", "not a STAC item"),
        ('{"type": "Feature", "properties": 3}', "not a STAC item"),
        ("hello", "neither XML"),
        ("", "neither XML"),
        ("{" + '"a":[' * 100_000, "JSON"),
        ("<?xml version='1.0' encoding='x'?><a/>", "XML"),
    ],
)
def test_bad_metadata_files(tmp_path, text, words):
    with pytest.raises(InputError, match=r"m\.xml: ") as caught:
        read(tmp_path, text, "m.xml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 2


def test_metadata_file_too_long_or_missing(tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"no\.xml: cannot be read"):
        read_metadata_file(tmp_path / "no.xml")
    (tmp_path / "long.xml").write_bytes(b"<" * ((16 << 20) + 1))
    with pytest.raises(InputError, match=r"long\.xml: is longer than 16 MiB"):
        read_metadata_file(tmp_path / "long.xml")
