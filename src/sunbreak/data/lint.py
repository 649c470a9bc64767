"""The leak linter: do two lists of data, anyone's, hold the same ground?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, get_args

from sunbreak.data.listing import Listing, Patch, read_listing
from sunbreak.errors import OptionError
from sunbreak.terminal import aligned

Matching = Literal["exact", "substring"]
"""How the training code picks regions: by equal names, or wherever a name of its list stands inside another name."""
MATCHINGS: Final[tuple[Matching, ...]] = get_args(Matching)
HOLDERS: Final = 3
"""Entries of the training list that are named beside a region."""


class Shared(NamedTuple):
    """A region that is in both lists."""

    region: str
    """Canonical name."""
    holders: tuple[str, ...]
    """Entries of the training list that take it in: itself, or names that it contains."""
    patches: int | None
    """Its patches in the test list; None if nobody knows."""
    same: int | None
    """Patches that are in both lists."""
    overlapping: int | None
    """Patches of the test list that show ground of the training list, `same` included."""


@dataclass(frozen=True)
class LintReport:
    """What two lists have in common."""

    train: Listing
    """The training list."""
    test: Listing
    """The test list."""
    matching: Matching
    """How regions were picked."""
    shared: tuple[Shared, ...]
    """The regions in both, sorted by name."""

    @property
    def shared_regions(self) -> tuple[str, ...]:
        """Names of the regions in both, sorted."""
        return tuple(one.region for one in self.shared)

    @property
    def shared_patches(self) -> int:
        """Number of patches in both; a region listed whole stands for all its patches, where their number is known."""
        return sum(one.same or 0 for one in self.shared)

    @property
    def overlapping(self) -> int:
        """Number of patches of the test list that show ground of the training list, those in both included."""
        return sum(one.overlapping or 0 for one in self.shared)

    def text(self) -> str:
        """Put the report in words.

        Returns:
            Both lists, the regions in common with their patches, and what was not understood.
        """
        return "\n".join(_lines(self))


def lint(train: str, test: str, *, matching: Matching = "exact") -> LintReport:
    """Look for ground that is both in a training and in a test list.

    Args:
        train: A list file, a folder, a data SPEC, or NAME/SPLIT, see `listing.read_listing`. A SPEC without a split
            means what `sunbreak train` would take of it: the train split.
        test: Likewise; a SPEC without a split means what `sunbreak evaluate` would take of it.
        matching: `substring` if the training code takes every region whose path contains an entry of its list; that
            concerns entries that name a whole region.

    Returns:
        Shared regions and patches.

    Raises:
        OptionError: A list cannot be read or names no region; the message shows what is understood.

    Example:
        >>> report = lint("sen12ms-cr/train", "sen12ms-cr/test", matching="substring")
        >>> len(report.shared_regions), report.shared_patches
        (6, 4764)
        >>> lint("sen12ms-cr/train", "sen12ms-cr/test").shared_regions
        ()
    """
    if matching not in MATCHINGS:
        raise OptionError(f"matching {matching!r} is unknown; choose from {', '.join(MATCHINGS)}")
    lists = read_listing(train, training=True), read_listing(test)
    return LintReport(*lists, matching, tuple(_shared(*lists, matching)))


def _shared(train: Listing, test: Listing, matching: Matching) -> Iterator[Shared]:
    held = set(train.regions)
    for region in test.regions:
        holders = [region] if region in held else []
        if matching == "substring":
            holders += [entry for entry in sorted(train.whole) if entry in region and entry != region]
        if not holders:
            continue
        count = test.count(region)
        if count is None and region in train.whole:
            count = train.whole[region]
        if any(entry in train.whole for entry in holders):
            same = overlapping = count
        elif region in test.whole:
            same = overlapping = train.count(region)
        else:
            same, overlapping = _common(train.patches[region], test.patches[region])
        yield Shared(region, tuple(holders), count, same, overlapping)


def _common(train: frozenset[Patch], test: frozenset[Patch]) -> tuple[int, int]:
    """How many test patches are in the training list, and how many overlap one of it (see `listing.overlap`)."""
    labels = {patch.label for patch in train}
    cells = {patch.cell for patch in train if patch.cell is not None}
    near = {(row + down, column + right) for row, column in cells for down in (-1, 0, 1) for right in (-1, 0, 1)}
    same = sum(patch.label in labels for patch in test)
    return same, sum(patch.label in labels or patch.cell in near for patch in test)


def _lines(report: LintReport) -> Iterator[str]:
    yield f"train     {_summary(report.train)}"
    yield f"test      {_summary(report.test)}"
    yield f"matching  {report.matching}"
    yield ""
    if not report.shared:
        yield "no region is in both"
    else:
        yield f"{len(report.shared)} of {len(report.test.regions)} regions of test are in train, too"
        table = [["region", "in train as", "patches in test", "also in train", "overlapping train"]]
        for one in report.shared:
            holders = ", ".join(one.holders[:HOLDERS]) + (", ..." if len(one.holders) > HOLDERS else "")
            table.append([one.region, holders, *map(_number, (one.patches, one.same, one.overlapping))])
        if len(report.shared) > 1:
            total = sum(one.patches or 0 for one in report.shared)
            table.append(["all", "", *map(_number, (total, report.shared_patches, report.overlapping))])
        yield from aligned(table, numbers=(2, 3, 4))
        if any(None in one for one in report.shared):
            yield "?: the region is listed without its patches, and how many it has is not known; sums leave it out"
    for role, listing in (("train", report.train), ("test", report.test)):
        if listing.unread:
            shown = ", ".join(map(repr, listing.examples))
            yield f"{role}: {listing.unread:,} of {listing.entries:,} entries name no region: {shown}"


def _summary(listing: Listing) -> str:
    counts = [listing.count(region) for region in listing.regions]
    unknown = counts.count(None)
    patches = f"{sum(count or 0 for count in counts):,} patches" if unknown < len(counts) else ""
    whole = f"{unknown} of them without a number of patches" if 0 < unknown < len(counts) else ""
    return ", ".join(part for part in (f"{listing.name}: {len(counts)} regions", patches, whole) if part)


def _number(value: int | None) -> str:
    return "?" if value is None else f"{value:,}"
