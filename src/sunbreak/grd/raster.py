"""A GRD product as a raster of backscatter in the geometry of the radar: every window is calibrated when it is read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from scipy import ndimage

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.grd.annotation import Annotation
from sunbreak.grd.calibration import Noise, Table
from sunbreak.radiometry.backscatter import RadarStorage
from sunbreak.rasters.pooled import PooledRaster, Raster

FLOOR: Final = 10 ** (RADAR_DB_RANGE[0] / 10)
"""Power that stands for what noise removal leaves at less, or below zero: still valid, and dark."""
CHUNK: Final = 256
"""Lines whose borders are looked for together."""
MEAN: Final = 65
"""Samples over which power is averaged to tell an imaged line from its border."""
OF_NOISE: Final = 0.5
"""Share of the thermal noise below which the mean power is that of no image: noise adds to whatever was imaged."""
KEPT: Final = 64
"""Chunks whose borders are remembered."""


class GrdRaster(Raster):
    """Backscatter sigma0 in linear power, NaN where there is no image; lines and samples instead of a map."""

    costly = True

    def __init__(
        self, path: Path, images: Sequence[PooledRaster], annotations: Sequence[Annotation],
        tables: Sequence[tuple[Table, Noise]],
    ) -> None:  # fmt: skip
        """Put the parts of a product together; nothing is read.

        Args:
            path: The product, for messages.
            images: Digital numbers, one raster a polarisation.
            annotations: Of each.
            tables: Calibration and noise of each.
        """
        self.path, self.images, self.tables = path, tuple(images), tuple(tables)
        self.annotations = tuple(annotations)
        self.shape, self.count, self.dtype = images[0].shape, len(images), np.dtype(np.float32)
        self.crs, self.transform, self.has_gcps, self.nodata = None, Affine.identity(), True, None
        self.descriptions = tuple(one.polarisation for one in annotations)
        self.scales, self.offsets = (1.0,) * self.count, (0.0,) * self.count
        self.tags: dict[str, str] = {}
        self.imagery_tags: dict[str, str] = {}
        self._borders = lru_cache(KEPT)(self._find_borders)

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path, "images": self.images, "annotations": self.annotations, "tables": self.tables}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(**state)  # type: ignore[misc]

    @property
    def storage(self) -> RadarStorage:
        """How backscatter is held."""
        pols = tuple(str(name) for name in self.descriptions)
        return RadarStorage(tuple(range(1, self.count + 1)), pols, "power", None, self.scales, self.offsets)

    def read(self, rows: slice, cols: slice, indexes: Sequence[int] | None = None) -> np.ndarray:
        """Read calibrated backscatter of a window, see `Raster.read`."""
        places = [int(index) - 1 for index in indexes] if indexes is not None else list(range(self.count))
        imaged = self._imaged(rows, cols)
        out = np.full((len(places), *imaged.shape), np.nan, np.float32)
        for plane, place in zip(out, places, strict=True):
            stored = self.images[place].read(rows, cols, [1])[0]
            calibration, noise = self.tables[place]
            power = stored.astype(np.float64) ** 2 - noise.window(rows, cols)
            power /= calibration.window(rows, cols) ** 2
            valid = imaged & (stored > 0)
            plane[valid] = np.maximum(power[valid], FLOOR)
        return out

    def overview(self, shape: tuple[int, int], indexes: Sequence[int]) -> np.ndarray:
        """Read single lines and samples at even distances, see `Raster.overview`."""
        lines, samples = (((np.arange(few) + 0.5) * full / few).astype(int)
                          for full, few in zip(self.shape, shape, strict=True))  # fmt: skip
        whole = slice(0, self.shape[1])
        return np.stack([self.read(slice(at, at + 1), whole, indexes)[:, 0, samples] for at in lines], axis=1)

    def _imaged(self, rows: slice, cols: slice) -> np.ndarray:
        """Where a window lies inside the borders."""
        sides = [self._borders(chunk) for chunk in range(rows.start // CHUNK, (rows.stop - 1) // CHUNK + 1)]
        first = rows.start // CHUNK * CHUNK
        left, right = (
            np.concatenate(side)[rows.start - first : rows.stop - first] for side in zip(*sides, strict=True)
        )
        samples = np.arange(cols.start, cols.stop)
        return np.asarray((samples >= left[:, None]) & (samples < right[:, None]))

    def _find_borders(self, chunk: int) -> tuple[np.ndarray, np.ndarray]:
        """First sample, and the one after the last, of the lines of a chunk that were imaged.

        Borders hold zeros, in products before March 2018 faint remains of processing; both are weaker than the thermal
        noise, which no imaged line is.
        """
        rows, cols = slice(chunk * CHUNK, min((chunk + 1) * CHUNK, self.shape[0])), slice(0, self.shape[1])
        power = self.images[0].read(rows, cols, [1])[0].astype(np.float32) ** 2
        mean = ndimage.uniform_filter1d(power, MEAN, axis=1, mode="nearest")
        enough = mean > np.maximum(OF_NOISE * self.tables[0][1].window(rows, cols), 1.0)
        found = enough.any(axis=1)
        left = np.where(found, enough.argmax(axis=1), self.shape[1])
        right = np.where(found, self.shape[1] - enough[:, ::-1].argmax(axis=1), 0)
        # the mean reaches over the border from its brighter side
        left = np.where(left > 0, np.minimum(left + MEAN, self.shape[1]), 0)
        right = np.where(right < self.shape[1], np.maximum(right - MEAN, 0), right)
        return left, right
