import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import RadiometryError
from sunbreak.radiometry.metadata import (
    Metadata,
    days_between,
    from_tags,
    merge,
    offset_from_baseline,
    parse_datetime,
    to_tags,
)
from sunbreak.radiometry.product_names import from_name, polarisations_from_name

NAME = "S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB_20170527T102301.tif"


def test_gdal_tags():
    found = merge(
        from_tags(
            {
                "PROCESSING_LEVEL": "Level-1C",
                "PRODUCT_TYPE": "S2MSI1C",
                "PROCESSING_BASELINE": "05.11",
                "PRODUCT_START_TIME": "2024-05-27T10:20:31.024Z",
                "MEAN_SOLAR_ZENITH_ANGLE": "31.5",
                "MEAN_SOLAR_AZIMUTH_ANGLE": "152.25",
                "DATATAKE_1_SPACECRAFT_NAME": "Sentinel-2A",
            },
            "s2.tif",
        ),
        "s2.tif",
    )
    assert (found.level, found.offset, found.platform) == ("L1C", -1000, "sentinel-2a")
    assert (found.sun_elevation, found.sun_azimuth) == (58.5, 152.25)
    assert found.datetime.startswith("2024-05-27T10:20:31")


def test_radar_and_imagery_tags():
    assert (
        merge(from_tags({"ACQUISITION_START_TIME": "2024-05-20T05:30:00"}, "s1"), "s1").datetime
        == "2024-05-20T05:30:00Z"
    )
    assert (
        merge(from_tags({"ACQUISITIONDATETIME": "2024-05-20 05:30:00"}, "s1"), "s1").datetime == "2024-05-20T05:30:00Z"
    )


@pytest.mark.parametrize(
    ("scaling", "offset"), [((0.0001, -0.1), -1000), ((0.0001, 0.0), 0), ((1.0, -1000.0), -1000), ((1.0, 0.0), None)]
)
def test_scale_and_offset_of_bands(scaling, offset):
    assert (
        merge(from_tags({}, "s2.tif", scales=[scaling[0]] * 13, offsets=[scaling[1]] * 13), "s2.tif").offset == offset
    )


@pytest.mark.parametrize("scaling", [(2.75e-05, -0.2), (0.0001, -0.05), (0.0001, 0.1)])
def test_scale_and_offset_of_another_sensor(scaling):
    with pytest.raises(RadiometryError, match=r"s2\.tif: scale .* not reflectance of Sentinel-2"):
        from_tags({}, "s2.tif", scales=[scaling[0]], offsets=[scaling[1]])


def test_bands_with_different_offsets():
    with pytest.raises(RadiometryError, match="differ in scale or offset"):
        from_tags({}, "s2.tif", scales=[0.0001, 0.0001], offsets=[0, -0.1])


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("05.11", -1000),
        ("04.00", -1000),
        ("03.01", 0),
        ("N0205", 0),
        ("0500", -1000),
        ("N9999", None),
        ("00.00", None),
        ("", None),
        ("new", None),
    ],
)
def test_baselines(text, offset):
    assert offset_from_baseline(text) == offset


def test_file_names():
    (found,) = from_name(NAME, "sentinel-2")
    assert (found.level, found.offset, found.datetime, found.platform) == (
        "L1C",
        0,
        "2017-05-27T10:20:31Z",
        "sentinel-2a",
    )
    (found,) = from_name("S2B_MSIL2A_20240101_T33UUB_s2.tif", "sentinel-2")
    assert (found.level, found.offset, found.datetime) == ("L2A", None, "2024-01-01T00:00:00Z")
    (radar,) = from_name("S1A_IW_GRDH_1SDV_20170527T053012_20170527T053037_016763_01BDA4_1C7B.tif", "sentinel-1")
    assert (radar.datetime, radar.platform) == ("2017-05-27T05:30:12Z", "sentinel-1a")
    (radar,) = from_name("S1B_IW_20200101T053012_DVP_RTC10_G_gpuned_1234.tif", "sentinel-1")
    assert radar.datetime == "2020-01-01T05:30:12Z"
    assert from_name("s2.tif", "sentinel-2") == []
    assert from_name(NAME, "sentinel-1") == []


def test_polarisations_from_names():
    assert polarisations_from_name("S1A_IW_GRDH_1SDV_20170527T053012_x.tif") == ("VV", "VH")
    assert polarisations_from_name("S1A_EW_GRDM_1SDH_20170527T053012_x.tif") == ("HH", "HV")
    assert polarisations_from_name("S1A_IW_GRDH_1SSV_20170527T053012_x.tif") == ("VV",)
    assert polarisations_from_name("s1.tif") is None


def test_conflicts_name_both_sources_and_the_option():
    with pytest.raises(
        RadiometryError, match=r"s2\.tif: conflicting metadata: level is L1C .*tags.* L2A .*name.*--level"
    ):
        merge([Metadata(level="L1C", source="its tags"), Metadata(level="L2A", source="its name")], "s2.tif")
    with pytest.raises(RadiometryError, match="--offset"):
        merge(
            [
                Metadata(offset=0, source="a"),
                Metadata(datetime="2024-01-01T00:00:00Z"),
                Metadata(offset=-1000, source="b"),
            ],
            "s2",
        )


def test_dates_may_differ():
    assert merge([Metadata(datetime="2024-01-01T00:00:00Z"), Metadata(datetime="2024-01-01T00:00:01Z")], "s2").datetime


def test_times():
    assert parse_datetime("2024-01-01T02:00:00+02:00") == "2024-01-01T00:00:00Z"
    assert parse_datetime("yesterday") is None
    assert days_between("2024-01-01T00:00:00Z", "2024-01-13T12:00:00Z") == 12.5
    assert days_between(None, "2024-01-13T12:00:00Z") is None


@given(
    st.builds(
        Metadata,
        level=st.sampled_from(["L1C", "L2A"]),
        offset=st.sampled_from([0, -1000]),
        datetime=st.datetimes().map(lambda time: time.isoformat() + "Z"),
        sun_azimuth=st.floats(0, 360),
        sun_elevation=st.sampled_from([0.0, 12.5, 60.25]),
        platform=st.sampled_from(["sentinel-2a", "sentinel-2c", "sentinel-1a"]),
    )
)
def test_tags_round_trip(metadata):
    again = merge(from_tags(to_tags(metadata), "x.tif"), "x.tif")
    assert again.__class__(**{**again.__dict__, "source": ""}) == metadata
