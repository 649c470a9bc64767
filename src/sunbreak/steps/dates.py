"""The dates of a composite: on one grid, with quality, in the order in which they are preferred."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from sunbreak.errors import OptionError, RadiometryError, SunbreakWarning
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.scene import make_scene
from sunbreak.steps.common_grid import common_grid
from sunbreak.steps.layer import Layer
from sunbreak.steps.mask import MaskOptions, mask


class Stack(NamedTuple):
    """Dates on one grid, in the order of time."""

    scene: xr.Dataset
    """Grid, bands, encoding and attributes of the composite; its `optical` is empty."""
    layers: list[Layer]
    """The dates."""


def stack_dates(dates: Sequence[xr.Dataset]) -> Stack:
    """Bring dates into the order of time and onto one grid.

    Args:
        dates: Products and scenes; the quality of scenes is not needed yet.

    Returns:
        The dates, and the scene that the composite takes its form from: the bands that all have, and the way of storing
        of the latest date among those with the lowest offset, which can hold every value.

    Raises:
        OptionError: There are no dates, one is neither product nor scene, or they have no band in common.
        RadiometryError: Their processing levels differ.
        GeometryError: Their pixels do not lie on one grid.
    """
    if not dates:
        raise OptionError("no date to compose; give products of sunbreak restore, or scenes")
    if any("reflectance" not in date and "optical" not in date for date in dates):
        raise OptionError("neither a product nor a scene among the dates; give what sunbreak.restore or .read returns")
    layers = sorted((Layer(date) for date in dates), key=lambda layer: (layer.moment, layer.path))
    geobox, corners = common_grid([(layer.name, layer.date.odc.geobox) for layer in layers])
    first = layers[0]
    for layer in layers:
        if layer.level != first.level:
            raise RadiometryError(
                f"{layer.name}: is {layer.level}, {first.name} is {first.level}; compose dates of one level"
            )
    bands = _common_bands(layers)
    like = min(reversed(layers), key=lambda layer: layer.encoding["offset"])
    dtype = np.result_type(*(layer.reflectance.dtype for layer in layers))
    platforms = {layer.date.attrs.get("platform") for layer in layers}
    moments = [layer.moment for layer in layers if layer.moment]
    scene = make_scene(
        lazy(WindowedArray((len(bands), *geobox.shape), dtype, _nothing)),
        bands=bands,
        level=first.level,
        geobox=geobox,
        encoding=like.encoding | {"tags": {}},  # those of one date do not hold for all
        platform=platforms.pop() if len(platforms) == 1 else None,
        start_datetime=moments[0] if moments else None,
        end_datetime=moments[-1] if moments else None,
        date_paths=[layer.path for layer in layers],
    )
    placed = [
        layer.placed(corner, number, bands)
        for number, (layer, corner) in enumerate(zip(layers, corners, strict=True), 1)
    ]
    return Stack(scene, placed)


def _nothing(lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
    shape = (len(lead or ()), rows.stop - rows.start, cols.stop - cols.start)
    return np.full(shape, np.nan, np.float32)


def _common_bands(layers: Sequence[Layer]) -> list[str]:
    common = [band for band in layers[0].bands if all(band in layer.bands for layer in layers)]
    if not common:
        raise OptionError(f"{layers[-1].name} and {layers[0].name} have no band in common; compose dates of one kind")
    left = sorted({band for layer in layers for band in layer.bands} - set(common))
    if left:
        warnings.warn(f"left out, as not every date has it: {', '.join(left)}", SunbreakWarning, stacklevel=4)
    return common


def masked(
    layers: Sequence[Layer], options: MaskOptions | None, folder: Path | None, *, progress: bool = False
) -> list[Layer]:
    """Find the clouds of the scenes among the dates.

    Args:
        layers: The dates.
        options: Where the classes come from.
        folder: Keep the classes in unnamed files there instead of in memory.
        progress: Show progress bars on a terminal.

    Returns:
        The dates, all with quality; products keep theirs.
    """
    return [
        layer
        if "source" in layer.date
        else replace(layer, date=mask(layer.date, options=options, folder=folder, progress=progress))
        for layer in layers
    ]


def ranked(layers: Sequence[Layer], *, progress: bool = False) -> list[Layer]:
    """Bring dates into the order in which they are preferred.

    Args:
        layers: The dates, with quality.
        progress: Show a progress bar on a terminal.

    Returns:
        The dates: those with the smallest share of cloud and shadow among their pixels with data first, of equal ones
        the latest. Each knows its share then.
    """
    judged = [layer.judged(progress=progress) for layer in layers]
    return sorted(judged, key=lambda layer: (layer.unclear, -layer.number))
