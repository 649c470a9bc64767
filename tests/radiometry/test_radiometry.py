from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from conftest import l1c_dn
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import RadiometryError
from sunbreak.radiometry.band_order import name_bands, name_by_count
from sunbreak.radiometry.dn import choose_level, choose_offset, decode, encode, guess_offset
from sunbreak.radiometry.metadata import Metadata

S2 = Path("s2.tif")


def encoding(dtype="uint16", offset=0, quantification=10_000, nodata=None):
    return {"dtype": dtype, "offset": offset, "quantification": quantification, "nodata": nodata}


@pytest.mark.outcome("Numbers", "every DN through units and offsets and back", "comes back")
@pytest.mark.parametrize("offset", [0, -1000])
@pytest.mark.parametrize("dtype", ["uint16", "int16", "int32", "uint32", "float32", "float64"])
def test_every_dn_comes_back(dtype, offset):
    limits = np.iinfo("int16") if dtype == "int16" else np.iinfo("uint16")
    stored = np.arange(limits.min, limits.max + 1).astype(dtype)
    how = encoding(dtype, offset, nodata=0 if dtype.startswith("float") else None)
    reflectance = decode(stored, how)
    assert reflectance.dtype == ("float64" if dtype.startswith("float") else "float32")
    back = encode(reflectance, how)
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, stored)
    assert np.flatnonzero(np.isnan(reflectance)).tolist() == np.flatnonzero(stored == 0).tolist()


@pytest.mark.parametrize("offset", [0, -1000])
@pytest.mark.parametrize("nodata", [65535, 9999])
def test_every_dn_comes_back_beside_a_nodata_tag(offset, nodata):
    stored = np.arange(1, 65536).astype("uint16")
    how = encoding(offset=offset, nodata=nodata)
    assert np.isnan(decode(stored, how)[nodata - 1])
    np.testing.assert_array_equal(encode(decode(stored, how), how), stored)
    assert np.isnan(decode(np.zeros(1, "uint16"), how))[0]


def test_dn_0_is_nodata_before_the_offset():
    assert np.isnan(decode(np.array([0], "uint16"), encoding(offset=-1000)))[0]
    assert decode(np.array([1000], "uint16"), encoding(offset=-1000))[0] == 0.0


@given(hnp.arrays(np.float32, 50, elements=st.floats(-1, 3, width=32)), st.sampled_from(["float32", "float64"]))
def test_float_reflectance_passes_bit_for_bit(values, dtype):
    stored, how = values.astype(dtype), encoding(dtype, quantification=1)
    assert encode(decode(stored, how), how).tobytes() == stored.tobytes()
    assert decode(stored, how).dtype == dtype


@given(hnp.arrays(np.float32, 50, elements=st.floats(-20_000, 60_000, width=32)), st.sampled_from([0, -1000]))
def test_fractional_float_dn_pass_bit_for_bit(stored, offset):
    stored = np.where((stored == 0) | (np.abs(stored) < 1e-3), np.float32(5.5), stored)
    how = encoding("float32", offset, nodata=None)
    np.testing.assert_array_equal(encode(decode(stored, how), how), stored)


def test_what_could_not_come_back_is_refused():
    with pytest.raises(RadiometryError, match="fractions"):
        decode(np.array([1.5]), encoding("float64"))
    with pytest.raises(RadiometryError, match="nodata tag"):
        decode(np.array([5_000_000], "int32"), encoding("int32"))
    assert np.isnan(decode(np.array([-(2**31)], "int32"), encoding("int32", nodata=-(2.0**31))))[0]


@given(st.floats(-5, 10), st.sampled_from([0, -1000]), st.sampled_from(["uint16", "int16"]))
def test_restored_dn_are_rounded_and_clipped(value, offset, dtype):
    how = encoding(dtype, offset)
    dn = int(encode(np.array([value]), how, clip=True)[0])
    assert dn == min(max(round(value * 10_000 - offset), 1), 65534 if dtype == "uint16" else 32767)


def test_restored_never_becomes_the_nodata_value():
    assert encode(np.array([0.5, 0.5001]), encoding(nodata=5000), clip=True).tolist() == [5001, 5001]
    assert encode(np.array([0.2]), encoding(nodata=65535), clip=True).tolist() == [2000]


def test_negative_reflectance_of_clear_pixels_is_kept():
    how = encoding(offset=-1000)
    np.testing.assert_array_equal(encode(np.array([-0.0999, -0.01]), how), [1, 900])


def test_nan_becomes_nodata():
    assert encode(np.array([np.nan]), encoding(nodata=65535)).tolist() == [65535]
    assert encode(np.array([np.nan]), encoding()).tolist() == [0]
    assert encode(np.array([np.nan]), encoding("float32", quantification=1, nodata=-9999.0)).tolist() == [-9999.0]
    assert np.isnan(encode(np.array([np.nan]), encoding("float32", quantification=1)))[0]


def guess(dn, bands=L1C_BANDS, level="L1C"):
    sample = dn.reshape(dn.shape[0], -1)
    return guess_offset(sample, sample > 0, bands, level)


@given(st.integers(0, 20), st.sampled_from([0, -1000]))
@settings(max_examples=20, deadline=None)
def test_b10_tells_the_offset(seed, offset):
    assert guess(l1c_dn(offset=offset, seed=seed)) == offset


def test_without_b10_only_dark_pixels_prove_offset_0():
    dark = np.delete(l1c_dn(offset=0), 10, axis=0)
    assert guess(dark, L2A_BANDS, "L2A") == 0
    assert guess(np.delete(l1c_dn(offset=-1000), 10, axis=0), L2A_BANDS, "L2A") is None
    few = np.full((4, 100, 100), 3000, "uint16")
    few[2, 0, :5] = 300
    assert guess(few, ("B02", "B03", "B04", "B08"), "L1C") is None
    few[2, 0, :11] = 300
    assert guess(few, ("B02", "B03", "B04", "B08"), "L1C") == 0
    assert guess(few, ("B02", "B03", "B04", "B08"), "L2A") is None


@pytest.mark.parametrize("cirrus", [600, 900, 1500, 2200])
def test_all_cloud_is_ambiguous(cirrus):
    rng = np.random.default_rng(0)
    dn = rng.integers(5000, 9000, (13, 64, 64)).astype("uint16")
    dn[10] = cirrus + rng.integers(0, 300, (64, 64))
    assert guess(dn) is None


def test_wide_cirrus_near_1000_is_ambiguous():
    dn = np.random.default_rng(0).integers(5000, 9000, (13, 64, 64)).astype("uint16")
    dn[10] = np.linspace(990, 1900, 64 * 64).reshape(64, 64)
    assert guess(dn) is None


def test_padding_does_not_count_as_dark():
    dn = l1c_dn(offset=-1000)
    dn[:, :40] = 0
    assert guess(dn) == -1000
    fill = l1c_dn(offset=-1000, dtype="int16")[:10]
    fill[:, :40] = -9999
    assert guess_offset(fill.reshape(10, -1), fill.reshape(10, -1) != 0, L1C_BANDS[:10], "L1C") is None


def offset_of(dn, given=None, told=None, bands=L1C_BANDS, level="L1C"):
    sample = dn.reshape(dn.shape[0], -1)
    return choose_offset(S2, given, told or Metadata(), (sample, sample > 0), (bands, level))


def test_offset_order_of_evidence():
    assert offset_of(l1c_dn(), told=Metadata(offset=0, source="tags")) == 0
    bright = np.full((13, 20, 20), 5000, "uint16")
    assert offset_of(bright, told=Metadata(offset=-1000, source="tags")) == -1000
    assert offset_of(bright, given=-1000) == -1000
    with pytest.raises(RadiometryError, match=r"s2\.tif: cannot tell .*--offset -1000 .*--offset 0"):
        offset_of(bright)


def test_offset_conflicts():
    with pytest.raises(RadiometryError, match=r"conflicting metadata: --offset 0, but -1000 according to tags"):
        offset_of(l1c_dn(), given=0, told=Metadata(offset=-1000, source="tags"))
    with pytest.raises(
        RadiometryError, match=r"offset -1000 according to tags, but .*below DN 700; pass --offset -1000"
    ):
        offset_of(l1c_dn(), told=Metadata(offset=-1000, source="tags"))
    with pytest.raises(RadiometryError, match=r"offset 0 according to tags, but .*B10.*--offset 0"):
        offset_of(l1c_dn(offset=-1000), told=Metadata(offset=0, source="tags"))
    assert offset_of(l1c_dn(offset=-1000), given=0, told=Metadata(offset=0, source="tags")) == 0


def test_level():
    assert choose_level(S2, None, Metadata(level="L2A"), L2A_BANDS) == "L2A"
    assert choose_level(S2, "L1C", Metadata(), L2A_BANDS) == "L1C"
    assert choose_level(S2, None, Metadata(), L1C_BANDS) == "L1C"
    with pytest.raises(RadiometryError, match=r"s2\.tif: .*--level L1C or --level L2A"):
        choose_level(S2, None, Metadata(), L2A_BANDS)
    with pytest.raises(RadiometryError, match="conflicting metadata: --level L1C, but L2A according to its tags"):
        choose_level(S2, "L1C", Metadata(level="L2A", source="its tags"), L2A_BANDS)
    with pytest.raises(RadiometryError, match="cirrus band B10, which only L1C has"):
        choose_level(S2, "L2A", Metadata(), L1C_BANDS)


def by_count(dn, level=None):
    sample = dn.reshape(dn.shape[0], -1)
    return name_by_count(S2, level, sample, sample > 0)


def test_band_order_by_count():
    dn = l1c_dn()
    assert by_count(dn) == L1C_BANDS
    assert by_count(dn[:12], "L2A") == L2A_BANDS
    with pytest.raises(RadiometryError, match="11th is too bright"):
        by_count(dn[[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11, 12, 8]])  # sorted by name: B8A last


@pytest.mark.parametrize(
    ("count", "level", "likely"),
    [
        (12, None, "B01,B02"),
        (12, "L1C", "B01,B02"),
        (10, "L2A", "B8A,B11,B12"),
        (4, None, "B02,B03,B04,B08"),
        (13, "L2A", "expected 13 (L1C)"),
        (7, None, "expected 13 (L1C)"),
        (1, None, "10 or 4"),
    ],
)
def test_band_counts_that_need_names(count, level, likely):
    with pytest.raises(RadiometryError) as caught:
        by_count(l1c_dn()[:count], level)
    assert "--bands" in str(caught.value)
    assert likely in str(caught.value)


def test_band_names():
    assert name_bands(S2, ["B4", "nir", "SWIR1"], None) == ((1, 2, 3), ("B04", "B08", "B11"))
    assert name_bands(S2, [None, None], ("b2", "B03")) == ((1, 2), ("B02", "B03"))
    assert name_bands(S2, ["B2", "SCL", "B4"], ("B02", "-", "B04")) == ((1, 3), ("B02", "B04"))
    assert name_bands(S2, [None, None], None) is None


@pytest.mark.parametrize(
    ("descriptions", "given", "words"),
    [
        (["B02", None], None, "names no reflectance band"),
        (["B02", "SCL"], None, "'SCL'"),
        (["B02", "blue"], None, "B02 appears twice"),
        ([None] * 3, ("B02",), "has 3 bands, --bands names 1"),
        ([None], ("B77",), "'B77' is no band"),
        (["B02"], ("B03",), "conflicting"),
        ([None] * 2, ("B02", "B02"), "twice"),
        ([None], ("-",), "leaves every band out"),
    ],
)
def test_bad_band_names(descriptions, given, words):
    with pytest.raises(RadiometryError, match="--bands") as caught:
        name_bands(S2, descriptions, given)
    assert words in str(caught.value)
