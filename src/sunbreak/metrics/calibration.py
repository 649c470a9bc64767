"""Does the stated uncertainty hold: shares of errors within one and two sigma, and the log likelihood."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.bands import UNCERTAINTY_SCALE
from sunbreak.metrics.arrays import as_pair

NORMAL_COVERAGE: Final[tuple[float, float]] = (0.6827, 0.9545)
"""Shares expected of a perfectly stated normal error. Source: the error function, erf(k / sqrt 2)."""
MIN_SIGMA: Final = UNCERTAINTY_SCALE
"""Smallest sigma that counts in the likelihood, the step in which `uncertainty.tif` stores it: a value stated without
error would otherwise decide the mean of millions."""


class Coverage(NamedTuple):
    """How well the stated uncertainty of a set of values holds."""

    within_1_sigma: int
    """Values with |error| <= 1 sigma."""
    within_2_sigma: int
    """Values with |error| <= 2 sigma."""
    values: int
    """Values counted: pixels x bands."""
    nll_sum: float = 0.0
    """Sum of their Gaussian negative log likelihoods in nats."""

    def shares(self) -> tuple[float, float]:
        """Shares within one and two sigma.

        Returns:
            Two shares in 0..1; NaN when nothing was counted.

        Example:
            >>> Coverage(6, 9, 10).shares()
            (0.6, 0.9)
        """
        count = self.values or math.nan
        return self.within_1_sigma / count, self.within_2_sigma / count

    def nll(self) -> float:
        """Mean negative log likelihood.

        Returns:
            Nats a value; NaN when nothing was counted.

        Example:
            >>> Coverage(6, 9, 10, -20.0).nll()
            -2.0
        """
        return self.nll_sum / self.values if self.values else math.nan


def add_up(parts: Iterable[Coverage]) -> Coverage:
    """Add up what was counted image by image.

    Args:
        parts: Counts of single images.

    Returns:
        Counts of all of them.

    Example:
        >>> add_up([Coverage(1, 2, 2, 0.5), Coverage(1, 1, 2, 1.5)])
        Coverage(within_1_sigma=2, within_2_sigma=3, values=4, nll_sum=2.0)
    """
    counted = list(parts)
    one, two, values = (sum(int(part[index]) for part in counted) for index in range(3))
    return Coverage(one, two, values, math.fsum(part.nll_sum for part in counted))


def gaussian_nll(error: npt.ArrayLike, sigma: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Negative log likelihood of errors under normal distributions of mean 0.

    Args:
        error: Errors in reflectance, any shape.
        sigma: Their stated standard deviations in reflectance; below `MIN_SIGMA` they count as that.

    Returns:
        Nats a value; the lower, the better.

    Source:
        Bishop 2006, "Pattern recognition and machine learning", equation 1.46.

    Example:
        >>> gaussian_nll([0.0, 1.0], [1.0, 1.0]).round(4)
        array([0.9189, 1.4189])
    """
    spread = np.maximum(np.asarray(sigma, dtype=np.float64), MIN_SIGMA)
    terms: npt.NDArray[np.float64] = (
        0.5 * math.log(2 * math.pi) + np.log(spread) + 0.5 * np.square(np.asarray(error, dtype=np.float64) / spread)
    )
    return terms


def counted_errors(
    prediction: npt.ArrayLike, target: npt.ArrayLike, uncertainty: npt.ArrayLike, mask: npt.ArrayLike
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """The values that have an error and a stated uncertainty.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        uncertainty: 1-sigma error estimate, (band, y, x), reflectance; values without an estimate (NaN) are left out.
        mask: (y, x), True at the restored pixels to be counted.

    Returns:
        Absolute errors and sigmas, (value,), reflectance.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> counted_errors([[[0.5, 0.25]]], [[[0.25, 0.25]]], [[[0.1, np.nan]]], [[True, True]])
        (array([0.25]), array([0.1]))
    """
    first, second, chosen = as_pair(prediction, target, mask)
    sigma = as_pair(uncertainty, target, None)[0][:, chosen]
    error = np.abs(first[:, chosen] - second[:, chosen])
    counted = np.isfinite(sigma) & np.isfinite(error)
    return error[counted], sigma[counted]


def count(error: npt.NDArray[np.float64], sigma: npt.NDArray[np.float64]) -> Coverage:
    """Count errors within one and two standard deviations, and add up their log likelihoods.

    Args:
        error: Absolute errors, from `counted_errors`.
        sigma: Their stated standard deviations.

    Returns:
        The counts.

    Example:
        >>> count(np.array([0.1, 0.3]), np.array([0.2, 0.2]))[:3]
        (1, 2, 2)
    """
    one, two = (int((error <= times * sigma).sum()) for times in (1, 2))
    return Coverage(one, two, error.size, float(gaussian_nll(error, sigma).sum()))


def coverage(
    prediction: npt.ArrayLike, target: npt.ArrayLike, uncertainty: npt.ArrayLike, mask: npt.ArrayLike
) -> Coverage:
    """Judge the stated uncertainty of one image.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        uncertainty: 1-sigma error estimate, (band, y, x), reflectance; values without an estimate (NaN) are left out.
        mask: (y, x), True at the restored pixels to be counted.

    Returns:
        The counts, which `add_up` adds up over images.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> coverage([[[0.1, 0.2]]], [[[0.1, 0.5]]], [[[0.1, 0.1]]], [[True, True]]).shares()
        (0.5, 0.5)
    """
    return count(*counted_errors(prediction, target, uncertainty, mask))
