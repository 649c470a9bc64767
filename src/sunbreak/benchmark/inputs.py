"""What is measured on: simulated scenes, made once and kept, and masks that leave a share of them to restore."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from rasterio.windows import Window

from sunbreak.legend import Quality
from sunbreak.simulate import CloudSpec, SceneSpec, write_scene

SEED: Final = 5
ROWS: Final = 512
"""Rows of a mask that are written at a time."""
SPACING: Final = 224
"""Stride of the networks' patches: with a pixel to restore that often, every patch is touched."""


def simulated_scene(size: int, folder: Path) -> Path:
    """Make a simulated scene, if it is not there yet.

    Args:
        size: Side in pixels.
        folder: Where scenes are kept.

    Returns:
        Folder of the scene.
    """
    found = folder / f"scene-{size}"
    if not (found / "optical.tif").is_file():
        write_scene(SceneSpec(size=size, seed=SEED, clouds=CloudSpec(seed=SEED)), found, overwrite=True, progress=True)
    return found


def mask_of(scene: Path, touched: float) -> Path:
    """A mask of a scene under which a share of the patches has something to restore.

    Args:
        scene: Folder of a simulated scene.
        touched: Share of its rows, from the top, that keep the simulated classes; of these every patch is touched.

    Returns:
        Path of the classes; clear below.
    """
    path = scene / f"touched-{touched:g}.tif"
    if path.is_file():
        return path
    beside = path.with_suffix(".partial")
    with rasterio.open(scene / "quality.tif") as classes:
        profile = {key: classes.profile[key] for key in ("width", "height", "count", "dtype", "crs", "transform")}
        tiled = {"tiled": True, "blockxsize": ROWS, "blockysize": ROWS} if min(classes.shape) >= ROWS else {}
        with rasterio.open(beside, "w", driver="GTiff", compress="deflate", **profile, **tiled) as file:
            file.set_band_description(1, classes.descriptions[0])
            for top in range(0, classes.height, ROWS):
                window = Window(0, top, classes.width, min(ROWS, classes.height - top))
                codes = classes.read(1, window=window)
                rows = np.arange(top, top + len(codes))
                codes[:: SPACING // 2, :: SPACING // 2] = Quality.THICK_CLOUD
                codes[rows >= touched * classes.height] = Quality.CLEAR
                file.write(codes, 1, window=window)
    beside.replace(path)
    return path
