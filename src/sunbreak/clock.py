"""Where the time goes: seconds by what they were spent on, while somebody collects them."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True)
class Seconds:
    """Seconds by name, without those of the named pieces inside each."""

    main: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of the thread that collects: they add up to the time that passes."""
    others: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    """Of all other threads together."""
    outer: Seconds | None = None
    """Whoever was collecting before is told, too."""
    _collector: int = field(default_factory=threading.get_ident)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, name: str, seconds: float) -> None:
        """Count a piece of work of the calling thread.

        Args:
            name: What the work was.
            seconds: How long it took.
        """
        with self._lock:
            (self.main if threading.get_ident() == self._collector else self.others)[name] += seconds
        if self.outer is not None:
            self.outer.add(name, seconds)

    def rounded(self) -> dict[str, float]:
        """What an item tells: the seconds of `main` by name, to hundredths."""
        return {name: round(value, 2) for name, value in self.main.items()}


_OF_THREAD: Final = threading.local()
_collected: Seconds | None = None


@contextlib.contextmanager
def spent_on(name: str) -> Iterator[None]:
    """Count the time of a piece of work, without that of the named pieces inside it; free while nobody collects.

    Args:
        name: What the work is.
    """
    collected = _collected
    if collected is None:
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
        collected.add(name, whole - inner.pop())
        if inner:
            inner[-1] += whole


@contextlib.contextmanager
def collecting() -> Iterator[Seconds]:
    """Collect the time that all threads of this process spend from here on.

    Yields:
        The seconds.

    Example:
        >>> with collecting() as seconds, spent_on("outer"), spent_on("inner"):
        ...     pass
        >>> sorted(seconds.main)
        ['inner', 'outer']
    """
    global _collected  # noqa: PLW0603 - one collector a process, whatever thread works
    before, _collected = _collected, Seconds(outer=_collected)
    try:
        yield _collected
    finally:
        _collected = before
