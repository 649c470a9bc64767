"""The blocks of a product, and how they are gathered in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import xarray as xr

from sunbreak.tiles import Window

OBSERVATIONS: Final = ("clear", "used", "date")
"""What a composite counts of every pixel, see `steps.composite`."""


@dataclass(frozen=True)
class RestoredBlock:
    """One block of the product."""

    window: Window
    """Its place in the scene."""
    reflectance: np.ndarray
    """(band, y, x), of the data type of the scene's optical; NaN = no data."""
    uncertainty: np.ndarray
    """1-sigma error, (band, y, x), float32; 0 where measured, NaN = no data."""
    quality: np.ndarray
    """`legend.Quality`, (y, x), uint8."""
    source: np.ndarray
    """`legend.Source`, (y, x), uint8."""
    land_cover: np.ndarray | None = None
    """WorldCover codes, (y, x), uint8, 255 = unmapped; None when the model maps none."""
    land_cover_probability: np.ndarray | None = None
    """Probability of that class in percent, (y, x), uint8, 0 where unmapped; None when the model maps none."""
    observations: np.ndarray | None = None
    """Of a composite the numbers `OBSERVATIONS`, (3, y, x), uint16; None where one date was restored."""
    optical: np.ndarray | None = None
    """What was restored, (band, y, x), for pictures of before and after; None when it is not known."""


class Gathered:
    """The blocks of one product, in memory."""

    def __init__(self, scene: xr.Dataset, *, land_cover: bool = False, observations: bool = False) -> None:
        """Begin with nothing.

        Args:
            scene: The scene whose grid, bands and encoding the product takes.
            land_cover: Whether the blocks hold land cover.
            observations: Whether they hold observations.
        """
        self._scene = scene
        optical = scene["optical"]
        bands, plane = optical.shape, optical.shape[1:]
        self.arrays: dict[str, np.ndarray] = {
            "reflectance": np.empty(bands, optical.dtype),
            "uncertainty": np.empty(bands, np.float32),
            "quality": np.empty(plane, np.uint8),
            "source": np.empty(plane, np.uint8),
        }
        """The arrays of the product by name."""
        if land_cover:
            self.arrays |= {name: np.empty(plane, np.uint8) for name in ("land_cover", "land_cover_probability")}
        if observations:
            self.arrays["observations"] = np.empty((len(OBSERVATIONS), *plane), np.uint16)

    def add(self, block: RestoredBlock) -> None:
        """Take up a block; from any thread, and in any order.

        Args:
            block: Of the product.
        """
        for name, array in self.arrays.items():
            array[..., block.window.rows, block.window.cols] = getattr(block, name)

    def product(self, attrs: dict[str, Any]) -> xr.Dataset:
        """The product, when all blocks are there.

        Args:
            attrs: Its attributes besides those of the scene.

        Returns:
            A Dataset of the arrays on the grid of the scene.
        """
        lead = {"observations": "observation"}
        dims = {name: (lead.get(name, "band"), "y", "x")[-array.ndim :] for name, array in self.arrays.items()}
        coords: dict[str, Any] = {str(name): self._scene.coords[name] for name in self._scene.coords if name != "pol"}
        if "observations" in self.arrays:
            coords["observation"] = list(OBSERVATIONS)
        variables = {name: (dims[name], array) for name, array in self.arrays.items()}
        product = xr.Dataset(variables, coords=coords, attrs=self._scene.attrs | attrs)
        product["reflectance"].encoding.update(self._scene["optical"].encoding)
        return product
