"""Composites of a series of dates: the least cloudy date, the temporal median, and a weighted mosaic.

They are what most users do about clouds. Each answers the same question as a restoration, what stands under the
clouds of the input, with a whole image: clear pixels of the input are one observation among others, not copied.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from sunbreak.composing import median
from sunbreak.data.sample import FloatArray, Sample, Series
from sunbreak.data.series import unclear_share
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

Composite = Callable[[Sample], FloatArray]
"""Composes an image, (band, y, x), float32, reflectance, from the series of a sample."""
FADING_DAYS: Final = 30.0
"""Days from the input after which a date weighs less by a factor e in the mosaic: land changes within weeks."""
SAFE_DISTANCE: Final = 10.0
"""Pixels from cloud and shadow at which an observation weighs in full in the mosaic; 100 m at 10 m a pixel."""

_OBSCURED: Final = (Quality.THIN_CLOUD, Quality.THICK_CLOUD, Quality.SHADOW)


def least_cloudy(sample: Sample) -> FloatArray:
    """Take the date of the series that shows most of the ground, as it is.

    Args:
        sample: A sample with a series.

    Returns:
        (band, y, x), float32, reflectance: the date with the smallest share of pixels under cloud, under shadow or
        without data; of equal ones the nearest in time, of two equally near the earlier. Its clouds and its missing
        pixels (NaN) stay.

    Raises:
        OptionError: The sample has no series; choose data that has.

    Example:
        >>> import numpy as np
        >>> from sunbreak.data import Sample, Series
        >>> dates = Series(np.stack([np.full((1, 2, 2), 0.1), np.full((1, 2, 2), 0.2)]), np.ones((2, 2, 2)), (40, -5))
        >>> least_cloudy(Sample("a", "a", "L2A", ("B02",), np.ones((1, 2, 2)), np.full((2, 2), 3), series=dates))
        array([[[0.2, 0.2],
                [0.2, 0.2]]], dtype=float32)
    """
    series = _series(sample)

    def rank(index: int) -> tuple[float, float, float]:
        days = series.days[index]
        return unclear_share(series.quality[index]), abs(days), days

    best = min(range(len(series.days)), key=rank)
    composed: FloatArray = series.optical[best].astype(np.float32)
    return composed


def temporal_median(sample: Sample) -> FloatArray:
    """Take the median over time of every pixel and band.

    Args:
        sample: A sample with a series.

    Returns:
        (band, y, x), float32, reflectance: the median over the clear observations of the input and of all dates of the
        series; the mean of the middle two where their number is even; where there is none, the least cloudy date.

    Raises:
        OptionError: The sample has no series; choose data that has.

    Example:
        >>> import numpy as np
        >>> from sunbreak.data import Sample, Series
        >>> dates = Series(np.reshape([0.1, 0.2, 0.9], (3, 1, 1, 1)), np.ones((3, 1, 1)), (-9, 1, 3))
        >>> temporal_median(Sample("a", "a", "L2A", ("B02",), np.ones((1, 1, 1)), np.full((1, 1), 3), series=dates))
        array([[[0.2]]], dtype=float32)
    """
    optical, quality, _ = _observations(sample)
    composed = least_cloudy(sample)
    for band, fallback in enumerate(composed):
        values = np.where(quality == Quality.CLEAR, optical[:, band], np.float32(np.nan))
        middle = median(values)
        composed[band] = np.where(np.isfinite(middle), middle, fallback)
    return composed


def weighted_mosaic(sample: Sample) -> FloatArray:
    """Average the clear observations, those near in time and far from clouds most.

    An observation weighs exp(-|days| / 30), days counted from the input, times its distance to the nearest cloud or
    shadow of its date in units of 10 pixels, at most 1: what the mask missed lies at its edge.

    Args:
        sample: A sample with a series.

    Returns:
        (band, y, x), float32, reflectance: the weighted mean over the clear observations of the input and of all dates
        of the series; where there is none, the least cloudy date.

    Raises:
        OptionError: The sample has no series; choose data that has.

    Example:
        >>> import numpy as np
        >>> from sunbreak.data import Sample, Series
        >>> dates = Series(np.reshape([0.1, 0.4], (2, 1, 1, 1)), np.ones((2, 1, 1)), (0, 30))
        >>> sample = Sample("a", "a", "L2A", ("B02",), np.ones((1, 1, 1)), np.full((1, 1), 3), series=dates)
        >>> weighted_mosaic(sample).round(3)
        array([[[0.181]]], dtype=float32)
    """
    optical, quality, days = _observations(sample)
    total = np.zeros(sample.cloudy.shape)
    weight = np.zeros(sample.cloudy.shape)
    for image, classes, apart in zip(optical, quality, days, strict=True):
        near = _from_cloud(classes) * np.exp(-abs(apart) / FADING_DAYS)
        share = np.where((classes == Quality.CLEAR) & np.isfinite(image), near, 0.0)
        total += share * np.where(share > 0, image, 0.0)
        weight += share
    mean = np.divide(total, weight, out=np.zeros_like(total), where=weight > 0)
    return np.where(weight > 0, mean, least_cloudy(sample)).astype(np.float32)


COMPOSITES: Final[dict[str, Composite]] = {
    "least-cloudy": least_cloudy,
    "temporal-median": temporal_median,
    "weighted-mosaic": weighted_mosaic,
}
"""Every composite by the name of its row."""


def _series(sample: Sample) -> Series:
    if sample.series is None or not sample.series.days:
        raise OptionError(
            f"sample {sample.name} has no other dates to compose from; choose data with a series, such as"
            " collection:PATH,clouds=series or sen12ms-cr-ts:PATH"
        )
    return sample.series


def _observations(sample: Sample) -> tuple[FloatArray, npt.NDArray[np.uint8], tuple[float, ...]]:
    """The input and its series: optical, quality and days, the input first."""
    series = _series(sample)
    optical = np.concatenate([sample.cloudy[np.newaxis], series.optical]).astype(np.float32, copy=False)
    return optical, np.concatenate([sample.quality[np.newaxis], series.quality]), (0.0, *series.days)


def _from_cloud(quality: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Distance to the nearest cloud or shadow, (y, x), 1 from `SAFE_DISTANCE` on."""
    obscured = np.isin(quality, _OBSCURED)
    if not obscured.any():
        return np.ones(quality.shape)
    distance: npt.NDArray[np.float64] = distance_transform_edt(~obscured)
    return np.minimum(distance, SAFE_DISTANCE) / SAFE_DISTANCE
