"""How clear the dates of an archive are, by their masks and against each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Final, NamedTuple

import numpy as np

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.data.archive.dates import near
from sunbreak.data.archive.images import DatedImage
from sunbreak.data.sample import FloatArray, Sample
from sunbreak.data.series import cloud_share, unclear_share
from sunbreak.legend import Quality

BRIGHTER: Final = 0.1
"""Reflectance above what other dates show from which on a clear pixel is likely a cloud that the mask missed, or snow;
crops and soil seldom change as much in the band that is looked at."""
MISSED: Final = 0.05
"""Share of such pixels among the clear ones from which on the mask of a date is not to be trusted."""
OTHERS: Final = 8
"""Dates that a date is compared with, the nearest."""
FEWEST: Final = 3
"""Fewest of them that must show a pixel; where less do, the mask alone decides."""
SHOWN: Final = 0.1
"""Share of clear pixels from which on a date is compared with."""
SIDE: Final = 64
"""Pixels a side that are kept of a date for the comparison."""


class Look(NamedTuple):
    """What a date shows."""

    unclear: float
    """Share of its pixels under cloud, under shadow or without data, by its mask."""
    cloud: float
    """Share of cloud among its pixels with data, by its mask."""
    bright: float
    """Share of its clear pixels that are far brighter than on other dates; 0 where there are too few to compare."""

    @property
    def trusted(self) -> bool:
        """Its mask has not missed a cloud that is easily seen."""
        return self.bright <= MISSED


def survey(images: Sequence[DatedImage], load: Callable[[DatedImage], Sample] = DatedImage.load) -> tuple[Look, ...]:
    """Look at dates one by one; only thumbnails of one band are kept.

    Masks miss clouds: the scene classification of level 2A takes ice clouds for snow and haze for unclassified ground.
    The clear pixels of every date are therefore compared with the median of the clear pixels of the dates nearest in
    time.

    Args:
        images: Images of one archive, in the order of time.
        load: Reads the part of an image that counts; the same part of each.

    Returns:
        One look an image.

    Raises:
        RasterError: A file is damaged.
    """
    shares: list[tuple[float, float]] = []
    small: dict[int, FloatArray] = {}
    for index, image in enumerate(images):
        sample = load(image)
        shares.append((unclear_share(sample.quality), cloud_share(sample.quality)))
        if 1 - shares[-1][0] >= SHOWN:
            small[index] = _thumbnail(sample)
    days = [image.day for image in images]
    return tuple(Look(*both, _bright(index, small, days)) for index, both in enumerate(shares))


def _thumbnail(sample: Sample) -> FloatArray:
    """Clear pixels, NaN elsewhere, of the band of the shortest wavelength; not of B01, which is coarse."""
    order = [name for name in OPTICAL_BANDS if name in sample.bands]
    band = sample.cloudy[sample.bands.index(next((name for name in order if name != "B01"), order[0]))]
    rows, cols = (-(-side // SIDE) for side in band.shape)
    return np.where(sample.quality == Quality.CLEAR, band, np.float32(np.nan))[::rows, ::cols]


def _bright(index: int, small: Mapping[int, FloatArray], days: Sequence[date]) -> float:
    if index not in small:
        return 0.0
    others = [other for other in small if other != index]
    nearest = near(days[index], [days[other] for other in others], (date.max - date.min).days)[:OTHERS]
    if len(nearest) < FEWEST:
        return 0.0
    stack = np.sort(np.stack([small[others[place]] for place in nearest]), axis=0)  # NaN last
    count = np.isfinite(stack).sum(axis=0)
    known = np.isfinite(small[index]) & (count >= FEWEST)
    if not known.any():
        return 0.0
    usual = np.take_along_axis(stack, (np.maximum(count, 1) // 2)[np.newaxis], axis=0)[0]  # of an even number the upper
    return float((small[index][known] > usual[known] + BRIGHTER).mean())
