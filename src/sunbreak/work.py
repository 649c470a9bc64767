"""How work runs: progress bars that count pixels, and threads that do not fight over the cores."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Final, TypeVar

from threadpoolctl import threadpool_limits

from sunbreak.tiles import Window

MOST_THREADS: Final = 8
"""Each thread holds a block and its cells, some 100 MB with 13 bands."""
THREADS: Final = int(os.environ.get("SUNBREAK_THREADS") or min(len(os.sched_getaffinity(0)), MOST_THREADS))
"""Blocks in work at the same time: the processors that this process may use, or what SUNBREAK_THREADS says."""

Result = TypeVar("Result")


class Bar:
    """A progress bar over the pixels of a scene."""

    def __init__(self, shape: tuple[int, int], label: str, *, shown: bool) -> None:
        """Prepare the bar.

        Args:
            shape: Height and width of the scene.
            label: What is being done.
            shown: Whether to show it; without a terminal it stays silent.
        """
        self._bar = None
        if shown and sys.stderr.isatty():
            from tqdm import tqdm  # not for nothing: its import takes longer than a small scene

            self._bar = tqdm(
                total=shape[0] * shape[1] / 1e6,
                desc=f"{label:<10}",
                bar_format="{desc} {percentage:3.0f}% |{bar}| {n:.1f}/{total:.1f} Mpx [{elapsed}<{remaining}]",
                leave=False,
            )

    def advance(self, window: Window) -> None:
        """Count the pixels of a finished window.

        Args:
            window: The window.
        """
        if self._bar is not None:
            self._bar.update(window.height * window.width / 1e6)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()


def one_blas_thread() -> threadpool_limits:
    """Keep BLAS to one thread while blocks are worked on side by side.

    Returns:
        A context manager. Sums then have one order whatever the number of cores, so results do, too.
    """
    return threadpool_limits(1, user_api="blas")


def side_by_side(function: Callable[[Window], Result], windows: Iterable[Window], bar: Bar) -> Iterator[Result]:
    """Work on a few windows at a time, a little ahead of whoever takes the results.

    Args:
        function: Works on one window, in any thread.
        windows: The windows.
        bar: Advances with every result taken.

    Yields:
        The results, in the order of the windows.
    """
    waiting: deque[tuple[Window, Future[Result]]] = deque()

    def taken() -> Result:
        window, future = waiting.popleft()
        result = future.result()
        bar.advance(window)
        return result

    with one_blas_thread(), ThreadPoolExecutor(THREADS) as pool:
        try:
            for window in windows:
                waiting.append((window, pool.submit(function, window)))
                if len(waiting) > THREADS:
                    yield taken()
            while waiting:
                yield taken()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
