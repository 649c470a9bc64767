"""Composite: one image from several dates, of restored products or of scenes; block by block, any number of dates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import xarray as xr

from sunbreak.legend import SOURCE_LEGEND, Source
from sunbreak.rasters.arrays import streamed
from sunbreak.steps.compose_block import CompositeOptions, Method, compose_block
from sunbreak.steps.dates import Stack, ranked, stack_dates
from sunbreak.steps.facts import sources_in_words
from sunbreak.steps.gather import Gathered, RestoredBlock
from sunbreak.steps.layer import Layer
from sunbreak.steps.mask import mask
from sunbreak.tiles import Window, blocks
from sunbreak.work import Bar, side_by_side


def composite(
    dates: Sequence[xr.Dataset],
    *,
    method: Method | None = None,
    options: CompositeOptions | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Compose one image from several dates.

    Args:
        dates: Products as of `restore` or `read_date`, and scenes; of scenes without `quality` the mask is made first.
            Their order does not matter. They share CRS and pixel grid; their extents may differ.
        method: One of `METHODS`; None takes that of `options`.
        options: Further options.
        progress: Show progress bars on a terminal.

    Returns:
        A product: `reflectance` and `uncertainty` (band, y, x), `quality` and `source` (y, x), and `observations`
        (observation, y, x), uint16: `clear`, the number of dates that measured the pixel; `used`, that of those in its
        value; `date`, the date that it comes from where it is one alone, counted from 1 in the order of the attribute
        `date_ids`, else 0. Uncertainty is NaN where it cannot be told: where the median has several observations.

    Raises:
        OptionError: There are no dates, or they have no band in common.
        RadiometryError: Their processing levels differ.
        GeometryError: Their pixels do not lie on one grid.

    Example:
        >>> from sunbreak.scene import make_scene
        >>> seen = {0.25: [[1, 1], [1, 1]], 0.75: [[1, 1], [1, 3]]}
        >>> days = [make_scene(np.full((1, 2, 2), value, np.float32), bands=["B04"], level="L2A",
        ...                    quality=np.array(classes, np.uint8)) for value, classes in seen.items()]
        >>> composite(days, method="median").reflectance.values.tolist()
        [[[0.5, 0.5], [0.5, 0.25]]]
    """
    options = options or CompositeOptions()
    if method is not None:
        options = CompositeOptions(method, options.clear_only, options.block)
    streams = [streamed(date) for date in dates]
    stack = stack_dates([date if "quality" in date else mask(date, progress=progress) for date in streams])
    gathered = Gathered(stack.scene, observations=True)
    layers = ranked(stack.layers, progress=progress)
    compose_blocks(stack, layers, gathered.add, options, progress=progress)
    sources = np.bincount(gathered.arrays["source"].ravel(), minlength=len(Source))
    told = composite_facts(layers, options, sources)
    return gathered.product(told | {"restored_by": sources_in_words(told)})


def compose_blocks(
    stack: Stack,
    layers: Sequence[Layer],
    use: Callable[[RestoredBlock], None],
    options: CompositeOptions,
    *,
    progress: bool = False,
) -> None:
    """Compose block by block.

    Args:
        stack: The dates.
        layers: The same, `ranked`.
        use: Takes the blocks, which do not overlap; called from several threads, in no certain order.
        options: How they become one image.
        progress: Show a progress bar on a terminal.
    """
    shape = (stack.scene.sizes["y"], stack.scene.sizes["x"])
    form = (stack.scene.sizes["band"], stack.scene["optical"].dtype)

    def compose(window: Window) -> None:
        use(compose_block(layers, window, form, options))

    with Bar(shape, "composing", shown=progress) as bar:
        for _ in side_by_side(compose, blocks(shape, options.block), bar):
            pass


def composite_facts(layers: Sequence[Layer], options: CompositeOptions, sources: np.ndarray) -> dict[str, Any]:
    """What the item of a composite says of it.

    Args:
        layers: The dates, `ranked`.
        options: How they became one image.
        sources: Number of pixels of each `legend.Source`.

    Returns:
        Attributes for the product: the method, the dates in the order of their numbers, and what became of the pixels.
    """
    total, in_time = max(int(sources.sum()), 1), sorted(layers, key=lambda layer: layer.number)
    share = {code: round(100 * int(sources[code]) / total, 2) for code in Source}
    return {
        "composite": options.method,
        "date_ids": [layer.id for layer in in_time],
        "date_datetimes": [layer.moment for layer in in_time],
        "date_unclear_percent": [round(100 * layer.unclear, 2) for layer in in_time],
        "measured_percent": share[Source.MEASURED],
        "empty_percent": share[Source.NONE],
        "restored_by": {
            SOURCE_LEGEND[code].name: share[code] for code in Source if code > Source.MEASURED and sources[code]
        },
        "lineage": f"Composed by Sunbreak from {len(layers)} dates ({options.method}).",
    }
