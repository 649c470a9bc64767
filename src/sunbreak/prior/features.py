"""What a regression sees of the radar: backscatter smoothed at three scales, lest speckle drown the land."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

import numpy as np

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.prior.banded import CHUNK, Part, along

SCALES: Final[tuple[float, ...]] = (1.0, 3.0, 8.0)
"""Standard deviations in pixels of the Gaussian smoothing."""
CURVED_SCALE: Final = 3.0
"""Scale whose squares and product enter too: reflectance is not linear in dB from water to forest to town."""
TRUNCATE: Final = 4.0
HALO: Final = int(TRUNCATE * max(SCALES) + 0.5)
"""Pixels around a window that its features depend on."""
CENTERS: Final[dict[str, float]] = {"VV": -11.0, "VH": -18.0}
"""Typical backscatter over land in dB; only conditions the numbers."""
LEAST: Final = np.float32(1e-4)
"""Least weight that a pixel's surroundings are divided by."""
SPREAD: Final = 4.0
"""Typical standard deviation over land in dB; only conditions the numbers."""


def count(pols: Sequence[str]) -> int:
    """Number of features, the constant included.

    Args:
        pols: Polarisations present.

    Returns:
        10 with VV and VH, 5 with one of them.

    Example:
        >>> count(["VV", "VH"]), count(["VV"])
        (10, 5)
    """
    return 1 + len(SCALES) * len(pols) + len(pols) * (len(pols) + 1) // 2


def radar_features(
    radar: np.ndarray, pols: Sequence[str], inner: tuple[slice, slice] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Features of each pixel: a constant, each polarisation at each scale, and second-order terms of one scale.

    Args:
        radar: Backscatter in dB, (pol, y, x), NaN = invalid.
        pols: Names of the polarisations, in the array's order.
        inner: Rows and columns of the pixels that are asked for; the others are only their surroundings. None: all.

    Returns:
        Features, (count(pols), y, x), float32, of order one; and whether the radar of the pixel is valid, (y, x). Where
        it is not, the features are 0.

    Source:
        Normalised convolution: Knutsson and Westin (1993), CVPR, "Normalized and differential convolution".
    """
    seen = np.isfinite(radar).all(axis=0)
    height, width = seen.shape
    inner = inner or (slice(0, height), slice(0, width))
    valid = seen[inner]
    weight = valid.astype(np.float32)
    planes = np.stack([np.where(seen, (np.clip(plane, *RADAR_DB_RANGE) - CENTERS[pol]) / SPREAD, 0.0)
                       for pol, plane in zip(pols, radar, strict=True)]).astype(np.float32)  # fmt: skip
    by_scale: dict[float, np.ndarray] = {}
    for scale in SCALES:
        total = np.where(valid, _share_inside(seen, scale, inner), np.float32(1.0))
        by_scale[scale] = _smooth(planes, scale, inner) * (weight / total)
    curved = by_scale[CURVED_SCALE]
    squares = [curved[i] * curved[j] for i in range(len(curved)) for j in range(i, len(curved))]
    return np.concatenate([weight[np.newaxis], *(by_scale[scale] for scale in SCALES), squares]), valid


def at_one_scale(features: np.ndarray, pols: int) -> np.ndarray:
    """Radar smoothed at the scale that tells land from land, `CURVED_SCALE`.

    Args:
        features: From `radar_features`.
        pols: Number of polarisations.

    Returns:
        Its planes among the features, (pol, y, x).
    """
    first = 1 + SCALES.index(CURVED_SCALE) * pols
    return features[first : first + pols]


def _share_inside(valid: np.ndarray, scale: float, inner: tuple[slice, slice]) -> np.ndarray:
    """Weight of the valid pixels around each pixel, 0..1: what lies inside the window, less what is not valid."""
    rows, cols = (
        _smooth(np.ones((1, size, 1), np.float32), scale, (place, slice(0, 1)), axes=(1,))[0, :, 0]
        for size, place in zip(valid.shape, inner, strict=True)
    )
    inside: np.ndarray = np.outer(rows, cols)
    # mostly nothing is missing, and then nothing has to be smoothed
    if valid.all():
        return inside
    missing = _smooth((~valid).astype(np.float32)[np.newaxis], scale, inner)[0]
    left: np.ndarray = np.maximum(inside - missing, LEAST)
    return left


def _smooth(planes: np.ndarray, sigma: float, inner: tuple[slice, slice], axes: tuple[int, ...] = (1, 2)) -> np.ndarray:
    """Gaussian smoothing of (plane, y, x) along some axes, as products with a band matrix; 0 beyond the border."""
    for axis in axes:
        planes = along(planes, axis, _parts(sigma, inner[axis - 1], planes.shape[axis]))
    return planes


def _parts(sigma: float, inner: slice, size: int) -> Iterator[Part]:
    radius = _radius(sigma)
    for start in range(inner.start, inner.stop, CHUNK):
        stop = min(start + CHUNK, inner.stop)
        first, last = max(start - radius, 0), min(stop + radius, size)
        yield Part(first, last, _band(sigma, stop - start)[:, first - start + radius : last - start + radius])


@lru_cache(2 * CHUNK)
def _band(sigma: float, count: int) -> np.ndarray:
    """Weights of the pixels around each of `count` pixels in a row, (count, count + 2 * radius)."""
    radius = _radius(sigma)
    weights = np.exp(-0.5 * (np.arange(-radius, radius + 1) / sigma) ** 2)
    weights /= weights.sum()
    band = np.zeros((count, count + 2 * radius), np.float32)
    for pixel in range(count):
        band[pixel, pixel : pixel + len(weights)] = weights
    return band


def _radius(sigma: float) -> int:
    return int(TRUNCATE * sigma + 0.5)
