"""What a simulated scene and its clouds are: the parameters, each with its unit and range."""

from __future__ import annotations

import datetime
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from sunbreak.bands import BANDS_BY_LEVEL, LEVELS, Level
from sunbreak.errors import OptionError

CloudKind = Literal["mixed", "thin", "thick", "broken", "overcast", "fog"]
"""mixed: cumulus under cirrus; thin: haze and cirrus; thick: deep cloud banks; broken: small cumulus; overcast: a
stratus deck; fog: smooth and on the ground."""

MIN_SUN_ELEVATION: Final = 5.0
"""Degrees; below it the atmosphere is no longer plane-parallel and shadows are longer than a scene."""
MIN_SIZE: Final = 64
"""Pixels; below it a scene holds no parcel and no whole cloud."""


@dataclass(frozen=True)
class CloudSpec:
    """Clouds over a scene, with the geometry of light and view that shapes their shadows."""

    seed: int = 0
    """Seed of every noise field of the clouds."""
    cover: float = 0.4
    """Share of the scene's pixels under thin or thick cloud, 0..1."""
    kind: CloudKind = "mixed"
    """What sort of sky."""
    sun_azimuth: float = 150.0
    """Direction to the sun in degrees, clockwise from north (the top of the image)."""
    sun_elevation: float = 45.0
    """Height of the sun above the horizon in degrees, 5..90."""
    base_height: float | None = None
    """Height of the lowest cloud base above ground in m, 0..6000; None draws one that fits the kind."""
    view_azimuth: float = 105.0
    """Direction to the satellite in degrees, clockwise from north."""
    view_zenith: float = 4.0
    """Angle between the zenith and the satellite in degrees, 0..20."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            OptionError: A value is outside its range; the message names it.
        """
        if self.kind not in get_args(CloudKind):
            raise OptionError(f"cloud kind {self.kind!r} is unknown; choose one of {', '.join(get_args(CloudKind))}")
        _in_range("cover", self.cover, 0.0, 1.0)
        _in_range("sun_elevation", self.sun_elevation, MIN_SUN_ELEVATION, 90.0)
        _in_range("sun_azimuth", self.sun_azimuth, -360.0, 360.0)
        _in_range("view_azimuth", self.view_azimuth, -360.0, 360.0)
        _in_range("view_zenith", self.view_zenith, 0.0, 20.0)
        if self.base_height is not None:
            _in_range("base_height", self.base_height, 0.0, 6000.0)


@dataclass(frozen=True)
class SceneSpec:
    """A simulated scene: a square of land with its clouds, seen by both sensors."""

    size: int = 1024
    """Height and width in pixels of 10 m; at least 64."""
    seed: int = 0
    """Seed of the landscape and of the radar speckle; also draws the biome."""
    level: Level = "L1C"
    """L1C: 13 bands of top-of-atmosphere reflectance; L2A: 12 bands of surface reflectance."""
    season: int = 196
    """Day of the year, 1..365, northern hemisphere."""
    year: int = 2023
    """Year of acquisition, 2015..2100."""
    clouds: CloudSpec = field(default_factory=CloudSpec)
    """The clouds and the sun."""
    nodata_swath: bool = False
    """Leave the part beyond the edge of the satellite's swath without optical data."""

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            OptionError: A value is outside its range; the message names it.
        """
        if self.level not in LEVELS:
            raise OptionError(f"level {self.level!r} is unknown; choose one of {', '.join(LEVELS)}")
        _in_range("size", self.size, MIN_SIZE, 1 << 20)
        _in_range("season", self.season, 1, 365)
        _in_range("year", self.year, 2015, 2100)

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the optical bands, in the order of the arrays."""
        return BANDS_BY_LEVEL[self.level]

    @property
    def date(self) -> datetime.date:
        """Day of acquisition."""
        return datetime.date(self.year, 1, 1) + datetime.timedelta(days=self.season - 1)


def _in_range(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:  # also refuses NaN
        raise OptionError(f"{name} is {value}; it must lie between {low:g} and {high:g}")
