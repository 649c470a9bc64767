"""One heap for all threads of a program."""

from __future__ import annotations

import contextlib
import ctypes
from typing import Final

M_ARENA_MAX: Final = -8
"""Parameter of glibc's `mallopt`: the most heaps."""


def one_heap() -> None:
    """Let the threads of this process share one heap, where the system's allocator is that of glibc.

    By itself it gives every thread a heap of its own, and what one thread frees is of no use to the others. For
    programs, before their threads start; a library leaves this to its user.

    Source:
        glibc manual, "Malloc Tunable Parameters".
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)
