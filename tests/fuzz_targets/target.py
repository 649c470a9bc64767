"""What a target is."""

from collections.abc import Callable
from typing import Any, NamedTuple

from hypothesis import strategies as st

SMALL = slice(0, 8)


class Target(NamedTuple):
    """A reader and its spoilt inputs."""

    cases: st.SearchStrategy[Any]
    """Draws spoilt inputs."""
    run: Callable[[Any], object]
    """Reads one; may raise errors of ours only."""


def whole(path, content, read_it):
    """Write the content, and read it."""
    path.write_bytes(content)
    return read_it(path)
