"""Series of dates: how cloudy each is, which lies nearest in time, and samples that carry the other dates along."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import numpy.typing as npt

from sunbreak.data.sample import Detector, FloatArray, Sample, Series
from sunbreak.errors import GeometryError
from sunbreak.legend import Quality

FEWEST = 3
"""Fewest dates of a series: the input, the target, and one more to compose from."""


def detected(image: Sample, detector: Detector | None) -> Sample:
    """Put the detected classes into a sample whose quality is not known.

    Args:
        image: A sample without mask.
        detector: Finds the classes; None leaves the sample as it is.

    Returns:
        The sample with its quality.
    """
    return image if detector is None else image.with_quality(detector(image))


def cloud_share(quality: npt.NDArray[np.uint8]) -> float:
    """Share of thin and thick cloud among the pixels that hold data.

    Args:
        quality: (y, x), codes of `legend.Quality`.

    Returns:
        0 to 1; 0 where nothing holds data.

    Example:
        >>> cloud_share(np.array([[0, 1, 1, 4, 3]], dtype="uint8"))
        0.25
    """
    known = int((quality != Quality.NODATA).sum())
    return int(np.isin(quality, (Quality.THIN_CLOUD, Quality.THICK_CLOUD)).sum()) / max(known, 1)


def unclear_share(quality: npt.NDArray[np.uint8]) -> float:
    """Share of pixels that do not show the ground: cloud, shadow, or no data.

    Args:
        quality: (y, x), codes of `legend.Quality`.

    Returns:
        0 to 1.

    Example:
        >>> unclear_share(np.array([[0, 1, 1, 4, 3]], dtype="uint8"))
        0.6
    """
    return int((quality != Quality.CLEAR).sum()) / max(quality.size, 1)


def nearest(days: Sequence[date], to: date, among: Iterable[int]) -> int:
    """The date nearest in time; of two equally near the earlier one.

    Args:
        days: Dates.
        to: The date that the others are compared with.
        among: Indices of the dates to choose from.

    Returns:
        Index of the nearest.

    Example:
        >>> nearest([date(2018, 1, 1), date(2018, 1, 11), date(2018, 3, 1)], date(2018, 1, 6), [2, 1, 0])
        0
    """
    return min(among, key=lambda index: (abs((days[index] - to).days), days[index]))


def series_sample(name: str, images: Sequence[Sample], days: Sequence[date], *, observed: int, target: int) -> Sample:
    """Make one date the input, another the target, and the rest the series.

    Args:
        name: Name of the sample.
        images: All dates of one place, alike in bands, level and size, with their quality.
        days: When each was taken.
        observed: Index of the input.
        target: Index of the target; what else was taken on its day is left out of the series.

    Returns:
        The input with target and series; the target was taken on another day.

    Raises:
        GeometryError: The dates differ in size; replace the files that stand out.
    """
    shapes = sorted({image.cloudy.shape for image in images})
    if len(shapes) > 1:
        raise GeometryError(
            f"sample {name}: its dates differ in size ({', '.join(map(str, shapes))}); correct the files"
        )
    others = [index for index, day in enumerate(days) if index != observed and day != days[target]]
    shape = images[observed].cloudy.shape
    optical: FloatArray = np.empty((len(others), *shape), np.float32)
    quality = np.empty((len(others), *shape[1:]), np.uint8)
    for place, index in enumerate(others):
        optical[place], quality[place] = images[index].cloudy, images[index].quality
    apart = tuple(float((days[index] - days[observed]).days) for index in others)
    return replace(images[observed], name=name, clear=images[target].cloudy, series=Series(optical, quality, apart))
