"""Where the radar saw a point: the time at which it passed by, and its distance then.

Source: the range-Doppler equations of Curlander, Location of spaceborne SAR imagery, IEEE TGRS 20(3), 1982, with the
zero-Doppler geometry of Sentinel-1 products; Hermite interpolation of the orbit.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

import numpy as np

from sunbreak.grd.annotation import Annotation

if TYPE_CHECKING:
    from scipy.interpolate import CubicHermiteSpline

MAJOR: Final = 6_378_137.0
"""Equatorial radius of WGS 84 in metres."""
SQUARED_ECCENTRICITY: Final = 6.694_379_990_14e-3
"""Of WGS 84."""
STEPS: Final = 8
"""Most steps of Newton's method; from 15 s away it takes four."""
ENOUGH: Final = 1e-9
"""Seconds: a hundredth of a millimetre on the ground."""
BEYOND: Final = 60.0
"""Seconds beyond the state vectors in which points are still looked for; what is found there lies outside any image."""


def earth_fixed(lon: np.ndarray, lat: np.ndarray, height: np.ndarray | float) -> np.ndarray:
    """Coordinates in the Earth-fixed frame.

    Args:
        lon: Longitude in degrees, any shape.
        lat: Latitude in degrees, likewise.
        height: Metres above the ellipsoid WGS 84.

    Returns:
        Metres, (..., 3).

    Example:
        >>> earth_fixed(np.array(90.0), np.array(0.0), 100.0).round(3).tolist()
        [0.0, 6378237.0, 0.0]
    """
    east, north = np.radians(lon), np.radians(lat)
    across = MAJOR / np.sqrt(1 - SQUARED_ECCENTRICITY * np.sin(north) ** 2)
    ring = (across + height) * np.cos(north)
    up = (across * (1 - SQUARED_ECCENTRICITY) + height) * np.sin(north)
    return np.stack([ring * np.cos(east), ring * np.sin(east), up], axis=-1)


class RangeDoppler:
    """Finds lines and samples of points on the Earth; pickles as its annotation."""

    def __init__(self, annotation: Annotation) -> None:
        """Note the geometry.

        Args:
            annotation: Of one polarisation; all of a product lie alike.
        """
        self.annotation = annotation

    def __getstate__(self) -> dict[str, Annotation]:
        return {"annotation": self.annotation}

    def __setstate__(self, state: dict[str, Annotation]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @cached_property
    def _path(self) -> CubicHermiteSpline:
        from scipy.interpolate import CubicHermiteSpline  # a tenth of a second, for GRD products only

        orbit = self.annotation.orbit
        return CubicHermiteSpline(orbit.seconds, orbit.position, orbit.velocity)

    @cached_property
    def _pace(self) -> CubicHermiteSpline:
        return self._path.derivative()

    @cached_property
    def _push(self) -> CubicHermiteSpline:
        return self._pace.derivative()

    def passed(self, point: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """When the satellite passed by points, and how far away.

        Args:
            point: Metres in the Earth-fixed frame, (n, 3).

        Returns:
            Seconds after the first line, and slant range in metres, (n,) each; NaN for points to the left of the track,
            where Sentinel-1 does not look.
        """
        lines, step = self.annotation.shape[0], self.annotation.line_seconds
        seconds = np.full(len(point), lines * step / 2)
        first, last = self.annotation.orbit.seconds[[0, -1]]
        for _ in range(STEPS):
            sight, pace = point - self._path(seconds), self._pace(seconds)
            slope = _dot(self._push(seconds), sight) - _dot(pace, pace)
            change = _dot(pace, sight) / slope
            seconds = np.clip(seconds - change, first - BEYOND, last + BEYOND)
            if np.abs(change).max(initial=0.0) < ENOUGH:
                break
        place = self._path(seconds)
        sight = point - place
        right = _dot(sight, np.cross(self._pace(seconds), place)) > 0
        return np.where(right, seconds, np.nan), np.where(right, np.sqrt(_dot(sight, sight)), np.nan)

    def pixel(self, lon: np.ndarray, lat: np.ndarray, height: np.ndarray | float) -> tuple[np.ndarray, np.ndarray]:
        """Where points lie in the image.

        Args:
            lon: Longitude in degrees, (n,).
            lat: Latitude in degrees, (n,).
            height: Metres above the ellipsoid.

        Returns:
            Lines and samples, (n,) each, counted from 0 at the centre of the first; NaN where the radar did not look.
        """
        seconds, distance = self.passed(earth_fixed(lon, lat, height))
        line = seconds / self.annotation.line_seconds
        return line, self._ground(seconds, distance) / self.annotation.sample_metres

    def _ground(self, seconds: np.ndarray, distance: np.ndarray) -> np.ndarray:
        """Ground range in metres, between the polynomials before and after."""
        known = self.annotation.ground_range
        if known.seconds.size == 1:
            return _polynomial(known.coefficients[:1], distance - known.origin[0])
        asked = np.nan_to_num(seconds)
        after = np.clip(np.searchsorted(known.seconds, asked, side="right"), 1, known.seconds.size - 1)
        before = after - 1
        share = (asked - known.seconds[before]) / (known.seconds[after] - known.seconds[before])
        share = np.clip(share, 0.0, 1.0)
        first = _polynomial(known.coefficients[before], distance - known.origin[before])
        second = _polynomial(known.coefficients[after], distance - known.origin[after])
        return np.asarray(first + (second - first) * share)


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    product: np.ndarray = np.einsum("...i,...i->...", a, b)
    return product


def _polynomial(coefficients: np.ndarray, at: np.ndarray) -> np.ndarray:
    total: np.ndarray = np.zeros_like(at)
    for column in coefficients.T[::-1]:
        total = total * at + column
    return total
