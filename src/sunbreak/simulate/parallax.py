"""Where on the image a cloud is seen and where its shadow falls, in whole pixels of 10 m."""

from __future__ import annotations

import math
from typing import Final

from sunbreak.simulate.spec import CloudSpec

PIXEL: Final = 10.0
"""Metres a pixel."""
HEADING: Final = 193.0
"""Direction of flight in degrees on the day side of the orbit."""
ANGULAR_SPEED: Final = 7450.0 / 786_000.0
"""Speed over height of the satellite, radians per second."""
BAND_TIMES: Final[dict[str, float]] = {
    "B02": 0.0, "B08": 0.264, "B03": 0.527, "B10": 0.851, "B04": 1.005, "B05": 1.269, "B11": 1.468, "B06": 1.525,
    "B07": 1.790, "B8A": 2.055, "B12": 2.085, "B01": 2.314, "B09": 2.586,
}  # fmt: skip
"""Seconds after the first band at which each looks at a place: clouds seem to move between bands.
Source: Sentinel-2 MSI technical guide, time delay between bands."""
REFERENCE_TIME: Final = BAND_TIMES["B03"]


def offsets(spec: CloudSpec, height: float) -> tuple[tuple[int, int], tuple[int, int]]:
    """Where a cloud at some height is seen, and where its shadow falls.

    Args:
        spec: The clouds, with the geometry of sun and view.
        height: Height above ground in m.

    Returns:
        Displacements in whole pixels (rows, columns) from the point below the cloud: of the cloud's image, away from
        the satellite, and of its shadow, away from the sun by height x tan(solar zenith).
    """
    view = away(height * math.tan(math.radians(spec.view_zenith)), spec.view_azimuth)
    shadow = away(height / math.tan(math.radians(spec.sun_elevation)), spec.sun_azimuth)
    return view, shadow


def away(metres: float, azimuth: float) -> tuple[int, int]:
    """Move away from a direction on the image, whose rows grow towards the south.

    Args:
        metres: How far; negative moves towards it.
        azimuth: The direction in degrees clockwise from north.

    Returns:
        Whole pixels (rows, columns).
    """
    angle = math.radians(azimuth)
    return round(metres * math.cos(angle) / PIXEL), round(-metres * math.sin(angle) / PIXEL)


def band_shift(band: str, height: float) -> tuple[int, int]:
    """Displacement of a cloud in one band against the green band.

    Args:
        band: Band name.
        height: Height of the cloud in m.

    Returns:
        Whole pixels (rows, columns): later bands look from further along the track.
    """
    metres = height * ANGULAR_SPEED * (BAND_TIMES[band] - REFERENCE_TIME)
    return away(metres, HEADING)
