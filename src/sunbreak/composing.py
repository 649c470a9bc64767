"""Compose one image from observations of several dates, pixel by pixel (pure NumPy)."""

from __future__ import annotations

from typing import Final

import numpy as np

MEASURED_SIGMA: Final = 0.01
"""1-sigma distance, in reflectance, of a measured value from the surface that a composite shows: what atmosphere, view
and sun leave. Source: the accuracy aimed at for Sentinel-2 L2A, 0.05 of the reflectance + 0.005, at a reflectance of
0.1. The same for all values, so that dark ones do not weigh more."""
NOT_SEEN: Final = -1
"""Stands for no date."""


def first_true(candidates: np.ndarray) -> np.ndarray:
    """The first date that has something to say of each pixel.

    Args:
        candidates: (date, y, x), bool.

    Returns:
        (y, x), positions of dates; `NOT_SEEN` where none is true.

    Example:
        >>> first_true(np.array([[[False, False]], [[True, False]]])).tolist()
        [[1, -1]]
    """
    if not len(candidates):
        return np.full(candidates.shape[1:], NOT_SEEN)
    return np.where(candidates.any(axis=0), candidates.argmax(axis=0), NOT_SEEN)


def median(values: np.ndarray) -> np.ndarray:
    """Median over dates of every pixel and band.

    Args:
        values: (date, ...), float, NaN = no observation; sorted in place.

    Returns:
        (...): the mean of the middle two where their number is even; NaN where there is none.

    Example:
        >>> median(np.array([[0.9, np.nan], [0.1, np.nan], [np.nan, np.nan]])).tolist()
        [0.5, nan]
    """
    values.sort(axis=0)  # NaN last
    count = np.isfinite(values).sum(axis=0)[np.newaxis]
    low, high = (np.take_along_axis(values, np.maximum(which, 0), axis=0) for which in ((count - 1) // 2, count // 2))
    middle: np.ndarray = ((low + high) / 2)[0]
    return middle


class WeightedMean:
    """Mean of observations that come one after the other, each by the inverse of its variance.

    Source: West (1979), Updating mean and variance estimates, Comm. ACM 22(9); a single observation stays as it is.

    Example:
        >>> mean = WeightedMean((1,), "float64")
        >>> mean.add(np.array([0.1]), np.array([0.01]))
        >>> mean.add(np.array([0.4]), np.array([0.02]))
        >>> round(float(mean.value[0]), 3), round(float(mean.sigma[0]), 4)
        (0.16, 0.0089)
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> None:
        """Begin with nothing.

        Args:
            shape: Of the arrays that are added.
            dtype: Of the mean.
        """
        self._mean, self._weight = np.zeros(shape, dtype), np.zeros(shape, dtype)

    def add(self, values: np.ndarray, sigma: np.ndarray) -> None:
        """Take up a date.

        Args:
            values: Reflectance; NaN = no observation.
            sigma: Its 1-sigma error, of the same shape; above 0, NaN = no observation.
        """
        weight = 1 / np.square(sigma)
        weight[~(np.isfinite(values) & np.isfinite(weight))] = 0
        self._weight += weight
        share = np.divide(weight, self._weight, out=np.zeros_like(self._mean), where=weight > 0)
        self._mean += share * np.where(share > 0, values - self._mean, 0)

    @property
    def value(self) -> np.ndarray:
        """The mean; NaN where nothing was observed."""
        return np.where(self._weight > 0, self._mean, np.nan).astype(self._mean.dtype)

    @property
    def sigma(self) -> np.ndarray:
        """Its 1-sigma error if those of the dates are independent, float32; NaN where nothing was observed."""
        with np.errstate(divide="ignore"):
            sigma = 1 / np.sqrt(self._weight)
        return np.where(np.isfinite(sigma), sigma, np.nan).astype(np.float32)
