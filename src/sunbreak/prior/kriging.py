"""Kriging: the errors of the scene prior at clear pixels, carried to where clouds lie.

The prior is one linear map a cell. What it gets wrong is not noise: a field, a slope, a forest of one kind are off
together. A Gaussian process whose kernel is the likeness of the radar times nearness predicts these errors. It works on
means of small squares, cell by cell, and fades from cell to cell. Haze that no mask has found is carried along, so
networks take the correction as an input that they may doubt, and the scene prior does without (measured: RESULTS.md).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Protocol

import numpy as np
import xarray as xr
from scipy import linalg

from sunbreak.clock import spent_on
from sunbreak.legend import Quality
from sunbreak.prior.cells import touching
from sunbreak.prior.coarse import interpolated, positions
from sunbreak.prior.memory import Memory
from sunbreak.prior.regression import CELL
from sunbreak.scene import window as load
from sunbreak.tiles import Window

STEP: Final = 4
"""Side in pixels of the squares whose means are worked with; divides `CELL`, `FADE` and `MARGIN`."""
FADE: Final = 64
"""Pixels on either side of a cell's border over which its correction gives way to its neighbour's."""
MARGIN: Final = 128
"""Pixels around a cell from which clear squares are taken."""
POINTS: Final = 384
"""Most clear squares that a cell learns from."""
FEWEST: Final = 60
"""Fewest of them; with less, nothing is corrected."""
LIKENESS: Final = 1.5
"""Length scale over the radar, in its standard deviations."""
NEARNESS: Final = 60.0
"""Length scale over the ground, in pixels."""
NEAR_SHARE: Final = 0.5
"""Share of the predictable error that is alike only nearby; the rest is alike all over the cell and its margin."""
NUGGET: Final = 0.5
"""Variance of the unpredictable part of the error, as a share of the predictable."""
CHUNK: Final = 128
"""Squares whose kernel is worked out at a time: what belongs to them stays in the processor's cache."""
SQUARES_KEPT: Final = 14
"""Rows of cells whose squares are kept: the patches of a row of blocks ask for so many; 0.15 MB a cell of 13 bands."""
CORRECTIONS_KEPT: Final = 12
"""Rows of cells whose corrections are kept, likewise; 0.25 MB a cell of 13 bands."""


class Guessed(Protocol):
    """A guess at the reflectance of a cell."""

    @property
    def radar(self) -> np.ndarray:
        """Radar smoothed at one scale, (pol, y, x)."""

    @property
    def radar_valid(self) -> np.ndarray:
        """Where radar is valid, (y, x)."""

    @property
    def mean(self) -> np.ndarray:
        """Reflectance, (band, y, x)."""


class Squares(NamedTuple):
    """Means over the squares of a window."""

    radar: np.ndarray
    """Radar at one scale of smoothing, (pol, row, column)."""
    error: np.ndarray
    """Reflectance minus guess over the clear pixels, (band, row, column), float16 while remembered."""
    clear: np.ndarray
    """Share of the pixels that are clear and seen by radar, (row, column)."""


@dataclass(frozen=True)
class Kriging:
    """Corrects what is guessed of one scene.

    Source:
        Regression kriging: Hengl, Heuvelink and Rossiter (2007), Computers and Geosciences 33; Gaussian processes:
        Rasmussen and Williams (2006), Gaussian Processes for Machine Learning, chapter 2.
    """

    scene: xr.Dataset
    """The scene, with radar and quality."""
    guess: Callable[[Window], Guessed]
    """What is corrected, cell by cell."""
    _squares: Memory[Squares] = field(init=False, repr=False)
    _corrections: Memory[np.ndarray] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        across = -(-self.scene.sizes["x"] // CELL)
        object.__setattr__(self, "_squares", Memory(SQUARES_KEPT * across))
        object.__setattr__(self, "_corrections", Memory(CORRECTIONS_KEPT * across))

    def predict(self, cell: Window) -> np.ndarray:
        """The correction of a cell.

        Args:
            cell: A cell, cut at the scene's border.

        Returns:
            What is to be added to the guess, (band, y, x), float32, reflectance; 0 where too little is clear.
        """
        total = np.zeros((self.scene.sizes["band"], cell.height, cell.width), np.float32)
        weights = np.zeros((cell.height, cell.width), np.float32)
        others = list(touching(cell.grown(FADE, self._shape), self._shape))
        self._corrections.begin(others, self._correct)
        for other in others:
            wide = other.grown(FADE, self._shape)
            common = wide.intersection(cell)
            if common is None:
                continue
            found, weight, here = self._corrections(other, self._correct), _say(other, common), common.inside(cell)
            rows = positions(common.top - wide.top, common.height, found.shape[1], STEP)
            cols = positions(common.left - wide.left, common.width, found.shape[2], STEP)
            total[:, *here] += weight * interpolated(found.astype(np.float32), rows, cols)
            weights[here] += weight
        return total / weights

    @property
    def _shape(self) -> tuple[int, int]:
        return self.scene.sizes["y"], self.scene.sizes["x"]

    def _correct(self, cell: Window) -> np.ndarray:
        """Learn from the clear squares in and around a cell, and predict in it and its fading border."""
        with spent_on("kriging"):
            return self._corrected(cell)

    def _corrected(self, cell: Window) -> np.ndarray:
        near, wide = cell.grown(MARGIN, self._shape), cell.grown(FADE, self._shape)
        around = self._joined(near)
        asked = np.zeros(around.clear.shape, bool)
        asked[tuple(map(_in_squares, wide.inside(near)))] = True
        shape = len(around.error), -(-wide.height // STEP), -(-wide.width // STEP)
        known = np.flatnonzero(around.clear >= 0.5)
        if len(known) < FEWEST:
            return np.zeros(shape, np.float16)
        if len(known) > POINTS:
            # the same squares whatever else is worked out
            known = np.sort(np.random.default_rng([cell.top, cell.left]).choice(known, POINTS, replace=False))
        radar, place = around.radar.reshape(len(around.radar), -1), np.argwhere(~np.isnan(around.clear)).T * STEP
        mean, spread = radar[:, known].mean(axis=1), radar[:, known].std(axis=1) + 1e-3
        radar = (radar - mean[:, np.newaxis]) / (LIKENESS * np.sqrt(2 * len(radar)) * spread[:, np.newaxis])
        place = (place / NEARNESS).astype(np.float32)
        among = _kernel(radar[:, known], place[:, known], radar[:, known], place[:, known])
        factor = linalg.cho_factor(among.astype(float) + NUGGET * np.eye(len(known)), lower=True)
        errors = around.error.reshape(shape[0], -1)[:, known]
        weights = linalg.cho_solve(factor, errors.T.astype(float)).astype(np.float32)
        wanted = asked.ravel()
        towards = _kernel(radar[:, wanted], place[:, wanted], radar[:, known], place[:, known])
        # kept for a while: half precision is far finer than what kriging knows
        out: np.ndarray = (towards @ weights).T.reshape(shape).astype(np.float16)
        return out

    def _joined(self, window: Window) -> Squares:
        """The squares of a window from those of the cells that it touches."""
        rows, cols = -(-window.height // STEP), -(-window.width // STEP)
        pols, bands = self.scene.sizes["pol"], self.scene.sizes["band"]
        radar, error, clear = (np.zeros((count, rows, cols), np.float32) for count in (pols, bands, 1))
        out = Squares(radar, error, clear[0])
        cells = list(touching(window, self._shape))
        self._squares.begin(cells, self._averaged)
        for cell in cells:
            common = cell.intersection(window)
            if common is None:
                continue
            (down, right), (rows_there, cols_there) = (map(_in_squares, common.inside(one)) for one in (window, cell))
            for whole, part in zip(out, self._squares(cell, self._averaged), strict=True):
                whole[..., down, right] = part[..., rows_there, cols_there]
        return out

    def _averaged(self, cell: Window) -> Squares:
        guessed = self.guess(cell)
        optical = load(self.scene, "optical", cell.rows, cell.cols)
        quality = load(self.scene, "quality", cell.rows, cell.cols)
        usable = (quality == Quality.CLEAR) & guessed.radar_valid & np.isfinite(optical).all(axis=0)
        clear, radar = _means(usable.astype(np.float32)), _means(guessed.radar)
        if not usable.any():
            return Squares(radar, np.zeros((len(optical), *clear.shape), np.float16), clear)
        error = _means(np.where(usable, optical - guessed.mean, np.float32(0.0)))
        return Squares(radar, (error / np.maximum(clear, 1e-6)).astype(np.float16), clear)


def _say(other: Window, place: Window) -> np.ndarray:
    """How much a cell has to say in a place, (y, x): falls from 1 to 0 across its borders."""
    sides = []
    for start, stop, first, length in (
        (other.top, other.rows.stop, place.top, place.height),
        (other.left, other.cols.stop, place.left, place.width),
    ):
        at = first + np.arange(length) + 0.5
        outside = np.maximum(start - at, at - stop)
        sides.append(np.clip((FADE - outside) / (2 * FADE), 0.0, 1.0).astype(np.float32))
    return np.outer(*sides)


def _kernel(radar: np.ndarray, place: np.ndarray, other: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Likeness of the radar times nearness, (first, second); 1 for the same square."""
    out = np.empty((radar.shape[1], other.shape[1]), np.float32)
    for start in range(0, len(out), CHUNK):
        part = np.s_[:, start : start + CHUNK]
        near = _squared(place[part], there)
        np.sqrt(near, out=near)
        np.exp(np.negative(near, out=near), out=near)
        near *= np.float32(NEAR_SHARE)
        near += np.float32(1 - NEAR_SHARE)
        alike = _squared(radar[part], other)
        np.exp(np.negative(alike, out=alike), out=alike)
        np.multiply(near, alike, out=out[start : start + CHUNK])
    return out


def _squared(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Squared distances between points, (first, second), from their coordinates, (axis, point)."""
    total = np.zeros((a.shape[1], b.shape[1]), np.float32)
    apart = np.empty_like(total)
    for first, second in zip(a, b, strict=True):
        np.subtract(first[:, np.newaxis], second, out=apart)
        np.multiply(apart, apart, out=apart)
        total += apart
    return total


def _in_squares(pixels: slice) -> slice:
    return slice(pixels.start // STEP, -(-pixels.stop // STEP))


def _means(planes: np.ndarray) -> np.ndarray:
    *lead, height, width = planes.shape
    pad = [(0, 0)] * len(lead) + [(0, -height % STEP), (0, -width % STEP)]
    padded = np.pad(planes, pad, mode="edge")
    rows, cols = padded.shape[-2] // STEP, padded.shape[-1] // STEP
    out: np.ndarray = padded.reshape(*lead, rows, STEP, cols, STEP).mean(axis=(-3, -1))
    return out
