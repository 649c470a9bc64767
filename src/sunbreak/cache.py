"""What is kept from one run to the next, in the user's folder for caches; nothing is lost when it is deleted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from pathlib import Path
from typing import Final

KEPT: Final = 8
"""Networks; a compiled one takes some 15 MB, and a user has few of them."""


def cache_folder(name: str) -> Path:
    """The folder for one kind of thing, whether it is there or not.

    Args:
        name: What is kept in it.

    Returns:
        `$XDG_CACHE_HOME/sunbreak/NAME`, or `~/.cache/sunbreak/NAME`.

    Source:
        XDG Base Directory Specification.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "sunbreak" / name


def load(key: str) -> bytes | None:
    """What was kept under a key.

    Args:
        key: From `digest`.

    Returns:
        None where nothing was kept, or another user could have written it, or it is not whole.
    """
    path = cache_folder("compiled") / key
    try:
        with path.open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.getuid() or stat.S_IMODE(about.st_mode) & 0o022:
                return None
            told, content = file.read(64), file.read()
    except OSError:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # the longest unused goes first
    return content if digest(content) == told.decode(errors="replace") else None


def keep(key: str, content: bytes) -> None:
    """Keep something for later runs; where that cannot be, they do without.

    Args:
        key: From `digest`.
        content: What `load` gives back.
    """
    folder = cache_folder("compiled")
    partial = folder / f".{key}.{os.getpid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            partial.touch(mode=0o600)
            partial.write_bytes(digest(content).encode() + content)
            partial.replace(folder / key)
        finally:
            partial.unlink(missing_ok=True)
        # what a killed process has left behind goes the same way
        for old in sorted(folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            old.unlink(missing_ok=True)


def digest(content: bytes) -> str:
    """SHA-256 in hexadecimal digits.

    Args:
        content: Any bytes.

    Returns:
        64 digits.
    """
    return hashlib.sha256(content).hexdigest()
