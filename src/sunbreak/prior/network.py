"""A network restores a block: it sees the scene patch by patch, fed with the scene prior where it asks for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final, NamedTuple

import numpy as np
import xarray as xr

from sunbreak import engine
from sunbreak.bands import LEVELS, RADAR_DB_RANGE
from sunbreak.clock import spent_on
from sunbreak.errors import OptionError
from sunbreak.legend import Quality, Source
from sunbreak.prior.cells import touching
from sunbreak.prior.estimators import HIGHEST, Estimate, SceneEstimator, is_wanted
from sunbreak.prior.memory import Memory
from sunbreak.prior.packed import pack, unpack
from sunbreak.scene import window as load
from sunbreak.tiles import PatchGrid, Window, padded
from sunbreak.work import THREADS

CELLS_KEPT: Final = 10 * (THREADS // 2 + 2)
"""Cells of the prior that patches share, in the columns that blocks in work touch; about 5 MB each with 13 bands."""
PATCHES_KEPT: Final = 11 * (THREADS // 2 + 2)
"""Patches that blocks side by side share; about 6 MB each with 13 bands and land cover."""
HALVED: Final = ("log_variance", "land_cover")
"""Outputs that are kept in float16, which is far finer than what networks know of them."""


class Prior(NamedTuple):
    """The scene prior of a cell, as it is remembered."""

    packed: np.ndarray
    """Reflectance, (band, y, x), from `packed.pack`."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float16."""
    known: np.ndarray
    """Where it restores, (y, x)."""


class Guess(NamedTuple):
    """What the prior says of a cell without looking at it, as it is remembered."""

    packed: np.ndarray
    """Reflectance, (band, y, x), from `packed.pack`."""
    kriging: np.ndarray
    """Its correction by kriging, (band, y, x), float16."""


@dataclass(frozen=True)
class NetworkEstimator:
    """A model file over the scene's patches."""

    model: engine.Model
    """The opened model; it knows the scene's level and bands."""
    scene: xr.Dataset
    """The scene that blocks are taken from."""
    first: SceneEstimator | None
    """Gives the prior, and its error where the model has no opinion on its own; None when nothing is to be restored."""
    everywhere: bool = False
    """Run all patches with data, so that land cover is complete, instead of those with a pixel to restore."""

    grain: ClassVar[int] = 128
    """Narrow blocks are tall, and what lies across their foot, which is worked out twice, is the less."""
    _cell: Memory[Prior] = field(init=False, repr=False)
    _guess: Memory[Guess] = field(init=False, repr=False)
    _patch: Memory[dict[str, np.ndarray]] = field(init=False, repr=False)
    _index: list[int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        # patches overlap cells, and blocks share patches: without memory the same would be worked out several times
        object.__setattr__(self, "_cell", Memory(CELLS_KEPT))
        object.__setattr__(self, "_guess", Memory(CELLS_KEPT))
        object.__setattr__(self, "_patch", Memory(PATCHES_KEPT))
        places = [self.model.bands.index(str(name)) for name in self.scene["band"].values]
        object.__setattr__(self, "_index", places)

    @property
    def name(self) -> str:
        """Name recorded in the product."""
        return self.model.name

    @property
    def land_cover(self) -> tuple[int, ...]:
        """WorldCover codes of the classes it maps; empty when it maps none."""
        return self.model.card.land_cover

    @property
    def _shape(self) -> tuple[int, int]:
        return self.scene.sizes["y"], self.scene.sizes["x"]

    def estimate(self, block: Window, optical: np.ndarray, quality: np.ndarray) -> Estimate:
        """Restore a block, and say how probable which land cover is; see `Estimator.estimate`."""
        grid, wanted = PatchGrid(self._shape, self.model.patch, self.model.overlap), is_wanted(quality)
        running = [patch for patch in grid.touching(block) if self._runs(patch, block, wanted)]
        # first what no other thread is at work on, each from another row on, lest threads wait for each other
        if {"regression", "kriging"} & set(self.model.runtime.inputs):
            touched = dict.fromkeys(cell for patch in running for cell in touching(self._inside(patch), self._shape))
            self._guess.begin(self._rotated(list(touched), block), self._guess_cell)
        self._patch.begin(self._rotated(running, block), self._run)
        outputs = engine.blend(grid, block, lambda patch: self._patch(patch, self._run) if patch in running else None)
        land_cover = outputs.get("land_cover")
        if self.first is None or not wanted.any():
            nothing = np.zeros(wanted.shape, np.uint8)
            return Estimate(optical, np.zeros(optical.shape, np.float32), nothing, land_cover)
        mean = np.clip(outputs["reflectance"], 0.0, HIGHEST, out=outputs["reflectance"])
        if "log_variance" in outputs:
            sigma = outputs["log_variance"]
            np.exp(np.multiply(sigma, 0.5, out=sigma), out=sigma)
            sigma *= np.array(self.model.card.sigma_scale, np.float32)[self._index, np.newaxis, np.newaxis]
        else:
            sigma = self._prior(block, optical, quality)[1]
        seen = "radar" in self.scene and np.isfinite(load(self.scene, "radar", block.rows, block.cols)).all(axis=0)
        uses_radar = bool({"radar", "radar_valid", "prior"} & set(self.model.runtime.inputs))
        source = np.where(seen & uses_radar, Source.NETWORK_WITH_RADAR, Source.NETWORK_WITHOUT_RADAR)
        # without a clear pixel in the scene there is nothing to go by where the radar sees nothing, either
        known = wanted & (seen | np.isfinite(self.first.fill.mean).any())
        if "look" in self.scene and "prior" in self.model.runtime.inputs:
            looked = np.isfinite(load(self.scene, "look", block.rows, block.cols)).all(axis=0)
            looked = self.first.takes_look(np.broadcast_to(seen, looked.shape), looked)
            source, known = np.where(looked, Source.REFERENCE_DATE, source), known | (wanted & looked)
        return Estimate(mean, sigma, np.where(known, source, Source.NONE).astype(np.uint8), land_cover)

    def _runs(self, patch: Window, block: Window, wanted: np.ndarray) -> bool:
        """Whether a patch is run for a block; where land cover is mapped, alike for all blocks."""
        if not self.land_cover:
            return bool(wanted[_shared(patch, block).inside(block)].any())
        inside = self._inside(patch)
        quality = load(self.scene, "quality", inside.rows, inside.cols)
        return bool((quality != Quality.NODATA).any() if self.everywhere else is_wanted(quality).any())

    def _run(self, patch: Window) -> dict[str, np.ndarray]:
        """Run the model on a patch; reflectance and its variance in the bands of the scene."""
        with spent_on("inputs of the network"):
            inputs = self._inputs(patch)
        with spent_on("network"):
            found = self.model.runtime.run({name: inputs[name][np.newaxis] for name in self.model.runtime.inputs})
        expected = {"reflectance": len(self.model.bands)}
        if "log_variance" in found:
            expected["log_variance"] = len(self.model.bands)
        if self.land_cover:
            expected["land_cover"] = len(self.land_cover)
        for name, count in expected.items():
            shape = found[name].shape if name in found else None
            if shape != (1, count, patch.height, patch.width):
                raise OptionError(
                    f"{self.model.card.onnx}: returns {name!r} of shape {shape}; its card promises "
                    f"{(1, count, patch.height, patch.width)}"
                )
        return {name: self._kept(name, found[name][0]) for name in expected}

    def _kept(self, name: str, output: np.ndarray) -> np.ndarray:
        """An output in the bands of the scene, as it is remembered."""
        if name != "land_cover" and self._index != list(range(len(output))):
            output = output[self._index]
        return output.astype(np.float16) if name in HALVED else output

    def _rotated(self, windows: list[Window], block: Window) -> list[Window]:
        """Windows from another one on for each of the blocks that are worked on side by side."""
        start = len(windows) * (block.left // self.grain % THREADS) // THREADS
        return windows[start:] + windows[:start]

    def _inside(self, patch: Window) -> Window:
        return _shared(patch, Window(0, 0, *self._shape))

    def _inputs(self, patch: Window) -> dict[str, np.ndarray]:
        inside, wants = self._inside(patch), self.model.runtime.inputs
        optical = load(self.scene, "optical", inside.rows, inside.cols)
        quality = load(self.scene, "quality", inside.rows, inside.cols)
        arrays = {"optical": self._scattered(np.nan_to_num(optical, nan=0.0))}
        if "quality" in wants:
            arrays["quality"] = np.stack([quality == code for code in Quality])
        if "radar" in wants or "radar_valid" in wants:
            arrays["radar"], arrays["radar_valid"] = self._radar(inside)
        if "prior" in wants or "prior_sigma" in wants:
            prior, sigma = self._prior(inside, optical, quality)
            arrays["prior"], arrays["prior_sigma"] = self._scattered(prior), self._scattered(sigma)
        if "regression" in wants or "kriging" in wants:
            guess, more = self._unlooked(inside)
            arrays["regression"], arrays["kriging"] = self._scattered(guess), self._scattered(more)
        if inside != patch:
            arrays = {name: padded(array, inside, patch) for name, array in arrays.items()}
        inputs = {name: array.astype(np.float32, copy=False) for name, array in arrays.items()}
        present = np.zeros((len(self.model.bands), 1, 1), np.float32)
        present[self._index] = 1.0
        level = np.array([name == self.scene.attrs["level"] for name in LEVELS], np.float32)
        return inputs | {"present": present, "level": level[:, np.newaxis, np.newaxis]}

    def _scattered(self, planes: np.ndarray) -> np.ndarray:
        """The scene's bands among those of the model, which are 0 where the scene has none."""
        if self._index == list(range(len(self.model.bands))):
            return planes
        out = np.zeros((len(self.model.bands), *planes.shape[1:]), np.float32)
        out[self._index] = planes
        return out

    def _radar(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        planes = np.full((2, window.height, window.width), RADAR_DB_RANGE[0], np.float32)
        valid = np.zeros((1, window.height, window.width), bool)
        if "radar" in self.scene:
            found = load(self.scene, "radar", window.rows, window.cols)
            valid[0] = np.isfinite(found).all(axis=0)
            for index, pol in enumerate(("VV", "VH")):
                if pol in self.scene["pol"].values:
                    plane = found[list(self.scene["pol"].values).index(pol)]
                    planes[index] = np.where(valid[0], plane, RADAR_DB_RANGE[0])
        return planes, valid

    def _prior(self, window: Window, optical: np.ndarray, quality: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mean = np.nan_to_num(optical, nan=0.0).astype(np.float32)
        sigma = np.zeros_like(mean)
        for cell in touching(window, self._shape):
            here, there = _common(cell, window)
            if not is_wanted(quality[here]).any():
                continue
            found = self._cell(cell, self._estimate_cell)
            np.copyto(mean[:, *here], unpack(found.packed[:, *there]), where=found.known[there])
            np.copyto(sigma[:, *here], found.sigma[:, *there], where=found.known[there])
        return mean, sigma

    def _unlooked(self, window: Window) -> tuple[np.ndarray, np.ndarray]:
        guess, more = (np.zeros((len(self._index), window.height, window.width), np.float32) for _ in range(2))
        for cell in touching(window, self._shape):
            here, there = _common(cell, window)
            found = self._guess(cell, self._guess_cell)
            guess[:, *here], more[:, *here] = unpack(found.packed[:, *there]), found.kriging[:, *there]
        return np.nan_to_num(guess, copy=False), more

    def _estimate_cell(self, cell: Window) -> Prior:
        optical = load(self.scene, "optical", cell.rows, cell.cols)
        found = self._first.estimate(cell, optical, load(self.scene, "quality", cell.rows, cell.cols))
        return Prior(pack(found.mean), found.sigma.astype(np.float16), found.source != Source.NONE)

    def _guess_cell(self, cell: Window) -> Guess:
        packed, kriging = self._first.unlooked(cell)
        return Guess(packed, kriging.astype(np.float16))

    @property
    def _first(self) -> SceneEstimator:
        if self.first is None:
            raise ValueError("nothing is to be restored, so there is no prior")
        return self.first


def _common(cell: Window, window: Window) -> tuple[tuple[slice, slice], tuple[slice, slice]]:
    """Where what a window shares with a cell that it touches lies in the window, and in the cell."""
    shared = _shared(cell, window)
    return shared.inside(window), shared.inside(cell)


def _shared(one: Window, other: Window) -> Window:
    shared = one.intersection(other)
    if shared is None:
        raise ValueError(f"{one} and {other} have nothing in common")
    return shared
