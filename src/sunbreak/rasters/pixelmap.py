"""Where a pixel of one grid lies on another, computed for each pixel alone, so that no window changes the answer.

GDAL's warper approximates coordinates along the lines of the window it is asked for: two windows give two answers.
Here transformed coordinates are interpolated on a lattice anchored at the grid's origin, and the rest is elementwise.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pyproj
from affine import Affine

LATTICE: Final = 16
"""Spacing of exactly transformed points, in pixels; between them the error stays below 1e-4 pixels (see `PixelMap`)."""
SAME_PIXEL: Final = 0.01
"""Grids whose pixels lie within this many pixels of each other are the same."""
PROBES: Final = 65
"""Points a side that are looked at to see whether two grids overlap."""
TIE: Final = 1e-6
"""Coordinates this close below a pixel's edge count as on it, so that rounding does not decide."""


@dataclass(frozen=True)
class Grid:
    """A grid: CRS (None without georeferencing), affine transform, height and width."""

    crs: pyproj.CRS | None
    """Coordinate reference system."""
    affine: Affine
    """Pixel coordinates (column, row) to coordinates of the CRS; any invertible one: rotated, sheared, south up."""
    shape: tuple[int, int]
    """Height and width in pixels."""


WORLD: Final = Grid(pyproj.CRS.from_epsg(4326), Affine.identity(), (1, 1))
"""A grid whose pixel coordinates are longitude and latitude in degrees."""


class PixelMap:
    """Maps pixels of a target grid to pixel coordinates of a source grid.

    Between lattice points, coordinates of another CRS are interpolated bilinearly. For a conformal projection such as
    UTM the error is about n² r² tan(latitude) / (8 R) metres with n = 16, pixel size r and Earth radius R:
    5e-4 m, or 5e-5 of a 10 m pixel, at 45 degrees. Source: Taylor expansion of the projection.

    Example:
        >>> near = Grid(None, Affine(10, 0, 0, 0, -10, 0), (4, 4))
        >>> coarse = Grid(None, Affine(20, 0, 0, 0, -20, 0), (2, 2))
        >>> PixelMap(near, coarse).coordinates(slice(0, 1), slice(2, 3))[0].tolist()
        [[1.25]]
    """

    def __init__(self, target: Grid, source: Grid) -> None:
        """Prepare the way from target to source.

        Args:
            target: The grid that is asked for.
            source: The grid that has the pixels.
        """
        self.target, self.source = target, source
        crs = (target.crs, source.crs)
        self._same_crs = None in crs or crs[0] == crs[1] or crs[0].equals(crs[1], ignore_axis_order=True)  # type: ignore[union-attr]
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"target": self.target, "source": self.source}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def _transformer(self) -> pyproj.Transformer:
        if not hasattr(self._local, "transformer"):
            self._local.transformer = pyproj.Transformer.from_crs(self.target.crs, self.source.crs, always_xy=True)
        transformer: pyproj.Transformer = self._local.transformer
        return transformer

    def exact(self, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Transform pixel coordinates of the target to those of the source, point by point.

        Args:
            u: Columns on the target, float64; 0 is the left edge of the first pixel.
            v: Rows on the target, likewise.

        Returns:
            Columns and rows on the source; not finite where the projection has no answer.
        """
        if self._same_crs:
            return apply(self._direct, u, v)
        x, y = apply(self.target.affine, u, v)
        x, y = self._transformer.transform(x, y, errcheck=False)
        if self.source.crs is not None and self.source.crs.is_geographic:
            height, width = self.source.shape
            centre = self.source.affine.c + self.source.affine.a * width / 2 + self.source.affine.b * height / 2
            x = (x - centre + 180.0) % 360.0 - 180.0 + centre
        return apply(~self.source.affine, x, y)

    @cached_property
    def _direct(self) -> Affine:
        return compose(~self.source.affine, self.target.affine)

    def coordinates(self, rows: slice, cols: slice, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Source coordinates of the centres of target pixels, or of the centres of their parts.

        Args:
            rows: Rows of the target.
            cols: Columns of the target.
            parts: Every pixel is split into `parts` x `parts`.

        Returns:
            Columns and rows on the source, float64, (rows * parts, columns * parts), in pixels from the left and upper
            edge; not finite where the projection has no answer.
        """
        v = (np.arange(rows.start * parts, rows.stop * parts, dtype=np.float64) + 0.5) / parts
        u = (np.arange(cols.start * parts, cols.stop * parts, dtype=np.float64) + 0.5) / parts
        if self._same_crs:
            return apply(self._direct, *np.broadcast_arrays(u[None, :], v[:, None]))
        top, left = rows.start // LATTICE, cols.start // LATTICE
        nodes_v = np.arange(top, (rows.stop - 1) // LATTICE + 2, dtype=np.float64) * LATTICE
        nodes_u = np.arange(left, (cols.stop - 1) // LATTICE + 2, dtype=np.float64) * LATTICE
        node_x, node_y = self.exact(*_mesh(nodes_u, nodes_v))
        i, j = (np.floor(v / LATTICE).astype(int), np.floor(u / LATTICE).astype(int))
        fy, fx = (v / LATTICE - i)[:, None], (u / LATTICE - j)[None, :]
        shape = (nodes_v.size, nodes_u.size)
        with np.errstate(invalid="ignore"):
            x, y = (blend(node.reshape(shape), (i - top, j - left), fy, fx) for node in (node_x, node_y))
        return x, y

    def shift(self) -> tuple[int, int] | None:
        """The whole number of pixels between grids that are the same up to their extent.

        Returns:
            Rows and columns to add to a target position to find the source position; None for different grids.
        """
        height, width = self.target.shape
        u, v = _mesh(np.linspace(0, width, 9), np.linspace(0, height, 9))
        x, y = self.exact(u, v)
        if not (np.isfinite(x).all() and np.isfinite(y).all()):
            return None
        col, row = round(float(x[0])), round(float(y[0]))
        apart = max(np.abs(x - u - col).max(), np.abs(y - v - row).max())
        return (row, col) if apart < SAME_PIXEL else None

    def overlaps(self) -> bool:
        """Whether any part of the target lies on the source.

        Returns:
            True if a probe of one grid, edges included, lies strictly inside the other.
        """
        return _probe(self) or _probe(PixelMap(self.source, self.target))

    def density(self) -> float:
        """Source pixels per target pixel along the denser axis, at the centre of the target or of the overlap.

        Returns:
            For example 6 for a 10 m source under a 60 m target.
        """
        height, width = self.target.shape
        u, v = _mesh(np.linspace(0, width, 9), np.linspace(0, height, 9))
        x, y = self.exact(np.concatenate([u, u + 1, u]), np.concatenate([v, v, v + 1]))
        (x0, x1, x2), (y0, y1, y2) = np.split(x, 3), np.split(y, 3)
        with np.errstate(invalid="ignore"):
            steps = np.stack([np.abs(x1 - x0) + np.abs(x2 - x0), np.abs(y1 - y0) + np.abs(y2 - y0)])
        finite = steps[np.isfinite(steps)]
        return float(np.median(finite)) if finite.size else 1.0


def compose(outer: Affine, inner: Affine) -> Affine:
    """The affine transform that applies `inner`, then `outer`.

    Args:
        outer: Applied last.
        inner: Applied first.

    Returns:
        Their product; written out, because the operator for it differs between releases of affine.
    """
    a, d = outer.a * inner.a + outer.b * inner.d, outer.d * inner.a + outer.e * inner.d
    b, e = outer.a * inner.b + outer.b * inner.e, outer.d * inner.b + outer.e * inner.e
    c, f = outer.a * inner.c + outer.b * inner.f + outer.c, outer.d * inner.c + outer.e * inner.f + outer.f
    return Affine(a, b, c, d, e, f)


def _mesh(u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    columns, rows = np.meshgrid(u, v)
    return columns.ravel(), rows.ravel()


def apply(affine: Affine, u: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Apply an affine transform to points.

    Args:
        affine: The transform.
        u: First coordinates (columns), any shape.
        v: Second coordinates (rows), likewise.

    Returns:
        The transformed coordinates.
    """
    return affine.a * u + affine.b * v + affine.c, affine.d * u + affine.e * v + affine.f


def blend(nodes: np.ndarray, cell: tuple[np.ndarray, np.ndarray], fy: np.ndarray, fx: np.ndarray) -> np.ndarray:
    """Interpolate bilinearly between the nodes of a lattice.

    Args:
        nodes: Values at the nodes, (n, m).
        cell: Rows and columns of the node above and left of every point.
        fy: Share of the way to the node below, (rows, 1).
        fx: Share of the way to the node on the right, (1, columns).

    Returns:
        (rows, columns).
    """
    i, j = cell
    upper, lower = nodes[i], nodes[i + 1]
    above = upper[:, j] + (upper[:, j + 1] - upper[:, j]) * fx
    below = lower[:, j] + (lower[:, j + 1] - lower[:, j]) * fx
    blended: np.ndarray = above + (below - above) * fy
    return blended


def _probe(way: PixelMap) -> bool:
    height, width = way.target.shape
    u, v = _mesh(np.linspace(0, width, PROBES), np.linspace(0, height, PROBES))
    x, y = way.exact(u, v)
    inside = (x > TIE) & (y > TIE) & (x < way.source.shape[1] - TIE) & (y < way.source.shape[0] - TIE)
    return bool(inside.any())


def extent(grid: Grid) -> str:
    """Describe where a grid lies, for a message.

    Args:
        grid: A georeferenced grid.

    Returns:
        Its range of longitude and latitude in degrees.

    Example:
        >>> extent(Grid(WORLD.crs, Affine(0.1, 0, 13, 0, -0.1, 53), (5, 10)))
        'longitude 13.000 to 14.000, latitude 52.500 to 53.000'
    """
    height, width = grid.shape
    lon, lat = PixelMap(grid, WORLD).exact(*_mesh(np.linspace(0, width, 9), np.linspace(0, height, 9)))
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        return "an extent outside the range of its projection"
    return f"longitude {lon.min():.3f} to {lon.max():.3f}, latitude {lat.min():.3f} to {lat.max():.3f}"
