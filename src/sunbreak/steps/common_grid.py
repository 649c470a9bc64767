"""One grid for images that share CRS and pixels, though not extents."""

from __future__ import annotations

from collections.abc import Sequence

from affine import Affine
from odc.geo.geobox import GeoBox

from sunbreak.errors import GeometryError
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.pixelmap import SAME_PIXEL, compose
from sunbreak.rasters.raster import MAX_SIDE

Named = tuple[str, GeoBox]
"""An image's name for messages, and its grid."""
Corner = tuple[int, int]
"""Row and column."""


def common_grid(images: Sequence[Named]) -> tuple[GeoBox, list[Corner]]:
    """The smallest grid that holds all images.

    Args:
        images: Names and grids; at least one.

    Returns:
        The grid, and for each image the row and column of it where the image begins.

    Raises:
        GeometryError: They lie in different CRS, their pixels are not the same, or they lie too far apart.

    Example:
        >>> near, far = (GeoBox((4, 4), Affine(10, 0, x, 0, -10, 0), "EPSG:32633") for x in (0, 20))
        >>> grid, corners = common_grid([("a", far), ("b", near)])
        >>> tuple(grid.shape), corners
        ((4, 6), [(0, 2), (0, 0)])
    """
    first, origin = images[0]
    corners = [_offset(name, grid, first, origin) for name, grid in images]
    top, left = (min(corner[axis] for corner in corners) for axis in (0, 1))
    ends = [(row + grid.shape[0], col + grid.shape[1]) for (row, col), (_, grid) in zip(corners, images, strict=True)]
    height, width = (max(end[axis] for end in ends) - start for axis, start in ((0, top), (1, left)))
    if max(height, width) > MAX_SIDE:
        raise GeometryError(
            f"together the dates cover {width} x {height} pixels, the limit is {MAX_SIDE} a side; compose an area with"
            " --bbox"
        )
    grid = GeoBox((height, width), compose(origin.affine, Affine.translation(left, top)), origin.crs)
    return grid, [(row - top, col - left) for row, col in corners]


def _offset(name: str, grid: GeoBox, first: str, origin: GeoBox) -> Corner:
    if (grid.crs is None) != (origin.crs is None) or grid.crs != origin.crs:
        raise GeometryError(
            f"{name}: lies in {_crs(grid)}, {first} in {_crs(origin)}; compose each UTM zone by itself"
            " (--tile chooses in a folder of products), or warp the dates onto one grid with gdalwarp"
        )
    if grid.crs is None:
        if grid.shape != origin.shape:
            raise GeometryError(
                f"{name}: has {grid.shape[1]} x {grid.shape[0]} pixels, {first} has {origin.shape[1]} x"
                f" {origin.shape[0]}, and neither is georeferenced; give dates of one size, or assign CRS and extent"
            )
        return 0, 0
    way = compose(~origin.affine, grid.affine)
    row, col = round(way.f), round(way.c)
    corners = [(x, y) for x in (0, grid.shape[1]) for y in (0, grid.shape[0])]
    apart = [
        max(abs(way.a * x + way.b * y + way.c - col - x), abs(way.d * x + way.e * y + way.f - row - y))
        for x, y in corners
    ]
    if max(apart) > SAME_PIXEL:
        raise GeometryError(
            f"{name}: its pixels are not those of {first} (they begin at column {way.c:.2f}, row {way.f:.2f} of it, and"
            f" are {way.a:g} x {way.e:g} as large); warp it onto them with gdalwarp -tr -tap, as sunbreak interpolates"
            " nothing here"
        )
    return row, col


def _crs(grid: GeoBox) -> str:
    return "no CRS" if grid.crs is None else as_crs(grid.crs, "the date").name
