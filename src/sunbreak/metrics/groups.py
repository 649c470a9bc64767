"""Patches, and the groups of them that averages are taken over: by cloud cover, and by place on Earth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, get_args

By = Literal["coverage", "region"]
"""What patches may be grouped by: their share of cloud, or their place on Earth."""
BYS: Final[tuple[By, ...]] = get_args(By)
BINS: Final[tuple[str, ...]] = ("0-20 %", "20-40 %", "40-60 %", "60-80 %", "80-100 %")
"""Bins of cloud cover; a border belongs to the bin above it, 100 % to the last."""
MIN_FIT_PIXELS: Final = 500
"""Fewest clear pixels for a model to fit on; patches below it show what stands in, not the fit."""


class Patch(NamedTuple):
    """What is known of one scored patch, whatever the model."""

    name: str
    """Name of the sample."""
    region: str
    """Place on Earth, under one name however the data spell it."""
    cloud: float
    """Share of cloud, thin and thick, in the mask before growing, 0..1."""
    fit_pixels: int
    """Pixels that a model can fit on: clear after growing, complete in optical and, if there is any, radar."""

    @property
    def fitted(self) -> bool:
        """Whether there is enough to fit on."""
        return self.fit_pixels >= MIN_FIT_PIXELS


class Group(NamedTuple):
    """Patches that are averaged over."""

    by: Literal["all", "fitted", "coverage", "region"]
    """What they have in common; `fitted`: at least `MIN_FIT_PIXELS` pixels to fit on."""
    name: str
    """Which of the bins or places; in words for the others."""
    patches: frozenset[str]
    """Their names."""


def coverage_bin(cloud: float) -> str:
    """The bin of cloud cover that a patch belongs to.

    Args:
        cloud: Share of cloud, 0..1.

    Returns:
        One of `BINS`.

    Example:
        >>> coverage_bin(0.0), coverage_bin(0.2), coverage_bin(1.0)
        ('0-20 %', '20-40 %', '80-100 %')
    """
    return BINS[min(int(cloud * len(BINS)), len(BINS) - 1)]


def groups(patches: Sequence[Patch], by: Sequence[By] = ()) -> tuple[Group, ...]:
    """The groups to average over.

    Args:
        patches: The patches.
        by: What to group by, beside all of them.

    Returns:
        All patches; those with enough to fit on where that leaves out some; then the groups asked for that hold any.

    Example:
        >>> patches = [Patch("a", "here", 0.1, 900), Patch("b", "there", 0.9, 0)]
        >>> [group.name for group in groups(patches, ["coverage"])]
        ['all 2 patches', 'the 1 patches with at least 500 clear pixels to fit on', '0-20 %', '80-100 %']
    """
    found = [Group("all", f"all {len(patches)} patches", frozenset(patch.name for patch in patches))]
    fitted = frozenset(patch.name for patch in patches if patch.fitted)
    if 0 < len(fitted) < len(patches):
        words = f"the {len(fitted)} patches with at least {MIN_FIT_PIXELS} clear pixels to fit on"
        found.append(Group("fitted", words, fitted))
    if "coverage" in by:
        held = {name: [patch.name for patch in patches if coverage_bin(patch.cloud) == name] for name in BINS}
        found += [Group("coverage", name, frozenset(names)) for name, names in held.items() if names]
    if "region" in by:
        places = sorted({patch.region for patch in patches})
        names_of = {place: frozenset(patch.name for patch in patches if patch.region == place) for place in places}
        found += [Group("region", place, names) for place, names in names_of.items()]
    return tuple(found)
