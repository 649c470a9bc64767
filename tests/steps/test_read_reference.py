"""References from files: on any grid, of the same level, with the bands of the scene, by their own metadata first."""

import numpy as np
import pytest
from affine import Affine

from conftest import UTM, l1c_dn, radar_db, write_raster
from references import two_dates
from sunbreak import read, read_reference, restore, with_references, write
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.errors import GeometryError, OptionError, RadiometryError, RasterError
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.scene import window as load

LEVEL_1C = {"PROCESSING_LEVEL": "Level-1C", "PRODUCT_START_TIME": "2023-06-25T10:30:00Z"}


def smooth(height, width, x, y):
    """DN that rise evenly over the ground, whatever the grid."""
    rows, cols = y - 10 * np.arange(height), x + 10 * np.arange(width)
    plane = 1000 + 0.5 * (cols - 500_000)[np.newaxis] + 0.25 * (5_800_000 - rows)[:, np.newaxis]
    return np.rint(plane[np.newaxis] * np.linspace(1, 2, 13)[:, np.newaxis, np.newaxis]).astype(np.uint16)


@pytest.fixture
def scene(tiff):
    return read(tiff("s2.tif", l1c_dn(offset=-1000), tags=LEVEL_1C, descriptions=L1C_BANDS, scaling=(1e-4, -0.1)))


def test_a_file_on_the_same_grid_is_read_as_it_is(scene, tiff):
    path = tiff("earlier.tif", l1c_dn(seed=1), tags=LEVEL_1C, descriptions=L1C_BANDS)
    reference = read_reference(path, scene)
    np.testing.assert_allclose(reference.optical.values, l1c_dn(seed=1) / 10_000, rtol=1e-6)
    assert reference.attrs["datetime"] == "2023-06-25T10:30:00Z"
    assert "quality" not in reference


def test_bands_come_in_the_order_of_the_scene(scene, tiff):
    path = tiff("earlier.tif", l1c_dn(seed=1)[::-1], tags=LEVEL_1C, descriptions=L1C_BANDS[::-1])
    reference = read_reference(path, scene.isel(band=[3, 7]))
    assert list(reference.band.values) == ["B04", "B08"]
    np.testing.assert_allclose(reference.optical.values, l1c_dn(seed=1)[[3, 7]] / 10_000, rtol=1e-6)


@pytest.mark.parametrize(
    ("transform", "crs"),
    [
        (Affine(10, 0, 499_903, 0, -10, 5_800_104), "EPSG:32633"),
        (Affine(20, 0, 499_800, 0, -20, 5_800_200), "EPSG:32633"),
        (Affine(5, 0, 499_990, 0, -5, 5_800_010), "EPSG:32633"),
    ],
    ids=["shifted by half pixels", "coarser", "finer"],
)
def test_other_grids_are_warped_onto_that_of_the_scene(tmp_path, transform, crs):
    here = write_raster(tmp_path / "s2.tif", smooth(64, 64, 500_005, 5_799_995), tags=LEVEL_1C, descriptions=L1C_BANDS)
    scene = read(here, offset=0)
    side = int(1300 / transform.a)
    pixels = transform.c + transform.a * (np.arange(side) + 0.5), transform.f + transform.e * (np.arange(side) + 0.5)
    plane = 1000 + 0.5 * (pixels[0] - 500_000)[np.newaxis] + 0.25 * (5_800_000 - pixels[1])[:, np.newaxis]
    dn = np.rint(plane[np.newaxis] * np.linspace(1, 2, 13)[:, np.newaxis, np.newaxis]).astype(np.uint16)
    there = write_raster(
        tmp_path / "earlier.tif", dn, crs=crs, transform=transform, tags=LEVEL_1C, descriptions=L1C_BANDS
    )
    reference = read_reference(there, scene, options=ReadOptions(offset=0))
    whole = reference.optical.values
    seen = np.isfinite(whole).all(axis=0)
    assert seen.mean() > 0.9
    np.testing.assert_allclose(whole[:, seen], scene.optical.values[:, seen], atol=3e-4)
    part = load(reference, "optical", slice(10, 41), slice(3, 4))
    np.testing.assert_array_equal(part, whole[:, 10:41, 3:4])


def test_part_of_a_scene_takes_the_same_part(scene, tiff):
    path = tiff("earlier.tif", l1c_dn(seed=1), tags=LEVEL_1C, descriptions=L1C_BANDS)
    part = scene.isel(y=slice(10, 50), x=slice(20, 40))
    expected = read_reference(path, scene).optical.values[:, 10:50, 20:40]
    np.testing.assert_array_equal(read_reference(path, part).optical.values, expected)


def test_a_product_counts_as_clear_where_it_was_measured(tmp_path):
    made = two_dates((120, 130), bands=("B03", "B04", "B08"))
    write(restore(made.earlier, model="scene-prior"), tmp_path / "earlier")
    reference = read_reference(tmp_path / "earlier", made.scene)
    np.testing.assert_array_equal(reference.quality.values == 1, made.earlier.quality.values == 1)
    clear = made.earlier.quality.values == 1
    np.testing.assert_allclose(reference.optical.values[:, clear], made.earlier.optical.values[:, clear], atol=6e-5)
    assert reference.attrs["datetime"].startswith("2023-06-25")
    look = with_references(made.scene, [reference]).look.values
    np.testing.assert_array_equal(np.isfinite(look[0]), clear)


def test_its_own_metadata_come_first(scene, tiff):
    """The offset of the scene is given, but the reference says that it has none."""
    path = tiff("earlier.tif", l1c_dn(seed=1), tags=LEVEL_1C, descriptions=L1C_BANDS, scaling=(1e-4, 0.0))
    reference = read_reference(path, scene, options=ReadOptions(offset=-1000, level="L1C"))
    np.testing.assert_allclose(reference.optical.values, l1c_dn(seed=1) / 10_000, rtol=1e-6)


def test_what_it_leaves_open_is_taken_from_the_options(tiff):
    dn = l1c_dn(offset=-1000)[[L1C_BANDS.index(name) for name in L2A_BANDS]]
    given = ReadOptions(level="L2A", offset=-1000, bands=L2A_BANDS)
    scene = read(tiff("s2.tif", dn), options=given)
    path = tiff("earlier.tif", dn)
    with pytest.raises(RadiometryError, match=r"earlier\.tif.*--bands"):
        read_reference(path, scene)
    np.testing.assert_array_equal(read_reference(path, scene, options=given).optical, scene.optical)


def test_radar_of_the_date_is_read_in_the_polarisations_of_the_scene(tiff):
    s2 = tiff("s2.tif", l1c_dn(offset=-1000), tags=LEVEL_1C, descriptions=L1C_BANDS, scaling=(1e-4, -0.1))
    scene = read(s2, radar=tiff("s1.tif", radar_db()[1:], descriptions=("VV",)))
    both = tiff("then.tif", radar_db(seed=1)[::-1], descriptions=("VH", "VV"))
    reference = read_reference(s2, scene, radar=both)
    np.testing.assert_allclose(reference.radar.values, radar_db(seed=1)[:1], rtol=1e-5)


def test_what_does_not_fit_is_refused(scene, tiff, tmp_path):
    twelve = l1c_dn(offset=-1000)[[L1C_BANDS.index(name) for name in L2A_BANDS]]
    l2a = tiff("l2a.tif", twelve, tags={"PROCESSING_LEVEL": "Level-2A"}, descriptions=L2A_BANDS, scaling=(1e-4, -0.1))
    few = tiff("few.tif", l1c_dn(offset=-1000)[:12], tags=LEVEL_1C, descriptions=L1C_BANDS[:12], scaling=(1e-4, -0.1))
    away = tiff(
        "away.tif", l1c_dn(offset=-1000), tags=LEVEL_1C, descriptions=L1C_BANDS, scaling=(1e-4, -0.1),
        transform=UTM @ Affine.translation(9000, 0),
    )  # fmt: skip
    (tmp_path / "empty").mkdir()
    for path, kind, words in (
        (l2a, RadiometryError, r"l2a\.tif: is L2A, .*s2\.tif is L1C"),
        (few, RadiometryError, r"few\.tif: has no band B12"),
        (away, GeometryError, r"away\.tif.*does not overlap"),
        (tmp_path / "none.tif", RasterError, "no such file"),
        (tmp_path / "empty", OptionError, r"without reflectance\.tif"),
    ):
        with pytest.raises(kind, match=words) as caught:
            read_reference(path, scene)
        assert "\n" not in str(caught.value)
