"""The parts of a scene that are scored apart: all, cloud, shadow, clear."""

from __future__ import annotations

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.metrics.arrays import BoolArray

Region = Literal["all", "cloud", "shadow", "clear"]
"""A part of the input scene, told by its quality classes."""

REGIONS: Final[dict[Region, tuple[Quality, ...]]] = {
    "all": (Quality.CLEAR, Quality.THIN_CLOUD, Quality.THICK_CLOUD, Quality.SHADOW),
    "cloud": (Quality.THIN_CLOUD, Quality.THICK_CLOUD),
    "shadow": (Quality.SHADOW,),
    "clear": (Quality.CLEAR,),
}
"""Quality classes of every region; pixels without data belong to none."""


def region_mask(quality: npt.ArrayLike, region: Region) -> BoolArray:
    """Pixels that belong to a region.

    Args:
        quality: (y, x), codes of `legend.Quality`.
        region: Name of the region.

    Returns:
        Array (y, x), True inside the region.

    Raises:
        OptionError: The region is unknown.

    Example:
        >>> region_mask([[0, 1, 2, 3, 4]], "cloud")
        array([[False, False,  True,  True, False]])
    """
    if region not in REGIONS:
        raise OptionError(f"region {region!r} is unknown; choose from {', '.join(REGIONS)}")
    return np.isin(np.asarray(quality), np.array(REGIONS[region], dtype=np.uint8))
