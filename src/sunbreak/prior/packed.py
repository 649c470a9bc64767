"""Estimates in half the room, while they are remembered."""

from __future__ import annotations

from typing import Final

import numpy as np

LOWEST: Final = -0.5
"""Lowest reflectance that is told apart; no surface comes near."""
STEP: Final = 5e-5
"""Half a DN; with 16 bits up to a reflectance of 2.7."""
UNKNOWN: Final = 65_535
"""Stands for NaN."""


def pack(reflectance: np.ndarray) -> np.ndarray:
    """Round reflectance to half a DN.

    Args:
        reflectance: Any shape, float32, 1.0 = 100 %, NaN = unknown; clipped to -0.5 and 2.7.

    Returns:
        uint16 of the same shape.

    Example:
        >>> [round(value, 4) for value in unpack(pack(np.array([0.1, -0.03, np.nan], np.float32))).tolist()]
        [0.1, -0.03, nan]
    """
    steps = (reflectance - np.float32(LOWEST)) * np.float32(1 / STEP)
    np.rint(steps, out=steps)
    np.clip(steps, 0, UNKNOWN - 1, out=steps)
    steps[np.isnan(steps)] = UNKNOWN
    return steps.astype(np.uint16)


def unpack(packed: np.ndarray) -> np.ndarray:
    """Undo `pack`.

    Args:
        packed: From `pack`.

    Returns:
        Reflectance, float32, NaN = unknown.
    """
    reflectance = packed.astype(np.float32)
    reflectance *= np.float32(STEP)
    reflectance += np.float32(LOWEST)
    reflectance[packed == UNKNOWN] = np.nan
    return reflectance
