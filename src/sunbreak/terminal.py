"""What users see: tables in straight columns, and our own lines on the error stream instead of those of libraries."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from typing import TextIO

from sunbreak.errors import SunbreakWarning


def aligned(rows: Sequence[Sequence[str]], numbers: Collection[int] = ()) -> Iterator[str]:
    """Lay out the rows of a table in straight columns.

    Args:
        rows: The cells of each row, all rows of one length, the head among them.
        numbers: Columns that stand to the right, by position; words stand to the left.

    Yields:
        One line a row, without spaces at its end.

    Example:
        >>> list(aligned([["model", "n"], ["cloudy", "12"], ["mine", "7"]], numbers=[1]))
        ['model    n', 'cloudy  12', 'mine     7']
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        padded = (cell.rjust(width) if at in numbers else cell.ljust(width) for at, (cell, width) in enumerate(cells))
        yield "  ".join(padded).rstrip()


def one_line(text: str) -> str:
    r"""Make one line of a text that may hold words of a file: a terminal would obey control characters in them.

    Args:
        text: The text.

    Returns:
        The line, with what cannot be printed written as an escape.

    Example:
        >>> one_line("item \x1b[2J:\n  is empty")
        'item \\x1b[2J: is empty'
    """
    line = " ".join(text.split())
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in line)


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """Print our warnings in one line and drop those of libraries; takes the place of `warnings.showwarning`."""
    if issubclass(category, SunbreakWarning):
        print(f"warning: {one_line(str(message))}", file=sys.stderr)


@contextlib.contextmanager
def only_our_errors(*, shown: bool) -> Iterator[None]:
    """Keep what C libraries print on the error stream by themselves (libtiff on a full disk) away from the user."""
    original = sys.__stderr__
    if shown or original is None or sys.stderr is not original:
        yield
        return
    kept = os.dup(2)
    ours, theirs = os.fdopen(kept, "w", buffering=1), os.open(os.devnull, os.O_WRONLY)
    try:
        original.flush()
        os.dup2(theirs, 2)
        sys.stderr = ours
        yield
    finally:
        sys.stderr = original
        ours.flush()
        os.dup2(kept, 2)
        os.close(theirs)
        ours.close()
