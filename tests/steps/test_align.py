import warnings

import numpy as np
import pyproj
import pytest
import rasterio
from affine import Affine
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio.control import GroundControlPoint
from rasterio.warp import Resampling, reproject, transform_bounds
from scipy.ndimage import map_coordinates

from conftest import UTM, l1c_dn, radar_db, write_raster
from sunbreak.errors import GeometryError, RasterError, SunbreakWarning
from sunbreak.rasters.crs import as_crs
from sunbreak.rasters.pixelmap import LATTICE, Grid, PixelMap, compose
from sunbreak.scene import window
from sunbreak.steps.align import warp_classes
from sunbreak.steps.read import read

SIZE = 96
UTM32 = rasterio.CRS.from_epsg(32633)


def lonlat_grid(factor=1.0):
    """A grid in degrees over the optical scene of SIZE pixels, of about `factor` times its pixel size."""
    west, south, east, north = transform_bounds(
        UTM32, "EPSG:4326", UTM.c - 200, UTM.f - SIZE * 10 - 200, UTM.c + SIZE * 10 + 200, UTM.f + 200
    )
    width, height = int((SIZE + 40) / factor), int((SIZE + 40) / factor)
    return Affine((east - west) / width, 0, west, 0, -(north - south) / height, north), height, width


@pytest.fixture
def s2(tiff):
    return tiff("s2.tif", l1c_dn(SIZE, SIZE))


def scene_with(tiff, s2, db, **settings):
    return read(s2, tiff("s1.tif", db, descriptions=("VV", "VH")[: len(db)], **settings))


def all_of(scene):
    return window(scene, "radar", slice(0, scene.sizes["y"]), slice(0, scene.sizes["x"]))


GRIDS = {
    "degrees": lambda: (lonlat_grid(), {"crs": "EPSG:4326"}),
    "degrees, finer": lambda: (lonlat_grid(0.3), {"crs": "EPSG:4326"}),
    "degrees, coarser": lambda: (lonlat_grid(3.7), {"crs": "EPSG:4326"}),
    "half a pixel apart": lambda: ((compose(UTM, Affine.translation(-3.5, 2.25)), SIZE, SIZE), {}),
    "rotated": lambda: ((compose(compose(UTM, Affine.translation(20, -20)), Affine.rotation(30)), SIZE, SIZE), {}),
    "sheared": lambda: ((compose(compose(UTM, Affine.translation(-5, -5)), Affine.shear(10, 5)), SIZE, SIZE), {}),
    "south up": lambda: ((Affine(10, 0, UTM.c - 33, 0, 10, UTM.f - SIZE * 10 - 77), SIZE + 20, SIZE + 20), {}),
    "next zone": lambda: ((zone_grid(), SIZE + 60, SIZE + 60), {"crs": "EPSG:32632"}),
}


def zone_grid():
    west, _, _, north = transform_bounds(UTM32, "EPSG:32632", UTM.c, UTM.f - SIZE * 10, UTM.c + SIZE * 10, UTM.f)
    return Affine(10, 0, west - 100, 0, -10, north + 100)


@pytest.mark.parametrize("name", GRIDS)
def test_the_window_does_not_change_the_result(name, tiff, s2):
    (transform, height, width), settings_ = GRIDS[name]()
    db = radar_db(height, width)
    db[:, 5:9, 7:30] = np.nan
    scene = scene_with(tiff, s2, db, transform=transform, **settings_)
    whole = all_of(scene)
    assert np.isfinite(whole).mean() > 0.3
    rng = np.random.default_rng(0)
    for _ in range(25):
        top, left = rng.integers(0, SIZE - 1, 2)
        rows = slice(int(top), int(rng.integers(top + 1, SIZE + 1)))
        cols = slice(int(left), int(rng.integers(left + 1, SIZE + 1)))
        part = window(scene, "radar", rows, cols)
        assert part.dtype == np.float32
        assert np.ascontiguousarray(whole[:, rows, cols]).tobytes() == part.tobytes()


def exact(db, transform, crs):
    """Bilinear interpolation in linear power at coordinates that pyproj gives pixel by pixel."""
    cols, rows = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    x, y = UTM.c + 10 * cols, UTM.f - 10 * rows
    x, y = pyproj.Transformer.from_crs(32633, crs, always_xy=True).transform(x, y)
    way = ~transform
    u, v = way.a * x + way.b * y + way.c - 0.5, way.d * x + way.e * y + way.f - 0.5
    power = [map_coordinates(10 ** (band.astype(float) / 10), [v, u], order=1, mode="nearest") for band in db]
    outside = (u < -0.5) | (v < -0.5) | (u >= db.shape[2] - 0.5) | (v >= db.shape[1] - 0.5)
    return np.where(outside, np.nan, 10 * np.log10(power))


def gdal(db, transform, crs):
    """GDAL's bilinear warp in linear power, which rounds coordinates to about 1e-3 pixels."""
    out = np.full((2, SIZE, SIZE), np.nan)
    reproject(
        10 ** (db.astype(float) / 10), out, src_transform=transform, src_crs=crs, dst_transform=UTM, dst_crs=UTM32,
        resampling=Resampling.bilinear, tolerance=0, src_nodata=np.nan, dst_nodata=np.nan, XSCALE=1, YSCALE=1,
    )  # fmt: skip
    return 10 * np.log10(out)


@pytest.mark.parametrize(
    "name", ["degrees", "degrees, coarser", "half a pixel apart", "rotated", "south up", "next zone"]
)
def test_bilinear_in_linear_power_like_scipy_and_gdal(name, tiff, s2):
    (transform, height, width), settings_ = GRIDS[name]()
    db = radar_db(height, width)
    got = all_of(scene_with(tiff, s2, db, transform=transform, **settings_))
    crs = settings_.get("crs", "EPSG:32633")
    want = exact(db, transform, crs)
    np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
    assert np.nanmax(np.abs(got - want)) < 0.01
    want = gdal(db, transform, crs)
    inner = np.isfinite(got) & np.isfinite(want)
    assert (np.isfinite(got) == np.isfinite(want)).mean() > 0.98
    assert inner.mean() > 0.3
    assert np.percentile(np.abs(got - want)[inner], 99) < 0.05


def test_fine_radar_is_averaged(tiff, s2):
    power = np.random.default_rng(0).gamma(1, 0.05, (2, SIZE * 4, SIZE * 4))
    scene = scene_with(tiff, s2, (10 * np.log10(power)).astype("float32"), transform=compose(UTM, Affine.scale(0.25)))
    mean = power.reshape(2, SIZE, 4, SIZE, 4).mean(axis=(2, 4))
    np.testing.assert_allclose(all_of(scene), 10 * np.log10(mean), atol=1e-4)


def test_same_grid_is_read_untouched(tiff, s2):
    db = radar_db(SIZE, SIZE)
    db[0, 3, 4] = np.nan
    assert all_of(scene_with(tiff, s2, db)).tobytes() == db.tobytes()


def test_whole_pixel_shift_is_read_untouched(tiff, s2):
    db = radar_db(SIZE, SIZE)
    got = all_of(scene_with(tiff, s2, db, transform=Affine(10, 0, UTM.c + 300, 0, -10, UTM.f + 200)))
    np.testing.assert_array_equal(got[:, :-20, 30:], db[:, 20:, :-30])
    assert np.isnan(got[:, :, :30]).all()
    assert np.isnan(got[:, -20:]).all()


def test_partial_overlap_leaves_radar_invalid_outside(tiff, s2):
    transform = Affine(10, 0, UTM.c + 495, 0, -10, UTM.f)
    got = all_of(scene_with(tiff, s2, radar_db(SIZE, SIZE), transform=transform))
    assert np.isnan(got[:, :, :49]).all()
    assert np.isfinite(got[:, :, 51:]).all()


def test_antimeridian(tiff):
    transform = Affine(10, 0, 809_000, 0, -10, 100_000)  # 179.8 degrees east and further, in zone 60
    s2 = tiff("s2.tif", l1c_dn(SIZE, 4000), crs="EPSG:32660", transform=transform)
    western = Affine(1e-4, 0, -180.1, 0, -1e-4, 0.91)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        got = all_of(read(s2, tiff("s1.tif", radar_db(150, 1500), crs="EPSG:4326", transform=western)))
    finite = np.isfinite(got[0, SIZE // 2])
    assert 0.2 < finite.mean() < 0.9
    assert np.abs(np.diff(finite.astype(int))).sum() <= 2


def test_lattice_is_as_good_as_exact():
    target = Grid(as_crs(rasterio.CRS.from_epsg(32633), "x"), Affine(10, 0, 300_000, 0, -10, 7_900_000), (1000, 1000))
    way = PixelMap(
        target, Grid(as_crs(rasterio.CRS.from_epsg(4326), "x"), Affine(9e-5, 0, 9, 0, -9e-5, 71.3), (900, 2000))
    )
    u, v = way.coordinates(slice(100, 100 + 3 * LATTICE), slice(500, 560))
    cols, rows = np.meshgrid(np.arange(500, 560) + 0.5, np.arange(100, 100 + 3 * LATTICE) + 0.5)
    exact_u, exact_v = way.exact(cols.ravel(), rows.ravel())
    assert np.abs(u.ravel() - exact_u).max() < 5e-4
    assert np.abs(v.ravel() - exact_v).max() < 5e-4


def fails(words, call, kind=GeometryError):
    with pytest.raises(kind) as caught:
        call()
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    for word in words:
        assert word in message


def test_radar_elsewhere_on_earth_names_both_files_and_extents(tiff, s2):
    far = tiff("far.tif", radar_db(), crs="EPSG:32721")
    fails(
        ["far.tif", "s2.tif", "does not overlap", "longitude 15.0", "longitude -57.0", "latitude"],
        lambda: read(s2, far),
    )
    near = tiff("near.tif", radar_db(), transform=Affine(10, 0, UTM.c + SIZE * 10, 0, -10, UTM.f))
    fails(["near.tif", "does not overlap"], lambda: read(s2, near))


def test_a_sliver_of_overlap_counts(tiff, s2):
    sliver = tiff(
        "sliver.tif", radar_db(), transform=Affine(10, 0, UTM.c + SIZE * 10 - 10, 0, -10, UTM.f - SIZE * 10 + 10)
    )
    assert np.isfinite(all_of(read(s2, sliver))).sum() == 2


def test_without_georeferencing_equal_sizes_count_as_aligned(tiff):
    dn, db = l1c_dn(), radar_db()
    scene = read(tiff("a.tif", dn, crs=None), tiff("b.tif", db, crs=None))
    assert not scene.attrs["georeferenced"]
    assert all_of(scene).tobytes() == db.tobytes()


def test_mixed_sizes_without_georeferencing(tiff):
    a, b = tiff("a.tif", l1c_dn(), crs=None), tiff("b.tif", radar_db(32, 64), crs=None)
    fails(["b.tif", "64 x 32", "64 x 64", "one size"], lambda: read(a, b))


def test_only_one_georeferenced(tiff, s2, s1):
    bare = tiff("bare.tif", radar_db(SIZE, SIZE), crs=None)
    fails(["bare.tif: is not georeferenced", "gdal_translate -a_srs"], lambda: read(s2, bare))
    bare = tiff("bare2.tif", l1c_dn(), crs=None)
    fails(["bare2.tif: is not georeferenced", "gdal_translate -a_srs"], lambda: read(bare, s1))


def test_ground_control_points_only(tiff, s2, tmp_path):
    path = tmp_path / "grd.tif"
    gcps = [GroundControlPoint(row, col, 15 + col / 1e4, 52 - row / 1e4) for row in (0, 64) for col in (0, 64)]
    with rasterio.open(
        path, "w", driver="GTiff", height=64, width=64, count=2, dtype="float32", gcps=gcps, crs="EPSG:4326"
    ) as file:
        file.write(radar_db())
    fails(["grd.tif", "ground control points", "gdalwarp -t_srs"], lambda: read(s2, path))


@pytest.mark.parametrize("transform", [Affine(10, 0, 5e5, 0, 10, 5.8e6), Affine(8, 3, 5e5, 3, -8, 5.8e6)])
def test_south_up_and_rotated_optical_keep_their_grid(transform, tiff):
    dn = l1c_dn()
    scene = read(tiff("s2.tif", dn, transform=transform), tiff("s1.tif", radar_db(), transform=transform))
    assert scene.odc.geobox.affine.almost_equals(transform)
    np.testing.assert_allclose(scene.optical[1].values, dn[1] / 10_000, rtol=1e-6)
    assert np.isfinite(all_of(scene)).all()


def test_time_gap(tiff):
    s2 = tiff("S2A_MSIL1C_20240527T102031_N0510_R065_T33UUB.tif", l1c_dn(offset=-1000))
    near = tiff("near.tif", radar_db(), tags={"ACQUISITION_START_TIME": "2024-05-24T22:20:31Z"})
    far = tiff("S1A_IW_GRDH_1SDV_20240510T053012_x.tif", radar_db())
    with warnings.catch_warnings():
        warnings.simplefilter("error", SunbreakWarning)
        scene = read(s2, near)
        assert scene.attrs["radar_days"] == 2.5
        assert scene.attrs["radar_datetime"] == "2024-05-24T22:20:31Z"
        assert "radar_days" not in read(s2, tiff("undated.tif", radar_db())).attrs
    with pytest.warns(SunbreakWarning, match="17 days"):
        assert read(s2, far).attrs["radar_days"] > 17


CLASSES = np.random.default_rng(0).integers(0, 12, (1, SIZE // 2, SIZE // 2)).astype("uint8")
GEOBOX = GeoBox((SIZE, SIZE), UTM, "EPSG:32633")


def test_classes_of_20_m_on_10_m(tiff):
    path = tiff("scl.tif", CLASSES, transform=Affine(20, 0, UTM.c, 0, -20, UTM.f))
    got = warp_classes(path, GEOBOX)
    assert got.dtype == np.int16
    assert got.dims == ("y", "x")
    np.testing.assert_array_equal(got.values, CLASSES[0].repeat(2, axis=0).repeat(2, axis=1))


@given(st.data())
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_classes_do_not_depend_on_the_window(tmp_path_factory, data):
    transform, height, width = lonlat_grid(1.7)
    codes = np.random.default_rng(1).integers(0, 12, (1, height, width)).astype("uint8")
    path = write_raster(tmp_path_factory.mktemp("scl") / "scl.tif", codes, crs="EPSG:4326", transform=transform)
    lazy = warp_classes(path, GEOBOX)
    top, left = data.draw(st.integers(0, SIZE - 1)), data.draw(st.integers(0, SIZE - 1))
    rows = slice(top, data.draw(st.integers(top + 1, SIZE)))
    cols = slice(left, data.draw(st.integers(left + 1, SIZE)))
    np.testing.assert_array_equal(lazy[rows, cols].values, lazy.values[rows, cols])


def test_classes_half_a_pixel_apart_break_ties_alike(tiff):
    codes = np.arange(100, dtype="uint8").reshape(1, 10, 10)
    path = tiff("q.tif", codes, transform=Affine(10, 0, UTM.c - 5, 0, -10, UTM.f + 5))
    got = warp_classes(path, GeoBox((9, 9), UTM, "EPSG:32633")).values
    np.testing.assert_array_equal(got, codes[0, 1:, 1:])


def test_classes_outside_and_nodata_are_minus_1(tiff):
    path = tiff("q.tif", np.full((1, 8, 8), 3, "int16"), nodata=-1, transform=Affine(10, 0, UTM.c + 40, 0, -10, UTM.f))
    got = warp_classes(path, GEOBOX).values
    assert (got[:8, 4:12] == 3).all()
    assert (got == -1).sum() == SIZE * SIZE - 64
    silent = tiff("n.tif", np.full((1, 8, 8), -1, "int16"), nodata=-1)
    assert (warp_classes(silent, GEOBOX).values == -1).all()


def test_bad_class_rasters(tiff):
    fails(
        ["f.tif", "float32", "gdal_translate"],
        lambda: warp_classes(tiff("f.tif", np.ones((1, 4, 4), "float32")), GEOBOX),
        RasterError,
    )
    fails(
        ["w.tif", "uint8"],
        lambda: warp_classes(tiff("w.tif", np.full((1, 4, 4), 700, "uint16")), GEOBOX).values,
        RasterError,
    )
    fails(["b.tif", "no band 2"], lambda: warp_classes(tiff("b.tif", CLASSES), GEOBOX, band=2), RasterError)
    far = tiff("far.tif", CLASSES, crs="EPSG:32721")
    fails(["far.tif", "does not overlap the scene"], lambda: warp_classes(far, GEOBOX))
    fails(["c.tif", "not georeferenced"], lambda: warp_classes(tiff("c.tif", CLASSES, crs=None), GEOBOX))


def test_classes_without_georeferencing(tiff):
    codes = np.arange(12, dtype="uint8").reshape(1, 3, 4)
    got = warp_classes(tiff("q.tif", codes, crs=None), GeoBox((3, 4), Affine.identity(), None))
    np.testing.assert_array_equal(got.values, codes[0])
