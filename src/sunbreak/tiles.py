"""Blocks, patches and blending; pure NumPy.

Two grids, both anchored at the scene's origin. *Blocks* are what the engine holds in memory; their size never changes
a result. *Patches* are what a network sees: networks pool over the whole patch, so a patch must always lie at the same
place. Neighbouring patches overlap and are blended with weights that fall to zero along a cosine.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunbreak.errors import OptionError

BLOCK: Final = 512
"""Default side of a block in pixels."""


@dataclass(frozen=True)
class Window:
    """A rectangle of pixels; `rows` and `cols` are slices into the scene."""

    top: int
    """First row."""
    left: int
    """First column."""
    height: int
    """Number of rows."""
    width: int
    """Number of columns."""

    @property
    def rows(self) -> slice:
        """Rows as a slice."""
        return slice(self.top, self.top + self.height)

    @property
    def cols(self) -> slice:
        """Columns as a slice."""
        return slice(self.left, self.left + self.width)

    def grown(self, halo: int, shape: tuple[int, int]) -> Window:
        """The window with a margin on all sides, cut at the borders of the scene.

        Args:
            halo: Margin in pixels.
            shape: Height and width of the scene.

        Returns:
            The larger window.
        """
        top, left = max(self.top - halo, 0), max(self.left - halo, 0)
        bottom, right = min(self.rows.stop + halo, shape[0]), min(self.cols.stop + halo, shape[1])
        return Window(top, left, bottom - top, right - left)

    def intersection(self, other: Window) -> Window | None:
        """The part that two windows share, or None.

        Args:
            other: Another window of the same scene.

        Returns:
            The common window, None if there is none.
        """
        top, left = max(self.top, other.top), max(self.left, other.left)
        height, width = min(self.rows.stop, other.rows.stop) - top, min(self.cols.stop, other.cols.stop) - left
        return Window(top, left, height, width) if height > 0 and width > 0 else None

    def inside(self, outer: Window) -> tuple[slice, slice]:
        """Where this window lies in an array that holds a larger one.

        Args:
            outer: The window of the array; contains this one.

        Returns:
            Rows and columns into that array.
        """
        top, left = self.top - outer.top, self.left - outer.left
        return slice(top, top + self.height), slice(left, left + self.width)


def blocks(shape: tuple[int, int], size: int = BLOCK, width: int | None = None) -> Iterator[Window]:
    """Cut a scene into blocks, row by row, each pixel once.

    Args:
        shape: Height and width of the scene.
        size: Height of a block.
        width: Its width; None for squares.

    Yields:
        The blocks; those at the right and bottom border are smaller.

    Example:
        >>> [(block.height, block.width) for block in blocks((3, 5), 3)]
        [(3, 3), (3, 2)]
    """
    across = size if width is None else width
    for top in range(0, shape[0], size):
        for left in range(0, shape[1], across):
            yield Window(top, left, min(size, shape[0] - top), min(across, shape[1] - left))


@dataclass(frozen=True)
class PatchGrid:
    """The patches of a scene, on one grid anchored at its origin; the last ones may reach beyond its border."""

    shape: tuple[int, int]
    """Height and width of the scene."""
    patch: int = 256
    """Side of a patch in pixels."""
    overlap: int = 32
    """Pixels that neighbouring patches share."""

    def __post_init__(self) -> None:
        if not 0 <= 2 * self.overlap <= self.patch:
            raise OptionError(f"overlap {self.overlap}: must lie between 0 and half the patch ({self.patch // 2})")

    @property
    def stride(self) -> int:
        """Distance between the origins of neighbouring patches."""
        return self.patch - self.overlap

    def touching(self, window: Window) -> Iterator[Window]:
        """All patches that share pixels with a window, row by row.

        Args:
            window: A window of the scene.

        Yields:
            Patches, always of full size.
        """
        for top in self._origins(window.top, window.rows.stop, self.shape[0]):
            for left in self._origins(window.left, window.cols.stop, self.shape[1]):
                yield Window(top, left, self.patch, self.patch)

    def _origins(self, start: int, stop: int, size: int) -> range:
        last = max(0, -(-(size - self.patch) // self.stride))  # the patch that reaches the far border
        first = max(0, (start - self.patch) // self.stride + 1)
        return range(first * self.stride, min(last * self.stride, stop - 1) + 1, self.stride)

    def weights(self) -> np.ndarray:
        """Blending weights of a patch: 1 in its middle, falling to 0 along a cosine over the overlap.

        Returns:
            (patch, patch), float32; over the whole grid the weights of a pixel sum to 1, except at the scene's border,
            where they must be normalised.
        """
        ramp = 0.5 - 0.5 * np.cos(np.pi * (np.arange(self.overlap) + 0.5) / max(self.overlap, 1))
        profile = np.concatenate([ramp, np.ones(self.patch - 2 * self.overlap), ramp[::-1]])
        return np.outer(profile, profile).astype(np.float32)


def padded(array: np.ndarray, window: Window, target: Window) -> np.ndarray:
    """Cut or extend an array to another window; pixels outside repeat the nearest ones by mirroring.

    Args:
        array: (..., y, x), the content of `window`.
        window: Where the array lies in the scene.
        target: The window wanted; shares pixels with `window`.

    Returns:
        (..., target.height, target.width).
    """
    rows = _mirrored(np.arange(target.top, target.top + target.height), window.top, window.height)
    cols = _mirrored(np.arange(target.left, target.left + target.width), window.left, window.width)
    out: np.ndarray = array[..., rows[:, np.newaxis], cols[np.newaxis, :]]
    return out


def _mirrored(index: np.ndarray, start: int, size: int) -> np.ndarray:
    folded = np.abs(index - start) % max(2 * size - 2, 1)
    mirrored: np.ndarray = np.where(folded < size, folded, 2 * size - 2 - folded)
    return mirrored
