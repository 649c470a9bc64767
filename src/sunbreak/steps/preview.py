"""Preview: draw the picture of a finished product again, or of a simulated scene."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sunbreak import preview as drawing
from sunbreak.errors import OptionError, RasterError
from sunbreak.inputs.product_files import files_of, is_product
from sunbreak.legend import QUALITY_LEGEND
from sunbreak.radiometry.dn import decode
from sunbreak.rasters.geotiff import failing_as
from sunbreak.rasters.raster import RasterFile
from sunbreak.scene import window as load
from sunbreak.steps.read import read
from sunbreak.steps.read_product import indexes_of, read_product


def preview(folder: Path, out: Path | None = None) -> Path:
    """Draw the picture of a folder.

    Args:
        folder: A product or a simulated scene (`optical.tif` and `truth.tif`).
        out: PNG file to write; None means a file beside the folder, whose own picture has its checksum in the item.

    Returns:
        The file written.

    Raises:
        RasterError: The folder holds neither.
        OptionError: The folder to write to does not exist.
        OutputError: The picture cannot be written.
    """
    target = out or folder.resolve().with_name(f"{folder.resolve().name}-preview.png")
    if not target.parent.is_dir():
        raise OptionError(f"{target}: no such folder; choose another -o/--out")
    if is_product(folder):
        picture = _product(folder)
    elif (folder / "truth.tif").exists():
        picture = _simulated(folder)
    else:
        raise RasterError(f"{folder}: holds neither a product (reflectance.tif) nor a simulated scene (truth.tif)")
    with failing_as(target):
        drawing.write_png(picture, target)
    return target


def _product(folder: Path) -> np.ndarray:
    product = read_product(folder)
    cloudy, bands = product.optical, list(product.bands)
    colours = None
    # a product of part of an image has no cloudy picture of the same size
    if cloudy is not None and cloudy.file.shape == product.grid.shape:
        shown = [bands[position] for position in drawing.colour_bands(bands)]
        colours = decode(drawing.thinned(cloudy.file, indexes_of(cloudy, shown)), cloudy.encoding)
    return drawing.render_product(files_of(folder), bands, product.reflectance.encoding, colours)


def _simulated(folder: Path) -> np.ndarray:
    cloudy, truth = read(folder / "optical.tif", folder / "radar.tif"), read(folder / "truth.tif")
    colours = drawing.scene_colours(truth)
    stretch = drawing.stretch_of(colours)
    step = drawing.thinning((cloudy.sizes["y"], cloudy.sizes["x"]))
    radar = load(cloudy, "radar", slice(None, None, step), slice(None, None, step))
    quality = drawing.thinned(RasterFile(folder / "quality.tif"), [1])[0]
    return drawing.side_by_side(
        [
            drawing.to_picture(drawing.scene_colours(cloudy), stretch),
            drawing.colour_radar(radar),
            drawing.colour_classes(quality, QUALITY_LEGEND),
            drawing.to_picture(colours, stretch),
        ]
    )
