"""The whole product on one screen: read, align, mask, look at other dates, restore, land cover, write.

And the composite of many: read, mask, compose, write.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import numpy as np
import pystac
import rasterio
import xarray as xr

from sunbreak import preview
from sunbreak.clock import collecting, spent_on
from sunbreak.engine import Model
from sunbreak.inputs.opened import Source
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.keeping import keeping
from sunbreak.steps.adapt import adapting
from sunbreak.steps.compose_block import CompositeOptions
from sunbreak.steps.composite import compose_blocks, composite_facts
from sunbreak.steps.dates import masked, ranked, stack_dates
from sunbreak.steps.facts import facts
from sunbreak.steps.fit import fit_estimator
from sunbreak.steps.gather import RestoredBlock
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.steps.read import read
from sunbreak.steps.read_date import read_dates
from sunbreak.steps.read_reference import Reference, read_reference
from sunbreak.steps.reference import reference_attrs, with_references
from sunbreak.steps.restore import RestoreOptions, maps_land_cover, open_network, restore_blocks
from sunbreak.steps.write import ProductWriter

CACHE: Final = 256 << 20
"""Bytes of decoded blocks that GDAL keeps while a scene is worked on: some rows of blocks of a tile of 13 bands."""


def process(
    optical: Source,
    radar: Source | None,
    out: str | Path,
    *,
    references: Sequence[Reference] = (),
    read_options: ReadOptions | None = None,
    mask_options: MaskOptions | None = None,
    restore_options: RestoreOptions | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> pystac.Item:
    """Restore one scene from its files to a product folder.

    Args:
        optical: Sentinel-2: a GeoTIFF, or a STAC item, as `steps.read.read` takes them.
        radar: Sentinel-1, likewise, or None.
        out: Folder of the product.
        references: Images of other dates, clear where the scene is not.
        read_options: How the files are to be understood, `ReadOptions`.
        mask_options: Where quality comes from.
        restore_options: How the scene is restored.
        overwrite: Replace a finished product.
        progress: Show progress bars on a terminal.

    Returns:
        The STAC item of the product.

    Raises:
        SunbreakError: With one line that says what was wrong, in which file, and what to do.
    """
    options = restore_options or RestoreOptions()
    with contextlib.ExitStack() as stack:
        # GDAL would take a twentieth of the machine's memory for its cache
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
        spent = stack.enter_context(collecting())
        with spent_on("open"):
            scene = read(optical, radar, options=read_options)
            others = [read_reference(one.optical, scene, radar=one.radar, options=read_options) for one in references]
            scene = scene.assign_attrs(reference_attrs(others))
            network = open_network(scene, options)
            writer = ProductWriter(out, scene, land_cover=maps_land_cover(network), overwrite=overwrite)
        stack.enter_context(writer)
        stack.enter_context(keeping(writer.scratch))
        with spent_on("mask"):
            scene = mask(scene, options=mask_options, folder=writer.scratch, progress=progress)
        with spent_on("references"):
            scene = with_references(scene, others, options=mask_options, folder=writer.scratch, progress=progress)
        told, cloudy = _restore(scene, network, options, writer, progress=progress)
        seconds = {"seconds": spent.rounded()}
        with spent_on("publish"):
            return writer.publish(scene.attrs | told | seconds, cloudy)


def _restore(
    scene: xr.Dataset, network: Model | None, options: RestoreOptions, writer: ProductWriter, *, progress: bool
) -> tuple[dict[str, Any], np.ndarray]:
    """Fit, restore and write block by block: what the item says of it, and the cloudy picture for the preview.

    What the estimator remembers goes with it: laying out the files needs the memory.
    """
    sketch = preview.Sketch((scene.sizes["y"], scene.sizes["x"]), list(map(str, scene["band"].values)))

    def use(block: RestoredBlock) -> None:
        writer.write(block)
        if block.optical is not None:
            sketch.add(block.window, block.optical)

    with adapting(
        scene, network, options.adapt_seconds, runtime=options.runtime, precision=options.precision,
        folder=writer.scratch, progress=progress,
    ) as (network, adapted):  # fmt: skip
        with spent_on("fit"):
            estimator, found = fit_estimator(
                scene, network, everywhere=options.everywhere, block=options.block, progress=progress
            )
        with spent_on("restore"):
            restore_blocks(scene, estimator, use, block=options.block, progress=progress)
        return facts(estimator, found, writer.sources) | adapted, sketch.planes


def compose(
    sources: Sequence[Source],
    out: str | Path,
    *,
    days: tuple[date, date] | None = None,
    tile: str | None = None,
    read_options: ReadOptions | None = None,
    mask_options: MaskOptions | None = None,
    composite_options: CompositeOptions | None = None,
    overwrite: bool = False,
    progress: bool = False,
) -> pystac.Item:
    """Compose one image from several dates, from their files to a product folder.

    Args:
        sources: Products of `process`, folders of them, or scenes as `steps.read.read` takes them.
        out: Folder of the composite.
        days: First and last day; dates outside are left out. None takes all.
        tile: Of folders of products only those of this MGRS tile.
        read_options: How the files of scenes are to be understood; its area holds for products, too.
        mask_options: Where the quality of scenes comes from.
        composite_options: How the dates become one image.
        overwrite: Replace a finished product.
        progress: Show progress bars on a terminal.

    Returns:
        The STAC item of the composite.

    Raises:
        SunbreakError: With one line that says what was wrong, in which file, and what to do.
    """
    options = composite_options or CompositeOptions()
    with contextlib.ExitStack() as resources:
        resources.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE))
        spent = resources.enter_context(collecting())
        with spent_on("open"):
            stack = stack_dates(read_dates(sources, tile=tile, days=days, options=read_options))
            writer = ProductWriter(out, stack.scene, observations=True, overwrite=overwrite)
        resources.enter_context(writer)
        with spent_on("mask"):
            layers = ranked(masked(stack.layers, mask_options, writer.scratch, progress=progress), progress=progress)
        with spent_on("compose"):
            compose_blocks(stack, layers, writer.write, options, progress=progress)
        told = composite_facts(layers, options, writer.sources) | {"seconds": spent.rounded()}
        with spent_on("publish"):
            return writer.publish(stack.scene.attrs | told)
