"""Quality from the layers that a product brings: its scene classification and its cloud probability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunbreak.errors import QualityError
from sunbreak.legend import SCL_TO_QUALITY, Quality
from sunbreak.rasters.lazy import WindowedArray
from sunbreak.rasters.pixelmap import Grid
from sunbreak.rasters.pooled import Raster
from sunbreak.steps.align import OUTSIDE, ClassWindows, relate

THIN_PERCENT: Final = 35
"""Cloud probability from which on a pixel is not clear; Sen2Cor calls it cloud of medium probability from here on."""
THICK_PERCENT: Final = 65
"""Cloud probability from which on it is thick cloud; that of high probability."""
SNOW: Final = 11
"""Code of the scene classification for snow, which the probability takes for cloud."""
_UNKNOWN: Final = 255


@dataclass(frozen=True)
class LayerWindows:
    """Loads windows of quality from a product's layers.

    The scene classification rules; what it calls clear, snow apart, is thin cloud where the probability says cloud.
    Without a classification the probability decides alone.
    """

    classes: ClassWindows | None
    """The scene classification."""
    probability: ClassWindows | None
    """The cloud probability in percent."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Not used.
            rows: Rows of the scene.
            cols: Columns of the scene.

        Returns:
            `Quality`, (y, x), uint8.

        Raises:
            QualityError: The classification holds a code that none has.
        """
        percent = None if self.probability is None else self.probability(None, rows, cols)
        if self.classes is None:
            known = np.zeros((rows.stop - rows.start, cols.stop - cols.start), int) if percent is None else percent
            cloud = [known >= THICK_PERCENT, known >= THIN_PERCENT]
            found = np.select(cloud, [Quality.THICK_CLOUD, Quality.THIN_CLOUD], Quality.CLEAR)
            return found.astype(np.uint8)
        codes = self.classes(None, rows, cols)
        quality: np.ndarray = _TABLE[np.where(codes == OUTSIDE, 0, codes)]
        if (quality == _UNKNOWN).any():
            unknown = sorted({int(code) for code in np.unique(codes[quality == _UNKNOWN])})
            raise QualityError(
                f"{self.classes.file.path}: holds the codes {unknown}, which no scene classification has;"
                " pass --quality FILE, or --mask rule"
            )
        if percent is not None:
            doubtful = (quality == Quality.CLEAR) & (percent >= THIN_PERCENT) & (codes != SNOW)
            quality = np.where(doubtful, np.uint8(Quality.THIN_CLOUD), quality)
        return quality


_TABLE: Final = np.full(256, _UNKNOWN, np.uint8)
for _code, _quality in SCL_TO_QUALITY.items():
    _TABLE[_code] = _quality


def layer_quality(classes: Raster | None, probability: Raster | None, grid: Grid, name: str) -> WindowedArray | None:
    """Quality of a scene from the layers that its product brings.

    Args:
        classes: Scene classification, on any grid that overlaps.
        probability: Cloud probability in percent, likewise.
        grid: The optical grid.
        name: The optical input, for messages.

    Returns:
        (y, x), uint8, lazy; None without layers.

    Raises:
        GeometryError: A layer does not lie on the scene.
    """
    if classes is None and probability is None:
        return None
    layers = (None if one is None else ClassWindows(one, relate(one, grid, name), 1) for one in (classes, probability))
    return WindowedArray(grid.shape, np.uint8, LayerWindows(*layers))
