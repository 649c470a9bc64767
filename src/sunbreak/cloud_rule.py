"""A spectral rule for cloud and a sun-geometry rule for shadow: the mask where there is no mask network.

The rule needs blue, green, red and near infrared; cirrus (B10) and short-wave infrared sharpen it where present.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import ndimage

from sunbreak.bands import Level
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.morphology import grown, grown_square, shrunk_square

NEEDED: Final = ("B02", "B03", "B04")
NEAR_INFRARED: Final = ("B08", "B8A")
USED: Final = (*NEEDED, *NEAR_INFRARED, "B10", "B11")
"""All bands the rule looks at; the others need not be read."""

AIR_BLUE: Final[dict[Level, float]] = {"L1C": 0.085, "L2A": 0.02}
"""Reflectance that clear air (L1C) or imperfect correction (L2A) adds to blue over dark land."""
THIN_HAZE: Final[dict[Level, float]] = {"L1C": 0.02, "L2A": 0.05}
"""Blue in excess of half the red and the air: thin cloud begins here (haze-optimised transform). After correction to
the surface, pale fields come as near to it as haze does."""
WHITENESS: Final = 0.65
"""Cloud has at least this share of its red in blue; pale soil has less."""
INFRARED_SHARE: Final = 0.6
"""Cloud has at least this share of its blue in the near infrared; water, turbid or shallow, has less."""
THIN_BRIGHTNESS: Final = 0.05
"""and blue exceeds that of the air by at least this: hazy water is dark, cloud is not."""
THICK_HAZE: Final = 0.08
"""The same where nothing of the surface is left to see."""
THIN_CIRRUS: Final = 0.02
"""Reflectance at 1374 nm, where water vapour hides the ground: cirrus begins here."""
THICK_CIRRUS: Final = 0.05
SNOW_INDEX: Final = 0.5
"""Normalised difference of green and B11 above which bright ground is snow (Dozier 1989)."""
SNOW_SWIR: Final = 0.16
"""Snow is darker than this in B11; water clouds are brighter."""
COMPANY_REACH: Final = 300.0
"""Distance in m from a larger cloud within which small clouds are believed."""
EDGE_HAZE: Final = 0.01
"""Haze that counts as thin cloud beside a cloud,"""
EDGE_REACH: Final = 80.0
"""within this distance in m."""

SHADOW_DARKENING: Final = 0.75
"""Near infrared of a shaded pixel is below this share of the clear surroundings."""
SHADOW_CEILING: Final = 0.3
"""and never above this reflectance."""
WATER_RATIO: Final = 1.2
"""Green above this many times the near infrared means water, dark of its own."""
SURROUNDINGS: Final = 1500.0
"""Radius in m of the clear surroundings that a shadow is compared with."""
MAX_CLOUD_HEIGHT: Final = 3000.0
"""Height in m above ground up to which a cloud's shadow is looked for."""
UNKNOWN_SUN_REACH: Final = 1500.0
"""Distance in m within which shadows are looked for on all sides when the sun's position is unknown."""
MAX_SHADOW_REACH: Final = 5000.0
"""Longest shadow displacement in m; at low sun, shadows of the highest clouds are missed."""


@dataclass(frozen=True)
class SunGeometry:
    """Where the sun stands, in degrees; azimuth clockwise from north."""

    azimuth: float | None = None
    elevation: float | None = None

    def displacement(self, height: float) -> tuple[float, float]:
        """Displacement of a shadow from its cloud as seen from above.

        Args:
            height: Height of the cloud above ground in m.

        Returns:
            Metres to the south and metres to the east; the shadow lies away from the sun.

        Example:
            >>> south, east = SunGeometry(180.0, 45.0).displacement(1000.0)
            >>> round(south), round(east)
            (-1000, 0)
        """
        if self.azimuth is None or self.elevation is None:
            return 0.0, 0.0
        length = min(height / np.tan(np.radians(max(self.elevation, 1.0))), MAX_SHADOW_REACH)
        return float(length * np.cos(np.radians(self.azimuth))), float(-length * np.sin(np.radians(self.azimuth)))

    def reach(self) -> float:
        """Longest distance in m between a cloud and a shadow that the rule looks for."""
        if self.azimuth is None or self.elevation is None:
            return UNKNOWN_SUN_REACH
        return float(np.hypot(*self.displacement(MAX_CLOUD_HEIGHT)))


@dataclass(frozen=True)
class GroundGrid:
    """How pixels lie on the ground."""

    pixel: float
    """Pixel size in m."""
    down: tuple[float, float] = (1.0, 0.0)
    """Rows per pixel size walked to the south, and to the east."""
    right: tuple[float, float] = (0.0, 1.0)
    """Columns per pixel size walked to the south, and to the east."""

    def pixels(self, south: float, east: float) -> tuple[float, float]:
        """Rows and columns of a displacement.

        Args:
            south: Metres to the south.
            east: Metres to the east.

        Returns:
            Rows and columns.

        Example:
            >>> GroundGrid(10.0).pixels(100.0, -50.0)
            (10.0, -5.0)
        """
        rows = (self.down[0] * south + self.down[1] * east) / self.pixel
        return rows, (self.right[0] * south + self.right[1] * east) / self.pixel


def check_bands(bands: Sequence[str]) -> None:
    """Refuse band sets in which the rule cannot find clouds.

    Args:
        bands: Names of the bands.

    Raises:
        OptionError: Blue, green or red is missing.
    """
    missing = [name for name in NEEDED if name not in bands]
    if missing:
        raise OptionError(f"bands {', '.join(missing)} are needed to find clouds; give the mask with --quality FILE")


def classify(optical: np.ndarray, bands: Sequence[str], level: Level, grid: GroundGrid, sun: SunGeometry) -> np.ndarray:
    """Quality of each pixel from its spectrum and from where the sun stands.

    Args:
        optical: Reflectance, (band, y, x), NaN = no data; of about 20 m resolution.
        bands: Names of the bands, in the array's order; blue, green and red must be among them.
        level: Processing level.
        grid: Pixel size and orientation.
        sun: Position of the sun; unknown angles make shadows be looked for on all sides of a cloud.

    Returns:
        (y, x), uint8, `legend.Quality`.

    Raises:
        OptionError: Blue, green or red is missing.

    Source:
        Haze-optimised transform: Zhang et al. (2002), Remote Sensing of Environment 82; shadows as cloud projected
        along the solar azimuth onto dark near infrared: Zhu and Woodcock (2012), Remote Sensing of Environment 118.
    """
    check_bands(bands)
    by_name = dict(zip(bands, optical, strict=True))
    nodata = ~np.isfinite(optical).any(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        thin, thick = _cloud(by_name, level)
    sure = _without_specks(thin) | _without_specks(thick)
    near = grown(sure, COMPANY_REACH / grid.pixel)  # small clouds keep company, roofs do not
    thin, thick = thin & (sure | near), thick & (sure | near)
    with np.errstate(invalid="ignore"):
        thin |= (_haze(by_name, level) > EDGE_HAZE) & grown(thin | thick, EDGE_REACH / grid.pixel)
    quality = np.full(nodata.shape, Quality.CLEAR, np.uint8)
    quality[_shadow(by_name, (thin | thick, thick), nodata, grid, sun)] = Quality.SHADOW
    quality[thin] = Quality.THIN_CLOUD
    quality[thick] = Quality.THICK_CLOUD
    quality[nodata] = Quality.NODATA
    return quality


def is_snow(green: np.ndarray, swir: np.ndarray) -> np.ndarray:
    """Bright ground that is snow, not water cloud: far darker in the shortwave infrared than in the green.

    Args:
        green: Reflectance of B03, (y, x).
        swir: Reflectance of B11, (y, x).

    Returns:
        (y, x), bool; False without data.

    Source: Dozier, Spectral signature of alpine snow cover from the Landsat Thematic Mapper, 1989 (the index).
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        snow: np.ndarray = ((green - swir) / (green + swir) > SNOW_INDEX) & (swir < SNOW_SWIR)
    return snow


def _cloud(bands: dict[str, np.ndarray], level: Level) -> tuple[np.ndarray, np.ndarray]:
    blue, green, red = bands["B02"], bands["B03"], bands["B04"]
    haze = _haze(bands, level)
    grey = np.maximum(np.maximum(blue, green), red) < 2.0 * np.minimum(np.minimum(blue, green), red)
    grey &= blue - AIR_BLUE[level] > WHITENESS * red
    infrared = next((bands[name] for name in NEAR_INFRARED if name in bands), None)
    if infrared is not None:
        grey &= infrared > INFRARED_SHARE * blue
    thin = (haze > THIN_HAZE[level]) & grey & (blue > AIR_BLUE[level] + THIN_BRIGHTNESS)
    thick = (haze > THICK_HAZE) & grey
    if "B11" in bands:
        snow = is_snow(green, bands["B11"])
        thin, thick = thin & ~snow, thick & ~snow
    if "B10" in bands:
        thin |= bands["B10"] > THIN_CIRRUS
        thick |= bands["B10"] > THICK_CIRRUS
    return thin, thick


def _haze(bands: dict[str, np.ndarray], level: Level) -> np.ndarray:
    haze: np.ndarray = bands["B02"] - 0.5 * bands["B04"] - AIR_BLUE[level]
    return haze


def _without_specks(mask: np.ndarray) -> np.ndarray:
    """Drop objects that a 3 x 3 pixel square does not fit into, and keep the shape of the others."""
    kept: np.ndarray = mask & grown_square(shrunk_square(mask, 1), 2)
    return kept


def _shadow(
    bands: dict[str, np.ndarray],
    clouds: tuple[np.ndarray, np.ndarray],
    nodata: np.ndarray,
    grid: GroundGrid,
    sun: SunGeometry,
) -> np.ndarray:
    """Dark pixels where a cloud may throw its shadow; `clouds` are all clouds, and the thick ones."""
    cloud, thick = clouds
    infrared = next((bands[name] for name in NEAR_INFRARED if name in bands), None)
    if infrared is None or not cloud.any():
        return np.zeros_like(cloud)
    with np.errstate(invalid="ignore"):
        clear = ~cloud & ~nodata & np.isfinite(infrared) & (infrared > 0.08)
        surroundings = _local_mean(infrared, clear, SURROUNDINGS / grid.pixel)
        dark = (infrared < np.minimum(SHADOW_DARKENING * surroundings, SHADOW_CEILING)) & ~cloud
        green = bands["B03"]
        water = green > WATER_RATIO * infrared
    return _without_specks(dark & ~water & _projected(cloud, thick, grid, sun))


def _local_mean(values: np.ndarray, valid: np.ndarray, radius: float) -> np.ndarray:
    size = 2 * round(radius) + 1
    weight = ndimage.uniform_filter(valid.astype(np.float64), size, mode="constant")
    total = ndimage.uniform_filter(np.where(valid, values, 0.0).astype(np.float64), size, mode="constant")
    mean: np.ndarray = np.where(weight > 1e-3, total / np.maximum(weight, 1e-3), 0.3)
    return mean


def _projected(cloud: np.ndarray, thick: np.ndarray, grid: GroundGrid, sun: SunGeometry) -> np.ndarray:
    """Where shadows may lie: the cloud mask moved along the sun's rays for all heights up to the highest."""
    if sun.azimuth is None or sun.elevation is None:
        if not thick.any():  # on all sides of every wisp, whatever is dark would pass for shadow
            return np.zeros_like(cloud)
        near: np.ndarray = ndimage.distance_transform_edt(~thick) * grid.pixel < UNKNOWN_SUN_REACH
        return near
    south, east = grid.pixels(*sun.displacement(MAX_CLOUD_HEIGHT))
    steps = max(1, int(np.hypot(south, east)))
    out = np.zeros_like(cloud)
    for step in range(1, steps + 1):
        down, right = round(south * step / steps), round(east * step / steps)
        out |= _shifted(cloud, down, right)
    return grown_square(out, 1)


def _shifted(mask: np.ndarray, down: int, right: int) -> np.ndarray:
    out = np.zeros_like(mask)
    height, width = mask.shape
    if abs(down) < height and abs(right) < width:
        rows, cols = slice(max(down, 0), height + min(down, 0)), slice(max(right, 0), width + min(right, 0))
        from_rows = slice(max(-down, 0), height + min(-down, 0))
        out[rows, cols] = mask[from_rows, slice(max(-right, 0), width + min(-right, 0))]
    return out
