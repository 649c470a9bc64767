"""Mask: the quality class of every pixel, from a product's layer, from a file, or by Sunbreak's own rule."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from odc.geo.geobox import GeoBox
from scipy import ndimage

from sunbreak import cloud_rule
from sunbreak.bands import RADAR_PIXEL_SPACING
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.rasters.geotiff import failing_as
from sunbreak.scene import window as load
from sunbreak.steps.quality_file import QualityOf, quality_from_file
from sunbreak.tiles import Window, blocks
from sunbreak.work import Bar, side_by_side

MASK_BLOCK: Final = 1024
"""Side of a block in pixels; shadows are looked for far beyond it, so it is larger than elsewhere."""
METRES_A_DEGREE: Final = 111_320.0
RULE_PIXEL: Final = 20.0
"""Pixel size in m at which the rule looks for clouds."""


@dataclass(frozen=True)
class MaskOptions:
    """Where the quality classes come from."""

    quality: str | Path | None = None
    """Class raster of the scene; None means Sunbreak's own rule."""
    quality_map: str | None = None
    """What the raster's codes mean: `scl`, or pairs such as `1=thick,2=thin`; None means Sunbreak's own codes."""
    buffer: int = 4
    """Pixels by which cloud and shadow grow into clear surroundings."""

    def __post_init__(self) -> None:
        if not 0 <= self.buffer <= 500:
            raise OptionError(f"--buffer {self.buffer}: must lie between 0 and 500 pixels")
        if self.quality_map is not None and self.quality is None:
            raise OptionError("--quality-map explains the codes of --quality FILE, which is not given")


def mask(
    scene: xr.Dataset, *, options: MaskOptions | None = None, folder: Path | None = None, progress: bool = False
) -> xr.Dataset:
    """Add the quality class of every pixel to a scene.

    Args:
        scene: A scene; a `quality` variable it may hold already is taken as it is and only grown.
        options: Where the classes come from.
        folder: Keep the classes in an unnamed file there instead of in memory, for scenes of any size.
        progress: Show a progress bar on a terminal.

    Returns:
        The scene with `quality`, (y, x), uint8.

    Raises:
        QualityError: The quality file holds codes that nobody has explained.
        OptionError: Blue, green or red is missing and no quality file is given.
        RasterError: The quality file cannot be read.
        GeometryError: It does not lie on the scene.
    """
    options = options or MaskOptions()
    shape = (scene.sizes["y"], scene.sizes["x"])
    source = quality_source(scene, options)
    quality = np.empty(shape, np.uint8) if folder is None else _unnamed_file(folder, shape)

    def fill(block: Window) -> None:
        quality[block.rows, block.cols] = grown_window(source, block, shape, options.buffer)

    with Bar(shape, "masking", shown=progress) as bar:
        for _ in side_by_side(fill, blocks(shape, MASK_BLOCK), bar):
            pass
    told = {"quality_path": options.quality, "quality_map": options.quality_map, "buffer": options.buffer}
    kept = {key: value if isinstance(value, int) else str(value) for key, value in told.items() if value is not None}
    return scene.assign(quality=(("y", "x"), quality)).assign_attrs(kept)


def _unnamed_file(folder: Path, shape: tuple[int, int]) -> np.ndarray:
    with failing_as(folder), tempfile.TemporaryFile(dir=folder) as file:
        # a full disk shall be an error here, not a bus error when the first page is written back
        os.posix_fallocate(file.fileno(), 0, shape[0] * shape[1])
        return np.memmap(file, np.uint8, "r+", shape=shape)


def quality_source(scene: xr.Dataset, options: MaskOptions) -> QualityOf:
    """Choose where quality comes from: the file, the scene's own layer, or the rule.

    Args:
        scene: A scene.
        options: Where the classes come from.

    Returns:
        A function from windows to quality classes, not yet grown.
    """
    if options.quality is not None:
        given = quality_from_file(scene, options.quality, options.quality_map)
    elif "quality" in scene:
        given = lambda window: load(scene, "quality", window.rows, window.cols)  # noqa: E731 - the short of it
    else:
        return _from_rule(scene)

    def window_of(window: Window) -> np.ndarray:
        has_data = np.isfinite(load(scene, "optical", window.rows, window.cols)).any(axis=0)
        return np.where(has_data, given(window), np.uint8(Quality.NODATA))

    return window_of


def grown_window(source: QualityOf, window: Window, shape: tuple[int, int], buffer: int) -> np.ndarray:
    """Quality of a window with cloud and shadow grown into their clear surroundings.

    Args:
        source: Quality before growing.
        window: The window.
        shape: Height and width of the scene.
        buffer: Pixels to grow by.

    Returns:
        (y, x), uint8.
    """
    wide = window.grown(buffer, shape)
    return grow(source(wide), buffer)[window.inside(wide)]


def grow(quality: np.ndarray, buffer: int) -> np.ndarray:
    """Grow cloud and shadow into clear pixels.

    Args:
        quality: Quality classes, (y, x), uint8.
        buffer: Distance in pixels.

    Returns:
        Quality classes; a clear pixel within `buffer` of cloud or shadow takes its class, thick cloud before thin cloud
        before shadow.

    Example:
        >>> grow(np.array([[1, 1, 1, 3]], np.uint8), 1).tolist()
        [[1, 1, 3, 3]]
    """
    if buffer == 0:
        return quality
    reach = np.arange(-buffer, buffer + 1)
    disk = np.hypot(reach[:, np.newaxis], reach) <= buffer
    grown = quality.copy()
    for code in (Quality.SHADOW, Quality.THIN_CLOUD, Quality.THICK_CLOUD):
        kind = quality == code
        if kind.any():
            grown[_dilated(kind, disk) & (quality == Quality.CLEAR)] = code
    return grown


def _dilated(mask: np.ndarray, disk: np.ndarray) -> np.ndarray:
    if disk.shape[0] <= 11:
        small: np.ndarray = ndimage.binary_dilation(mask, disk)
        return small
    far: np.ndarray = ndimage.distance_transform_edt(~mask) <= disk.shape[0] // 2
    return far


def _from_rule(scene: xr.Dataset) -> QualityOf:
    bands = [str(name) for name in scene["band"].values]
    cloud_rule.check_bands(bands)
    used = [name for name in bands if name in cloud_rule.USED]
    pixel = ground_grid(scene.odc.geobox).pixel
    step = max(1, round(RULE_PIXEL / pixel))
    sun = cloud_rule.SunGeometry(scene.attrs.get("sun_azimuth"), scene.attrs.get("sun_elevation"))
    shape = (scene.sizes["y"], scene.sizes["x"])
    grid = ground_grid(scene.odc.geobox, step)
    furthest = max(sun.reach(), cloud_rule.SURROUNDINGS) + cloud_rule.COMPANY_REACH + cloud_rule.EDGE_REACH
    halo = step * (int(furthest / (pixel * step)) + 10)

    def window_of(window: Window) -> np.ndarray:
        aligned = Window(window.top // step * step, window.left // step * step, 0, 0)
        height, width = window.rows.stop - aligned.top, window.cols.stop - aligned.left
        wide = Window(aligned.top, aligned.left, -(-height // step) * step, -(-width // step) * step).grown(halo, shape)
        planes, valid = [], np.zeros((window.height, window.width), bool)
        rows, cols = window.inside(wide)
        for band in used:
            plane = np.asarray(scene["optical"][bands.index(band), wide.rows, wide.cols].data)
            valid |= np.isfinite(plane[rows, cols])
            planes.append(_averaged(plane, step))
        coarse = cloud_rule.classify(np.stack(planes), used, scene.attrs["level"], grid, sun)
        fine = coarse.repeat(step, axis=0).repeat(step, axis=1)[: wide.height, : wide.width]
        quality: np.ndarray = fine[rows, cols].copy()
        quality[~valid] = Quality.NODATA
        # a coarse pixel without data beside a fine one with data: the swath's edge is clear until proven otherwise
        quality[valid & (quality == Quality.NODATA)] = Quality.CLEAR
        return quality

    return window_of


def ground_grid(geobox: GeoBox, step: int = 1) -> cloud_rule.GroundGrid:
    """How the pixels of a grid lie on the ground; 10 m and north up without georeferencing.

    Args:
        geobox: The grid.
        step: Pixels joined to one.

    Returns:
        Pixel size in m, and the way south and east in pixels.
    """
    if geobox.crs is None:
        return cloud_rule.GroundGrid(float(RADAR_PIXEL_SPACING) * step)
    affine = geobox.affine
    if geobox.crs.geographic:
        latitude = affine.d * geobox.width / 2 + affine.e * geobox.height / 2 + affine.f
        east, north = METRES_A_DEGREE * max(float(np.cos(np.radians(latitude))), 0.01), METRES_A_DEGREE
    else:
        east = north = float(geobox.crs.proj.axis_info[0].unit_conversion_factor)
    # columns and rows to metres east and north, and back
    forth = np.array([[affine.a * east, affine.b * east], [affine.d * north, affine.e * north]])
    back = np.linalg.inv(forth)
    pixel = float(np.sqrt(abs(np.linalg.det(forth))))
    down = (float(-back[1, 1] * pixel), float(back[1, 0] * pixel))
    right = (float(-back[0, 1] * pixel), float(back[0, 0] * pixel))
    return cloud_rule.GroundGrid(pixel * step, down, right)


def _averaged(plane: np.ndarray, step: int) -> np.ndarray:
    """Means over step x step pixels, the last ones over what there is; NaN only where all are."""
    height, width = plane.shape
    padded = np.pad(plane, ((0, -height % step), (0, -width % step)), constant_values=np.nan)
    total = np.zeros((padded.shape[0] // step, padded.shape[1] // step), np.float32)
    count = np.zeros_like(total)
    for down, right in np.ndindex(step, step):
        part = padded[down::step, right::step]
        valid = np.isfinite(part)
        total += np.where(valid, part, np.float32(0))
        count += valid
    mean: np.ndarray = np.where(count > 0, total / np.maximum(count, 1), np.float32(np.nan))
    return mean
