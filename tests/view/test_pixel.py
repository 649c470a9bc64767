"""The spectrum of a pixel is what rasterio reads in the files."""

import numpy as np
import pyproj
import pytest
import rasterio

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, SOURCE_LEGEND
from sunbreak.rasters.pixelmap import apply
from sunbreak.view.catalog import find
from sunbreak.view.place import bounds, placed


def at(grid, row, col):
    to_degrees = pyproj.Transformer.from_crs(grid.crs, 4326, always_xy=True)
    return to_degrees.transform(*apply(grid.affine, col + 0.5, row + 0.5))


def stored(path, row, col):
    with rasterio.open(path) as file:
        return file.read()[:, row, col].astype(float)


@pytest.mark.parametrize("kind", ["mapped", "bare"])
@pytest.mark.parametrize(("row", "col"), [(0, 0), (255, 255), (101, 37), (60, 200), (180, 128)])
def test_before_after_and_sigma_are_those_of_the_files(request, client, kind, row, col):
    scene, out = request.getfixturevalue(kind)
    grid = placed(find([out]).product(kind).grid)
    lon, lat = at(grid, row, col)
    told = client.get(f"/api/scenes/{kind}/pixel", params={"lon": lon, "lat": lat}).json()
    assert (told["row"], told["col"]) == (row, col)
    assert [one["wavelength"] for one in told["spectrum"]] == [
        OPTICAL_BANDS[one["band"]].wavelength for one in told["spectrum"]
    ]
    for key, path in (("before", scene / "optical.tif"), ("after", out / "reflectance.tif")):
        np.testing.assert_allclose(
            [one[key] for one in told["spectrum"]], (stored(path, row, col) - 1000) / 1e4, atol=1e-6
        )
    np.testing.assert_allclose(
        [one["sigma"] for one in told["spectrum"]], stored(out / "uncertainty.tif", row, col) / 1e4, atol=1e-6
    )
    quality, source = stored(out / "quality.tif", row, col)
    assert told["quality"] == QUALITY_LEGEND[quality].name
    assert told["source"] == SOURCE_LEGEND[source].name
    np.testing.assert_allclose(list(told["radar"].values()), stored(scene / "radar.tif", row, col), atol=0.006)
    if kind == "mapped":
        code, probability = stored(out / "land_cover.tif", row, col)
        assert told["landCover"] == LAND_COVER_LEGEND[code].name
        assert told["probability"] == probability
    else:
        assert told["landCover"] is None


def test_outside_there_is_nothing(client, mapped):
    west, south, east, north = bounds(placed(find([mapped[1]]).product("mapped").grid))
    for lon, lat in ((west - 0.01, south), (east + 0.01, north), (0, 0)):
        assert client.get("/api/scenes/mapped/pixel", params={"lon": lon, "lat": lat}).status_code == 404
