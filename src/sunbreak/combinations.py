"""Band combinations: three bands as red, green and blue, or the normalised difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

TRUE_COLOUR: Final = ("B04", "B03", "B02")


@dataclass(frozen=True)
class Combination:
    """How some bands become a picture."""

    title: str
    """In words."""
    bands: tuple[str, ...]
    """Three bands shown as red, green and blue; two, a and b, of an index (a - b) / (a + b); or one, shown as grey."""

    @property
    def is_index(self) -> bool:
        """Whether it is a normalised difference, from -1 to 1."""
        return len(self.bands) == 2


COMBINATIONS: Final[dict[str, Combination]] = {
    "true-colour": Combination("True colour", TRUE_COLOUR),
    "false-colour": Combination("False colour (vegetation red)", ("B08", "B04", "B03")),
    "swir": Combination("SWIR (moisture, burns)", ("B12", "B8A", "B04")),
    "agriculture": Combination("Agriculture", ("B11", "B08", "B02")),
    "urban": Combination("Urban", ("B12", "B11", "B04")),
    "ndvi": Combination("NDVI (vegetation)", ("B08", "B04")),
    "ndwi": Combination("NDWI (open water)", ("B03", "B08")),
    "ndmi": Combination("NDMI (moisture)", ("B8A", "B11")),
    "nbr": Combination("NBR (burns)", ("B8A", "B12")),
}
"""Those offered, by name, as far as a product has their bands.

Source: Rouse et al. 1974 (NDVI); McFeeters 1996 (NDWI); Gao 1996 (NDMI); Key and Benson 2006 (NBR).
"""
INDEX_COLOURS: Final = np.array(
    [(84, 48, 5), (140, 81, 10), (191, 140, 60), (235, 220, 180), (245, 245, 235), (166, 210, 140), (90, 170, 80),
     (27, 120, 55), (0, 68, 27)], np.float64,
)  # fmt: skip
"""Colours of an index from -1 (brown) over 0 (near white) to 1 (green)."""


def combinations_of(bands: Sequence[str]) -> dict[str, Combination]:
    """Band combinations that can be made of some bands.

    Args:
        bands: Names of the bands present.

    Returns:
        Combinations by name, at least one: without true, false colour and the like, the last band as grey.

    Example:
        >>> list(combinations_of(["B03", "B04", "B08"]))
        ['false-colour', 'ndvi', 'ndwi']
        >>> combinations_of(["B01"])
        {'single': Combination(title='B01', bands=('B01',))}
    """
    found = {name: one for name, one in COMBINATIONS.items() if set(one.bands) <= set(bands)}
    return found or {"single": Combination(bands[-1], (bands[-1],))}


def normalised_difference(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Compute (a - b) / (a + b).

    Args:
        first: Reflectance, any shape, NaN = no data.
        second: Likewise, of the same shape.

    Returns:
        -1 to 1, NaN where either is no data or both are 0; clipped, as reflectance can be slightly negative.

    Example:
        >>> normalised_difference(np.array([0.3]), np.array([0.1])).round(2).tolist()
        [0.5]
    """
    total = first + second
    with np.errstate(invalid="ignore", divide="ignore"):
        index = np.where(total == 0, np.nan, (first - second) / total)
    clipped: np.ndarray = np.clip(index, -1, 1)
    return clipped


def colour_index(index: np.ndarray) -> np.ndarray:
    """Colour an index from brown to green.

    Args:
        index: (y, x), -1 to 1, NaN = no data.

    Returns:
        (3, y, x), uint8.
    """
    stops = np.linspace(-1, 1, len(INDEX_COLOURS))
    planes = [np.interp(np.nan_to_num(index), stops, INDEX_COLOURS[:, channel]) for channel in range(3)]
    picture: np.ndarray = np.rint(np.stack(planes)).astype(np.uint8)
    return picture
