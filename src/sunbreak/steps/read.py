"""Read an optical input, and a radar input of the same place, into a scene whose pixels are read when asked for."""

from __future__ import annotations

import dataclasses
import warnings
from typing import Any, Unpack

import xarray as xr
from affine import Affine
from odc.geo.crs import CRS
from odc.geo.geobox import GeoBox

from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.inputs.opened import RadarInput, Source, open_optical, open_radar
from sunbreak.radiometry.metadata import days_between, from_tags, merge
from sunbreak.radiometry.optical import optical_array
from sunbreak.radiometry.product_names import from_name
from sunbreak.radiometry.read_options import ReadFields, ReadOptions
from sunbreak.rasters.crop import crop_window
from sunbreak.rasters.lazy import lazy
from sunbreak.rasters.pixelmap import Grid, compose
from sunbreak.scene import make_scene
from sunbreak.steps.align import RADAR_DAYS, grid_of
from sunbreak.steps.align_grd import lay_radar, uses_dem
from sunbreak.steps.layer_quality import layer_quality

__all__ = ["ReadFields", "ReadOptions", "read"]


def read(
    optical: Source,
    radar: Source | None = None,
    *,
    options: ReadOptions | None = None,
    **fields: Unpack[ReadFields],
) -> xr.Dataset:
    """Read one scene.

    Args:
        optical: Sentinel-2 image: one GeoTIFF or JPEG 2000 file with all bands, DN or reflectance; a `.SAFE` folder or
            its zip; a STAC item: its file, its address, or itself as `pystac.Item` or dictionary; or one date that was
            loaded with xarray, as by odc-stac: a Dataset with a variable for every band, also of Dask.
        radar: Sentinel-1 image of the same place, VV and VH in dB or linear power, on any grid: a GeoTIFF, a STAC
            item, a GRD product (`.SAFE` folder or its zip), which is calibrated and geocoded, or a Dataset with vv and
            vh; None for none.
        options: What the user knows better than the files.
        fields: The fields of `ReadOptions` as keywords, instead of `options`.

    Returns:
        The scene (see `sunbreak.scene`) on the grid of the optical file, or of the finest band of an item; pixels are
        read when asked for. It holds `quality` where the product brings a scene classification.

    Raises:
        OptionError: An option's value is impossible.
        RasterError: A file cannot be read.
        RadiometryError: Level, offset, bands or radar units are unknown or contradictory; pass the option it names.
        GeometryError: The files do not lie on the same place.

    Warns:
        SunbreakWarning: Radar and optical are more than 12 days apart.
    """
    if fields:
        if options is not None:
            raise OptionError(f"give options or {', '.join(fields)}, not both")
        options = ReadOptions(**fields)
    options = options or ReadOptions()
    opened = open_optical(optical, options)
    image, name = opened.understood(options), opened.name
    whole = grid_of(image.file)
    window = _window(whole, options, name)
    grid = _cropped(whole, window)
    arrays: dict[str, Any] = {"optical": lazy(optical_array(image, window))}
    facts: dict[str, Any] = {"datetime": image.told.datetime, "optical_path": name}
    layers = layer_quality(opened.classes, opened.probability, grid, name)
    if layers is not None:
        arrays["quality"] = lazy(layers)
        facts["quality_layer"] = "cloud probability" if opened.classes is None else "SCL"
    if radar is not None:
        beside = open_radar(radar, options)
        arrays |= _radar_arrays(beside, grid, name, options)
        facts |= _radar_facts(beside, image.told.datetime, name)
        if options.dem is not None and uses_dem(beside.file, options.dem):
            facts["dem_path"] = str(options.dem)
    elif options.dem is not None:
        raise OptionError(f"--dem {options.dem}: is for the radar, which is not given; pass --radar, or leave it out")
    crs = None if grid.crs is None else CRS(grid.crs)
    return make_scene(
        **arrays,
        bands=image.bands,
        level=image.level,
        geobox=GeoBox(grid.shape, grid.affine, crs),
        encoding=image.encoding,
        **facts,
        sun_azimuth=image.told.sun_azimuth,
        sun_elevation=image.told.sun_elevation,
        platform=image.told.platform,
        georeferenced=grid.crs is not None,
    )


def _radar_facts(radar: RadarInput, optical_time: str | None, name: str) -> dict[str, Any]:
    tags = from_tags(radar.file.tags | radar.file.imagery_tags, radar.name)
    told = merge([*radar.told, *tags, *from_name(radar.name, "sentinel-1")], radar.name)
    days = days_between(optical_time, told.datetime)
    if days is not None and days > RADAR_DAYS:
        message = f"{radar.name}: was taken {days:.0f} days from {name}; fields and water may have changed between"
        warnings.warn(message, SunbreakWarning, stacklevel=3)
    return {"radar_path": radar.name, "radar_datetime": told.datetime, "radar_days": days}


def _radar_arrays(radar: RadarInput, grid: Grid, name: str, options: ReadOptions) -> dict[str, Any]:
    storage = radar.understood(options)
    return {"radar": lazy(lay_radar(radar.file, storage, grid, name, options)), "pols": storage.pols}


def _window(grid: Grid, options: ReadOptions, name: str) -> tuple[slice, slice]:
    bounds = options.bounds
    return (slice(0, grid.shape[0]), slice(0, grid.shape[1])) if bounds is None else crop_window(grid, bounds, name)


def _cropped(grid: Grid, window: tuple[slice, slice]) -> Grid:
    rows, cols = window
    shape = rows.stop - rows.start, cols.stop - cols.start
    return dataclasses.replace(
        grid, affine=compose(grid.affine, Affine.translation(cols.start, rows.start)), shape=shape
    )
