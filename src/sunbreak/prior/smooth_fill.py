"""Smooth fill: masked pixels from the clear pixels of the same image, with no further knowledge.

Two pyramids answer two questions. One lets the nearest clear pixels speak alone and so meets the border of the hole
without a step; the other weighs all clear pixels by how much of the surroundings they cover and so runs towards the
local mean, which is the better guess far inside. The fill passes from the first to the second with the distance from
the border.

Source:
    Gortler, Grzeszczuk, Szeliski, Cohen 1996, "The lumigraph", section 3.4 (push-pull); Knutsson, Westin 1993,
    "Normalized and differential convolution" (certainty-weighted means).
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy.ndimage import distance_transform_edt

from sunbreak.errors import GeometryError

REACH: Final = 4.0
"""Distance in pixels over which the nearest clear pixels lose their say by a factor e; measured on real scenes."""

_Float64 = npt.NDArray[np.float64]


def smooth_fill(values: npt.ArrayLike, valid: npt.ArrayLike, *, reach: float = REACH) -> npt.NDArray[np.floating]:
    """Fill masked pixels smoothly from the valid ones of the same band.

    Args:
        values: (band, y, x), float32 or float64, any size from 1 x 1 on, NaN = missing.
        valid: (y, x), True where the values can be trusted.
        reach: Distance in pixels over which the nearest valid pixels lose their say.

    Returns:
        Array like `values`: valid values unchanged to the bit, all others filled; a band without any valid value is
        NaN throughout.

    Raises:
        GeometryError: `values` is not (band, y, x), or `valid` has another size.

    Example:
        >>> filled = smooth_fill(np.array([[[0.25, np.nan, 0.25]]]), np.array([[True, False, True]]))
        >>> filled
        array([[[0.25, 0.25, 0.25]]])
    """
    image = np.asarray(values)
    image = image if image.dtype == np.float32 else image.astype(np.float64)
    trusted = np.asarray(valid).astype(bool)
    if image.ndim != 3 or trusted.shape != image.shape[1:]:
        raise GeometryError(
            f"values have shape {image.shape} and valid {trusted.shape}; expected (band, y, x) and (y, x) alike"
        )
    known = trusted & np.isfinite(image)
    if known.all() or not image.size:
        return image.copy()
    shared = bool((known == known[:1]).all())  # bands mostly miss the same pixels: then one set of weights serves all
    weights = (known[:1] if shared else known).astype(np.float64)
    # relative to one of its own values a constant band is exactly zero, and stays exact
    base = np.array([band[mask][0] if mask.any() else np.nan for band, mask in zip(image, known, strict=True)])
    centred = np.where(known, image - base[:, None, None], 0.0)
    near, far = _fill(centred, weights, 4.0), _fill(centred, weights, 1.0)
    away = np.stack([distance_transform_edt(mask == 0) if mask.any() else np.zeros(mask.shape) for mask in weights])
    filled = far + np.exp((1.0 - away) / reach) * (near - far) + base[:, None, None]
    return np.where(known, image, filled.astype(image.dtype))


def _fill(values: _Float64, weights: _Float64, trust: float) -> _Float64:
    """Fill where weights are below 1 from ever coarser means; a block counts as known at a share of 1 / trust."""
    if weights.min() >= 1 or values.shape[1:] == (1, 1):
        return values
    coarse, share = _shrink(values, weights)
    return weights * values + (1 - weights) * _grow(_fill(coarse, np.minimum(1.0, trust * share), trust), values)


def _shrink(values: _Float64, weights: _Float64) -> tuple[_Float64, _Float64]:
    """Weighted means of 2 x 2 blocks, and the mean weight."""
    total, count = values * weights, weights
    for axis in (1, 2):
        if total.shape[axis] % 2:
            edge = [(0, int(axis == i)) for i in range(3)]
            total, count = np.pad(total, edge), np.pad(count, edge)
        even, odd = (slice(None),) * axis + (slice(0, None, 2),), (slice(None),) * axis + (slice(1, None, 2),)
        total, count = total[even] + total[odd], count[even] + count[odd]
    means = np.zeros_like(total)
    np.divide(total, count, out=means, where=np.broadcast_to(count > 0, total.shape))
    return means, count / 4


def _grow(coarse: _Float64, like: _Float64) -> _Float64:
    """Twice the size by linear interpolation between block centres, cut to the size of `like`."""
    fine = coarse
    for axis in (1, 2):
        moved = np.moveaxis(fine, axis, -1)
        before = np.concatenate([moved[..., :1], moved[..., :-1]], axis=-1)
        after = np.concatenate([moved[..., 1:], moved[..., -1:]], axis=-1)
        doubled = np.empty((*moved.shape[:-1], 2 * moved.shape[-1]))
        doubled[..., ::2], doubled[..., 1::2] = 0.75 * moved + 0.25 * before, 0.75 * moved + 0.25 * after
        fine = np.moveaxis(doubled[..., : like.shape[axis]], -1, axis)
    return fine
