"""How much of a published data set is there: what a folder holds against the counts of its lists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Final, NamedTuple

from sunbreak.data.sample import SampleSet
from sunbreak.data.sen12ms_cr import ALL, EXACT, open_sen12ms_cr
from sunbreak.data.splits import read_splits

COUNTED: Final = "sen12ms-cr"
"""The kind of data whose patches are counted in its lists."""
NAMED: Final = 5
"""Absent regions that are named."""


class Incomplete(NamedTuple):
    """A region of which a part is there."""

    region: str
    """Canonical name."""
    found: int
    """Patches with all the files that the SPEC asks for."""
    expected: int
    """Patches of the published region."""

    def __str__(self) -> str:
        return f"{self.region}: {self.found:,} of {self.expected:,} patches"


class Completeness(NamedTuple):
    """What is there of the regions that a SPEC covers; a part is no mistake, since many keep only a part."""

    found: int
    """Patches that are there."""
    expected: int
    """Patches of the published data set."""
    regions: int
    """Regions of the published data set."""
    incomplete: tuple[Incomplete, ...]
    """Regions of which some patches are there and some are not."""
    absent: tuple[str, ...]
    """Regions of which nothing is there."""

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not self.incomplete and not self.absent

    def lines(self) -> Iterator[str]:
        """Put it in words.

        Returns:
            Lines: the sum, the first of the regions that are absent, and every incomplete one.
        """
        yield f"holds    {self.found:,} of {self.expected:,} patches{': complete' if self.whole else ''}"
        if self.absent:
            more = f" and {len(self.absent) - NAMED:,} more" if len(self.absent) > NAMED else ""
            named = ", ".join(self.absent[:NAMED])
            yield f"         {len(self.absent):,} of {self.regions:,} regions are not here: {named}{more}"
        if self.incomplete:
            yield f"         incomplete regions: {len(self.incomplete):,}"
            yield from (f"           {one}" for one in self.incomplete)


def completeness(samples: SampleSet) -> Completeness | None:
    """Compare what is there with what was published.

    Args:
        samples: Samples of a SPEC; what its option `n` leaves out is there all the same.

    Returns:
        The comparison by region; None for data whose patches nobody counted.
    """
    spec = samples.spec
    if spec.kind != COUNTED:
        return None
    if spec["n"]:
        options = {**spec.options, "n": 0, "land_cover": ""}
        samples = open_sen12ms_cr(replace(spec, options=options, given=spec.given - {"seed"}))
    listed = read_splits(COUNTED).regions
    splits = EXACT if spec["split"] == ALL else (spec["split"],)
    expected = {region: count or 0 for split in splits for region, count in listed[split].items()}
    found = Counter(entry.region for entry in samples.entries)
    return Completeness(
        found=len(samples),
        expected=sum(expected.values()),
        regions=len(expected),
        incomplete=tuple(
            Incomplete(region, found[region], count) for region, count in expected.items() if 0 < found[region] < count
        ),
        absent=tuple(region for region in expected if not found[region]),
    )
