"""Quality by the mask network, at 20 m, patch by patch on one grid anchored at the scene's origin."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import numpy as np
import xarray as xr

from sunbreak.cloud_network import CLASSES, DECISION, OUTPUT, Decision, decide, level_planes
from sunbreak.cloud_rule import is_snow
from sunbreak.engine import Model, blend
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.steps.ground import averaged, coarse_around, coarse_step, refined
from sunbreak.steps.quality_file import QualityOf
from sunbreak.tiles import PatchGrid, Window, padded

MEMORY: Final = 96 << 20
"""Bytes of finished patches that are kept: blocks of the same row and of the next one need them again."""
HAS_DATA: Final = "has_data"
SNOW_BANDS: Final = ("B03", "B11")
"""Where the scene has them, snow is told from cloud by the rule's test: there is little snow to learn from."""


def quality_from_network(scene: xr.Dataset, model: Model, decision: Decision = DECISION) -> QualityOf:
    """Take quality from a mask network.

    Args:
        scene: A scene.
        model: From `cloud_network.open_network`.
        decision: How probabilities become classes.

    Returns:
        A function from windows to quality classes.

    Raises:
        OptionError: The network knows none of the scene's bands, or returns something else than four probabilities.
    """
    probabilities_of = probabilities_from_network(scene, model)
    bands = [str(name) for name in scene["band"].values]
    telling = [bands.index(name) for name in SNOW_BANDS] if set(SNOW_BANDS) <= set(bands) else []

    def window_of(window: Window) -> np.ndarray:
        probabilities, has_data = probabilities_of(window)
        quality = np.where(has_data, decide(probabilities, decision), np.uint8(Quality.NODATA))
        cloud = (quality == Quality.THIN_CLOUD) | (quality == Quality.THICK_CLOUD)
        if telling and cloud.any():
            green, swir = (np.asarray(scene["optical"][index, window.rows, window.cols].data) for index in telling)
            quality[cloud & is_snow(green, swir)] = Quality.CLEAR
        return quality

    return window_of


def probabilities_from_network(scene: xr.Dataset, model: Model) -> Callable[[Window], tuple[np.ndarray, np.ndarray]]:
    """What a mask network thinks of a scene.

    Args:
        scene: A scene.
        model: From `cloud_network.open_network`.

    Returns:
        A function from windows to the probabilities of `cloud_network.CLASSES`, (4, y, x), float32, and to whether
        there is data, (y, x), bool. Probabilities sum to less than 1 beside pixels without data.

    Raises:
        OptionError: The network knows none of the scene's bands, or returns something else than four probabilities.
    """
    if not {str(name) for name in scene["band"].values} & set(model.bands):
        raise OptionError(f"{model.name}: knows none of the scene's bands; give the mask with --quality FILE")
    step = coarse_step(scene.odc.geobox)
    shape = (-(-scene.sizes["y"] // step), -(-scene.sizes["x"] // step))
    grid = PatchGrid(shape, model.patch, model.overlap)
    patches = _Patches(scene, model, step)

    def window_of(window: Window) -> tuple[np.ndarray, np.ndarray]:
        around = coarse_around(window, step, shape)
        outputs = blend(grid, around, patches.outputs)
        has_data = _unpacked(outputs[HAS_DATA] > 0.5, step)
        rows, cols = window.inside(Window(around.top * step, around.left * step, *has_data.shape))
        return refined(outputs[OUTPUT], around, window, step), has_data[rows, cols]

    return window_of


class _Patches:
    """The network's outputs by patch; each patch is read and run once, by whichever block comes first."""

    def __init__(self, scene: xr.Dataset, model: Model, step: int) -> None:
        self._optical, self._model, self._step = scene["optical"], model, step
        self._bands = [str(name) for name in scene["band"].values]
        self._level = level_planes(scene.attrs["level"])
        self._kept: OrderedDict[Window, Future[dict[str, np.ndarray]]] = OrderedDict()
        self._lock = threading.Lock()

    def outputs(self, patch: Window) -> dict[str, np.ndarray]:
        """Probabilities of a patch, 0 where there is no data, and where there is data."""
        with self._lock:
            mine = patch not in self._kept
            future = self._kept.setdefault(patch, Future())
            self._kept.move_to_end(patch)
        if mine:
            try:
                future.set_result(self._run(patch))
            except BaseException as error:
                future.set_exception(error)
                raise
            self._forget(future.result())
        return future.result()

    def _forget(self, latest: dict[str, np.ndarray]) -> None:
        most = max(1, MEMORY // sum(array.nbytes for array in latest.values()))
        with self._lock:
            while len(self._kept) > most:
                self._kept.popitem(last=False)

    def _run(self, patch: Window) -> dict[str, np.ndarray]:
        step, (_, height, width) = self._step, self._optical.shape
        inside = patch.intersection(Window(0, 0, -(-height // step), -(-width // step)))
        if inside is None:
            raise ValueError(f"{patch} lies outside of the scene")
        rows = slice(inside.top * step, min(inside.rows.stop * step, height))
        cols = slice(inside.left * step, min(inside.cols.stop * step, width))
        fine = np.zeros((inside.height * step, inside.width * step), bool)
        optical = np.zeros((len(self._model.bands), inside.height, inside.width), np.float32)
        present = np.zeros((len(self._model.bands), 1, 1), np.float32)
        for index, band in enumerate(self._model.bands):
            if band not in self._bands:
                continue
            plane = np.asarray(self._optical[self._bands.index(band), rows, cols].data)
            valid = np.isfinite(plane)
            fine[: plane.shape[0], : plane.shape[1]] |= valid
            present[index] = valid.any()
            optical[index] = np.nan_to_num(averaged(plane, step), nan=0.0)
        has_data = padded(_packed(fine, step), inside, patch)
        if not fine.any():
            return {OUTPUT: np.zeros((len(CLASSES), *has_data.shape[1:]), np.float16), HAS_DATA: has_data}
        arrays = {"optical": padded(optical, inside, patch), "present": present, "level": self._level}
        runtime = self._model.runtime
        found = runtime.run({name: arrays[name][np.newaxis] for name in runtime.inputs})
        expected = (1, len(CLASSES), patch.height, patch.width)
        if OUTPUT not in found or found[OUTPUT].shape != expected:
            told = {name: array.shape for name, array in found.items()}
            raise OptionError(f"{self._model.name}: returns {told}; a mask network returns {OUTPUT!r} as {expected}")
        # halves are fine enough for a probability, and twice as many patches are remembered
        return {OUTPUT: (found[OUTPUT][0] * has_data.any(axis=0)).astype(np.float16), HAS_DATA: has_data}


def _packed(fine: np.ndarray, step: int) -> np.ndarray:
    """(y, x) as (step * step, y / step, x / step): the fine pixels of a coarse one become its channels."""
    height, width = fine.shape[0] // step, fine.shape[1] // step
    return fine.reshape(height, step, width, step).transpose(1, 3, 0, 2).reshape(step * step, height, width)


def _unpacked(coarse: np.ndarray, step: int) -> np.ndarray:
    _, height, width = coarse.shape
    return coarse.reshape(step, step, height, width).transpose(2, 0, 3, 1).reshape(height * step, width * step)
