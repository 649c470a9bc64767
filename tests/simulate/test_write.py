"""The folder of a simulated scene, read back as any user would."""

import json

import numpy as np
import pytest
import rasterio

from sunbreak.bands import L1C_BANDS
from sunbreak.errors import ProductExistsError
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, Quality
from sunbreak.simulate import CloudSpec, SceneSpec, simulate, write_scene

SPEC = SceneSpec(size=600, seed=3, nodata_swath=True, clouds=CloudSpec(seed=1, sun_azimuth=140.0))
FILES = {"optical", "truth", "radar", "land_cover", "quality", "optical_depth"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_scene(SPEC, tmp_path_factory.mktemp("scene") / "out")


def test_the_folder_holds_six_rasters_on_one_grid(folder):
    assert {path.name for path in folder.iterdir()} == {f"{name}.tif" for name in FILES}
    grids = set()
    for path in folder.iterdir():
        with rasterio.open(path) as file:
            grids.add((file.crs.to_epsg(), file.transform, file.shape))
    ((epsg, transform, shape),) = grids
    assert (epsg, transform.a, transform.e, shape) == (32633, 10.0, -10.0, (600, 600))


@pytest.mark.parametrize("name", ["optical", "truth"])
def test_reflectance_is_stored_as_in_modern_products(folder, name):
    expected = getattr(simulate(SPEC), name)
    with rasterio.open(folder / f"{name}.tif") as file:
        stored = file.read()
        assert (file.dtypes[0], file.nodata, file.descriptions) == ("uint16", 0, L1C_BANDS)
        assert file.scales[0] == pytest.approx(0.0001)
        assert file.offsets[0] == pytest.approx(-0.1)
        tags = file.tags()
    np.testing.assert_array_equal(stored == 0, np.isnan(expected))
    valid = stored > 1
    reflectance = (stored.astype(np.float64) - 1000.0) / 10000.0
    assert np.abs(reflectance - expected)[valid].max() < 0.51e-4
    assert tags["PROCESSING_LEVEL"] == "Level-1C"
    assert tags["PROCESSING_BASELINE"] == "05.11"
    assert tags["PRODUCT_START_TIME"].startswith("2023-07-15T")
    assert float(tags["MEAN_SOLAR_ZENITH_ANGLE"]) == 45.0
    assert float(tags["MEAN_SOLAR_AZIMUTH_ANGLE"]) == 140.0
    assert json.loads(tags["SUNBREAK_SIMULATION"])["clouds"]["seed"] == 1


def test_the_other_rasters_equal_the_simulation(folder):
    window = simulate(SPEC)
    for name in ("radar", "land_cover", "quality", "optical_depth"):
        with rasterio.open(folder / f"{name}.tif") as file:
            stored = file.read().squeeze()
            np.testing.assert_array_equal(stored, getattr(window, name))
            if name == "radar":
                assert file.descriptions == ("VV", "VH")
                assert np.isnan(file.nodata)
                assert "ACQUISITION_START_TIME" in file.tags()


def test_class_rasters_have_the_legend_colours(folder):
    for name, legend in (("land_cover", LAND_COVER_LEGEND), ("quality", QUALITY_LEGEND)):
        with rasterio.open(folder / f"{name}.tif") as file:
            colours = file.colormap(1)
        assert all(colours[int(code)][:3] == entry.color for code, entry in legend.items() if code != Quality.NODATA)


def test_a_finished_scene_is_not_overwritten_unasked(folder):
    with pytest.raises(ProductExistsError):
        write_scene(SPEC, folder)


def test_a_scene_smaller_than_a_block(tmp_path):
    out = write_scene(SceneSpec(size=64, level="L2A"), tmp_path / "small")
    with rasterio.open(out / "optical.tif") as file:
        assert (file.count, file.shape, file.tags()["PROCESSING_LEVEL"]) == (12, (64, 64), "Level-2A")
    again = write_scene(SceneSpec(size=64, level="L1C"), out, overwrite=True)
    with rasterio.open(again / "optical.tif") as file:
        assert file.count == 13
