"""What masks get wrong: networks that only ever saw perfect masks trust them too far.

Masks miss thin veils and often all shadows, and take bright ground for cloud. The prior is then fitted on hazy pixels,
as it is on real scenes.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from sunbreak.legend import Quality

VEILED: Final = 0.5
"""Share of scenes whose mask misses thin cloud below an optical depth."""
VEILS: Final = (0.2, 2.0)
"""Least and largest of that optical depth; drawn evenly in its logarithm."""
SHADOWLESS: Final = 0.2
"""Share of scenes whose mask knows no shadow."""
ALARMED: Final = 0.2
"""Share of scenes whose mask sees cloud where there is none."""
ALARM: Final = 1.6
"""Standard deviations of smooth noise from which on it does: about 5 % of the clear pixels."""
ALARM_CELLS: Final = 12
"""Cells of that noise along each side."""


def masked(
    sky: npt.NDArray[np.uint8],
    depth: npt.NDArray[np.float32] | None,
    rng: np.random.Generator,
    cells: int = ALARM_CELLS,
) -> npt.NDArray[np.uint8]:
    """The sky as a mask might have it.

    Args:
        sky: (y, x) `legend.Quality`.
        depth: (y, x) optical depth; None where it is not known, and no veil is missed.
        rng: Generator.
        cells: Cells along each side of the noise that makes false alarms.

    Returns:
        (y, x) `legend.Quality`, with the same pixels without data.
    """
    found = sky.copy()
    is_veiled, is_shadowless, is_alarmed = rng.random(3) < (VEILED, SHADOWLESS, ALARMED)
    veil, noise = np.exp(rng.uniform(*np.log(VEILS))), rng.normal(size=(cells, cells))
    if is_veiled and depth is not None:
        found[(found == Quality.THIN_CLOUD) & (depth < veil)] = Quality.CLEAR
    if is_shadowless:
        found[found == Quality.SHADOW] = Quality.CLEAR
    if is_alarmed:
        zoomed = ndimage.zoom(noise, np.array(sky.shape) / cells, order=3)
        found[(zoomed > ALARM) & (found == Quality.CLEAR)] = Quality.THICK_CLOUD
    return found
