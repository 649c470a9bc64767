"""Spectral angle mapper (SAM): the angle between two spectra, blind to brightness."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from sunbreak.metrics.arrays import as_pair


def sam_map(
    prediction: npt.ArrayLike, target: npt.ArrayLike, *, clamp: bool = True, of_zero: float = math.nan
) -> npt.NDArray[np.float64]:
    """Angle between the two spectra of every pixel.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        clamp: Bring the cosine into -1..1 before the arc cosine; without, rounding makes equal spectra NaN now and
            then, as in some published code.
        of_zero: Angle in degrees where a spectrum is zero in all bands and has no direction.

    Returns:
        Array (y, x) in degrees, 0..180; NaN where a value is missing.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Kruse et al. 1993, "The spectral image processing system (SIPS)", Remote Sensing of Environment 44.

    Example:
        >>> sam_map([[[1.0]], [[0.0]]], [[[1.0]], [[1.0]]]).round(6)
        array([[45.]])
    """
    first, second, _ = as_pair(prediction, target, None)
    dot = np.einsum("byx,byx->yx", first, second)
    norms = np.sqrt(np.einsum("byx,byx->yx", first, first)) * np.sqrt(np.einsum("byx,byx->yx", second, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        cosine = dot / norms
        angle = np.degrees(np.arccos(np.clip(cosine, -1, 1) if clamp else cosine))
    return np.where(norms == 0, of_zero, angle)


def sam(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    mask: npt.ArrayLike | None = None,
    *,
    clamp: bool = True,
    of_zero: float = math.nan,
) -> float:
    """Mean angle between the spectra of the masked pixels.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored; None scores all.
        clamp: Bring the cosine into -1..1 before the arc cosine.
        of_zero: Angle in degrees where a spectrum is zero in all bands and has no direction.

    Returns:
        Mean angle in degrees, 0..180; NaN when the mask is empty or holds a missing value.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Kruse et al. 1993.

    Example:
        >>> round(sam([[[0.1, 1.0]], [[0.1, 0.0]]], [[[0.3, 1.0]], [[0.3, 1.0]]]), 3)
        22.5
    """
    _, _, chosen = as_pair(prediction, target, mask)
    angles = sam_map(prediction, target, clamp=clamp, of_zero=of_zero)
    return float(angles[chosen].mean()) if chosen.any() else math.nan
