"""How sure a classifier is of its answers, and whether it is right as often as it says."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError

FloatArray = npt.NDArray[np.float64]

CALIBRATION_BINS: Final = 15
"""Bins of the confidence, equally wide. Source: Guo et al. 2017, tables 1 and 2."""


def probabilities(logits: npt.ArrayLike) -> FloatArray:
    """Probabilities of the classes.

    Args:
        logits: (patch, class).

    Returns:
        Array (patch, class), their softmax.

    Example:
        >>> probabilities([[0.0, 0.0], [1000.0, 0.0]])
        array([[0.5, 0.5],
               [1. , 0. ]])
    """
    values = np.asarray(logits, dtype=np.float64)
    powers = np.exp(values - values.max(axis=-1, keepdims=True))
    shares: FloatArray = powers / powers.sum(axis=-1, keepdims=True)
    return shares


def expected_calibration_error(logits: npt.ArrayLike, labels: npt.ArrayLike) -> float:
    """How far the confidence of the answers is from the share of them that is right.

    Args:
        logits: (patch, class); the confidence is the largest softmax probability.
        labels: Place of the true class, (patch,).

    Returns:
        Mean over patches, by `CALIBRATION_BINS` bins of the confidence, of |share right - mean confidence|, 0..1; NaN
        without a patch.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Guo et al. 2017, "On calibration of modern neural networks", equation 3.

    Example:
        >>> round(expected_calibration_error([[0.0, 100.0], [0.0, 100.0]], [1, 0]), 6)
        0.5
    """
    said, truth = np.asarray(logits), np.asarray(labels)
    if said.ndim != 2 or truth.shape != said.shape[:1]:
        raise GeometryError(f"logits have shape {said.shape} and labels {truth.shape}; expected (n, class) and (n,)")
    if not truth.size:
        return math.nan
    shares = probabilities(said)
    confidence, right = shares.max(axis=1), said.argmax(axis=1) == truth
    # a border belongs to the bin below it
    place = np.clip(np.ceil(confidence * CALIBRATION_BINS).astype(int) - 1, 0, CALIBRATION_BINS - 1)
    gaps = np.bincount(place, weights=right - confidence, minlength=CALIBRATION_BINS)
    return float(np.abs(gaps).sum() / truth.size)
