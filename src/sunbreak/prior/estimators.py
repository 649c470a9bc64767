"""What restores a block: the scene prior and the spatial fill, behind a small protocol that networks share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import ClassVar, Final, NamedTuple, Protocol

import numpy as np
import xarray as xr

from sunbreak.bands import Level
from sunbreak.clock import spent_on
from sunbreak.legend import Quality, Source
from sunbreak.prior import see_through
from sunbreak.prior.cells import touching
from sunbreak.prior.features import at_one_scale
from sunbreak.prior.fill import SpatialFill
from sunbreak.prior.inputs import Inputs, block_inputs
from sunbreak.prior.kriging import Kriging
from sunbreak.prior.layers import Layer
from sunbreak.prior.memory import Memory
from sunbreak.prior.packed import pack, unpack
from sunbreak.prior.regression import CELL
from sunbreak.tiles import Window
from sunbreak.work import THREADS

HIGHEST: Final = 1.6
"""Restored reflectance is clipped to 0 and this: sun-facing snow slopes come near it."""
CELLS_KEPT: Final = 13 * (THREADS // 2 + 3)
"""Cells whose unlooked estimates are remembered: the columns of cells that blocks in work, and the kriging around them,
ask for; about 4 MB each with 13 bands."""


class Unlooked(NamedTuple):
    """What the layers say of a cell without looking at it."""

    radar: np.ndarray
    """Radar smoothed at one scale, (pol, y, x), float32."""
    radar_valid: np.ndarray
    """Where radar is valid, (y, x)."""
    packed: np.ndarray
    """Reflectance by the best layer that is valid, (band, y, x), from `packed.pack`."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float16."""
    layer: np.ndarray
    """Which of the layers, (y, x)."""
    doubt: np.ndarray
    """Which of its `covariances` holds, (y, x)."""

    @property
    def mean(self) -> np.ndarray:
        """Reflectance, (band, y, x), float32; NaN where none knows."""
        return unpack(self.packed)


class Estimate(NamedTuple):
    """A restored block."""

    mean: np.ndarray
    """Reflectance, (band, y, x), float32; meaningless where `source` is 0."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float32."""
    source: np.ndarray
    """`legend.Source`, (y, x), uint8; `NONE` where not wanted."""
    land_cover: np.ndarray | None = None
    """Probabilities of the estimator's classes, (class, y, x), 0 where unknown; None when none is known."""


class Estimator(Protocol):
    """Anything that restores blocks of one scene."""

    @property
    def name(self) -> str:
        """Name recorded in the product."""

    @property
    def land_cover(self) -> tuple[int, ...]:
        """WorldCover codes of the classes it maps; empty when it maps none."""

    @property
    def grain(self) -> int:
        """Pixels of which the top and left of blocks have to be multiples."""

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore the pixels of a block that are neither clear nor without data.

        Args:
            block: Place of the block.
            optical: Reflectance of the block, (band, y, x).
            quality: Quality classes of the block, (y, x).

        Returns:
            The estimate.
        """


@dataclass(frozen=True)
class SceneEstimator:
    """The best of several ways to estimate a pixel without looking at it, corrected by what shines through."""

    name: str
    """Name recorded in the product."""
    scene: xr.Dataset
    """The scene that blocks are taken from."""
    layers: tuple[Layer, ...]
    """Best first: the first that is valid for a pixel estimates it."""
    fill: SpatialFill
    """The clear pixels of the scene; NaN throughout where there is none."""

    land_cover: ClassVar[tuple[int, ...]] = ()
    grain: ClassVar[int] = CELL
    _kriging: Kriging | None = field(init=False, repr=False)
    _cells: Memory[Unlooked] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # the same cell is asked for by its patch, by its kriging and by that of its neighbours
        memory: Memory[Unlooked] = Memory(CELLS_KEPT)
        object.__setattr__(self, "_cells", memory)
        fitted = any(layer.source == Source.SCENE_PRIOR for layer in self.layers)
        work = partial(_unlooked, self.scene, self.layers)
        kriging = Kriging(self.scene, lambda cell: memory(cell, work)) if fitted else None
        object.__setattr__(self, "_kriging", kriging)

    def _cell(self, cell: Window) -> Unlooked:
        return self._cells(cell, partial(_unlooked, self.scene, self.layers))

    def unlooked(self, cell: Window) -> tuple[np.ndarray, np.ndarray]:
        """What would be estimated of every pixel of a cell, clear ones too, without looking at it.

        Args:
            cell: A cell, cut at the scene's border.

        Returns:
            Reflectance by the best of the layers, (band, y, x), uint16, from `packed.pack`; and its correction by
            kriging, (band, y, x), float32, 0 where there is none.
        """
        found = self._cell(cell)
        if self._kriging is None:
            return found.packed, np.zeros(found.packed.shape, np.float32)
        return found.packed, np.where(found.radar_valid, self._kriging.predict(cell), np.float32(0.0))

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore a block; see `Estimator.estimate`."""
        with spent_on("prior"):
            return self._estimated(block, optical, quality)

    def _estimated(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        wanted = is_wanted(quality)
        mean = np.zeros(optical.shape, np.float32)
        sigma = np.zeros(optical.shape, np.float32)
        source = np.zeros(wanted.shape, np.uint8)
        for cell in touching(block, (self.scene.sizes["y"], self.scene.sizes["x"])):
            place = cell.inside(block)
            if not wanted[place].any():
                continue
            found = self._cell(cell)
            mean[:, *place], sigma[:, *place] = found.mean, found.sigma
            for index, layer in enumerate(self.layers):
                here = found.layer == index
                if not here.any():
                    continue
                source[place][here] = layer.source
                doubt = np.where(here, found.doubt, -1)
                self._look(mean[:, *place], sigma[:, *place], optical[:, *place], quality[place], layer, doubt)
        np.clip(mean, 0.0, HIGHEST, out=mean)
        known = wanted & np.isfinite(mean).all(axis=0)
        return Estimate(mean, sigma, np.where(known, source, Source.NONE).astype(np.uint8))

    def _look(
        self,
        mean: np.ndarray,
        sigma: np.ndarray,
        optical: np.ndarray,
        quality: np.ndarray,
        layer: Layer,
        doubt: np.ndarray,
    ) -> None:  # fmt: skip
        """Correct a layer's estimate in place where `doubt` is 0 or more: cloud and shadow apart."""
        bands = [str(name) for name in self.scene["band"].values]
        level: Level = self.scene.attrs["level"]
        cloud = (quality == Quality.THIN_CLOUD) | (quality == Quality.THICK_CLOUD)
        shadow = quality == Quality.SHADOW
        for kind, hypotheses in (
            (cloud, see_through.cloud_hypotheses(bands)),
            (shadow, see_through.shadow_hypotheses(bands, level)),
        ):
            for degree, errors in enumerate(layer.covariances):
                known = kind & (doubt == degree) & np.isfinite(mean).all(axis=0)
                if known.any():
                    mean[:, known], sigma[:, known] = see_through.see_through(
                        mean[:, known], sigma[:, known], errors, optical[:, known], hypotheses, bands
                    )

    def takes_look(self, radar_valid: np.ndarray, look_valid: np.ndarray) -> np.ndarray:
        """Where the estimate rests on a look of another date.

        Args:
            radar_valid: Where radar is valid, (y, x).
            look_valid: Where there is a look, (y, x).

        Returns:
            (y, x), bool.
        """
        nothing = np.zeros((0, *look_valid.shape), np.float32)
        inputs = Inputs(nothing, radar_valid, nothing, look_valid, nothing, radar_valid)
        takes, left = np.zeros(look_valid.shape, bool), np.ones(look_valid.shape, bool)
        for layer in self.layers:
            here = layer.valid(inputs) & left
            takes |= here & (layer.source == Source.REFERENCE_DATE)
            left &= ~here
        return takes


def _unlooked(scene: xr.Dataset, layers: Sequence[Layer], cell: Window) -> Unlooked:
    """What the best of the layers says of every pixel of a cell."""
    with spent_on("prior"):
        return _guessed(scene, layers, cell)


def _guessed(scene: xr.Dataset, layers: Sequence[Layer], cell: Window) -> Unlooked:
    inputs = block_inputs(scene, cell)
    shape = (scene.sizes["band"], cell.height, cell.width)
    mean, sigma = np.full(shape, np.nan, np.float32), np.zeros(shape, np.float32)
    chosen, doubt = np.full(shape[1:], -1, np.int8), np.zeros(shape[1:], np.int8)
    for index, layer in enumerate(layers):
        here = layer.valid(inputs) & (chosen < 0)
        if not here.any():
            continue
        guess = layer.guess(cell, inputs)
        np.copyto(mean, guess.mean, where=here)
        np.copyto(sigma, guess.sigma, where=here)
        chosen[here] = index
        if guess.doubt is not None:
            np.copyto(doubt, guess.doubt, where=here, casting="unsafe")
    radar = at_one_scale(inputs.radar, scene.sizes.get("pol", 0)).copy()
    return Unlooked(radar, inputs.radar_valid.copy(), pack(mean), sigma.astype(np.float16), chosen, doubt)


def is_wanted(quality: np.ndarray) -> np.ndarray:
    """Pixels to restore: cloud, thin or thick, and shadow.

    Args:
        quality: Quality classes, (y, x).

    Returns:
        (y, x), bool.
    """
    wanted: np.ndarray = quality >= Quality.THIN_CLOUD
    return wanted
