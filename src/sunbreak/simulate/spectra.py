"""Surface reflectance of the materials that a simulated landscape is mixed from.

Values are rounded guidance for the 13 bands, drawn from the shape that field and laboratory libraries agree on
(chlorophyll absorption in blue and red, red edge, leaf water in the short-wave infrared, iron slope of soils, dark
water, snow dark beyond 1.4 um); no library's numbers are copied. Their mixtures were then compared with real Sentinel-2
images by `bench/simulation.py`.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from sunbreak.bands import L1C_BANDS
from sunbreak.simulate.noise import Floats

MATERIALS: Final[dict[str, tuple[float, ...]]] = {
    #              B01    B02    B03    B04    B05    B06    B07    B08    B8A    B09    B10    B11    B12
    "broadleaf": (0.020, 0.026, 0.055, 0.030, 0.085, 0.221, 0.281, 0.294, 0.308, 0.308, 0.200, 0.149, 0.068),
    "needleleaf": (0.014, 0.017, 0.032, 0.021, 0.050, 0.135, 0.170, 0.180, 0.190, 0.190, 0.110, 0.085, 0.040),
    "herb": (0.026, 0.034, 0.078, 0.040, 0.112, 0.276, 0.350, 0.368, 0.386, 0.377, 0.300, 0.194, 0.099),
    "straw": (0.060, 0.075, 0.110, 0.150, 0.170, 0.189, 0.207, 0.225, 0.244, 0.253, 0.300, 0.297, 0.211),
    "bark": (0.035, 0.042, 0.058, 0.070, 0.090, 0.120, 0.135, 0.145, 0.155, 0.160, 0.170, 0.185, 0.120),
    "light soil": (0.100, 0.124, 0.170, 0.218, 0.235, 0.247, 0.261, 0.273, 0.287, 0.301, 0.332, 0.343, 0.281),
    "dark soil": (0.038, 0.046, 0.064, 0.082, 0.093, 0.104, 0.116, 0.127, 0.138, 0.146, 0.162, 0.172, 0.130),
    "sand": (0.158, 0.196, 0.260, 0.315, 0.331, 0.342, 0.356, 0.367, 0.381, 0.395, 0.437, 0.431, 0.378),
    "rock": (0.095, 0.105, 0.122, 0.140, 0.150, 0.158, 0.165, 0.172, 0.178, 0.185, 0.200, 0.220, 0.195),
    "clear water": (0.030, 0.028, 0.020, 0.009, 0.007, 0.006, 0.005, 0.005, 0.004, 0.003, 0.001, 0.002, 0.001),
    "turbid water": (0.050, 0.064, 0.092, 0.080, 0.072, 0.040, 0.036, 0.026, 0.022, 0.013, 0.002, 0.004, 0.002),
    "pavement": (0.080, 0.090, 0.105, 0.115, 0.122, 0.130, 0.137, 0.143, 0.150, 0.155, 0.170, 0.185, 0.170),
    "bright roof": (0.230, 0.260, 0.290, 0.310, 0.320, 0.325, 0.330, 0.335, 0.340, 0.345, 0.360, 0.370, 0.340),
    "tile roof": (0.055, 0.065, 0.090, 0.150, 0.170, 0.180, 0.190, 0.200, 0.210, 0.220, 0.250, 0.280, 0.255),
    "snow": (0.900, 0.910, 0.900, 0.880, 0.870, 0.855, 0.835, 0.800, 0.775, 0.720, 0.330, 0.110, 0.080),
    "lichen": (0.050, 0.058, 0.085, 0.090, 0.115, 0.170, 0.200, 0.220, 0.235, 0.245, 0.250, 0.255, 0.170),
}
"""Reflectance 0..1 of each material in the 13 bands."""

INDEX: Final[dict[str, int]] = {name: index for index, name in enumerate(MATERIALS)}
"""Position of each material in stacks of shares."""
SPECTRA: Final[Floats] = np.array(list(MATERIALS.values()), dtype=np.float32)
"""(material, band) reflectance, bands in the order of `bands.L1C_BANDS`."""

REGION: Final[dict[str, int]] = {
    name: 0 if name in ("B01", "B02", "B03", "B04", "B05") else 2 if name in ("B11", "B12") else 1 for name in L1C_BANDS
}
"""Spectral region of each band, within which materials vary together: 0 visible, 1 near, 2 short-wave infrared."""
