"""How work runs: progress bars that count pixels, and threads that do not fight over the cores."""

from __future__ import annotations

import sys
from types import TracebackType

from threadpoolctl import threadpool_limits
from tqdm import tqdm

from sunbreak.tiles import Window


class Bar:
    """A progress bar over the pixels of a scene."""

    def __init__(self, shape: tuple[int, int], label: str, *, shown: bool) -> None:
        """Prepare the bar.

        Args:
            shape: Height and width of the scene.
            label: What is being done.
            shown: Whether to show it; without a terminal it stays silent.
        """
        self._bar = tqdm(
            total=shape[0] * shape[1] / 1e6,
            desc=f"{label:<10}",
            bar_format="{desc} {percentage:3.0f}% |{bar}| {n:.1f}/{total:.1f} Mpx [{elapsed}<{remaining}]",
            disable=not shown or not sys.stderr.isatty(),
            leave=False,
        )

    def advance(self, window: Window) -> None:
        """Count the pixels of a finished window.

        Args:
            window: The window.
        """
        self._bar.update(window.height * window.width / 1e6)

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()


def one_blas_thread() -> threadpool_limits:
    """Keep BLAS to one thread while blocks are worked on side by side.

    Returns:
        A context manager. Sums then have one order whatever the number of cores, so results do, too.
    """
    return threadpool_limits(1, user_api="blas")
