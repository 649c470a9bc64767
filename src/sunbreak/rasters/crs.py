"""Coordinate reference systems as pyproj has them, whoever tells them."""

from __future__ import annotations

from typing import Protocol

import pyproj
from pyproj.exceptions import CRSError

from sunbreak.errors import GeometryError


class HasWkt(Protocol):
    """A CRS of any library."""

    def to_wkt(self) -> str:
        """The CRS as well-known text."""
        ...


def as_crs(crs: HasWkt, name: str) -> pyproj.CRS:
    """Bring a CRS to pyproj's class.

    Args:
        crs: A CRS of rasterio or odc-geo.
        name: The file it comes from, for the message.

    Returns:
        The same CRS.

    Raises:
        GeometryError: It is not understood; assign one with gdal_edit.py -a_srs.
    """
    try:
        return pyproj.CRS.from_wkt(crs.to_wkt())
    except CRSError as error:
        raise GeometryError(
            f"{name}: its CRS is not understood; assign one with gdal_edit.py -a_srs EPSG:CODE"
        ) from error


def crs_of_code(code: str, name: str) -> pyproj.CRS:
    """Find a CRS by its code.

    Args:
        code: As `EPSG:32633`.
        name: Where it comes from, for the message.

    Returns:
        The CRS.

    Raises:
        GeometryError: There is none.
    """
    try:
        return pyproj.CRS.from_user_input(code)
    except CRSError as error:
        raise GeometryError(f"{name}: its CRS {code[:80]!r} is none; expected a code as EPSG:32633") from error
