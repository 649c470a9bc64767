"""The codes that Sunbreak's class rasters hold, with names and colours.

Source: ESA WorldCover 2020/2021 Product User Manual (class codes and colours); the Sentinel-2 L2A scene classification
(SCL) codes follow the Sentinel-2 Level-2A Product Specification.
"""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from enum import IntEnum
from typing import Final, NamedTuple


class Quality(IntEnum):
    """What a pixel showed in the input; everything but `CLEAR` and `NODATA` is restored."""

    NODATA = 0
    CLEAR = 1
    THIN_CLOUD = 2
    THICK_CLOUD = 3
    SHADOW = 4


class Source(IntEnum):
    """Where the value of an output pixel came from."""

    NONE = 0
    MEASURED = 1
    NETWORK_WITH_RADAR = 2
    NETWORK_WITHOUT_RADAR = 3
    SCENE_PRIOR = 4
    GLOBAL_REGRESSION = 5
    SPATIAL_FILL = 6
    REFERENCE_DATE = 7


class LegendEntry(NamedTuple):
    """One class: its name in words and its colour as (red, green, blue), 0-255."""

    name: str
    color: tuple[int, int, int]


QUALITY_LEGEND: Final[dict[int, LegendEntry]] = {
    Quality.NODATA: LegendEntry("nodata", (0, 0, 0)),
    Quality.CLEAR: LegendEntry("clear", (86, 140, 84)),
    Quality.THIN_CLOUD: LegendEntry("thin cloud", (163, 196, 224)),
    Quality.THICK_CLOUD: LegendEntry("thick cloud", (245, 245, 245)),
    Quality.SHADOW: LegendEntry("shadow", (88, 70, 110)),
}

SOURCE_LEGEND: Final[dict[int, LegendEntry]] = {
    Source.NONE: LegendEntry("none", (0, 0, 0)),
    Source.MEASURED: LegendEntry("measured", (86, 140, 84)),
    Source.NETWORK_WITH_RADAR: LegendEntry("network with radar", (49, 104, 172)),
    Source.NETWORK_WITHOUT_RADAR: LegendEntry("network without radar", (132, 176, 218)),
    Source.SCENE_PRIOR: LegendEntry("scene prior", (228, 152, 60)),
    Source.GLOBAL_REGRESSION: LegendEntry("global regression", (190, 88, 56)),
    Source.SPATIAL_FILL: LegendEntry("spatial fill", (170, 170, 170)),
    Source.REFERENCE_DATE: LegendEntry("reference date", (128, 96, 168)),
}

LAND_COVER_NODATA: Final = 255

LAND_COVER_LEGEND: Final[dict[int, LegendEntry]] = {
    10: LegendEntry("tree cover", (0, 100, 0)),
    20: LegendEntry("shrubland", (255, 187, 34)),
    30: LegendEntry("grassland", (255, 255, 76)),
    40: LegendEntry("cropland", (240, 150, 255)),
    50: LegendEntry("built-up", (250, 0, 0)),
    60: LegendEntry("bare or sparse vegetation", (180, 180, 180)),
    70: LegendEntry("snow and ice", (240, 240, 240)),
    80: LegendEntry("permanent water bodies", (0, 100, 200)),
    90: LegendEntry("herbaceous wetland", (0, 150, 160)),
    95: LegendEntry("mangroves", (0, 207, 117)),
    100: LegendEntry("moss and lichen", (250, 230, 160)),
}

SCL_TO_QUALITY: Final[dict[int, Quality]] = {
    0: Quality.NODATA,  # no data
    1: Quality.NODATA,  # saturated or defective
    2: Quality.CLEAR,  # dark area, topographic shadow
    3: Quality.SHADOW,  # cloud shadow
    4: Quality.CLEAR,  # vegetation
    5: Quality.CLEAR,  # not vegetated
    6: Quality.CLEAR,  # water
    7: Quality.CLEAR,  # unclassified
    8: Quality.THICK_CLOUD,  # cloud, medium probability
    9: Quality.THICK_CLOUD,  # cloud, high probability
    10: Quality.THIN_CLOUD,  # thin cirrus
    11: Quality.CLEAR,  # snow or ice
}

SHADES: Final = ((0.75, 0.85), (0.45, 0.95), (0.85, 0.55))
"""Saturation and value of the colours of classes, in turn."""
GOLDEN: Final = 0.618033988749895
"""The golden ratio less 1: its multiples spread evenly over the circle of hues, however many there are."""


def class_legend(classes: Sequence[str]) -> dict[int, LegendEntry]:
    """Codes and colours of scene classes.

    Args:
        classes: Their names, in the order of the logits.

    Returns:
        Entries by code, from 1 on; the colours depend on nothing but the code.

    Example:
        >>> {code: entry.name for code, entry in class_legend(["forest", "water"]).items()}
        {1: 'forest', 2: 'water'}
    """
    legend = {}
    for index, name in enumerate(classes):
        hue = (index * GOLDEN + 0.3) % 1
        red, green, blue = colorsys.hsv_to_rgb(hue, *SHADES[index % len(SHADES)])
        legend[index + 1] = LegendEntry(name, (round(255 * red), round(255 * green), round(255 * blue)))
    return legend
