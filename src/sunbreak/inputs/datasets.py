"""A scene of Sentinel-2 or Sentinel-1 that was loaded with xarray, as by odc-stac: a variable for every band."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr

from sunbreak.bands import OPTICAL_BANDS, RADAR_BANDS
from sunbreak.errors import OptionError
from sunbreak.inputs.assets import is_classes, is_probability
from sunbreak.inputs.items import chosen_bands
from sunbreak.radiometry.metadata import Metadata
from sunbreak.radiometry.names import band_from_name, polarisation_from_name
from sunbreak.rasters.arrays import ArrayRaster

NAME: Final = "the dataset"
"""What it is called in messages."""


def optical_arrays(
    dataset: xr.Dataset, wanted: tuple[str, ...] | None
) -> tuple[ArrayRaster, ArrayRaster | None, ArrayRaster | None]:
    """Find the bands of Sentinel-2 among the variables of a dataset.

    Args:
        dataset: One date; variables of y and x on one grid, named as bands or as catalogues name their assets.
        wanted: Names of the bands to take; None for all.

    Returns:
        Its bands, its scene classification and its cloud probability, the last two None where they are missing.

    Raises:
        OptionError: It holds several dates, or no bands of Sentinel-2, or not those that are wanted.
        RasterError: Its bands differ in data type or nodata value.
    """
    planes = _planes(dataset)
    named = {band_from_name(name): name for name in reversed(planes)}  # of two of one band the first
    there = tuple(band for band in OPTICAL_BANDS if band in named)
    if not there:
        raise OptionError(f"{NAME}: has no bands of Sentinel-2 among {', '.join(planes)}; name variables as B02, B03")
    bands = chosen_bands(NAME, there, wanted)
    layers = [next((name for name in planes if is_layer(name)), None) for is_layer in (is_classes, is_probability)]
    classes, probability = (None if name is None else _raster(dataset, planes, [name], [name]) for name in layers)
    return _raster(dataset, planes, [named[band] for band in bands], bands), classes, probability


def radar_arrays(dataset: xr.Dataset) -> ArrayRaster:
    """Find the polarisations of Sentinel-1 among the variables of a dataset.

    Args:
        dataset: One date; variables of y and x on one grid, named as vv and vh.

    Returns:
        Its polarisations.

    Raises:
        OptionError: It holds several dates, or no polarisation.
    """
    planes = _planes(dataset)
    named = {polarisation_from_name(name): name for name in reversed(planes)}
    pols = [pol for pol in RADAR_BANDS if pol in named] or [pol for pol in named if pol is not None]
    if not pols:
        raise OptionError(f"{NAME}: has no vv or vh among {', '.join(planes)}; name variables as vv and vh")
    return _raster(dataset, planes, [named[pol] for pol in pols], pols)


def told_by(dataset: xr.Dataset) -> tuple[Metadata, ...]:
    """What a dataset says of its scene: when it was taken.

    Args:
        dataset: One date.

    Returns:
        At most one statement.
    """
    time = dataset.coords.get("time")
    if time is None or time.size != 1 or not np.issubdtype(time.dtype, np.datetime64):
        return ()
    moment = np.datetime_as_string(time.values.astype("datetime64[ms]").ravel()[0])
    return (Metadata(datetime=f"{moment}Z", source=f"the time of {NAME}"),)


def _planes(dataset: xr.Dataset) -> dict[str, xr.Variable]:
    """Variables of the two dimensions of the grid by name, (y, x) whatever their order in the dataset."""
    dates = dataset.sizes.get("time", 1)
    if dates > 1:
        raise OptionError(f"{NAME}: holds {dates} dates, expected one; choose it with .isel(time=0)")
    one_date = dataset.isel(time=0) if "time" in dataset.dims else dataset
    variables = {str(name): one.variable for name, one in one_date.data_vars.items() if one.ndim == 2}
    plane = one_date.odc.spatial_dims
    if plane is None:  # nothing tells them apart by their names
        return variables
    return {name: one.transpose(*plane) for name, one in variables.items() if {*one.dims} == {*plane}}


def _raster(
    dataset: xr.Dataset, planes: dict[str, xr.Variable], names: Sequence[Any], descriptions: Sequence[str]
) -> ArrayRaster:
    return ArrayRaster(NAME, [planes[name] for name in names], descriptions, dataset.odc.geobox)
