"""What a regression sees of the radar: backscatter smoothed at three scales, lest speckle drown the land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from scipy import ndimage

from sunbreak.bands import RADAR_DB_RANGE

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


def radar_features(radar: np.ndarray, pols: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Features of each pixel: a constant, each polarisation at each scale, and second-order terms of one scale.

    Args:
        radar: Backscatter in dB, (pol, y, x), NaN = invalid.
        pols: Names of the polarisations, in the array's order.

    Returns:
        Features, (count(pols), y, x), float32, of order one; and whether the radar of the pixel is valid, (y, x). Where
        it is not, the features are 0.

    Source:
        Normalised convolution: Knutsson and Westin (1993), CVPR, "Normalized and differential convolution".
    """
    valid = np.isfinite(radar).all(axis=0)
    weight = valid.astype(np.float32)
    by_scale: dict[float, list[np.ndarray]] = {}
    planes = [np.where(valid, (np.clip(plane, *RADAR_DB_RANGE) - CENTERS[pol]) / SPREAD, 0.0).astype(np.float32)
              for pol, plane in zip(pols, radar, strict=True)]  # fmt: skip
    for scale in SCALES:
        total = np.where(valid, _share_inside(valid, scale), np.float32(1.0))
        by_scale[scale] = [_smooth(plane, scale) * weight / total for plane in planes]
    features = [weight]
    for scale in SCALES:
        features += by_scale[scale]
    curved = by_scale[CURVED_SCALE]
    features += [curved[i] * curved[j] for i in range(len(curved)) for j in range(i, len(curved))]
    return np.stack(features).astype(np.float32), valid


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


def _share_inside(valid: np.ndarray, scale: float) -> np.ndarray:
    """Weight of the valid pixels around each pixel, 0..1: what lies inside the window, less what is not valid."""
    sides = [
        ndimage.gaussian_filter1d(np.ones(size), scale, mode="constant", truncate=TRUNCATE) for size in valid.shape
    ]
    inside: np.ndarray = np.outer(*sides).astype(np.float32)
    # mostly nothing is missing, and then nothing has to be smoothed
    return inside if valid.all() else np.maximum(inside - _smooth((~valid).astype(np.float32), scale), LEAST)


def _smooth(plane: np.ndarray, sigma: float) -> np.ndarray:
    out: np.ndarray = ndimage.gaussian_filter(plane, sigma, mode="constant", truncate=TRUNCATE)
    return out
