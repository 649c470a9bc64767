"""What to know when reading scores: what models could not do, and what of the data was left out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from sunbreak.baselines.composites import COMPOSITES
from sunbreak.data.sample import SampleSet

NAMED: Final = 20
"""Most samples that a note names."""
Remarks = dict[tuple[str, str], list[str]]
"""Names of samples by whom a remark is about and what it says; its last word leads to the names."""


def told(remarks: Mapping[tuple[str, str], Sequence[str]], models: Sequence[str]) -> Iterator[str]:
    """Put remarks into words.

    Args:
        remarks: The remarks.
        models: The rows that are shown; remarks on composites that are not are left out.

    Yields:
        One note a remark.

    Example:
        >>> list(told({("mine", "could not restore, scored as the input, in"): ["a", "b"]}, ["mine"]))
        ['mine: could not restore, scored as the input, in a, b']
    """
    for (who, what), names in remarks.items():
        if who not in COMPOSITES or who in models:
            more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
            yield f"{who}: {what} {', '.join(names[:NAMED])}{more}"


def left_out(samples: SampleSet) -> Iterator[str]:
    """Say what the SPEC covers and the scores do not.

    Args:
        samples: The data.

    Yields:
        One note a reason.
    """
    reasons: dict[str, list[str]] = {}
    for skipped in samples.skipped:
        reasons.setdefault(skipped.reason, []).append(skipped.name)
    yield from told({("data", f"left out ({reason}):"): names for reason, names in reasons.items()}, ())
