"""From the pixels of a map to lines and samples of a GRD image, with the height of the ground at every pixel.

Lines and samples are worked out exactly on a lattice anchored at the grid's origin, for three heights; in between they
are interpolated bilinearly in place and by a parabola in height, elementwise: no window changes the answer. On a
lattice of 16 pixels of 10 m the first costs 5e-4 m, and over 9 km of height the second less than 0.01 m.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from sunbreak.grd.orbit import RangeDoppler
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.pixelmap import LATTICE, WORLD, Grid, PixelMap, blend
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.resample import bilinear, source_window

LEVELS: Final = (-500.0, 4000.0, 8500.0)
"""Heights in metres for which the lattice is worked out: from the Dead Sea to Everest."""


class RadarMap:
    """Maps pixels of a target grid to pixel coordinates of a GRD image, as `PixelMap` does between maps."""

    def __init__(self, target: Grid, geometry: RangeDoppler, dem: Raster | None = None, geoid: float = 0.0) -> None:
        """Prepare the way from a map to the image.

        Args:
            target: The georeferenced grid that is asked for.
            geometry: Of the image.
            dem: Heights of the ground, on any grid; where it tells none, and without it, those of the geolocation grid
                of the image stand.
            geoid: Metres added to the heights of `dem` to make them heights above the ellipsoid.
        """
        from scipy.interpolate import RegularGridInterpolator  # a tenth of a second, for GRD products only

        self.target, self.geometry, self.dem, self.geoid = target, geometry, dem, geoid
        self._world = PixelMap(target, WORLD)
        self._to_dem = None
        if dem is not None:
            self._to_dem = PixelMap(target, Grid(as_crs(dem.crs, str(dem.path)), dem.transform, dem.shape))
        grid = geometry.annotation.grid
        self._told = RegularGridInterpolator((grid.line, grid.sample), grid.height)

    def __getstate__(self) -> dict[str, Any]:
        return {"target": self.target, "geometry": self.geometry, "dem": self.dem, "geoid": self.geoid}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    def coordinates(self, rows: slice, cols: slice, parts: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Image coordinates of the centres of target pixels, or of the centres of their parts.

        Args:
            rows: Rows of the target.
            cols: Columns of the target.
            parts: Every pixel is split into `parts` x `parts`.

        Returns:
            Samples and lines, float64, (rows * parts, columns * parts), from the left and upper edge of the image; NaN
            where the radar did not look.
        """
        v = (np.arange(rows.start * parts, rows.stop * parts, dtype=np.float64) + 0.5) / parts
        u = (np.arange(cols.start * parts, cols.stop * parts, dtype=np.float64) + 0.5) / parts
        top, left = rows.start // LATTICE, cols.start // LATTICE
        nodes_v = np.arange(top, (rows.stop - 1) // LATTICE + 2, dtype=np.float64) * LATTICE
        nodes_u = np.arange(left, (cols.stop - 1) // LATTICE + 2, dtype=np.float64) * LATTICE
        mesh_u, mesh_v = np.meshgrid(nodes_u, nodes_v)
        lon, lat = self._world.exact(mesh_u.ravel(), mesh_v.ravel())
        found = [self.geometry.pixel(lon, lat, height) for height in LEVELS]
        i, j = (np.floor(v / LATTICE).astype(int), np.floor(u / LATTICE).astype(int))
        fy, fx = (v / LATTICE - i)[:, None], (u / LATTICE - j)[None, :]

        def between(nodes: np.ndarray) -> np.ndarray:
            return blend(nodes.reshape(mesh_u.shape), (i - top, j - left), fy, fx)

        grid = self.geometry.annotation.grid
        line, sample = found[0]
        line, sample = np.clip(line, *grid.line[[0, -1]]), np.clip(sample, *grid.sample[[0, -1]])
        height = between(self._told(np.stack([line, sample], axis=-1)))
        if self.dem is not None and self._to_dem is not None:
            measured = self._measured(self.dem, self._to_dem.coordinates(rows, cols, parts))
            height = np.where(np.isfinite(measured), measured, height)
        line, sample = (_parabola([between(level[axis]) for level in found], height) for axis in (0, 1))
        return sample + 0.5, line + 0.5

    def _measured(self, dem: Raster, at: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Heights of the elevation model above the ellipsoid; NaN where it tells none."""
        u, v = at
        found = source_window(u, v, dem.shape, margin=1)
        if found is None:
            return np.full(u.shape, np.nan)
        inside, source_rows, source_cols = found
        stored = dem.read(source_rows, source_cols, [1]).astype(np.float64)
        if dem.nodata is not None:
            stored[stored == dem.nodata] = np.nan
        u, v = np.where(inside, u - source_cols.start, 0.0), np.where(inside, v - source_rows.start, 0.0)
        return np.where(inside, bilinear(stored, u, v)[0] + self.geoid, np.nan)


def _parabola(known: list[np.ndarray], height: np.ndarray) -> np.ndarray:
    """Lagrange's parabola through three levels."""
    low, middle, high = LEVELS
    a, b, c = height - low, height - middle, height - high
    first = known[0] * (b * c) / ((low - middle) * (low - high))
    second = known[1] * (a * c) / ((middle - low) * (middle - high))
    third = known[2] * (a * b) / ((high - low) * (high - middle))
    total: np.ndarray = first + second + third
    return total
