"""Does the uncertainty know where the errors are: what is left of the error when the least certain values are rejected.

Exact curves need every error and sigma of a data set sorted. Here both are counted in narrow classes instead, so that
the memory is the same for one image and for ten thousand; values of one class count as equally certain.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.integrate import trapezoid
from scipy.special import erfinv

from sunbreak.metrics.calibration import MIN_SIGMA

Floats = npt.NDArray[np.float64]

CLASSES: Final = 512
"""Classes of errors and of sigmas."""
RANGE: Final = (1e-6, 10.0)
"""Their range in reflectance, in equal steps of the logarithm (3.2 % a class); values beyond count at its ends."""
REJECTED: Final[tuple[float, ...]] = tuple(round(0.05 * step, 2) for step in range(20))
"""Shares of values that are rejected: 0, 5, ... 95 %."""
EXPECTED: Final[tuple[float, ...]] = REJECTED[1:]
"""Shares of errors at which a calibration curve is taken: 5, 10, ... 95 %."""
_WIDTHS: Final = math.sqrt(2) * erfinv(np.array(EXPECTED))


class Sparsification(NamedTuple):
    """Error of the values kept, by share rejected."""

    rejected: Floats
    """Shares rejected, `REJECTED`."""
    rmse: Floats
    """Root mean squared error of the values kept, in reflectance, when the least certain are rejected."""
    oracle: Floats
    """The same when the largest errors are rejected: no order does better."""

    def ause(self) -> float:
        """Area between the two curves, each divided by the error of all values.

        Returns:
            0 for an uncertainty that sorts the errors perfectly; about 0.5 for one that says nothing.

        Source:
            Ilg et al. 2018, "Uncertainty estimates and multi-hypotheses networks for optical flow", section 4.2.

        Example:
            >>> shares = np.array([0.0, 0.5])
            >>> Sparsification(shares, np.array([0.2, 0.2]), np.array([0.2, 0.0])).ause()
            0.25
        """
        if not self.oracle[0] > 0:
            return 0.0 if self.oracle[0] == 0 else math.nan
        return float(trapezoid((self.rmse - self.oracle) / self.oracle[0], self.rejected))


@dataclass(frozen=True, eq=False)
class ErrorClasses:
    """Errors and stated uncertainties of any number of values, in bounded memory."""

    by_sigma: Floats
    """(2, class): number of values and sum of their squared errors, by sigma."""
    by_error: Floats
    """(2, class): the same by absolute error."""
    within: Floats
    """(share,): number of errors within the interval that should hold each share of `EXPECTED`."""

    @property
    def values(self) -> int:
        """Number of values."""
        return int(self.by_sigma[0].sum())

    def sparsification(self) -> Sparsification:
        """The error of what is kept when more and more is rejected.

        Returns:
            The curve of the uncertainty and that of the oracle; NaN throughout without values.

        Example:
            >>> classes = classify(np.array([0.01, 0.1, 0.2]), np.array([0.01, 0.1, 0.2]))
            >>> curve = classes.sparsification()
            >>> bool((curve.rmse == curve.oracle).all()), round(float(curve.rmse[0]), 4)
            (True, 0.1292)
        """
        return Sparsification(np.array(REJECTED), _kept(self.by_sigma), _kept(self.by_error))

    def calibration(self) -> Floats:
        """The calibration curve: how many errors lie within intervals of growing width.

        Returns:
            Observed shares at the shares of `EXPECTED`; above them the uncertainty is stated too large.

        Example:
            >>> classes = classify(np.full(4, 0.1), np.array([0.01, 0.1, 0.2, 1.0]))
            >>> [float(classes.calibration()[EXPECTED.index(share)]) for share in (0.1, 0.5, 0.9)]
            [0.25, 0.5, 0.75]
        """
        return self.within / (self.values or math.nan)


def classify(error: Floats, sigma: Floats) -> ErrorClasses:
    """Count the errors of one image.

    Args:
        error: Absolute errors, (value,), reflectance.
        sigma: Their stated standard deviations, (value,), reflectance; below `MIN_SIGMA` they count as that.

    Returns:
        The counts, which `merge` adds up.

    Example:
        >>> classify(np.array([0.1]), np.array([0.2])).values
        1
    """
    spread = np.maximum(sigma, MIN_SIGMA)
    widths = np.searchsorted(_WIDTHS, error / spread)
    within = np.bincount(widths, minlength=len(EXPECTED) + 1)[:-1].cumsum()
    return ErrorClasses(_table(spread, error), _table(error, error), within.astype(np.float64))


def merge(parts: Iterable[ErrorClasses]) -> ErrorClasses:
    """Add up what was counted image by image.

    Args:
        parts: Counts of single images.

    Returns:
        Counts of all of them.

    Example:
        >>> one = classify(np.array([0.1]), np.array([0.2]))
        >>> merge([one, one]).values
        2
    """
    empty = ErrorClasses(np.zeros((2, CLASSES)), np.zeros((2, CLASSES)), np.zeros(len(EXPECTED)))
    total = empty
    for part in parts:
        total = ErrorClasses(
            total.by_sigma + part.by_sigma, total.by_error + part.by_error, total.within + part.within
        )  # fmt: skip
    return total


def _table(by: Floats, error: Floats) -> Floats:
    low, high = (math.log(end) for end in RANGE)
    steps = (np.log(np.maximum(by, RANGE[0])) - low) * (CLASSES / (high - low))
    places = np.minimum(steps.astype(np.intp), CLASSES - 1)
    return np.stack([np.bincount(places, weights, CLASSES) for weights in (None, np.square(error))]).astype(np.float64)


def _kept(table: Floats) -> Floats:
    """Error of the share kept, from the lowest class up; a class that is cut keeps its mean error."""
    counts, squares = (np.concatenate([[0.0], row.cumsum()]) for row in table)
    kept = (1 - np.array(REJECTED)) * counts[-1]
    with np.errstate(invalid="ignore"):
        errors: Floats = np.sqrt(np.interp(kept, counts, squares) / kept)
    return errors
