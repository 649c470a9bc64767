"""Between the 10 m grid and the sensor's native samples of 20 m and 60 m, anchored at absolute pixel 0."""

from __future__ import annotations

from typing import Final

import numpy as np

from sunbreak.simulate.noise import Floats, Grid

COARSEST: Final = 6
"""Side of the largest native sample (60 m) in pixels of 10 m; windows are aligned to it."""


def aligned(grid: Grid, margin: int) -> Grid:
    """The smallest window that holds a window with a margin and whole 60 m samples.

    Args:
        grid: A window.
        margin: Pixels on every side.

    Returns:
        The window, its edges at multiples of 6.
    """
    top, left = (grid.row - margin) // COARSEST * COARSEST, (grid.col - margin) // COARSEST * COARSEST
    bottom = -((-grid.row - grid.height - margin) // COARSEST) * COARSEST
    right = -((-grid.col - grid.width - margin) // COARSEST) * COARSEST
    return Grid(top, left, bottom - top, right - left)


def reduce_mean(array: Floats, factor: int) -> Floats:
    """Average squares of pixels, adding in a fixed order.

    Args:
        array: (..., y, x), sides divisible by the factor.
        factor: Pixels a side.

    Returns:
        (..., y / factor, x / factor).
    """
    if factor == 1:
        return array
    rows = array[..., 0::factor, :].copy()
    for offset in range(1, factor):
        rows += array[..., offset::factor, :]
    out = rows[..., 0::factor].copy()
    for offset in range(1, factor):
        out += rows[..., offset::factor]
    out *= np.float32(1.0 / (factor * factor))
    return out


def spread(array: Floats, factor: int) -> Floats:
    """Bring native samples to 10 m: 20 m samples bilinearly, 60 m samples as squares, as public data sets hold them.

    Args:
        array: (y, x) native samples.
        factor: Pixels a side of a sample.

    Returns:
        (y * factor, x * factor); the outermost pixels lack a neighbour and repeat their sample.
    """
    if factor == 2:
        return _double(_double(array).T).T
    if factor == 1:
        return array
    return np.repeat(np.repeat(array, factor, axis=0), factor, axis=1)


def _double(array: Floats) -> Floats:
    """Interpolate to twice as many rows; the new rows lie a quarter and three quarters between the old."""
    padded = np.concatenate([array[:1], array, array[-1:]])
    near = np.float32(0.75) * array
    out = np.empty((2 * array.shape[0], array.shape[1]), np.float32)
    out[0::2] = near + np.float32(0.25) * padded[:-2]
    out[1::2] = near + np.float32(0.25) * padded[2:]
    return out


def surroundings(array: Floats, factor: int) -> Floats:
    """Mean of the surroundings within about 150 m, at the 10 m grid.

    Args:
        array: (y, x), sides divisible by 60 m.
        factor: Pixels of 10 m that a side of a sample of `array` counts; 1 for the 10 m grid.

    Returns:
        (y, x) of the same shape; right up to the edge only where the window goes on beyond it.
    """
    step = COARSEST // factor
    coarse = reduce_mean(array, step)
    for _ in range(2):
        coarse = _binomial(coarse).T
    return _linear(_linear(coarse, step).T, step).T


def _binomial(array: Floats) -> Floats:
    padded = np.concatenate([array[:1], array[:1], array, array[-1:], array[-1:]])
    n = array.shape[0]
    weights = (0.0625, 0.25, 0.375, 0.25, 0.0625)
    out = np.float32(weights[0]) * padded[:n]
    for tap in range(1, 5):
        out += np.float32(weights[tap]) * padded[tap : tap + n]
    return out


def _linear(array: Floats, factor: int) -> Floats:
    """Interpolate linearly to `factor` times as many rows, centres of samples kept in place."""
    padded = np.concatenate([array[:1], array, array[-1:]])
    out = np.empty((array.shape[0] * factor, array.shape[1]), np.float32)
    for offset in range(factor):
        shift = (offset + 0.5) / factor - 0.5
        other = padded[2:] if shift >= 0.0 else padded[:-2]
        out[offset::factor] = np.float32(1.0 - abs(shift)) * array + np.float32(abs(shift)) * other
    return out
