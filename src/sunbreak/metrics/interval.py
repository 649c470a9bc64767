"""Confidence of a mean over patches, when patches come in regions."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

MIN_REGIONS: Final = 8
"""Fewest regions for an interval; patches of one region are too alike to count apart."""
DRAWS: Final = 2000
"""Draws of the bootstrap."""
LEVEL: Final = 0.95
"""Share of the draws inside an interval."""

Interval = tuple[float, float]
"""Lower and upper bound."""


class Difference(NamedTuple):
    """How far one model is from another on the same patches."""

    mean: float
    """Mean over the patches that both scored; NaN where there are none."""
    interval: Interval | None
    """95 % interval of that mean; None with too few regions."""


def resample(parts: npt.ArrayLike, *, seed: int = 0) -> npt.NDArray[np.float64] | None:
    """Draw regions with replacement and add up what they hold.

    Args:
        parts: (region, value), what each region adds to the sums.
        seed: Seed of the draws.

    Returns:
        Array (draw, value) of `DRAWS` sums, or None below `MIN_REGIONS` regions.

    Source:
        Davison, Hinkley 1997, "Bootstrap methods and their application", section 3.8 (cluster bootstrap).

    Example:
        >>> sums = resample(np.ones((8, 1)))
        >>> sums.shape, float(sums.min()), float(sums.max())
        ((2000, 1), 8.0, 8.0)
        >>> resample(np.ones((7, 1))) is None
        True
    """
    held = np.asarray(parts, dtype=np.float64)
    if len(held) < MIN_REGIONS:
        return None
    sums: npt.NDArray[np.float64] = _times_drawn(len(held), seed) @ held
    return sums


def bounds(values: npt.ArrayLike) -> Interval:
    """The interval that holds 95 % of the draws.

    Args:
        values: One value a draw; NaN, a draw without a value, is left out.

    Returns:
        Lower and upper bound.

    Example:
        >>> low, high = bounds(np.linspace(0.0, 1.0, 1001))
        >>> round(low, 3), round(high, 3)
        (0.025, 0.975)
    """
    low, high = np.nanquantile(np.asarray(values, dtype=np.float64), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return float(low), float(high)


def region_interval(values: Sequence[float], regions: Sequence[str], *, seed: int = 0) -> Interval | None:
    """Interval of the mean over patches, by drawing whole regions with replacement.

    Args:
        values: One score a patch; NaN is left out.
        regions: Region of every patch.
        seed: Seed of the draws.

    Returns:
        Lower and upper bound, or None below `MIN_REGIONS` regions.

    Example:
        >>> region_interval([20.0, 30.0], ["a", "b"]) is None
        True
        >>> low, high = region_interval([20.0, 22.0] * 4, list("abcdefgh"))
        >>> low < 21.0 < high
        True
    """
    known = [(value, region) for value, region in zip(values, regions, strict=True) if np.isfinite(value)]
    place = {name: index for index, name in enumerate(sorted({region for _, region in known}))}
    held = np.zeros((len(place), 2))
    for value, region in known:
        held[place[region]] += value, 1
    sums = resample(held, seed=seed)
    return None if sums is None else bounds(sums[:, 0] / sums[:, 1])


def region_difference(values: Sequence[float], others: Sequence[float], regions: Sequence[str]) -> Difference:
    """How far one model is from another, patch by patch, with the interval of the mean.

    Pairing takes out what makes patches easy or hard for both, so this interval decides rankings that the two
    intervals of the means leave open.

    Args:
        values: One score a patch.
        others: Scores of the other model on the same patches; a patch that either has no finite score on is left out.
        regions: Region of every patch.

    Returns:
        Mean of `values` minus `others`, and its interval.

    Example:
        >>> region_difference([21.0, 31.0], [20.0, 30.0], ["a", "b"])
        Difference(mean=1.0, interval=None)
    """
    gains = [
        value - other if np.isfinite(value) and np.isfinite(other) else float("nan")
        for value, other in zip(values, others, strict=True)
    ]
    known = [gain for gain in gains if np.isfinite(gain)]
    return Difference(sum(known) / len(known) if known else float("nan"), region_interval(gains, regions))


@lru_cache(4)
def _times_drawn(regions: int, seed: int) -> npt.NDArray[np.float32]:
    """(draw, region): how often each region comes up; small whole numbers, exact in float32."""
    drawn = np.random.default_rng(seed).integers(0, regions, (DRAWS, regions))
    flat = (drawn + regions * np.arange(DRAWS)[:, np.newaxis]).ravel()
    return np.bincount(flat, minlength=DRAWS * regions).reshape(DRAWS, regions).astype(np.float32)
