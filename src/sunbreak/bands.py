"""THE table of sensors, bands, levels, offsets and units; these constants stand here and nowhere else.

Source: Sentinel-2 MSI spectral response functions (central wavelengths and widths of Sentinel-2A, rounded to nm);
Sentinel-2 Products Specification Document 14.9 for quantification value and radiometric offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Level = Literal["L1C", "L2A"]
"""L1C: top-of-atmosphere reflectance; L2A: surface reflectance."""

LEVELS: Final[tuple[Level, ...]] = ("L1C", "L2A")


@dataclass(frozen=True)
class OpticalBand:
    """One band of the Sentinel-2 MultiSpectral Instrument."""

    name: str
    """Name as in the SAFE product, for example `B8A`."""
    wavelength: int
    """Central wavelength in nm."""
    width: int
    """Full width at half maximum in nm."""
    resolution: int
    """Ground sampling distance in m."""
    common_name: str
    """Name in the STAC extension `eo`."""
    aliases: tuple[str, ...]
    """Other names that archives use, in lower case."""


OPTICAL_BANDS: Final[dict[str, OpticalBand]] = {
    band.name: band
    for band in (
        OpticalBand("B01", 443, 21, 60, "coastal", ("b1", "coastal", "coastal aerosol")),
        OpticalBand("B02", 492, 66, 10, "blue", ("b2", "blue")),
        OpticalBand("B03", 560, 36, 10, "green", ("b3", "green")),
        OpticalBand("B04", 665, 31, 10, "red", ("b4", "red")),
        OpticalBand("B05", 704, 15, 20, "rededge071", ("b5", "rededge1", "rededge071")),
        OpticalBand("B06", 741, 15, 20, "rededge075", ("b6", "rededge2", "rededge075")),
        OpticalBand("B07", 783, 20, 20, "rededge078", ("b7", "rededge3", "rededge078")),
        OpticalBand("B08", 833, 106, 10, "nir", ("b8", "nir")),
        OpticalBand("B8A", 865, 21, 20, "nir08", ("b8a", "nir08", "nir narrow", "b08a")),
        OpticalBand("B09", 945, 20, 60, "nir09", ("b9", "nir09", "water vapour")),
        OpticalBand("B10", 1374, 31, 60, "cirrus", ("b10", "cirrus")),
        OpticalBand("B11", 1614, 91, 20, "swir16", ("b11", "swir16", "swir1")),
        OpticalBand("B12", 2202, 175, 20, "swir22", ("b12", "swir22", "swir2")),
    )
}

L1C_BANDS: Final[tuple[str, ...]] = tuple(OPTICAL_BANDS)
"""The 13 bands of a level-1C product, in the order of SAFE and of the public data sets."""
L2A_BANDS: Final[tuple[str, ...]] = tuple(name for name in OPTICAL_BANDS if name != "B10")
"""The 12 bands of a level-2A product: the cirrus band shows no surface and is left out."""
BANDS_BY_LEVEL: Final[dict[Level, tuple[str, ...]]] = {"L1C": L1C_BANDS, "L2A": L2A_BANDS}

RADAR_BANDS: Final[tuple[str, ...]] = ("VV", "VH")
"""Polarisations over land in the interferometric wide swath mode, in the order used everywhere."""
REFUSED_POLARISATIONS: Final[tuple[str, ...]] = ("HH", "HV")
"""Polarisations of polar acquisitions; nothing here was ever fitted on them."""

QUANTIFICATION: Final = 10_000
"""Reflectance = (DN + offset) / QUANTIFICATION."""
OFFSETS: Final[tuple[int, ...]] = (0, -1000)
"""Number added to the DN: 0 before processing baseline 04.00, -1000 from it on."""
OFFSET_BASELINE: Final = 4.0
"""First processing baseline with the offset of -1000 (25 January 2022)."""
DN_NODATA: Final = 0
"""The DN that means no data, before the offset is added."""
DN_MIN: Final = 1
"""Smallest DN a restored value is clipped to; 0 would read as nodata."""
DN_MAX: Final = 65_534
"""Largest DN a restored value is clipped to; 65535 marks saturation or nodata in many archives."""

RADAR_DB_RANGE: Final[tuple[float, float]] = (-40.0, 15.0)
"""Backscatter is clipped to this range (dB) before any regression: noise floor and corner reflectors."""
RADAR_PIXEL_SPACING: Final = 10
"""Pixel spacing in m of interferometric wide swath ground range products at high resolution."""


@dataclass(frozen=True)
class ClipPreset:
    """How a published method clips and scales its inputs: every interval is mapped linearly onto its range."""

    reflectance: tuple[float, float]
    """Reflectance is clipped to this interval: DN / `QUANTIFICATION`, without the offset of baseline 04.00."""
    optical_range: tuple[float, float]
    """What the ends of `reflectance` become."""
    radar_db: tuple[tuple[float, float], tuple[float, float]]
    """Backscatter is clipped to these intervals, in dB, in the order of `RADAR_BANDS`."""
    radar_range: tuple[float, float]
    """What the ends of each of `radar_db` become; invalid radar becomes the lower one."""


CLIP_PRESETS: Final[dict[str, ClipPreset]] = {
    # DN 0 to 10000 divided by 2000; VV and VH each with its own floor
    "dsen2-cr": ClipPreset((0.0, 1.0), (0.0, 5.0), ((-25.0, 0.0), (-32.5, 0.0)), (0.0, 2.0)),
    # DN 0 to 10000 divided by 10000; one floor for both polarisations
    "uncrtaints": ClipPreset((0.0, 1.0), (0.0, 1.0), ((-25.0, 0.0), (-25.0, 0.0)), (0.0, 1.0)),
    # DN 0 to 10000 divided by 5000, less 1
    "geocr": ClipPreset((0.0, 1.0), (-1.0, 1.0), ((-30.0, 0.0), (-30.0, 0.0)), (-1.0, 1.0)),
    # the intervals of dsen2-cr, all scaled to 1
    "glf-cr": ClipPreset((0.0, 1.0), (0.0, 1.0), ((-25.0, 0.0), (-32.5, 0.0)), (0.0, 1.0)),
}
"""Normalisations of published methods, by the method's name; `networks.normalise` applies them.

Source: `dsen2-cr`: Meraner et al., ISPRS J. 166:333-346, 2020, and its code (ameraner/dsen2-cr). `uncrtaints`: Ebel et
al., arXiv:2304.05464, and its loader (PatrickTUM/UnCRtainTS). `geocr`: the data notes of KAIST-VICLab/GeoCR. `glf-cr`:
the loader of xufangchn/GLF-CR.
"""

UNCERTAINTY_SCALE: Final = 0.0001
"""Reflectance per DN of `uncertainty.tif`."""
UNCERTAINTY_NODATA: Final = 65_535
"""DN of `uncertainty.tif` that means no data."""
