"""Between the 10 m grid and the sensor's native samples of 20 m and 60 m, anchored at absolute pixel 0.

What takes an `Array` takes arrays of NumPy and tensors of PyTorch alike, with any axes before the last two.
"""

from __future__ import annotations

from typing import Any, Final

from sunbreak.simulate.array_library import Array, library_of
from sunbreak.simulate.noise import Grid

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


def reduce_mean(array: Array, factor: int) -> Array:
    """Average squares of pixels, adding in a fixed order.

    Args:
        array: (..., y, x), sides divisible by the factor.
        factor: Pixels a side.

    Returns:
        (..., y / factor, x / factor).
    """
    if factor == 1:
        return array
    rows: Any = array[..., 0::factor, :] + array[..., 1::factor, :]
    for offset in range(2, factor):
        rows += array[..., offset::factor, :]
    out: Array = rows[..., 0::factor] + rows[..., 1::factor]
    for offset in range(2, factor):
        out += rows[..., offset::factor]
    out *= 1.0 / (factor * factor)
    return out


def spread(array: Array, factor: int) -> Array:
    """Bring native samples to 10 m: 20 m samples bilinearly, 60 m samples as squares, as public data sets hold them.

    Args:
        array: (..., y, x) native samples.
        factor: Pixels a side of a sample.

    Returns:
        (..., y * factor, x * factor); the outermost pixels lack a neighbour and repeat their sample.
    """
    if factor == 2:
        return _turned(_double(_turned(_double(array))))
    if factor == 1:
        return array
    *before, rows, cols = array.shape
    squares = library_of(array).broadcast_to(array[..., None, :, None], (*before, rows, factor, cols, factor))
    out: Array = squares.reshape(*before, rows * factor, cols * factor)
    return out


def _turned(array: Array) -> Array:
    """Rows as columns."""
    out: Array = array.swapaxes(-1, -2)
    return out


def _double(array: Array) -> Array:
    """Interpolate to twice as many rows; the new rows lie a quarter and three quarters between the old."""
    padded = _edged(array, 1)
    near = 0.75 * array
    out: Array = _interleaved([near + 0.25 * padded[..., :-2, :], near + 0.25 * padded[..., 2:, :]])
    return out


def _edged(array: Array, rows: int) -> Array:
    """The array with its first and its last row repeated before and after it."""
    out: Array = library_of(array).concatenate(
        [array[..., :1, :]] * rows + [array] + [array[..., -1:, :]] * rows, axis=-2
    )
    return out


def _interleaved(parts: list[Any]) -> Any:
    """The rows of arrays of one shape in turn."""
    *before, rows, cols = parts[0].shape
    return library_of(parts[0]).stack(parts, axis=-2).reshape(*before, rows * len(parts), cols)


def surroundings(array: Array, factor: int) -> Array:
    """Mean of the surroundings within about 150 m, at the 10 m grid.

    Args:
        array: (..., y, x), sides divisible by 60 m.
        factor: Pixels of 10 m that a side of a sample of `array` counts; 1 for the 10 m grid.

    Returns:
        (..., y, x) of the same shape; right up to the edge only where the window goes on beyond it.
    """
    step = COARSEST // factor
    coarse = reduce_mean(array, step)
    for _ in range(2):
        coarse = _turned(_binomial(coarse))
    return _turned(_linear(_turned(_linear(coarse, step)), step))


def _binomial(array: Array) -> Array:
    padded = _edged(array, 2)
    n = array.shape[-2]
    weights = (0.0625, 0.25, 0.375, 0.25, 0.0625)
    out: Array = weights[0] * padded[..., :n, :]
    for tap in range(1, 5):
        out += weights[tap] * padded[..., tap : tap + n, :]
    return out


def _linear(array: Array, factor: int) -> Array:
    """Interpolate linearly to `factor` times as many rows, centres of samples kept in place."""
    padded, parts = _edged(array, 1), []
    for offset in range(factor):
        shift = (offset + 0.5) / factor - 0.5
        other = padded[..., 2:, :] if shift >= 0.0 else padded[..., :-2, :]
        parts.append((1.0 - abs(shift)) * array + abs(shift) * other)
    out: Array = _interleaved(parts)
    return out
