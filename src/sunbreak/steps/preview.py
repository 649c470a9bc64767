"""Preview: draw the picture of a finished product again, or of a simulated scene."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from sunbreak import preview as drawing
from sunbreak.errors import OptionError, RasterError
from sunbreak.legend import QUALITY_LEGEND
from sunbreak.rasters.geotiff import failing_as
from sunbreak.scene import window as load
from sunbreak.steps.read import read

RADAR_SHOWN: Final = ((-22.0, -2.0), (-28.0, -9.0), (4.0, 14.0))
"""Range in dB shown as red (VV), green (VH) and blue (VV - VH)."""


def preview(folder: Path, out: Path | None = None) -> Path:
    """Draw the picture of a folder.

    Args:
        folder: A product (`reflectance.tif`) or a simulated scene (`optical.tif` and `truth.tif`).
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
    if (folder / "reflectance.tif").exists():
        picture = _product(folder)
    elif (folder / "truth.tif").exists():
        picture = _simulated(folder)
    else:
        raise RasterError(f"{folder}: holds neither a product (reflectance.tif) nor a simulated scene (truth.tif)")
    with failing_as(target):
        drawing.write_png(picture, target)
    return target


def _product(folder: Path) -> np.ndarray:
    scene = read(folder / "reflectance.tif")
    bands = [str(name) for name in scene["band"].values]
    return drawing.render_product(folder, bands, scene["optical"].encoding, _cloudy(folder, scene, bands))


def _cloudy(folder: Path, product: xr.Dataset, bands: list[str]) -> np.ndarray | None:
    import pystac

    try:
        item = pystac.Item.from_file(str(folder / "item.json"))
        target = next(link.get_href() for link in item.links if link.rel == "derived_from" and link.title == "optical")
        if target is None:
            return None
        scene = read(folder / target)
    except (OSError, StopIteration, RasterError):
        return None  # the input is gone or was moved: the picture does without it
    same = [str(name) for name in scene["band"].values] == bands and scene.sizes["y"] == item.properties["proj:shape"][
        0
    ]
    return drawing.scene_colours(scene) if same else None


def _simulated(folder: Path) -> np.ndarray:
    cloudy, truth = read(folder / "optical.tif", folder / "radar.tif"), read(folder / "truth.tif")
    colours = drawing.scene_colours(truth)
    stretch = drawing.stretch_of(colours)
    step = drawing.thinning((cloudy.sizes["y"], cloudy.sizes["x"]))
    radar = load(cloudy, "radar", slice(None, None, step), slice(None, None, step))
    planes = np.stack([radar[0], radar[1], radar[0] - radar[1]])
    low, high = np.array(RADAR_SHOWN).T[:, :, np.newaxis, np.newaxis]
    shown = np.clip(np.nan_to_num((planes - low) / (high - low)), 0, 1)
    quality = drawing.thinned(folder / "quality.tif", [1])[0]
    return drawing.side_by_side(
        [
            drawing.to_picture(drawing.scene_colours(cloudy), stretch),
            np.rint(255 * shown).astype(np.uint8),
            drawing.colour_classes(quality, QUALITY_LEGEND),
            drawing.to_picture(colours, stretch),
        ]
    )
