"""Errors counted value by value: MSE, MAE, RMSE and PSNR.

A value that is missing (NaN) inside the mask makes the result NaN: a prediction cannot improve by leaving out pixels.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from sunbreak.metrics.arrays import as_pair


def mse(prediction: npt.ArrayLike, target: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Mean squared error over all bands of the masked pixels.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.

    Returns:
        Mean squared error in squared reflectance, >= 0; NaN when the mask is empty.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> mse([[[0.2, 0.4]]], [[[0.1, 0.4]]])
        0.005000000000000001
    """
    first, second, chosen = as_pair(prediction, target, mask)
    return float(np.mean(np.square(first[:, chosen] - second[:, chosen]))) if chosen.any() else math.nan


def mae(prediction: npt.ArrayLike, target: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Mean absolute error over all bands of the masked pixels.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.

    Returns:
        Mean absolute error in reflectance, >= 0; NaN when the mask is empty.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> mae([[[0.5, 0.25]]], [[[0.25, 0.25]]])
        0.125
    """
    first, second, chosen = as_pair(prediction, target, mask)
    return float(np.mean(np.abs(first[:, chosen] - second[:, chosen]))) if chosen.any() else math.nan


def rmse(prediction: npt.ArrayLike, target: npt.ArrayLike, mask: npt.ArrayLike | None = None) -> float:
    """Root of the mean squared error over all bands of the masked pixels.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.

    Returns:
        Root mean squared error in reflectance, >= 0; NaN when the mask is empty.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> rmse([[[0.5, 0.5]]], [[[0.25, 0.25]]])
        0.25
    """
    return math.sqrt(mse(prediction, target, mask))


def psnr_of_mse(error: float, *, peak: float = 1.0, floor: float = 0.0, perfect: float = math.inf) -> float:
    """Peak signal-to-noise ratio that belongs to a mean squared error.

    Args:
        error: Mean squared error, >= 0, or NaN.
        peak: Largest possible value.
        floor: Smallest mean squared error that counts; limits the ratio of near-perfect images.
        perfect: Returned when the error is exactly 0 and there is no floor.

    Returns:
        10 log10(peak^2 / error) in dB; NaN for NaN.

    Source:
        Huynh-Thu, Ghanbari 2008, "Scope of validity of PSNR in image/video quality assessment", Electronics
        Letters 44(13); for the floors and the value of a perfect image see `protocols`.

    Example:
        >>> psnr_of_mse(0.01)
        20.0
        >>> psnr_of_mse(0.0, floor=1e-10)
        100.0
    """
    error = max(error, floor) if error == error else error
    return perfect if error == 0 else 10.0 * math.log10(peak * peak / error)


def psnr(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    mask: npt.ArrayLike | None = None,
    *,
    peak: float = 1.0,
    floor: float = 0.0,
    perfect: float = math.inf,
) -> float:
    """Peak signal-to-noise ratio over all bands of the masked pixels of one image.

    The mean of this over images and the ratio of the pooled error differ by more than most methods do (1.7 dB on
    SEN12MS-CR), so `score.average` always gives both.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.
        peak: Largest possible value; 1.0 = 100 % reflectance.
        floor: Smallest mean squared error that counts.
        perfect: Returned when the error is exactly 0 and there is no floor.

    Returns:
        Ratio in dB; NaN when the mask is empty.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> psnr([[[0.5, 0.5]]], [[[0.4, 0.6]]])
        20.0
    """
    return psnr_of_mse(mse(prediction, target, mask), peak=peak, floor=floor, perfect=perfect)


def per_band(
    metric: Callable[..., float], prediction: npt.ArrayLike, target: npt.ArrayLike, mask: npt.ArrayLike | None = None
) -> npt.NDArray[np.float64]:
    """One value a band of a metric that otherwise averages over bands.

    Args:
        metric: `mse`, `mae`, `rmse`, `psnr` or `ssim`.
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.

    Returns:
        Array (band,) in the metric's unit.

    Raises:
        GeometryError: Shapes differ.

    Example:
        >>> per_band(mae, [[[0.5]], [[0.5]]], [[[0.25]], [[0.5]]])
        array([0.25, 0.  ])
    """
    first, second, chosen = as_pair(prediction, target, mask)
    return np.array([metric(first[i : i + 1], second[i : i + 1], chosen) for i in range(len(first))])
