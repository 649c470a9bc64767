"""Is one method better than another: over seeds, over patches, and with several comparisons at a time."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics.interval import DRAWS, LEVEL, Interval, bounds


class Estimate(NamedTuple):
    """A mean, and how sure it is."""

    mean: float
    """The mean."""
    interval: Interval
    """Its 95 % interval; NaN where there is none."""
    p: float
    """Probability of a mean at least as far from 0, either way, if the true one were 0; NaN where there is none."""


def seed_interval(values: npt.ArrayLike) -> Estimate:
    """Mean over seeds with Student's t interval, for few values that scatter normally.

    Args:
        values: One value a seed, such as the difference between two methods, (seed,).

    Returns:
        Mean, 95 % interval and two-sided p value against 0; of a single seed only the mean. Equal values leave an
        interval without width, and p is 0, or 1 where they are 0.

    Raises:
        OptionError: There is no value; give that of at least one seed.

    Source:
        Student 1908, "The probable error of a mean", Biometrika 6.

    Example:
        >>> mean, (low, high), p = seed_interval([1.0, 2.0, 3.0])
        >>> mean, round(low, 3), round(high, 3), round(p, 3)
        (2.0, -0.484, 4.484, 0.074)
    """
    known = np.asarray(values, dtype=np.float64).ravel()
    if not known.size:
        raise OptionError("an interval over seeds needs the value of at least one seed")
    mean, freedom = float(known.mean()), known.size - 1
    if not freedom:
        return Estimate(mean, (math.nan, math.nan), math.nan)
    error = float(known.std(ddof=1)) / math.sqrt(known.size)
    if error == 0:
        return Estimate(mean, (mean, mean), float(mean == 0))
    reach = float(stats.t.ppf((1 + LEVEL) / 2, freedom)) * error
    return Estimate(mean, (mean - reach, mean + reach), float(2 * stats.t.sf(abs(mean) / error, freedom)))


def paired_bootstrap(first: npt.ArrayLike, second: npt.ArrayLike, *, seed: int = 0) -> Estimate:
    """How much more often one method is right than another on the same patches, had other patches been drawn.

    Patches are drawn with replacement, the same for all seeds and both methods, so that what is common to the seeds and
    what makes patches easy or hard for both is no noise.

    Args:
        first: Whether the first method is right, bool (seed, patch).
        second: The same of the second method, seeds and patches in the same order.
        seed: Seed of the draws.

    Returns:
        Difference of the accuracies, averaged over seeds, its 95 % interval and two-sided p value.

    Raises:
        GeometryError: Shapes differ, are not (seed, patch), or hold nothing.

    Source:
        Davison, Hinkley 1997, "Bootstrap methods and their application", section 5.3 (percentile interval) and
        equation 4.11 (p of a finite number of draws).

    Example:
        >>> mean, (low, high), p = paired_bootstrap([[True] * 40], [[True] * 30 + [False] * 10])
        >>> mean, 0 < low < 0.25 < high < 0.5, p < 0.001
        (0.25, True, True)
    """
    one, other = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if one.ndim != 2 or one.shape != other.shape or not one.size:
        raise GeometryError(f"right answers have shapes {one.shape} and {other.shape}; both must be (seed, patch)")
    seeds, patches = one.shape
    # patches that differ alike are alike, so a draw of patches is a draw of how many of each kind there are
    gains, counts = np.unique(one.sum(axis=0) - other.sum(axis=0), return_counts=True)
    drawn = np.random.default_rng(seed).multinomial(patches, counts / patches, DRAWS) @ gains
    tail = min(int((drawn <= 0).sum()), int((drawn >= 0).sum()))
    return Estimate(
        float(gains @ counts) / (seeds * patches),
        bounds(drawn / (seeds * patches)),
        min(1.0, 2 * (1 + tail) / (1 + DRAWS)),
    )


def holm(p: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Adjust p values of several comparisons, so that all that stay below a level may be believed together.

    Args:
        p: One p value a comparison, (n,), 0..1; NaN, a comparison that could not be made, counts for none.

    Returns:
        Adjusted p values, (n,), in the same order; NaN stays.

    Raises:
        OptionError: A value is outside 0..1.

    Source:
        Holm 1979, "A simple sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6.

    Example:
        >>> holm([0.01, 0.04, 0.03]).round(6)
        array([0.03, 0.06, 0.06])
    """
    raw = np.asarray(p, dtype=np.float64).ravel()
    known = np.flatnonzero(~np.isnan(raw))
    if ((raw[known] < 0) | (raw[known] > 1)).any():
        raise OptionError(f"p values {raw.tolist()} must lie in 0..1")
    order = known[np.argsort(raw[known], kind="stable")]
    adjusted = np.full(raw.size, math.nan)
    times = np.arange(known.size, 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(times * raw[order]), 1.0)
    return adjusted
