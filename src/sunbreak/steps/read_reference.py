"""Read references, files of other dates or earlier products, onto the grid of a scene."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import xarray as xr

from sunbreak.errors import OptionError, RadiometryError
from sunbreak.inputs.opened import OpticalInput, RadarInput, open_optical, open_radar
from sunbreak.inputs.product_files import REFLECTANCE, files_of, is_product, open_reflectance
from sunbreak.inputs.safe import is_safe
from sunbreak.legend import Quality, Source
from sunbreak.radiometry.backscatter import RadarStorage
from sunbreak.radiometry.optical import OpticalImage
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.rasters.pooled import Raster
from sunbreak.scene import make_scene
from sunbreak.steps.align import align_optical, grid_of_geobox, warp_classes
from sunbreak.steps.align_grd import lay_radar

QUALITY: Final = "quality.tif"
"""File of a product that says what was measured."""
Understood = TypeVar("Understood", OpticalImage, RadarStorage)


@dataclass(frozen=True)
class Reference:
    """Files of another date."""

    optical: str | Path
    """Sentinel-2 on any grid: GeoTIFF, `.SAFE` or its zip, file or address of a STAC item; or folder of a Sunbreak
    product, of which only measured pixels count as clear."""
    radar: str | Path | None = None
    """Sentinel-1 GeoTIFF of about the same date, which tells what has changed since."""


def read_reference(
    optical: str | Path,
    scene: xr.Dataset,
    *,
    radar: str | Path | None = None,
    options: ReadOptions | None = None,
) -> xr.Dataset:
    """Read an image of another date, or an earlier product, onto the grid of a scene.

    Args:
        optical: Sentinel-2 on any grid that overlaps, as `read` takes it, or folder of a Sunbreak product.
        scene: The scene.
        radar: Sentinel-1 image of about that date, on any grid; None for none.
        options: What the user says of the scene's files. Level, offset and bands, units and bands of the radar hold for
            the reference where its own metadata leave them open; the rest is about the scene alone.

    Returns:
        The reference as a scene on the grid of the other, interpolated bilinearly where its own differs; with `quality`
        where it is a product. Pixels are read when asked for.

    Raises:
        OptionError: A folder is no product.
        RasterError: A file cannot be read.
        RadiometryError: It is of another level, lacks a band of the scene, or its numbers are not understood.
        GeometryError: It does not lie on the scene.
    """
    options = options or ReadOptions()
    folder = Path(optical) if Path(optical).is_dir() and not is_safe(Path(optical)) else None
    if folder is not None and not (is_product(folder) and (files_of(folder) / QUALITY).is_file()):
        raise OptionError(
            f"{optical}: is a folder without {REFLECTANCE} and {QUALITY}; give a Sentinel-2 GeoTIFF, or the folder of a"
            " product"
        )
    opened = open_optical(optical, options) if folder is None else _of_product(folder)
    name, geobox = str(scene.attrs.get("optical_path", "the scene")), scene.odc.geobox
    grid = grid_of_geobox(geobox)
    image = _with_bands(_understood(opened, options), scene, name)
    arrays: dict[str, Any] = {"optical": lazy(align_optical(image, grid, name))}
    if folder is not None:
        classes, source = (warp_classes(files_of(folder) / QUALITY, geobox, name=name, band=band) for band in (1, 2))
        load = MeasuredWindows(classes, source)
        arrays["quality"] = lazy(WindowedArray(grid.shape, np.uint8, load))
    if radar is not None and "radar" in scene:
        beside = open_radar(radar, options)
        file, storage = beside.file, _with_pols(_radar_understood(beside, options), beside.file, scene, name)
        arrays |= {"radar": lazy(lay_radar(file, storage, grid, name, options)), "pols": storage.pols}
    return make_scene(
        **arrays,
        bands=image.bands,
        level=image.level,
        geobox=geobox,
        encoding=image.encoding,
        datetime=image.told.datetime,
        optical_path=opened.name,
        radar_path=None if radar is None else str(radar),
        sun_azimuth=image.told.sun_azimuth,
        sun_elevation=image.told.sun_elevation,
    )


@dataclass(frozen=True)
class MeasuredWindows:
    """Loads quality of a product on another grid; what it has restored is not clear."""

    classes: xr.Variable
    """Its classes, (y, x), -1 outside."""
    source: xr.Variable
    """Where its pixels come from, (y, x), -1 outside."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Not used.
            rows: Rows of the scene.
            cols: Columns of the scene.

        Returns:
            `Quality`, (y, x), uint8.
        """
        classes, source = (np.asarray(one[rows, cols].data) for one in (self.classes, self.source))
        clear = (source == Source.MEASURED) & (classes == Quality.CLEAR)
        cloud = np.where(classes > Quality.CLEAR, classes, Quality.THICK_CLOUD)
        return np.where(clear, Quality.CLEAR, np.where(classes > 0, cloud, Quality.NODATA)).astype(np.uint8)


def _of_product(folder: Path) -> OpticalInput:
    file = open_reflectance(folder)
    return OpticalInput(file, str(file.path))


def _understood(opened: OpticalInput, options: ReadOptions) -> OpticalImage:
    """By its own metadata first; where they leave something open, by as little of the user's word as does."""
    return _first(opened.understood, _attempts(options, "level", "bands", "offset"))


def _radar_understood(opened: RadarInput, options: ReadOptions) -> RadarStorage:
    def understand(attempt: ReadOptions) -> RadarStorage:
        return opened.understood(attempt)

    return _first(understand, _attempts(options, "radar_units", "radar_bands"))


def _first(understand: Callable[[ReadOptions], Understood], attempts: Sequence[ReadOptions]) -> Understood:
    for attempt in attempts[:-1]:
        with suppress(RadiometryError):
            return understand(attempt)
    return understand(attempts[-1])


def _attempts(options: ReadOptions, *names: str) -> list[ReadOptions]:
    """Ever more of the user's options, of those that are given; the first has none, the last all."""
    given = [name for name in names if getattr(options, name) is not None]
    chosen = ([name for place, name in enumerate(given) if count >> place & 1] for count in range(1 << len(given)))
    return [dataclasses.replace(ReadOptions(), **{name: getattr(options, name) for name in some}) for some in chosen]


def _with_bands(image: OpticalImage, scene: xr.Dataset, name: str) -> OpticalImage:
    """The image with the bands of the scene alone, in its order."""
    if image.level != scene.attrs["level"]:
        raise RadiometryError(
            f"{image.file.path}: is {image.level}, {name} is {scene.attrs['level']}; give a reference of the same level"
        )
    bands = tuple(str(value) for value in scene["band"].values)
    missing = [band for band in bands if band not in image.bands]
    if missing:
        raise RadiometryError(
            f"{image.file.path}: has no band {', '.join(missing)}, which {name} has; give a reference with all, or"
            " leave it out of the scene with --bands"
        )
    indexes = tuple(image.encoding["indexes"][image.bands.index(band)] for band in bands)
    return dataclasses.replace(image, bands=bands, encoding=image.encoding | {"indexes": indexes})


def _with_pols(storage: RadarStorage, file: Raster, scene: xr.Dataset, name: str) -> RadarStorage:
    """The storage of the polarisations that the scene has alone."""
    pols = tuple(str(value) for value in scene["pol"].values)
    missing = [pol for pol in pols if pol not in storage.pols]
    if missing:
        raise RadiometryError(f"{file.path}: has no {', '.join(missing)}, which the radar of {name} has; leave it out")
    places = [storage.pols.index(pol) for pol in pols]
    return dataclasses.replace(
        storage,
        pols=pols,
        indexes=tuple(storage.indexes[place] for place in places),
        scales=tuple(storage.scales[place] for place in places),
        offsets=tuple(storage.offsets[place] for place in places),
    )
