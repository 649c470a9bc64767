"""The `matched` target: a clear image of another date, brought to the light and season of the input's date."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from sunbreak.metrics.arrays import as_pair

GAIN_RANGE: Final[tuple[float, float]] = (0.7, 1.4)
"""Largest change of contrast; beyond it, the two dates show different land rather than different light."""
MIN_MATCHED_PIXELS: Final = 500
"""Fewest pixels clear in both images for stable means and standard deviations."""


def match_to_input(
    target: npt.ArrayLike,
    observed: npt.ArrayLike,
    clear: npt.ArrayLike,
    *,
    gain_range: tuple[float, float] = GAIN_RANGE,
    min_pixels: int = MIN_MATCHED_PIXELS,
) -> npt.NDArray[np.float64] | None:
    """Bring a clear image to the mean and standard deviation of the input, band by band.

    Mean and standard deviation are taken over the pixels clear in both. A regression would not do: it shrinks the
    target wherever the two dates disagree, and so flatters smooth predictions.

    Args:
        target: Clear image, (band, y, x), reflectance, NaN = missing.
        observed: Input of the other date, (band, y, x), reflectance, NaN = missing.
        clear: (y, x), True where the input is clear.
        gain_range: Smallest and largest ratio of standard deviations.
        min_pixels: Fewest pixels clear in both.

    Returns:
        The matched target, (band, y, x), or None when too few pixels are clear in both.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> target = np.linspace(0.1, 0.3, 100).reshape(1, 10, 10)
        >>> matched = match_to_input(target, 0.02 + 1.2 * target, np.ones((10, 10)), min_pixels=50)
        >>> bool(np.allclose(matched, 0.02 + 1.2 * target))
        True
        >>> match_to_input(target, target, np.zeros((10, 10))) is None
        True
    """
    goal, seen, chosen = as_pair(target, observed, clear)
    chosen = chosen & np.isfinite(goal).all(axis=0) & np.isfinite(seen).all(axis=0)
    if chosen.sum() < max(min_pixels, 1):
        return None
    goal_mean, goal_std = goal[:, chosen].mean(axis=1), goal[:, chosen].std(axis=1)
    seen_mean, seen_std = seen[:, chosen].mean(axis=1), seen[:, chosen].std(axis=1)
    gain = np.ones_like(seen_std)
    np.divide(seen_std, goal_std, out=gain, where=goal_std > 0)
    gain = gain.clip(*gain_range)
    matched: npt.NDArray[np.float64] = (goal - goal_mean[:, None, None]) * gain[:, None, None] + seen_mean[
        :, None, None
    ]
    return matched
