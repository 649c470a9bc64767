"""What a check of a data set found, and the report that says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from sunbreak.data.completeness import Completeness
from sunbreak.data.ranges import Floor, Range
from sunbreak.terminal import aligned

NAMED: Final = 8
"""Regions named in a line of the report."""


class Problem(NamedTuple):
    """Something that is wrong with a data set."""

    what: str
    """What is wrong."""
    where: str
    """File, sample or region."""


@dataclass(frozen=True)
class CheckReport:
    """What a check found."""

    data: str
    """The SPEC."""
    split: str
    """Name of the split."""
    files: int | None
    """Files read from end to end; None if only some samples were looked at."""
    nbytes: int
    """Their size in bytes."""
    samples: int
    """Samples of the SPEC."""
    looked_at: int
    """How many of them could be read and were looked at."""
    regions: int
    """Regions of the SPEC."""
    left_out: tuple[tuple[str, int], ...]
    """Reasons for which something is no sample, and how often; of a collection, which lists other files too."""
    completeness: Completeness | None
    """How much of the published data set is there; None where nobody counted it."""
    ranges: tuple[Range, ...]
    """Values by sort of image and band."""
    floors: tuple[Floor, ...]
    """What the offset looks like by region."""
    problems: tuple[Problem, ...]
    """Everything that is wrong, in the order found."""

    def text(self) -> str:
        """Put the report in words.

        Returns:
            Counts, values, offset, and every problem with its file, sample or region.
        """
        return "\n".join(_lines(self))


def _lines(report: CheckReport) -> Iterator[str]:
    yield f"data     {report.data}   split {report.split}"
    if report.files is not None:
        yield f"files    {report.files:,} read, {report.nbytes / 1e9:,.2f} GB"
    yield f"samples  {report.looked_at:,} of {report.samples:,} looked at, in {report.regions:,} regions"
    for reason, count in report.left_out:
        yield f"         {count:,} left out: {reason}"
    if report.completeness is not None:
        yield from report.completeness.lines()
    if report.ranges:
        yield ""
        yield from _table(report.ranges)
        yield "reflectance (1.0 = 100 %), radar in dB; the median of every fourth pixel"
    yield from _offsets(report.floors)
    yield ""
    count = len(report.problems)
    yield f"{count:,} problem{'s' * (count > 1)}" if count else f"nothing is wrong{_with_what(report)}"
    yield from (f"  {one.where}: {one.what}" for one in report.problems)


def _with_what(report: CheckReport) -> str:
    """What the good news is limited to."""
    part, looked_at = report.completeness, report.looked_at
    if looked_at < max(report.samples, part.found if part is not None else 0):
        return f" with the {looked_at:,} sample{'s' * (looked_at > 1)} looked at"
    if part is not None and not part.whole:
        return f" with the {looked_at:,} patch{'es' * (looked_at > 1)} that {'are' if looked_at > 1 else 'is'} here"
    return ""


def _table(ranges: Sequence[Range]) -> Iterator[str]:
    rows = [["image", "band", "min", "median", "max", "no data"]]
    for one in ranges:
        digits = 1 if one.image == "radar" else 4
        values = [f"{value:.{digits}f}" for value in (one.low, one.median, one.high)]
        rows.append([one.image, one.band, *values, f"{100 * one.missing:.1f} %"])
    yield from aligned(rows, numbers=(2, 3, 4, 5))


def _offsets(floors: Sequence[Floor]) -> Iterator[str]:
    for offset in sorted({floor.offset for floor in floors}, reverse=True):
        own = [floor for floor in floors if floor.offset == offset]
        dark = [floor.cirrus for floor in own if floor.cirrus == floor.cirrus]
        shown = f"; the dark end of B10 lies at DN {min(dark):,.0f} to {max(dark):,.0f}" if dark else ""
        yield f"offset   the reader adds {offset} to the DN of {len(own):,} regions{shown}"
        wrong = [floor.region for floor in own if floor.contrary]
        if wrong:
            more = f" and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
            yield f"         the other offset shows in {len(wrong):,} of them: {', '.join(wrong[:NAMED])}{more}"
