"""Noise as a pure function of a key and absolute pixel coordinates.

Nothing here looks at the size of an image: a value depends on where its pixel lies and on nothing else, by elementwise
arithmetic in a fixed order. Two blocks therefore join to the last bit, whatever their sizes and positions.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)

SPLINE_STD: Final = 0.27675
"""Standard deviation of a cubic B-spline surface over coefficients uniform in -1..1: (151 / 315) / sqrt(3)."""


def key_of(seed: int, name: str) -> int:
    """Derive the key of one noise field.

    Args:
        seed: Seed of the scene or of its clouds.
        name: Name of the field.

    Returns:
        A 32-bit key; different names and seeds give unrelated fields.
    """
    return zlib.crc32(f"{name}:{seed}".encode())


def mix(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Finalise a 32-bit hash in place (multiply and xor-shift, constants of Wellons' low-bias search)."""
    values ^= values >> np.uint32(16)
    values *= np.uint32(0x7FEB352D)
    values ^= values >> np.uint32(15)
    values *= np.uint32(0x846CA68B)
    values ^= values >> np.uint32(16)
    return values


def hash_pairs(rows: Integers, cols: Integers, key: int) -> NDArray[np.uint32]:
    """Hash pairs of integers.

    Args:
        rows: First integers, any shape; broadcast against `cols`.
        cols: Second integers.
        key: Key of the field.

    Returns:
        32-bit hashes of the broadcast shape.
    """
    first = mix(rows.astype(np.uint32) + np.uint32(key & 0xFFFFFFFF))
    second = mix(cols.astype(np.uint32) ^ np.uint32((key * 0x9E3779B1 + 0x7F4A7C15) & 0xFFFFFFFF))
    return mix(first + second)


def uniform(rows: Integers, cols: Integers, key: int) -> Floats:
    """Draw one uniform number per pair of integers.

    Args:
        rows: First integers, any shape; broadcast against `cols`.
        cols: Second integers.
        key: Key of the field.

    Returns:
        float32 in 0..1, of the broadcast shape.
    """
    return unit(hash_pairs(rows, cols, key))


def unit(hashes: NDArray[np.uint32]) -> Floats:
    """Turn hashes into numbers in 0..1."""
    return (hashes >> np.uint32(8)).astype(np.float32) * np.float32(2.0**-24)


def scalar(key: int, index: int = 0) -> float:
    """Draw one number in 0..1 for a whole scene.

    Args:
        key: Key of the quantity.
        index: Which of several draws.

    Returns:
        A number in 0..1.
    """
    return float(uniform(np.array([index], dtype=np.int64), np.array([77], dtype=np.int64), key)[0])


def gaussian(rows: Integers, cols: Integers, key: int) -> Floats:
    """Draw one nearly Gaussian number per pair of integers: the sum of the four bytes of a hash.

    Args:
        rows: First integers, any shape; broadcast against `cols`.
        cols: Second integers.
        key: Key of the field.

    Returns:
        float32 with mean 0 and standard deviation 1, within +-3.5.
    """
    hashes = hash_pairs(rows, cols, key)
    total = (hashes & np.uint32(0xFF)) + (hashes >> np.uint32(24))
    total += (hashes >> np.uint32(8)) & np.uint32(0xFF)
    total += (hashes >> np.uint32(16)) & np.uint32(0xFF)
    # four bytes: mean 4 x 127.5, variance 4 x (256^2 - 1) / 12
    return (total.astype(np.float32) - np.float32(510.0)) * np.float32(1.0 / 147.799)


@dataclass(frozen=True)
class Grid:
    """Sample positions of a window: rows and columns of absolute 10 m pixels."""

    row: int
    """Absolute row of the first sample."""
    col: int
    """Absolute column of the first sample."""
    height: int
    """Number of rows."""
    width: int
    """Number of columns."""

    @property
    def rows(self) -> Integers:
        """Absolute rows, (y,)."""
        return np.arange(self.row, self.row + self.height, dtype=np.int64)

    @property
    def cols(self) -> Integers:
        """Absolute columns, (x,)."""
        return np.arange(self.col, self.col + self.width, dtype=np.int64)

    @property
    def y(self) -> Doubles:
        """Positions of the rows, (y,)."""
        return self.rows.astype(np.float64)

    @property
    def x(self) -> Doubles:
        """Positions of the columns, (x,)."""
        return self.cols.astype(np.float64)

    def shifted(self, rows: int, cols: int) -> Grid:
        """The same window elsewhere.

        Args:
            rows: Rows to move down.
            cols: Columns to move right.

        Returns:
            The moved window.
        """
        return Grid(self.row + rows, self.col + cols, self.height, self.width)

    def grown(self, margin: int) -> Grid:
        """The window with a margin around it.

        Args:
            margin: Pixels on every side.

        Returns:
            The larger window.
        """
        return Grid(self.row - margin, self.col - margin, self.height + 2 * margin, self.width + 2 * margin)

    def cut(self, array: NDArray[Number], inner: Grid) -> NDArray[Number]:
        """Cut a smaller window out of an array on this one.

        Args:
            array: (..., y, x) on this window.
            inner: A window inside this one.

        Returns:
            View of (..., y, x) on the inner window.
        """
        top, left = inner.row - self.row, inner.col - self.col
        return array[..., top : top + inner.height, left : left + inner.width]


def spline_taps(positions: Doubles) -> tuple[Integers, list[Floats]]:
    """Cubic B-spline weights of the four lattice nodes around each position.

    Args:
        positions: Positions in units of the lattice spacing, any shape.

    Returns:
        Index of the first of the four nodes and four arrays of weights, of the shape of the positions.
    """
    floor = np.floor(positions)
    t = (positions - floor).astype(np.float32)
    u = np.float32(1.0) - t
    sixth = np.float32(1.0 / 6.0)
    first, last = u * u * u * sixth, t * t * t * sixth
    second = (np.float32(4.0) + np.float32(3.0) * t * t * (t - np.float32(2.0))) * sixth
    third = np.float32(1.0) - first - second - last
    return floor.astype(np.int64) - 1, [first, second, third, last]


def separable(table: Floats, row_taps: Integers, wy: list[Floats], col_taps: Integers, wx: list[Floats]) -> Floats:
    """Weight a lattice along columns, then along rows; `*_taps` are (4, n) indices into the table."""
    across = table[:, col_taps[0]] * wx[0]
    for tap in range(1, 4):
        across += table[:, col_taps[tap]] * wx[tap]
    out = across[row_taps[0]] * wy[0][:, np.newaxis]
    for tap in range(1, 4):
        part = across[row_taps[tap]]
        part *= wy[tap][:, np.newaxis]
        out += part
    result: Floats = out
    return result


def lattice_noise(y: Doubles, x: Doubles, spacing: float, key: int) -> Floats:
    """Smooth noise on a lattice parallel to the axes, for wavelengths so short that the lattice cannot be seen.

    Args:
        y: Positions of the rows in pixels, (y,), ascending.
        x: Positions of the columns in pixels, (x,), ascending.
        spacing: Spacing of the lattice in pixels.
        key: Key of the field.

    Returns:
        (y, x) float32, mean 0, standard deviation 1.
    """
    first_row, wy = spline_taps(y / spacing + 97.0 * scalar(key, 1))
    first_col, wx = spline_taps(x / spacing + 97.0 * scalar(key, 2))
    steps = np.arange(4, dtype=np.int64)[:, np.newaxis]
    nodes_y, rows = np.unique(first_row + steps, return_inverse=True)
    nodes_x, cols = np.unique(first_col + steps, return_inverse=True)
    table = uniform(nodes_y[:, np.newaxis], nodes_x[np.newaxis, :], key)
    table -= np.float32(0.5)
    table *= np.float32(2.0 / SPLINE_STD)
    return separable(table, rows.reshape(4, -1), wy, cols.reshape(4, -1), wx)


def point_noise(y: Doubles, x: Doubles, spacing: float, key: int) -> Floats:
    """Smooth noise at scattered points, on a lattice turned by an angle of its own.

    Args:
        y: Row positions in pixels, (n, m).
        x: Column positions in pixels, (n, m).
        spacing: Spacing of the lattice in pixels.
        key: Key of the field; also sets the angle of the lattice.

    Returns:
        (n, m) float32, mean 0, standard deviation 1.
    """
    angle = 2.0 * np.pi * scalar(key, 3)
    cos, sin = np.cos(angle) / spacing, np.sin(angle) / spacing
    rows, wy = spline_taps(y * cos + x * sin + 97.0 * scalar(key, 1))
    cols, wx = spline_taps(x * cos - y * sin + 97.0 * scalar(key, 2))
    top, left = int(rows.min()), int(cols.min())
    nodes_y = np.arange(top, int(rows.max()) + 4, dtype=np.int64)
    nodes_x = np.arange(left, int(cols.max()) + 4, dtype=np.int64)
    table = uniform(nodes_y[:, np.newaxis], nodes_x[np.newaxis, :], key).ravel()
    table -= np.float32(0.5)
    table *= np.float32(2.0 / SPLINE_STD)
    index = (rows - top) * nodes_x.size + (cols - left)
    out = np.zeros(y.shape, np.float32)
    for i in range(4):
        line = table[index + i * nodes_x.size] * wx[0]
        for j in range(1, 4):
            line += table[index + (i * nodes_x.size + j)] * wx[j]
        line *= wy[i]
        out += line
    return out
