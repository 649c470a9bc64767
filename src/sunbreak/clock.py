"""Where the time goes: seconds of all threads by what they were spent on, while somebody collects them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

_LOCK: Final = threading.Lock()
_OF_THREAD: Final = threading.local()
_collected: dict[str, float] | None = None


@contextlib.contextmanager
def spent_on(name: str) -> Iterator[None]:
    """Count the time of a piece of work, without that of the named pieces inside it.

    Args:
        name: What the work is.
    """
    if _collected is None:
        yield
        return
    inner: list[float] = getattr(_OF_THREAD, "inner", [])
    _OF_THREAD.inner = inner
    inner.append(0.0)
    start = time.perf_counter()
    try:
        yield
    finally:
        whole = time.perf_counter() - start
        own = whole - inner.pop()
        if inner:
            inner[-1] += whole
        with _LOCK:
            if _collected is not None:
                _collected[name] += own


@contextlib.contextmanager
def collecting() -> Iterator[dict[str, float]]:
    """Collect the time that all threads of this process spend from here on.

    Yields:
        Seconds by name; of work in several threads, the sum over them.

    Example:
        >>> with collecting() as seconds, spent_on("outer"), spent_on("inner"):
        ...     pass
        >>> sorted(seconds)
        ['inner', 'outer']
    """
    global _collected  # noqa: PLW0603 - one collector a process, whatever thread works
    before, _collected = _collected, defaultdict(float)
    try:
        yield _collected
    finally:
        _collected = before
