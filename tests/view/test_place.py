import numpy as np
import pyproj
import pytest
from affine import Affine

from sunbreak.rasters.pixelmap import Grid, apply
from sunbreak.view.place import bounds, native_zoom, pixel_at, placed
from sunbreak.view.tiles import touches

UTM = pyproj.CRS.from_epsg(32633)
TURNED = Affine.translation(500_000, 5_000_000) @ Affine.rotation(30) @ Affine.scale(10, -10)


@pytest.mark.parametrize("affine", [Affine(10, 0, 500_000, 0, -10, 5_000_000), TURNED], ids=["north-up", "turned"])
def test_every_pixel_is_found_at_its_centre(affine):
    grid = Grid(UTM, affine, (30, 40))
    to_degrees = pyproj.Transformer.from_crs(UTM, 4326, always_xy=True)
    for row, col in ((0, 0), (0, 39), (29, 0), (29, 39), (13, 21)):
        lon, lat = to_degrees.transform(*apply(affine, col + 0.5, row + 0.5))
        assert pixel_at(grid, lon, lat) == (row, col)
        west, south, east, north = bounds(grid)
        assert west <= lon <= east
        assert south <= lat <= north


def test_beside_the_grid_there_is_no_pixel():
    grid = Grid(UTM, Affine(10, 0, 500_000, 0, -10, 5_000_000), (30, 40))
    west, south, east, north = bounds(grid)
    for lon, lat in ((west - 1e-3, south), (east + 1e-3, north), (0, 90), (179, -89), (15.0, north + 0.001)):
        assert pixel_at(grid, lon, lat) is None


def test_without_a_place_pixels_lie_around_the_origin():
    grid = placed(Grid(None, Affine.identity(), (100, 200)))
    west, south, east, north = bounds(grid)
    assert west == pytest.approx(-east)
    assert south == pytest.approx(-north)
    assert (east - west) / (north - south) == pytest.approx(2, rel=1e-3)
    assert pixel_at(grid, west + 1e-6, north - 1e-6) == (0, 0)
    assert pixel_at(grid, 1e-6, -1e-6) == (50, 100)


def test_the_native_zoom_is_that_of_ten_metres():
    # a tile of 512 pixels at zoom z spans 40075 km * cos(latitude) / 2^z
    grid = Grid(UTM, Affine(10, 0, 500_000, 0, -10, 5_000_000), (100, 100))
    expected = np.log2(40_075_017 * np.cos(np.radians(45.15)) / 512 / 10)
    assert native_zoom(grid) == pytest.approx(expected, abs=0.01)


def test_tiles_beside_an_area_show_nothing_also_across_the_antimeridian():
    assert touches((0, 0, 0), (15.0, 45.0, 15.1, 45.1))
    assert touches((1, 1, 0), (15.0, 45.0, 15.1, 45.1))
    assert not touches((1, 0, 0), (15.0, 45.0, 15.1, 45.1))
    assert not touches((1, 1, 1), (15.0, 45.0, 15.1, 45.1))
    across = (179.9, 10.0, 180.1, 10.1)
    assert touches((3, 0, 3), across)
    assert touches((3, 7, 3), across)
    assert not touches((3, 4, 3), across)
