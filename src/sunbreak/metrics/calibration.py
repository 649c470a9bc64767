"""Does the stated uncertainty hold: the share of errors within one and two standard deviations."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.metrics.arrays import as_pair

NORMAL_COVERAGE: Final[tuple[float, float]] = (0.6827, 0.9545)
"""Shares expected of a perfectly stated normal error. Source: the error function, erf(k / sqrt 2)."""


class Coverage(NamedTuple):
    """How many values lie within their stated uncertainty."""

    within_1_sigma: int
    """Values with |error| <= 1 sigma."""
    within_2_sigma: int
    """Values with |error| <= 2 sigma."""
    values: int
    """Values counted: pixels x bands."""

    def shares(self) -> tuple[float, float]:
        """Shares within one and two sigma.

        Returns:
            Two shares in 0..1; NaN when nothing was counted.

        Example:
            >>> Coverage(6, 9, 10).shares()
            (0.6, 0.9)
        """
        count = self.values or float("nan")
        return self.within_1_sigma / count, self.within_2_sigma / count


def coverage(
    prediction: npt.ArrayLike, target: npt.ArrayLike, uncertainty: npt.ArrayLike, mask: npt.ArrayLike
) -> Coverage:
    """Count the errors within one and two standard deviations.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        uncertainty: 1-sigma error estimate, (band, y, x), reflectance; values without an estimate (NaN) are left out.
        mask: (y, x), True at the restored pixels to be counted.

    Returns:
        The counts, which may be added up over images.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> coverage([[[0.1, 0.2]]], [[[0.1, 0.5]]], [[[0.1, 0.1]]], [[True, True]]).shares()
        (0.5, 0.5)
    """
    first, second, chosen = as_pair(prediction, target, mask)
    sigma = as_pair(uncertainty, target, None)[0][:, chosen]
    error = np.abs(first[:, chosen] - second[:, chosen])
    counted = np.isfinite(sigma) & np.isfinite(error)
    error, sigma = error[counted], sigma[counted]
    return Coverage(int((error <= sigma).sum()), int((error <= 2 * sigma).sum()), int(counted.sum()))
