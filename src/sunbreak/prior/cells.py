"""Cells: the squares of a scene in which the prior is fitted and worked out, on one grid anchored at its origin."""

from __future__ import annotations

from collections.abc import Iterator

from sunbreak.prior.regression import CELL
from sunbreak.tiles import Window


def touching(window: Window, shape: tuple[int, int]) -> Iterator[Window]:
    """The cells that a window touches, row by row.

    Args:
        window: A window of the scene.
        shape: Height and width of the scene.

    Yields:
        The cells, cut at the scene's border only.

    Example:
        >>> [(cell.left, cell.width) for cell in touching(Window(0, 200, 10, 100), (300, 400))]
        [(0, 256), (256, 144)]
    """
    for top in range(window.top // CELL * CELL, window.rows.stop, CELL):
        for left in range(window.left // CELL * CELL, window.cols.stop, CELL):
            yield Window(top, left, min(CELL, shape[0] - top), min(CELL, shape[1] - left))
