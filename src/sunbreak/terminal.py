"""What users see on the error stream: our own lines, and nothing that libraries print by themselves."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import TextIO

from sunbreak.errors import SunbreakWarning


def show_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
    line: str | None = None,
) -> None:  # fmt: skip
    """Print our warnings in one line and drop those of libraries; takes the place of `warnings.showwarning`."""
    if issubclass(category, SunbreakWarning):
        print(f"warning: {message}", file=sys.stderr)


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
