"""How models are run and what of their answers is scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import xarray as xr

from sunbreak.errors import OptionError
from sunbreak.metrics.band_groups import BAND_GROUPS, BandGroup
from sunbreak.metrics.groups import BYS, By
from sunbreak.metrics.regions import REGIONS, Region

Restorer = Callable[[xr.Dataset, str], xr.Dataset]
"""Restores a scene by the name of a model; returns what `sunbreak.restore` returns."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How models are run and what is scored."""

    regions: tuple[Region, ...] | None = None
    """Parts of the image to score; None takes those of the protocol."""
    buffer: int = 4
    """Pixels by which cloud and shadow grow before restoring, as in `sunbreak restore`."""
    restorer: Restorer | None = None
    """Restores instead of `sunbreak.restore`, for models outside this package; never the rows `cloudy` and
    `smooth-fill`. What such models were trained on is not known here, so nothing is refused."""
    bands: tuple[BandGroup, ...] = ("all",)
    """Groups of bands, each scored in tables of its own."""
    by: tuple[By, ...] = ()
    """Tables by cloud cover or by region beside those over all patches."""
    references: bool = False
    """Give everything that restores a second row, with the other dates of every sample as references."""
    allow_seen: bool = False
    """Score models on regions that they were trained on, too, and stamp every output with it."""

    def __post_init__(self) -> None:
        _refuse_others("region", self.regions or (), tuple(REGIONS))
        _refuse_others("band group", self.bands, BAND_GROUPS)
        _refuse_others("group", self.by, BYS)
        if not self.bands:
            raise OptionError(f"no band group is given; choose from {', '.join(BAND_GROUPS)}")
        if self.buffer < 0:
            raise OptionError(f"buffer {self.buffer}: must be 0 or more pixels")


def _refuse_others(what: str, given: Sequence[str], valid: Sequence[str]) -> None:
    for name in given:
        if name not in valid:
            raise OptionError(f"{what} {name!r} is unknown; choose from {', '.join(valid)}")
        if list(given).count(name) > 1:
            raise OptionError(f"{what} {name!r} is given twice; give it once")
