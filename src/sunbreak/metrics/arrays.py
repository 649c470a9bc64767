"""What every image metric checks before it computes: shapes, types and the mask."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError

FloatArray = npt.NDArray[np.floating]
BoolArray = npt.NDArray[np.bool_]


def as_pair(
    prediction: npt.ArrayLike, target: npt.ArrayLike, mask: npt.ArrayLike | None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], BoolArray]:
    """Bring a prediction, its target and the mask of scored pixels into one form.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance.
        mask: (y, x), True where pixels are scored, or None for all.

    Returns:
        Prediction and target as float64 and the mask as bool.

    Raises:
        GeometryError: Shapes differ, or an image is not (band, y, x).

    Example:
        >>> as_pair([[[0.1, 0.2]]], [[[0.1, 0.3]]], None)[2]
        array([[ True,  True]])
    """
    first, second = np.asarray(prediction, dtype=np.float64), np.asarray(target, dtype=np.float64)
    if first.ndim != 3 or first.shape != second.shape:
        raise GeometryError(
            f"prediction has shape {first.shape} and target {second.shape}; both must be (band, y, x) and alike"
        )
    chosen = np.ones(first.shape[1:], dtype=bool) if mask is None else np.asarray(mask).astype(bool)
    if chosen.shape != first.shape[1:]:
        raise GeometryError(f"the mask has shape {chosen.shape}, expected {first.shape[1:]}")
    return first, second, chosen
