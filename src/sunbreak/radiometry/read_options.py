"""What the user may say about the input where the files are silent or too long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypedDict, get_args

from sunbreak.bands import LEVELS, OFFSETS, RADAR_BANDS, Level
from sunbreak.errors import OptionError
from sunbreak.radiometry.backscatter import RadarUnits
from sunbreak.rasters.crop import Bounds, bounds_of_geojson, check_bounds

HIGHEST_GEOID: Final = 120
"""The geoid lies between 107 m below and 86 m above the ellipsoid."""


@dataclass(frozen=True)
class ReadOptions:
    """What the user knows better than the files."""

    level: Level | None = None
    """Processing level; None detects it."""
    offset: int | None = None
    """Number to add to the DN, 0 or -1000; None detects it."""
    bands: Sequence[str] | None = None
    """Name of each band of the optical file, `-` to leave one out; None takes its descriptions or the usual order."""
    metadata: str | Path | None = None
    """SAFE metadata (`MTD_MSIL1C.xml`, `MTD_MSIL2A.xml`, `MTD_TL.xml`) or STAC item of the optical file."""
    radar_units: RadarUnits | None = None
    """`dB` or `power`; None detects them."""
    radar_bands: Sequence[str] | None = None
    """Polarisation of each band of the radar file; None takes its descriptions or the usual order."""
    dem: str | Path | None = None
    """Elevation model on any grid, heights in metres, for radar that comes as a GRD product."""
    geoid: float | None = None
    """Metres added to the heights of `dem` to make them heights above the ellipsoid WGS 84; None works it out where
    PROJ has the grid of EGM2008, and else takes 0 with a warning."""
    bbox: Bounds | None = None
    """West, south, east, north in degrees: read only the pixels that touch this area."""
    aoi: str | Path | None = None
    """GeoJSON file: read only the pixels inside its bounds."""
    sign: str | Callable[[Any], Any] | None = None
    """What signs the addresses in STAC items: a `modifier` of pystac-client, or its name as `module:function`."""

    def __post_init__(self) -> None:
        for name in ("bands", "radar_bands", "bbox"):  # lists from the command line become tuples
            if getattr(self, name) is not None:
                object.__setattr__(self, name, tuple(getattr(self, name)))
        if self.level is not None and self.level not in LEVELS:
            raise OptionError(f"--level {self.level}: expected one of {', '.join(LEVELS)}")
        if self.offset is not None and self.offset not in OFFSETS:
            raise OptionError(f"--offset {self.offset}: is the number added to the DN, expected -1000 or 0")
        if self.radar_units is not None and self.radar_units not in get_args(RadarUnits):
            raise OptionError(f"--radar-units {self.radar_units}: expected one of {', '.join(get_args(RadarUnits))}")
        unknown = [name for name in self.radar_bands or () if name not in RADAR_BANDS]
        if unknown:
            raise OptionError(f"--radar-bands {unknown[0]}: expected one of {', '.join(RADAR_BANDS)}")
        if self.geoid is not None and not abs(self.geoid) <= HIGHEST_GEOID:
            raise OptionError(f"--geoid {self.geoid}: is in metres, expected -{HIGHEST_GEOID} to {HIGHEST_GEOID}")
        if self.geoid is not None and self.dem is None:
            raise OptionError("--geoid: is added to the heights of --dem FILE, which is not given")
        if self.bbox is not None and self.aoi is not None:
            raise OptionError("--bbox and --aoi: give one of them")
        if self.bbox is not None:
            check_bounds(self.bbox, "--bbox")

    @property
    def bounds(self) -> Bounds | None:
        """The area that is read: west, south, east, north in degrees; None for all."""
        return self.bbox if self.aoi is None else bounds_of_geojson(self.aoi)


class ReadFields(TypedDict, total=False):
    """The fields of `ReadOptions` as keywords."""

    level: Level | None
    offset: int | None
    bands: Sequence[str] | None
    metadata: str | Path | None
    radar_units: RadarUnits | None
    radar_bands: Sequence[str] | None
    dem: str | Path | None
    geoid: float | None
    bbox: Bounds | None
    aoi: str | Path | None
    sign: str | Callable[[Any], Any] | None
