import pytest

from sunbreak.radiometry.names import band_from_name, polarisation_from_name


@pytest.mark.parametrize(
    ("text", "band"),
    [
        ("B02", "B02"),
        ("b2", "B02"),
        ("Blue", "B02"),
        ("B8A", "B8A"),
        ("B08A", "B8A"),
        ("nir08", "B8A"),
        ("nir", "B08"),
        ("B12_20m", "B12"),
        ("S2_B04", "B04"),
        ("Band 4", "B04"),
        ("B1, central wavelength 443 nm", "B01"),
        ("SR_B4", None),
        ("SCL", None),
        ("B13", None),
        ("B0", None),
        ("", None),
        (None, None),
    ],
)
def test_band_names(text, band):
    assert band_from_name(text) == band


@pytest.mark.parametrize(
    ("text", "pol"),
    [
        ("VV", "VV"),
        ("Sigma0_VH_db", "VH"),
        ("gamma0 vv", "VV"),
        ("Amplitude_HH", "HH"),
        ("angle", None),
        ("VV/VH", None),
    ],
)
def test_polarisation_names(text, pol):
    assert polarisation_from_name(text) == pol
