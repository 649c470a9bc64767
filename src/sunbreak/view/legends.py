"""What the colours of a layer mean, for the page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from sunbreak import preview
from sunbreak.combinations import INDEX_COLOURS, Combination
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, SOURCE_LEGEND, LegendEntry
from sunbreak.view.layers import PHOTOS, Layer


def legend_of(layer: Layer, combination: Combination) -> dict[str, Any]:
    """Explain a layer.

    Args:
        layer: The layer.
        combination: The band combination chosen.

    Returns:
        `text`, and either `classes` (`name` and `color` each) or `ramp` (colours from `low` to `high`, texts).
    """
    if layer in PHOTOS:
        return _photo(combination)
    if layer == "radar":
        return {"text": "Backscatter in dB: red VV, green VH, blue VV \N{MINUS SIGN} VH. Bright is rough or built-up."}
    if layer == "uncertainty":
        text = f"1-sigma error of {combination.bands[0]}, reflectance; 0 where measured."
        top = f"{preview.UNCERTAINTY_TOP:g} or more"
        return {"text": text, "ramp": _css(preview.UNCERTAINTY_COLOURS), "low": "0", "high": top}
    legends = {"quality": QUALITY_LEGEND, "source": SOURCE_LEGEND, "land-cover": LAND_COVER_LEGEND}
    texts = {
        "quality": "What the input showed; all but clear is restored.",
        "source": "Where the value of each pixel came from.",
        "land-cover": "ESA WorldCover classes.",
    }
    return {"text": texts[layer], "classes": _classes(legends[layer])}


def _photo(combination: Combination) -> dict[str, Any]:
    if combination.is_index:
        first, second = combination.bands
        text = f"({first} \N{MINUS SIGN} {second}) / ({first} + {second})"
        return {"text": text, "ramp": _css(INDEX_COLOURS), "low": "\N{MINUS SIGN}1", "high": "1"}
    if len(combination.bands) == 1:
        return {"text": f"{combination.bands[0]} in grey."}
    return {"text": "Red {}, green {}, blue {}.".format(*combination.bands)}


def _css(colours: np.ndarray) -> list[str]:
    return [_colour(int(channel) for channel in colour) for colour in colours]


def _colour(channels: Iterable[int]) -> str:
    return "#{:02x}{:02x}{:02x}".format(*channels)


def _classes(legend: Mapping[int, LegendEntry]) -> list[dict[str, str]]:
    return [{"name": entry.name, "color": _colour(entry.color)} for code, entry in legend.items() if code]
