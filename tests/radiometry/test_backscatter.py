import warnings

import numpy as np
import pytest

from conftest import l1c_dn, radar_db, refused
from sunbreak.errors import RadiometryError, SunbreakWarning
from sunbreak.steps.read import read


def radar_of(s2, path, **options):
    return read(s2, path, **options).radar


def test_radar_in_linear_power(s2, tiff):
    db = radar_db()
    power = (10 ** (db.astype("float64") / 10)).astype("float32")
    power[:, :3] = 0  # outside the swath
    power[0, 5, 5] = -1e-5  # noise removal
    got = radar_of(s2, tiff("s1.tif", power, descriptions=("Gamma0_VV", "Gamma0_VH"))).values
    assert np.isnan(got[:, :3]).all()
    assert np.isnan(got[0, 5, 5])
    np.testing.assert_allclose(got[1, 3:], db[1, 3:], atol=1e-4)


def test_radar_units_given_or_ambiguous(s2, tiff):
    strange = tiff("s1.tif", np.abs(radar_db()))
    refused(["s1.tif", "--radar-units"], s2, strange)
    np.testing.assert_array_equal(
        radar_of(s2, strange, radar_units="dB", radar_bands=("VV", "VH")).values, np.abs(radar_db())
    )
    mixed = radar_db()
    mixed[:, ::2] = np.abs(mixed[:, ::2]) + 1
    refused(["mixed.tif", "--radar-units"], s2, tiff("mixed.tif", mixed))


def test_uncalibrated_radar(s2, tiff):
    amplitudes = tiff("grd.tif", np.random.default_rng(0).integers(20, 400, (2, 64, 64)).astype("uint16"))
    refused(["grd.tif", "calibrate to sigma0 or gamma0"], s2, amplitudes)


def test_scaled_integer_radar(s2, tiff):
    stored = np.rint(radar_db() * 100).astype("int16")
    got = radar_of(s2, tiff("s1.tif", stored, scaling=(0.01, 0.0), nodata=-32768))
    np.testing.assert_allclose(got.values, stored / 100, atol=1e-5)


def test_polarisations(s2, tiff):
    db = radar_db()
    swapped = radar_of(s2, tiff("s1.tif", db[::-1], descriptions=("VH", "VV")))
    assert list(swapped.pol.values) == ["VV", "VH"]
    np.testing.assert_array_equal(swapped.values, db)
    alone = radar_of(s2, tiff("vv.tif", db[:1], descriptions=("VV",)))
    assert list(alone.pol.values) == ["VV"]
    angle = np.concatenate([db, np.full((1, 64, 64), 38, "float32")])
    np.testing.assert_array_equal(radar_of(s2, tiff("gee.tif", angle, descriptions=("VV", "VH", "angle"))).values, db)
    assert list(radar_of(s2, tiff("bare.tif", db)).pol.values) == ["VV", "VH"]
    assert list(radar_of(s2, tiff("one.tif", db[:1]), radar_bands=("VV",)).pol.values) == ["VV"]


def test_refused_polarisations(s2, tiff):
    db = radar_db()
    refused(["hh.tif", "HH and HV", "polar", "leave the radar out"], s2, tiff("hh.tif", db, descriptions=("HH", "HV")))
    refused(["polar"], s2, tiff("S1A_EW_GRDM_1SDH_20240520T053012_x.tif", db))
    refused(["vh.tif", "VV is missing"], s2, tiff("vh.tif", db[1:], descriptions=("VH",)))
    refused(["one.tif", "--radar-bands"], s2, tiff("one.tif", db[:1]))
    refused(["swap.tif", "--radar-bands"], s2, tiff("swap.tif", db[::-1]))
    refused(["twice.tif", "twice"], s2, tiff("twice.tif", db, descriptions=("VV", "VV")))
    refused(
        ["conflicting metadata", "--radar-bands"],
        s2,
        tiff("c.tif", db, descriptions=("VV", "VH")),
        radar_bands=("VH", "VV"),
    )
    refused(["n.tif", "--radar-bands names 1"], s2, tiff("n.tif", db), radar_bands=("VV",))


def test_invalid_radar_values(s2, tiff):
    db = radar_db()
    db[0, 0, :4] = np.nan, -np.inf, -9999, -32768
    db[1, 9, 9] = 0.0  # a clipped bright return
    got = radar_of(s2, tiff("s1.tif", db)).values
    assert np.isnan(got[0, 0, :4]).all()
    assert got[1, 9, 9] == 0.0
    assert np.isnan(got).sum() == 4
    tagged = np.where(np.isfinite(db), db, -50).astype("float32")
    assert np.isnan(radar_of(s2, tiff("tag.tif", tagged, nodata=-50)).values[0, 0, 0])


def test_many_zeros_in_db_are_no_data(s2, tiff):
    db = radar_db()
    db[:, :10] = 0
    with pytest.warns(SunbreakWarning, match=r"s1\.tif: .*exactly 0 dB"):
        got = radar_of(s2, tiff("s1.tif", db)).values
    assert np.isnan(got[:, :10]).all()
    assert np.isfinite(got[:, 10:]).all()
    db = radar_db()
    db[:, 0, :30] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error", SunbreakWarning)
        assert np.isfinite(radar_of(s2, tiff("few.tif", db)).values).all()


@pytest.mark.parametrize("fill", [np.nan, 0.0, -9999.0])
def test_radar_without_a_valid_pixel(fill, s2, tiff):
    void = tiff("void.tif", np.full((2, 64, 64), fill, "float32"), descriptions=("VV", "VH"))
    refused(["void.tif", "no valid pixel", "leave the radar out"], s2, void, kind=RadiometryError)


def test_a_mostly_empty_radar_is_found_out(tiff):
    s2 = tiff("big.tif", l1c_dn(900, 900))
    db = np.full((2, 900, 900), np.nan, "float32")
    db[:, 150:160, 150:160] = radar_db(10, 10)
    assert np.isfinite(radar_of(s2, tiff("s1.tif", db, descriptions=("VV", "VH"))).values).sum() == 200
