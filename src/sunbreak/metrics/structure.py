"""Structural similarity (SSIM), with the windows and borders that published protocols use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
from scipy.ndimage import correlate1d

from sunbreak.metrics.arrays import BoolArray, as_pair

K1: Final = 0.01
"""Stabiliser of the luminance term. Source: Wang et al. 2004, section III-C."""
K2: Final = 0.03
"""Stabiliser of the contrast term. Source: Wang et al. 2004, section III-C."""

Border = Literal["zero", "valid", "cut"]
"""What the window meets outside the image: zeros; nothing, as such pixels are not scored; nothing, its weights being
shared out among the pixels it does meet."""


@dataclass(frozen=True)
class SsimWindow:
    """The Gaussian window of local statistics."""

    size: int = 11
    """Side in pixels, odd."""
    sigma: float = 1.5
    """Standard deviation in pixels."""
    center: float = 5.0
    """Position of the peak inside the window; 5.5 is the off-centre window of some published code."""
    border: Border = "cut"
    """Treatment of the image border."""

    def weights(self) -> npt.NDArray[np.float64]:
        """Weights along one axis.

        Returns:
            Array (size,) that sums to 1.

        Example:
            >>> bool(SsimWindow().weights()[5] == SsimWindow().weights().max())
            True
        """
        gauss = np.exp(-np.square(np.arange(self.size) - self.center) / (2 * self.sigma**2))
        return np.asarray(gauss / gauss.sum(), dtype=np.float64)


def ssim_map(
    prediction: npt.ArrayLike, target: npt.ArrayLike, *, window: SsimWindow | None = None, peak: float = 1.0
) -> npt.NDArray[np.float64]:
    """Structural similarity around every pixel.

    With the border `cut`, pixels missing in either image are treated like pixels outside it; elsewhere a missing value
    makes all windows that hold it NaN.

    Args:
        prediction: (band, y, x), reflectance, NaN = missing.
        target: (band, y, x), reflectance, NaN = missing.
        window: The window; None is the centred 11 x 11 one with the border `cut`.
        peak: Largest possible value.

    Returns:
        Array (band, y, x) in -1..1; NaN where a value is missing, and on the border when that is `valid`.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Wang, Bovik, Sheikh, Simoncelli 2004, "Image quality assessment: from error visibility to structural
        similarity", IEEE TIP 13(4), equation 13.

    Example:
        >>> image = np.linspace(0, 1, 400).reshape(1, 20, 20)
        >>> bool(np.allclose(ssim_map(image, image), 1))
        True
    """
    first, second, _ = as_pair(prediction, target, None)
    chosen = window or SsimWindow()
    missing = ~(np.isfinite(first) & np.isfinite(second)) if chosen.border == "cut" else None
    if missing is not None and not missing.any():
        missing = None
    if missing is not None:
        first, second = np.where(missing, 0.0, first), np.where(missing, 0.0, second)
    share = _share(first.shape, chosen, missing)

    def local_mean(image: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        smooth = _filter(image, chosen)
        return smooth if share is None else smooth / share

    mean1, mean2 = local_mean(first), local_mean(second)
    variance1 = local_mean(first * first) - mean1 * mean1
    variance2 = local_mean(second * second) - mean2 * mean2
    covariance = local_mean(first * second) - mean1 * mean2
    c1, c2 = (K1 * peak) ** 2, (K2 * peak) ** 2
    similarity = (2 * mean1 * mean2 + c1) * (2 * covariance + c2)
    similarity /= (mean1 * mean1 + mean2 * mean2 + c1) * (variance1 + variance2 + c2)
    if missing is not None:
        similarity[missing] = np.nan
    if chosen.border == "valid":
        similarity[:, ~interior(first.shape[1:], chosen)] = np.nan
    return similarity


def ssim(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    mask: npt.ArrayLike | None = None,
    *,
    window: SsimWindow | None = None,
    peak: float = 1.0,
) -> float:
    """Structural similarity, averaged over bands and masked pixels.

    The map is computed on the whole image and then averaged over the mask: windows near its edge see both sides.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.
        window: The window; None is the centred 11 x 11 one with the border `cut`.
        peak: Largest possible value.

    Returns:
        Mean similarity in -1..1; NaN when no pixel is scored.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Wang et al. 2004, equation 17.

    Example:
        >>> image = np.linspace(0, 1, 400).reshape(1, 20, 20)
        >>> round(ssim(image, image[:, ::-1]), 3) < 1.0
        True
    """
    _, _, chosen = as_pair(prediction, target, mask)
    return mean_of_map(ssim_map(prediction, target, window=window, peak=peak), chosen, window)


def mean_of_map(similarity: npt.NDArray[np.float64], mask: BoolArray, window: SsimWindow | None = None) -> float:
    """Average a similarity map over a mask; on a `valid` border no pixel is scored.

    Args:
        similarity: (band, y, x), from `ssim_map`.
        mask: (y, x), True where pixels are scored.
        window: The window that the map was made with.

    Returns:
        Mean similarity; NaN when no pixel is scored.

    Example:
        >>> mean_of_map(np.array([[[1.0, 0.5]]]), np.array([[True, True]]))
        0.75
    """
    chosen = mask & interior(mask.shape, window) if window is not None and window.border == "valid" else mask
    return float(similarity[:, chosen].mean()) if chosen.any() else math.nan


def interior(shape: tuple[int, ...], window: SsimWindow) -> BoolArray:
    """Pixels whose window lies inside the image.

    Args:
        shape: Height and width.
        window: The window.

    Returns:
        Array (y, x).

    Example:
        >>> int(interior((11, 12), SsimWindow()).sum())
        2
    """
    inside, half = np.zeros(shape, dtype=bool), window.size // 2
    inside[half : shape[0] - half, half : shape[1] - half] = True
    return inside


def _share(shape: tuple[int, ...], window: SsimWindow, missing: BoolArray | None) -> npt.NDArray[np.float64] | None:
    """Sum of the weights that fall on present pixels, or None where it is 1 by definition."""
    if window.border != "cut":
        return None
    present = np.ones((1, *shape[1:])) if missing is None else (~missing).astype(np.float64)
    # a window that meets no present pixel belongs to a missing one, whose value is not used
    return np.maximum(_filter(present, window), np.finfo(np.float64).tiny)


def _filter(image: npt.NDArray[np.float64], window: SsimWindow) -> npt.NDArray[np.float64]:
    weights = window.weights()
    smooth = correlate1d(image, weights, axis=1, mode="constant", cval=0.0)
    return np.asarray(correlate1d(smooth, weights, axis=2, mode="constant", cval=0.0), dtype=np.float64)
