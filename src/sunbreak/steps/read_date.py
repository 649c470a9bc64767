"""Read one date of a composite: a finished product, or a scene as it comes from the archive."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from sunbreak.bands import UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.inputs.opened import Source
from sunbreak.inputs.product_files import files_of, is_product, open_reflectance
from sunbreak.inputs.safe import is_safe
from sunbreak.radiometry.metadata import parse_datetime
from sunbreak.radiometry.optical import optical_array, understand_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.crop import Bounds, crop_window
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.rasters.raster import RasterFile
from sunbreak.scene import make_scene
from sunbreak.steps.align import grid_of, grid_of_geobox
from sunbreak.steps.read import read
from sunbreak.steps.read_product import read_item

ITEM: Final = "item.json"
"""Marks a finished product."""
COLLECTION: Final = "collection.json"
"""Lists the products of the folder that it lies in."""
DEPTHS: Final = ("*", "*/*")
"""Where products lie in a folder of products, as that of `sunbreak run`."""


@dataclass(frozen=True)
class BandWindows:
    """Loads windows of one band of a class raster on the grid of the product."""

    file: RasterFile
    """The raster."""
    band: int
    """Band, counted from 1."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window, (y, x), as it is stored; `lead` is not used."""
        return np.asarray(self.file.read(rows, cols, [self.band])[0])


@dataclass(frozen=True)
class SigmaWindows:
    """Loads windows of the uncertainty of a product."""

    file: RasterFile
    """`uncertainty.tif`."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window of the bands at the positions `lead`, (band, y, x), float32, reflectance, NaN = no data."""
        stored = self.file.read(rows, cols, [position + 1 for position in lead or ()])
        return np.where(stored == UNCERTAINTY_NODATA, np.float32(np.nan), stored * np.float32(UNCERTAINTY_SCALE))


def read_dates(
    sources: Sequence[Source],
    *,
    tile: str | None = None,
    days: tuple[date, date] | None = None,
    options: ReadOptions | None = None,
) -> list[xr.Dataset]:
    """Read the dates of a composite.

    Args:
        sources: Products, scenes, and folders that hold products at `ID` or `TILE/ID`.
        tile: Of folders of products only those of this MGRS tile, the folder that they lie in; None for all.
        days: First and last day; others are left out. None takes all.
        options: What the user knows better of scenes; the area of it holds for products, too.

    Returns:
        Products and scenes, see `read_date`, each once and cut to the area. Composites are left out of folders.

    Raises:
        OptionError: A folder holds no product, or nothing is left; a date is unknown, and days are given.
        InputError: A file cannot be read or understood.
    """
    options = options or ReadOptions()
    bounds, whole = options.bounds, dataclasses.replace(options, bbox=None, aoi=None)
    found = [read_date(one, options=whole) for one in find_dates(sources, tile)]
    chosen = [scene for scene in found if days is None or days[0] <= _day(scene) <= days[1]]
    if not chosen:
        raise OptionError(f"--dates: none of {len(found)} dates lies in those days; correct them")
    inside = chosen if bounds is None else [part for scene in chosen if (part := _cropped(scene, bounds)) is not None]
    if not inside:
        raise GeometryError(f"none of {len(chosen)} dates reaches the area of --bbox or --aoi; correct the area")
    return inside


def _day(scene: xr.Dataset) -> date:
    told = scene.attrs.get("datetime")
    if not told:
        raise OptionError(f"{scene.attrs['optical_path']}: does not tell its date; leave it out, or --dates")
    return date.fromisoformat(str(told)[:10])


def _cropped(scene: xr.Dataset, bounds: Bounds) -> xr.Dataset | None:
    """The part inside an area; None where there is none."""
    grid = grid_of_geobox(scene.odc.geobox)
    try:
        rows, cols = crop_window(grid, bounds, scene.attrs["optical_path"])
    except GeometryError:
        if grid.crs is None:
            raise
        return None
    return scene.isel(y=rows, x=cols)


def read_date(source: Source, *, options: ReadOptions | None = None) -> xr.Dataset:
    """Read one date: a product of Sunbreak, or a scene.

    Args:
        source: Folder of a product, or its `item.json`; otherwise a scene, as `read` takes it.
        options: What the user knows better of a scene; products tell all themselves, and are read whole.

    Returns:
        A product as `restore` returns it, without land cover, or a scene as `read` returns it; pixels are read when
        asked for.

    Raises:
        RasterError: A file cannot be read, or a folder holds no product.
        RadiometryError: Level, offset or bands of a scene are unknown or contradictory; pass the option it names.
    """
    path = Path(source) if isinstance(source, str | Path) else None
    if path is not None and path.name == ITEM and is_product(path.parent):
        path = path.parent
    if path is None or not path.is_dir() or is_safe(path):
        return read(source, options=options)
    return _product(path)


def _product(folder: Path) -> xr.Dataset:
    item = read_item(folder / ITEM)
    if not is_product(folder):
        raise RasterError(f"{folder}: holds no restored scene (reflectance.tif); make one with sunbreak restore")
    image = understand_optical(open_reflectance(folder), ReadOptions())
    quality, sigma = (RasterFile(files_of(folder) / name) for name in ("quality.tif", "uncertainty.tif"))
    grid = grid_of(image.file)
    for file, count in ((quality, 2), (sigma, len(image.bands))):
        if (file.count, *file.shape) != (count, *grid.shape):
            raise RasterError(f"{file.path}: does not belong to the reflectance beside it; write the product again")
    scene = make_scene(
        lazy(optical_array(image, (slice(0, grid.shape[0]), slice(0, grid.shape[1])))),
        bands=image.bands,
        level=image.level,
        quality=lazy(WindowedArray(grid.shape, np.uint8, BandWindows(quality, 1))),
        geobox=GeoBox(grid.shape, grid.affine, None if grid.crs is None else CRS(grid.crs)),
        encoding=image.encoding,
        datetime=parse_datetime(item["properties"].get("datetime")) or image.told.datetime,
        id=item.get("id"),
        optical_path=str(folder / ITEM),
    )
    more = {
        "source": (("y", "x"), lazy(WindowedArray(grid.shape, np.uint8, BandWindows(quality, 2)))),
        "uncertainty": (
            ("band", "y", "x"), lazy(WindowedArray((len(image.bands), *grid.shape), np.float32, SigmaWindows(sigma)))
        ),
    }  # fmt: skip
    return scene.rename(optical="reflectance").assign({name: xr.Variable(*made) for name, made in more.items()})


def find_dates(sources: Sequence[Source], tile: str | None = None) -> list[Source]:
    """List what is to be composed: folders of products are looked through.

    Args:
        sources: Products, scenes, and folders, or their `collection.json`, that hold products at `ID` or `TILE/ID`.
        tile: Of folders of products only those of this MGRS tile, the folder that they lie in; None for all.

    Returns:
        Products and scenes, each once; composites are left out of folders of products.

    Raises:
        OptionError: A folder holds no product, or none of the tile.
    """
    found = [one for source in sources for one in _listed(source, tile)]
    seen: set[str] = set()
    once = []
    for source in found:
        place = str(Path(source).resolve()) if isinstance(source, str | Path) and Path(source).exists() else None
        if place is None or place not in seen:
            once.append(source)
        seen |= {place} if place else set()
    return once


def _listed(source: Source, tile: str | None) -> Iterator[Source]:
    folder = Path(source) if isinstance(source, str | Path) else None
    if folder is not None and folder.name == COLLECTION and folder.is_file():
        folder = folder.parent
    if folder is None or not folder.is_dir() or is_safe(folder) or (folder / ITEM).is_file():
        yield source
        return
    paths = sorted(path for depth in DEPTHS for path in folder.glob(f"{depth}/{ITEM}") if is_product(path.parent))
    products = [path.parent for path in paths if "sunbreak:composite" not in read_item(path)["properties"]]
    if not products:
        raise OptionError(f"{folder}: holds no product of Sunbreak; give folders of sunbreak restore or sunbreak run")
    of_tile = [path for path in products if tile is None or path.parent.name == tile]
    if not of_tile:
        tiles = ", ".join(sorted({path.parent.name for path in products}))
        raise OptionError(f"--tile {tile}: {folder} holds products of {tiles}; choose one of them")
    yield from of_tile
