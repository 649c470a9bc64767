"""Single files that are whole, or as they were before."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from sunbreak.errors import OutputError


@contextlib.contextmanager
def replaced(file: Path) -> Iterator[Path]:
    """Write a file so that it is whole, or as it was before.

    Args:
        file: The file; a link stays one, and a pipe or a device is written to as it is.

    Yields:
        Where to write it.

    Raises:
        OutputError: Writing failed.
    """
    unfinished = None
    try:
        special = file.exists() and not file.is_file()  # nothing can take the place of a pipe or a device
        place = file if special else file.resolve()
        if not special:
            unfinished = place.with_name(f".{place.name}.{os.getpid()}")
        yield unfinished or place
        if unfinished is not None:
            unfinished.replace(place)
    except OSError as error:
        raise OutputError(f"{file}: writing failed ({error.strerror})") from error
    finally:
        if unfinished is not None:
            with contextlib.suppress(OSError):
                unfinished.unlink(missing_ok=True)
