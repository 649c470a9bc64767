"""Tiles hold what rasterio reads in the file, in its place: the oracle is the file itself, pixel by pixel."""

import math

import numpy as np
import pyproj
import pytest
import rasterio
from rasterio.io import MemoryFile

from conftest import write_raster
from sunbreak.combinations import COMBINATIONS
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, SOURCE_LEGEND
from sunbreak.preview import RADAR_SHOWN, UNCERTAINTY_COLOURS
from sunbreak.rasters.pixelmap import apply
from sunbreak.rasters.raster import RasterFile
from sunbreak.steps.align import grid_of
from sunbreak.view.catalog import find
from sunbreak.view.layers import LAYERS, draw
from sunbreak.view.place import bounds, placed
from sunbreak.view.tiles import read_tile

TRUE = COMBINATIONS["true-colour"]
FIXED = np.array([(0.0, 0.3)] * 3)
ZOOM = 15
"""Closer than 10 m: tiles show the pixels themselves."""
CLEAR_OF_EDGES = 0.25
"""GDAL's warper errs by an eighth of a pixel; nearer to an edge, either neighbour is right."""


def unpack(content):
    with MemoryFile(content) as memory, memory.open() as file:
        return file.read()


def compare(product, layer, expected, combination=TRUE, stretch=FIXED):
    """Look at a tile in the middle; `expected(row, col)` is a colour, or None for transparent."""
    grid = placed(product.grid)
    west, south, east, north = bounds(grid)
    side = 2**ZOOM
    column = int(((west + east) / 2 + 180) / 360 * side)
    row = int((1 - math.asinh(math.tan(math.radians((south + north) / 2))) / math.pi) / 2 * side)
    picture = unpack(draw(product, layer, combination, stretch, (ZOOM, column, row)))
    assert picture.shape == (4, 512, 512)
    to_grid = pyproj.Transformer.from_crs(4326, grid.crs, always_xy=True)
    compared = 0
    for y in range(3, 512, 23):
        for x in range(5, 512, 29):
            lon = (column + (x + 0.5) / 512) / side * 360 - 180
            lat = math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (row + (y + 0.5) / 512) / side))))
            c, r = apply(~grid.affine, *to_grid.transform(lon, lat))
            if not (0 < r < grid.shape[0] and 0 < c < grid.shape[1]):
                continue
            if min(r % 1, 1 - r % 1, c % 1, 1 - c % 1) < CLEAR_OF_EDGES:
                continue
            compared += 1
            colour = expected(int(r), int(c))
            if colour is None:
                assert picture[3, y, x] == 0
            else:
                assert picture[3, y, x] == 255
                np.testing.assert_allclose(picture[:3, y, x].astype(int), colour, atol=1)
    assert compared > 30


def bands(path):
    with rasterio.open(path) as file:
        return file.read()


@pytest.mark.parametrize("kind", ["mapped", "bare"])
@pytest.mark.parametrize(("layer", "name"), [("cloudy", "optical.tif"), ("restored", "reflectance.tif")])
def test_pictures_show_the_reflectance_of_the_file(request, kind, layer, name):
    scene, out = request.getfixturevalue(kind)
    stored = bands((scene if layer == "cloudy" else out) / name).astype(float)
    reflectance = (stored[[3, 2, 1]] - 1000) / 10000

    def colour(row, col):
        return np.rint(255 * np.clip(reflectance[:, row, col] / 0.3, 0, 1) ** (1 / 1.4)).astype(int)

    compare(find([out]).product(kind), layer, colour)


@pytest.mark.parametrize(
    ("layer", "name", "band", "legend"),
    [
        ("quality", "quality.tif", 0, QUALITY_LEGEND),
        ("source", "quality.tif", 1, SOURCE_LEGEND),
        ("land-cover", "land_cover.tif", 0, LAND_COVER_LEGEND),
    ],
)
def test_classes_have_the_colours_of_their_legend(mapped, layer, name, band, legend):
    codes = bands(mapped[1] / name)[band]
    assert len(np.unique(codes)) > 1
    compare(find([mapped[1]]).product("mapped"), layer, lambda row, col: legend[codes[row, col]].color)


def test_uncertainty_and_radar_are_those_of_the_files(mapped):
    scene, out = mapped
    product = find([out]).product("mapped")
    sigma = bands(out / "uncertainty.tif")[3] * 1e-4
    stops = np.linspace(0, 0.08, len(UNCERTAINTY_COLOURS))
    compare(
        product, "uncertainty",
        lambda row, col: [np.interp(sigma[row, col], stops, UNCERTAINTY_COLOURS[:, k]) for k in range(3)],
    )  # fmt: skip
    radar = bands(scene / "radar.tif")
    planes = np.stack([radar[0], radar[1], radar[0] - radar[1]])
    low, high = np.array(RADAR_SHOWN).T
    compare(product, "radar", lambda row, col: np.clip(255 * (planes[:, row, col] - low) / (high - low), 0, 255))


def test_far_away_a_tile_shows_averages_not_single_pixels(mapped):
    product = find([mapped[1]]).product("mapped")
    picture = unpack(draw(product, "restored", TRUE, FIXED, (9, 277, 183)))
    inside = picture[3] > 0
    assert 200 < inside.sum() < 4000  # 2.56 km of 55
    stored = bands(mapped[1] / "reflectance.tif").astype(float)[[3, 2, 1]]
    mean = 255 * np.clip((stored.mean(axis=(1, 2)) - 1000) / 3000, 0, 1) ** (1 / 1.4)
    np.testing.assert_allclose(picture[:3, inside].mean(axis=1), mean, atol=6)


@pytest.mark.parametrize("layer", LAYERS)
def test_beside_the_scene_every_layer_is_transparent(mapped, layer):
    product = find([mapped[1]]).product("mapped")
    picture = unpack(draw(product, layer, TRUE, FIXED, (12, 100, 100)))
    assert picture.shape[0] == 4
    assert not picture[3].any()


def test_seen_from_afar_a_large_input_without_overviews_is_in_its_place_too(tmp_path):
    dn = np.full((1, 1500, 1500), 1000, np.uint16)
    dn[0, :300] = 3000
    path = write_raster(tmp_path / "large.tif", dn, crs="EPSG:32633", nodata=0)
    file = RasterFile(path)
    west, south, _, north = bounds(placed(grid_of(file)))
    zoom = 9
    column = int((west + 180) / 360 * 2**zoom)
    row = int((1 - math.asinh(math.tan(math.radians(north))) / math.pi) / 2 * 2**zoom)
    values, inside = read_tile(file, [1], (zoom, column, row))
    y, x = np.nonzero(inside)
    place = (row + (y + 0.5) / 512) / 2**zoom
    lat = np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * place))))
    bright = values[0][y, x] > 2000
    border = north - (north - south) * 0.2
    assert len(y) > 5000
    assert (bright == (lat > border)).mean() > 0.98
