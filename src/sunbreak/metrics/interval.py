"""Confidence of a mean over patches, when patches come in regions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

MIN_REGIONS: Final = 8
"""Fewest regions for an interval; patches of one region are too alike to count apart."""
DRAWS: Final = 2000
"""Draws of the bootstrap."""


def region_interval(
    values: Sequence[float], regions: Sequence[str], *, level: float = 0.95, seed: int = 0
) -> tuple[float, float] | None:
    """Interval of the mean over patches, by drawing whole regions with replacement.

    Args:
        values: One score a patch; NaN is left out.
        regions: Region of every patch.
        level: Share of the draws inside the interval.
        seed: Seed of the draws.

    Returns:
        Lower and upper bound, or None below `MIN_REGIONS` regions.

    Source:
        Davison, Hinkley 1997, "Bootstrap methods and their application", section 3.8 (cluster bootstrap).

    Example:
        >>> region_interval([20.0, 30.0], ["a", "b"]) is None
        True
        >>> low, high = region_interval([20.0, 22.0] * 4, list("abcdefgh"))
        >>> low < 21.0 < high
        True
    """
    known = [(value, region) for value, region in zip(values, regions, strict=True) if np.isfinite(value)]
    names = sorted({region for _, region in known})
    if len(names) < MIN_REGIONS:
        return None
    place = {name: index for index, name in enumerate(names)}
    total, count = np.zeros(len(names)), np.zeros(len(names))
    for value, region in known:
        total[place[region]] += value
        count[place[region]] += 1
    drawn = np.random.default_rng(seed).integers(0, len(names), (DRAWS, len(names)))
    means = total[drawn].sum(axis=1) / count[drawn].sum(axis=1)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
