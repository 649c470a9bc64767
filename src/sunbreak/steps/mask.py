"""Mask: the quality class of every pixel, from a product's layer, from a file, by the mask network, or by a rule."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
import xarray as xr

from sunbreak import cloud_network, engine
from sunbreak.clock import spent_on
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.morphology import grown
from sunbreak.rasters.geotiff import failing_as
from sunbreak.scene import window as load
from sunbreak.steps.quality_file import QualityOf, quality_from_file
from sunbreak.steps.quality_network import quality_from_network
from sunbreak.steps.quality_rule import quality_from_rule
from sunbreak.tiles import Window, blocks
from sunbreak.work import Bar, side_by_side

MASK_BLOCK: Final = 1024
"""Side of a block in pixels; shadows are looked for far beyond it, so it is larger than elsewhere."""
Method = Literal["auto", "network", "rule"]
METHODS: Final[tuple[Method, ...]] = ("auto", "network", "rule")
DEFAULT_METHOD: Final[Method] = "auto"
"""What finds clouds where no class raster is given; `auto` is the rule where the scene has its bands, else the network:
on real labels the rule is ahead of the present weights (RESULTS.md)."""
RULE_BANDS: Final = ("B02", "B03", "B04")


@dataclass(frozen=True)
class MaskOptions:
    """Where the quality classes come from."""

    quality: str | Path | None = None
    """Class raster of the scene; None means that Sunbreak finds clouds itself."""
    quality_map: str | None = None
    """What the raster's codes mean: `scl`, or pairs such as `1=thick,2=thin`; None means Sunbreak's own codes."""
    buffer: int = 4
    """Pixels by which cloud and shadow grow into clear surroundings."""
    method: Method | str | Path = DEFAULT_METHOD
    """What finds clouds: `network`, `rule`, or the path of a mask network (.onnx); these pass over a `quality` that the
    scene has. `auto` takes that, else the rule where the scene has blue, green and red, else the network."""
    runtime: engine.RuntimeName = "auto"
    """What runs the network."""
    precision: engine.Precision = "auto"
    """Arithmetic of the network."""

    def __post_init__(self) -> None:
        if self.method not in METHODS and Path(self.method).suffix != ".onnx":
            raise OptionError(f"--mask {self.method}: one of {', '.join(METHODS)}, or a path ending in .onnx")
        if self.quality is not None and self.method != "auto":
            raise OptionError(f"--quality {self.quality} is the mask, --mask {self.method} would find one; drop either")
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
        The scene with `quality`, (y, x), uint8. The attribute `quality_from` says where it comes from: `file`, `scene`
        or the name of the layer that its product brings (`SCL`), `rule`, or the network's name; then `mask_precision`
        and `mask_sha256` name its arithmetic and weights.

    Raises:
        QualityError: The quality file holds codes that nobody has explained.
        OptionError: The mask network is asked for and missing or unfit; or the rule, and blue, green or red is missing.
        RasterError: The quality file cannot be read.
        GeometryError: It does not lie on the scene.
    """
    options = options or MaskOptions()
    shape = (scene.sizes["y"], scene.sizes["x"])
    source, told = quality_source(scene, options)
    quality = np.empty(shape, np.uint8) if folder is None else _unnamed_file(folder, shape)

    def fill(block: Window) -> None:
        with spent_on("mask"):
            quality[block.rows, block.cols] = grown_window(source, block, shape, options.buffer)

    with Bar(shape, "masking", shown=progress) as bar:
        for _ in side_by_side(fill, blocks(shape, MASK_BLOCK), bar):
            pass
    told |= {"quality_path": options.quality, "quality_map": options.quality_map, "buffer": options.buffer}
    kept = {key: value if isinstance(value, int) else str(value) for key, value in told.items() if value is not None}
    return scene.assign(quality=(("y", "x"), quality)).assign_attrs(kept)


def _unnamed_file(folder: Path, shape: tuple[int, int]) -> np.ndarray:
    with failing_as(folder), tempfile.TemporaryFile(dir=folder) as file:
        # a full disk shall be an error here, not a bus error when the first page is written back
        os.posix_fallocate(file.fileno(), 0, shape[0] * shape[1])
        return np.memmap(file, np.uint8, "r+", shape=shape)


def quality_source(scene: xr.Dataset, options: MaskOptions) -> tuple[QualityOf, dict[str, str | Path | int | None]]:
    """Choose where quality comes from: the file, the scene's own layer, the mask network, or the rule.

    Args:
        scene: A scene.
        options: Where the classes come from.

    Returns:
        A function from windows to quality classes, not yet grown; and attributes that say where they come from.
    """
    if options.quality is not None:
        return _where_data(scene, quality_from_file(scene, options.quality, options.quality_map)), _told("file")
    if "quality" in scene and options.method == "auto":
        layer = lambda window: load(scene, "quality", window.rows, window.cols)  # noqa: E731 - the short of it
        return _where_data(scene, layer), _told(scene.attrs.get("quality_layer", "scene"))
    weights = Path(options.method) if options.method not in METHODS else cloud_network.WEIGHTS
    has_rule = set(RULE_BANDS) <= {str(name) for name in scene["band"].values} or not weights.is_file()
    if options.method == "rule" or (options.method == "auto" and has_rule):
        return quality_from_rule(scene), _told("rule")
    model = cloud_network.open_network(
        weights, level=scene.attrs["level"], runtime=options.runtime, precision=options.precision
    )
    told = _told(model.name) | {"mask_precision": model.precision, "mask_sha256": model.sha256}
    return quality_from_network(scene, model), told


def _told(name: str) -> dict[str, str | Path | int | None]:
    return {"quality_from": name}


def _where_data(scene: xr.Dataset, given: QualityOf) -> QualityOf:
    def window_of(window: Window) -> np.ndarray:
        has_data = np.isfinite(np.asarray(scene["optical"][0, window.rows, window.cols].data))
        if not has_data.all():  # mostly the first band tells
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
    found = quality.copy()
    for code in (Quality.SHADOW, Quality.THIN_CLOUD, Quality.THICK_CLOUD):
        kind = quality == code
        if kind.any():
            found[grown(kind, buffer) & (quality == Quality.CLEAR)] = code
    return found
