"""The groups of bands that are scored apart: all, the three of the eye, all but the cirrus band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal, get_args

from sunbreak.errors import OptionError

BandGroup = Literal["all", "rgb", "no-b10"]
"""A group of bands."""
BAND_GROUPS: Final[tuple[BandGroup, ...]] = get_args(BandGroup)
"""Every group. `no-b10` leaves out the cirrus band, which shows no surface; networks that output a constant for it
differ in the mean over 13 bands and not elsewhere."""
RGB: Final = ("B04", "B03", "B02")
"""Red, green, blue."""


def band_indexes(group: BandGroup, bands: Sequence[str]) -> list[int] | None:
    """Positions of the bands of a group.

    Args:
        group: Name of the group.
        bands: Names of an image's bands, in order.

    Returns:
        Their positions; None where the image does not hold the whole group.

    Raises:
        OptionError: The group is unknown.

    Example:
        >>> band_indexes("rgb", ["B02", "B03", "B04", "B10"]), band_indexes("no-b10", ["B04", "B10", "B11"])
        ([2, 1, 0], [0, 2])
        >>> band_indexes("rgb", ["B04", "B08"]) is None
        True
    """
    if group == "all":
        return list(range(len(bands)))
    if group == "no-b10":
        return [index for index, name in enumerate(bands) if name != "B10"]
    if group != "rgb":
        raise OptionError(f"band group {group!r} is unknown; choose from {', '.join(BAND_GROUPS)}")
    return [bands.index(name) for name in RGB] if set(RGB) <= set(bands) else None
