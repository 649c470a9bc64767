"""Coarse meshes under a window: long waves are computed on few points and refined to pixels.

The mesh is anchored at absolute pixel 0, so that the same node has the same value for every window that needs it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from sunbreak.simulate.noise import (
    Doubles,
    Floats,
    Grid,
    key_of,
    lattice_noise,
    point_noise,
    scalar,
    separable,
    spline_taps,
)

MARGIN: Final = 3
"""Nodes of the mesh beyond the window: two for the spline, one for differences between nodes."""


@dataclass(frozen=True)
class Mesh:
    """Nodes every `step` pixels that cover a window with a margin."""

    grid: Grid
    """The window."""
    step: int
    """Pixels between nodes."""

    @cached_property
    def _first(self) -> tuple[int, int]:
        return self.grid.row // self.step - MARGIN, self.grid.col // self.step - MARGIN

    @cached_property
    def nodes(self) -> tuple[Doubles, Doubles]:
        """Row and column positions of the nodes in pixels, each (n, m)."""
        top, left = self._first
        bottom = (self.grid.row + self.grid.height) // self.step + MARGIN + 1
        right = (self.grid.col + self.grid.width) // self.step + MARGIN + 1
        y = np.arange(top, bottom, dtype=np.float64)[:, np.newaxis] * self.step
        x = np.arange(left, right, dtype=np.float64)[np.newaxis, :] * self.step
        shape = (y.shape[0], x.shape[1])
        return np.broadcast_to(y, shape), np.broadcast_to(x, shape)

    def refine(self, values: Floats) -> Floats:
        """Bring values at the nodes to every pixel of the window.

        Args:
            values: (n, m) at the nodes.

        Returns:
            (y, x) on the window: the cubic B-spline surface over the nodes.
        """
        rows, wy = spline_taps(self.grid.y / self.step)
        cols, wx = spline_taps(self.grid.x / self.step)
        taps = np.arange(4, dtype=np.int64)[:, np.newaxis]
        return separable(values, rows + taps - self._first[0], wy, cols + taps - self._first[1], wx)


@dataclass(frozen=True)
class Octaves:
    """A fractal: octaves of smooth noise, each half as long and `gain` times as high as the one before."""

    longest: float
    """Lattice spacing of the longest octave in pixels; features are about twice as long."""
    shortest: float
    """Lattice spacing below which no octave is added, in pixels."""
    gain: float
    """Height ratio of successive octaves: 0.5 smooth, 0.8 as rough as liquid water path in clouds."""

    def ladder(self) -> list[tuple[float, float]]:
        """Spacings and heights of the octaves.

        Returns:
            Pairs (spacing in pixels, height), heights scaled so that the sum has standard deviation 1.
        """
        spacings = []
        spacing = self.longest
        while spacing >= self.shortest:
            spacings.append(spacing)
            spacing /= 2.03  # not exactly 2, so that nodes of octaves do not fall together
        heights = np.array([self.gain**k for k in range(len(spacings))])
        heights /= np.sqrt((heights**2).sum())
        return list(zip(spacings, heights.tolist(), strict=True))


def fractal_at(y: Doubles, x: Doubles, octaves: Octaves, key: int, *, above: float = 0.0) -> Floats:
    """Evaluate a fractal at scattered points.

    Args:
        y: Row positions in pixels, (n, m).
        x: Column positions in pixels, (n, m).
        octaves: Its octaves.
        key: Key of the field.
        above: Leave out octaves with a shorter spacing than this.

    Returns:
        (n, m) float32; mean 0, standard deviation 1 with all octaves.
    """
    out = np.zeros(y.shape, np.float32)
    for index, (spacing, height) in enumerate(octaves.ladder()):
        if spacing >= above:
            out += np.float32(height) * point_noise(y, x, spacing, key_of(key, f"octave{index}"))
    return out


def fractal(mesh: Mesh, octaves: Octaves, key: int, warp: tuple[Floats, Floats] | None = None) -> Floats:
    """Evaluate a fractal on every pixel of a window: long octaves on the mesh, short ones on the pixels.

    Args:
        mesh: Mesh under the window.
        octaves: Its octaves.
        key: Key of the field.
        warp: Displacement of the mesh's nodes in pixels (rows, columns), each (n, m); bends the long octaves.

    Returns:
        (y, x) float32, mean 0, standard deviation 1.
    """
    y, x = mesh.nodes
    if warp is not None:
        y, x = y + warp[0], x + warp[1]
    limit = 3.0 * mesh.step
    out = mesh.refine(fractal_at(y, x, octaves, key, above=limit))
    for index, (spacing, height) in enumerate(octaves.ladder()):
        if spacing < limit:
            fine = lattice_noise(mesh.grid.y, mesh.grid.x, spacing, key_of(key, f"octave{index}"))
            fine *= np.float32(height)
            out += fine
    return out


def swirl(mesh: Mesh, spacing: float, reach: float, key: int) -> tuple[Floats, Floats]:
    """A smooth displacement of the mesh's nodes that bends straight and lattice-bound shapes.

    Args:
        mesh: The mesh.
        spacing: Lattice spacing of the displacement in pixels.
        reach: Standard deviation of the displacement in pixels.
        key: Key of the field.

    Returns:
        Displacement of rows and of columns, each (n, m) in pixels.
    """
    y, x = mesh.nodes
    rows = np.float32(reach) * point_noise(y, x, spacing, key_of(key, "rows"))
    return rows, np.float32(reach) * point_noise(y, x, spacing, key_of(key, "cols"))


def between(low: float, high: float, key: int, index: int = 0) -> float:
    """Draw one number from a range for a whole scene.

    Args:
        low: Lower end.
        high: Upper end.
        key: Key of the quantity.
        index: Which of several draws.

    Returns:
        A number between both ends.
    """
    return low + (high - low) * scalar(key, index)
