"""Classify: one scene class for every square cell of a scene, with its confidence and the cloud over it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from sunbreak import engine
from sunbreak.bands import RADAR_BANDS
from sunbreak.classifiers import Classifier, open_classifier
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.legend import Quality
from sunbreak.rasters.pixelmap import compose
from sunbreak.scene import window as load
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.tiles import BLOCK, Window, blocks, padded
from sunbreak.work import Bar, side_by_side

UNCLASSIFIED: Final = 0
"""Code of cells without data; the first class has the code 1."""
CLOUD_NODATA: Final = 255
"""Cloud of cells without data; 0 is a clear one."""
MOST_CLASSES: Final = 255
"""Codes that a byte has besides `UNCLASSIFIED`."""
CLOUDS: Final = (Quality.THIN_CLOUD, Quality.THICK_CLOUD)
LARGEST: Final = 1024
"""Largest side of a cell in pixels; a cell is read at once."""
TOGETHER: Final = BLOCK * BLOCK
"""Pixels of the patches that are cut out at the same time; bounds the memory where cells are smaller than patches."""
FACTS: Final = (
    "level", "datetime", "platform", "optical_path", "radar_path", "radar_days", "quality_path", "quality_from",
    "mask_precision", "mask_sha256", "quality_map", "buffer",
)  # fmt: skip
"""Attributes of a scene that hold for its class map."""


@dataclass(frozen=True)
class ClassifyOptions:
    """How a scene is classified."""

    cell: int | None = None
    """Side of a cell in pixels; None takes that of the classifier's patches."""
    runtime: engine.RuntimeName = "auto"
    """What runs the classifier, unless it is opened already."""
    precision: engine.Precision = "auto"
    """Its arithmetic then."""

    def __post_init__(self) -> None:
        if self.cell is not None and not 1 <= self.cell <= LARGEST:
            raise OptionError(f"--cell {self.cell}: must lie between 1 and {LARGEST} pixels")


class _Cells(NamedTuple):
    """What is found in a few neighbouring cells, each (row, column)."""

    place: tuple[slice, slice]
    scene_class: np.ndarray
    confidence: np.ndarray
    cloud: np.ndarray


def classify(
    scene: xr.Dataset,
    *,
    model: str | Path | Classifier,
    options: ClassifyOptions | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Classify a scene cell by cell.

    The cells lie on one grid anchored at the scene's origin; those at the right and bottom border may reach beyond it.
    A classifier whose patches have another size sees the patch around the middle of the cell. What a patch holds beyond
    the scene is mirrored.

    Args:
        scene: A scene; without `quality` Sunbreak's own mask is run first, as `sunbreak evaluate --task scene` does.
        model: A classifier, the folder of a `sunbreak transfer`, or an `.onnx` file, see `classifiers.open_classifier`.
        options: Further options.
        progress: Show a progress bar on a terminal.

    Returns:
        The class map on a grid of cells, each (y, x), uint8: `scene_class`, 1 for the first class and so on, 0 for
        cells without data; `confidence`, the probability of that class in percent as the classifier states it, 0
        without data; `cloud`, percent of the cell's measured pixels under thin or thick cloud, 255 without data. The
        attribute `classes` names the classes.

    Raises:
        OptionError: The classifier cannot be opened, or needs bands, a level or radar that the scene has not.

    Warns:
        SunbreakWarning: The classifier takes radar where there is some, and the scene has none: it goes by the optical
            image alone.

    Example:
        >>> from sunbreak.classifiers import callable_classifier
        >>> from sunbreak.scene import make_scene
        >>> bright = callable_classifier(
        ...     lambda optical: np.stack([optical.mean((1, 2, 3)), np.full(len(optical), 0.2)], axis=1),
        ...     bands=["B04"], classes=["bright", "dark"], patch=8,
        ... )
        >>> optical = np.full((1, 16, 20), 0.1, np.float32)
        >>> optical[:, 8:] = 0.6
        >>> scene = make_scene(optical, bands=["B04"], level="L2A", quality=np.ones((16, 20), np.uint8))
        >>> classify(scene, model=bright).scene_class.values.tolist()
        [[2, 2, 2], [1, 1, 1]]
    """
    options = options or ClassifyOptions()
    if "optical" not in scene:
        raise OptionError("not a scene: it has no `optical`; take it from `sunbreak.read` or `sunbreak.make_scene`")
    classifier = model
    if not isinstance(classifier, Classifier):
        classifier = open_classifier(classifier, runtime=options.runtime, precision=options.precision)
    with_radar = check_fit(classifier, scene)
    if "quality" not in scene:
        scene = mask(scene, options=MaskOptions(buffer=0), progress=progress)
    size = options.cell or classifier.patch
    return classify_cells(scene, classifier, size, with_radar=with_radar, progress=progress)


def classify_cells(
    scene: xr.Dataset, classifier: Classifier, size: int, *, with_radar: bool, progress: bool = False
) -> xr.Dataset:
    """Classify all cells of a scene, a few at a time; memory does not grow with the scene.

    Args:
        scene: A scene with quality.
        classifier: The classifier.
        size: Side of a cell in pixels.
        with_radar: What `check_fit` says.
        progress: Show a progress bar on a terminal.

    Returns:
        The class map, see `classify`.
    """
    shape = (scene.sizes["y"], scene.sizes["x"])
    grid = -(-shape[0] // size), -(-shape[1] // size)
    arrays = {
        "scene_class": np.full(grid, UNCLASSIFIED, np.uint8),
        "confidence": np.zeros(grid, np.uint8),
        "cloud": np.full(grid, CLOUD_NODATA, np.uint8),
    }
    side = max(1, BLOCK // size) * size
    work = partial(_classify_block, scene, classifier, size, with_radar)
    with Bar(shape, "classifying", shown=progress) as bar:
        for found in side_by_side(work, blocks(shape, side), bar):
            for name, array in arrays.items():
                array[found.place] = getattr(found, name)
    geobox: GeoBox = scene.odc.geobox
    coarse = GeoBox(grid, compose(geobox.affine, Affine.scale(size)), geobox.crs)
    told = {name: scene.attrs[name] for name in FACTS if name in scene.attrs}
    return xr.Dataset(
        {name: (("y", "x"), array) for name, array in arrays.items()},
        coords={str(name): values for name, values in xr_coords(coarse, always_yx=True).items()},
        attrs=told | {"classes": list(classifier.classes), "model": classifier.name, "cell": size, **classifier.facts},
    )


def check_fit(classifier: Classifier, scene: xr.Dataset) -> bool:
    """Check that a classifier can look at a scene.

    Args:
        classifier: The classifier.
        scene: A scene; its quality is not needed.

    Returns:
        Whether it will see radar.

    Raises:
        OptionError: The scene lacks a band, or radar that it cannot do without, or is of another level; or it has more
            classes than a class map can hold.

    Warns:
        SunbreakWarning: It takes radar where there is some, and the scene has none.
    """
    if len(classifier.classes) > MOST_CLASSES:
        raise OptionError(f"{classifier.name}: has {len(classifier.classes)} classes; a map holds {MOST_CLASSES}")
    bands, level = [str(name) for name in scene["band"].values], scene.attrs["level"]
    missing = [name for name in classifier.bands if name not in bands]
    if classifier.uses_optical and (missing or level not in classifier.levels):
        without = f" without {' '.join(missing)}" if missing else ""
        raise OptionError(
            f"{classifier.name}: made for {'/'.join(classifier.levels)} with the bands {' '.join(classifier.bands)}; "
            f"the scene is {level}{without}; choose another --model or scene"
        )
    if not classifier.uses_radar:
        return False
    pols = [str(name) for name in scene["pol"].values] if "radar" in scene else []
    if pols == list(RADAR_BANDS):
        return True
    lack = f"has radar without {' '.join(sorted({*RADAR_BANDS} - {*pols}))}" if pols else "has no radar"
    if classifier.needs_radar or not classifier.uses_optical:
        raise OptionError(f"{classifier.name}: needs radar (VV and VH), and the scene {lack}; give it with --radar")
    message = f"{classifier.name}: takes VV and VH beside the optical image, and the scene {lack}; it goes without"
    warnings.warn(message, SunbreakWarning, stacklevel=3)
    return False


def _classify_block(scene: xr.Dataset, classifier: Classifier, size: int, with_radar: bool, block: Window) -> _Cells:
    cells = [
        Window(block.top + cell.top, block.left + cell.left, cell.height, cell.width)
        for cell in blocks((block.height, block.width), size)
    ]
    patches = [_around(cell, classifier.patch) for cell in cells]
    planes = _Planes(scene, classifier, _spanned([block, *patches], scene), with_radar)
    held = [index for index, cell in enumerate(cells) if planes.holds_data(cell)]
    scene_class, confidence = np.full(len(cells), UNCLASSIFIED, np.uint8), np.zeros(len(cells), np.uint8)
    together = max(1, TOGETHER // classifier.patch**2)
    for start in range(0, len(held), together):
        some = held[start : start + together]
        logits = classifier.run(*planes.cut([patches[index] for index in some]))["logits"].astype(np.float64)
        odds = np.exp(logits - logits.max(axis=1, keepdims=True))  # of the likeliest class: 1
        scene_class[some] = logits.argmax(axis=1) + 1
        confidence[some] = np.maximum(np.rint(100 / odds.sum(axis=1)), 1)
    cloud = np.array([planes.cloud_percent(cell) for cell in cells], np.uint8)
    grid = -(-block.height // size), -(-block.width // size)
    top, left = block.top // size, block.left // size
    place = slice(top, top + grid[0]), slice(left, left + grid[1])
    return _Cells(place, *(array.reshape(grid) for array in (scene_class, confidence, cloud)))


class _Planes:
    """A window of the scene as a classifier takes it."""

    def __init__(self, scene: xr.Dataset, classifier: Classifier, window: Window, with_radar: bool) -> None:
        here = (window.rows, window.cols)
        optical = load(scene, "optical", *here)
        self._window = window
        self._quality = load(scene, "quality", *here)
        self._data = np.isfinite(optical).any(axis=0) & (self._quality != Quality.NODATA)
        self._radar = load(scene, "radar", *here) if with_radar else None
        if classifier.uses_optical:
            names = [str(name) for name in scene["band"].values]
            self._optical = optical[[names.index(name) for name in classifier.bands]].astype(np.float32, copy=False)
        else:
            self._optical = np.full((len(classifier.bands), *optical.shape[1:]), np.nan, np.float32)
            if self._radar is not None:
                self._data = np.isfinite(self._radar).all(axis=0)
        self._clear = (self._quality == Quality.CLEAR) & np.isfinite(self._optical).all(axis=0)

    def holds_data(self, cell: Window) -> bool:
        return bool(self._data[cell.inside(self._window)].any())

    def cloud_percent(self, cell: Window) -> int:
        quality = self._quality[cell.inside(self._window)]
        known = int((quality != Quality.NODATA).sum())
        cloud = int(np.isin(quality, CLOUDS).sum())
        return round(100 * cloud / known) if known else CLOUD_NODATA

    def cut(self, patches: list[Window]) -> tuple[np.ndarray, np.ndarray | None, np.ndarray]:
        """Optical, radar and clear of patches, as `Classifier.run` takes them."""
        radar = None if self._radar is None else self._cut(self._radar, patches)
        return self._cut(self._optical, patches), radar, self._cut(self._clear, patches)

    def _cut(self, array: np.ndarray, patches: list[Window]) -> np.ndarray:
        return np.stack([padded(array, self._window, patch) for patch in patches])


def _around(cell: Window, size: int) -> Window:
    """The patch around the middle of a cell."""
    return Window(cell.top + (cell.height - size) // 2, cell.left + (cell.width - size) // 2, size, size)


def _spanned(windows: list[Window], scene: xr.Dataset) -> Window:
    """The part of the scene that holds all of these."""
    top, left = max(0, min(one.top for one in windows)), max(0, min(one.left for one in windows))
    bottom = min(scene.sizes["y"], max(one.rows.stop for one in windows))
    right = min(scene.sizes["x"], max(one.cols.stop for one in windows))
    return Window(top, left, bottom - top, right - left)
