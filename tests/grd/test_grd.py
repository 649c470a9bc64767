"""GRD products: points of known place land there, and backscatter is what was simulated."""

import json
import pickle
import re
import warnings
from pathlib import Path

import numpy as np
import pyproj
import pytest

import sunbreak
from conftest import UTM, l1c_dn, radar_db, refused, write_raster
from grd_layouts import (
    CENTRE,
    LINES,
    SHAPE,
    SIZE,
    flat,
    found_at,
    hill,
    place,
    write_dem,
    write_grd,
    zipped,
)
from sunbreak.bands import L1C_BANDS
from sunbreak.cli import main
from sunbreak.errors import GeometryError, OptionError, RadiometryError, SunbreakWarning
from sunbreak.grd.orbit import RangeDoppler
from sunbreak.inputs.grd import open_grd
from sunbreak.scene import window
from sunbreak.steps.read_product import read_product

TO_DEGREES = pyproj.Transformer.from_crs(32633, 4326, always_xy=True)
PLACES = [(60, 60), (60, 540), (540, 60), (540, 540), (300, 300), (250, 340), (330, 230), (180, 300), (300, 410)]
"""Rows and columns on the optical grid, counted from the centre of the first pixel."""


@pytest.fixture
def optical(tiff):
    return tiff("s2.tif", l1c_dn(SIZE, SIZE), descriptions=L1C_BANDS)


def degrees(row, col):
    return TO_DEGREES.transform(*(UTM @ (col + 0.5, row + 0.5)))


def targets(terrain, places=PLACES):
    """Lines and samples of points on the ground."""
    at = (degrees(*one) for one in places)
    return [place(lon, lat, float(terrain(lon, lat))) for lon, lat in at]


def landed(decibels, row, col, reach=6):
    """Centre of a bright point near a place, in rows and columns."""
    rows, cols = np.mgrid[row - reach : row + reach + 1, col - reach : col + reach + 1]
    power = np.nan_to_num(10 ** (decibels[rows, cols] / 10) - 0.5).clip(0)
    return np.array([(power * rows).sum(), (power * cols).sum()]) / power.sum()


@pytest.mark.parametrize("terrain", [flat, hill])
def test_lines_and_samples_are_those_of_the_orbit_itself(terrain, tmp_path):
    raster, told = open_grd(write_grd(tmp_path, terrain))
    assert told.datetime == "2024-05-26T05:20:31.123456Z"
    assert told.platform == "sentinel-1a"
    geometry = RangeDoppler(raster.annotations[0])
    known = raster.annotations[0].grid
    line, sample = geometry.pixel(known.longitude.ravel(), known.latitude.ravel(), known.height.ravel())
    asked = np.meshgrid(known.line, known.sample, indexing="ij")
    assert np.abs(line - asked[0].ravel()).max() < 0.01
    assert np.abs(sample - asked[1].ravel()).max() < 0.01
    lon, lat = CENTRE
    for height in (-400.0, 0.0, 3000.0, 8000.0):
        found = geometry.pixel(np.array([lon]), np.array([lat]), height)
        np.testing.assert_allclose(np.ravel(found), place(lon, lat, height), atol=0.01)


def test_points_on_a_hill_land_in_their_place_with_an_elevation_model(tmp_path, optical):
    grd = write_grd(tmp_path, hill, targets=targets(hill))
    scene = sunbreak.read(optical, grd, dem=write_dem(tmp_path / "dem.tif"), geoid=0.0)
    decibels = scene.radar.values[0]
    apart = [landed(decibels, *one) - one for one in PLACES]
    assert np.abs(apart).max() < 0.5, apart


def test_the_command_line_takes_a_product_and_the_item_names_all_inputs(tmp_path):
    grd, dem = write_grd(tmp_path, hill), write_dem(tmp_path / "dem.tif")
    dn = l1c_dn(SIZE, SIZE)
    dn[:, 200:300, 200:300] = 6000
    optical = write_raster(tmp_path / "s2.tif", dn, descriptions=L1C_BANDS)
    out = tmp_path / "out"
    given = ["restore", str(optical), "--radar", str(zipped(grd)), "--dem", str(dem), "--geoid", "0", "-o", str(out)]
    assert main(given) == 0
    item = json.loads((out / "item.json").read_text())
    assert item["properties"]["sunbreak:restored_by"].keys() == {"network with radar"}
    named = {link["title"]: Path(link["href"]).name for link in item["links"] if link["rel"] == "derived_from"}
    radar = grd.with_suffix(".zip").name
    assert named == {"optical": "s2.tif", "radar": radar, "dem": "dem.tif", "model": "model.json"}
    # it lies on no map, so what shows products leaves it out
    assert read_product(out).radar is None
    assert main(["restore", str(optical), "--dem", str(dem), "-o", str(tmp_path / "other")]) == 2


def test_names_of_cloud_optimised_products(tmp_path, optical):
    folder = write_grd(tmp_path)
    expected = sunbreak.read(optical, folder).radar.values
    for file in [*folder.glob("measurement/*"), *folder.glob("annotation/*.xml")]:
        file.rename(file.with_stem(f"{file.stem}-cog"))
    np.testing.assert_array_equal(sunbreak.read(optical, folder).radar.values, expected)


def test_without_one_they_lie_beside_it_and_the_user_is_warned(tmp_path, optical):
    top = [(300, 300)]
    grd = write_grd(tmp_path, hill, targets=targets(hill, top))
    with pytest.warns(SunbreakWarning, match=r"displaces radar pixels by up to about \d+; give an elevation model"):
        scene = sunbreak.read(optical, grd)
    decibels = scene.radar.values[0]
    brightest = np.unravel_index(np.nanargmax(decibels), decibels.shape)
    assert np.hypot(*np.subtract(brightest, top[0])) > 20


def test_on_flat_ground_no_elevation_model_is_needed(tmp_path, optical):
    ground = lambda lon, lat: 300.0 + 0.0 * np.asarray(lon)  # noqa: E731 - a plateau
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scene = sunbreak.read(optical, write_grd(tmp_path, ground, targets=targets(ground)))
    decibels = scene.radar.values[0]
    apart = [landed(decibels, *one) - one for one in PLACES]
    assert np.abs(apart).max() < 0.5, apart


def test_heights_above_the_geoid_are_lifted_to_the_ellipsoid(tmp_path, optical):
    grd = write_grd(tmp_path, hill, targets=targets(hill))
    low = write_dem(tmp_path / "low.tif", lift=-42.0)
    scene = sunbreak.read(optical, grd, dem=low, geoid=42.0)
    assert np.abs([landed(scene.radar.values[0], *one) - one for one in PLACES]).max() < 0.5
    with pytest.warns(SunbreakWarning, match="--geoid"):
        sunbreak.read(optical, grd, dem=low)
    with pytest.raises(OptionError, match="--geoid"):
        sunbreak.read(optical, grd, geoid=42.0)


@pytest.mark.parametrize("form", ["old", "new"])
def test_noise_is_removed_and_backscatter_is_what_was_simulated(form, tmp_path, optical):
    # the second lies below the noise, as water does in VH
    levels = (0.08, 0.003)
    scene = sunbreak.read(optical, write_grd(tmp_path, form=form, sigma0=levels, looks=0))
    power = 10 ** (scene.radar.values / 10)
    for plane, level in zip(power, levels, strict=True):
        assert np.isfinite(plane).all()
        # whole DN of a few tens are told apart to some percent
        np.testing.assert_allclose(plane.mean(), level, rtol=0.01)
        np.testing.assert_allclose(plane, level, rtol=0.15)


def test_values_below_the_noise_stay_valid_and_dark(tmp_path):
    raster, _ = open_grd(write_grd(tmp_path, sigma0=(0.08, 0.0005)))
    read = raster.read(slice(100, 400), slice(100, 400))
    assert np.isfinite(read).all()
    assert (read[1] == np.float32(1e-4)).any()


@pytest.mark.parametrize("residue", [0, 9])
def test_the_border_is_no_image(residue, tmp_path):
    raster, _ = open_grd(write_grd(tmp_path, border=130, residue=residue))
    read = raster.read(slice(0, SHAPE[0]), slice(0, 400))
    assert np.isnan(read[:, :, :130]).all()
    assert np.isfinite(read[:, :, 230:]).all()


def test_a_window_is_the_part_of_the_whole(tmp_path, optical):
    scene = sunbreak.read(optical, write_grd(tmp_path, hill), dem=write_dem(tmp_path / "dem.tif"), geoid=0.0)
    whole = scene.radar.values
    again = pickle.loads(pickle.dumps(scene))
    for rows, cols in (
        (slice(3, 40), slice(250, 391)),
        (slice(255, 258), slice(0, 600)),
        (slice(599, 600), slice(1, 2)),
    ):
        np.testing.assert_array_equal(window(again, "radar", rows, cols), whole[:, rows, cols])


def test_a_zip_gives_the_same(tmp_path, optical):
    folder = write_grd(tmp_path)
    expected = sunbreak.read(optical, folder)
    assert expected.attrs["radar_datetime"] == "2024-05-26T05:20:31.123456Z"
    np.testing.assert_array_equal(sunbreak.read(optical, zipped(folder)).radar.values, expected.radar.values)
    single = write_grd(tmp_path / "single", pols=("VV",), sigma0=(0.08,))
    assert sunbreak.read(optical, single).pol.values.tolist() == ["VV"]


def test_what_cannot_be_used_is_told(tmp_path, optical, tiff):
    polar = write_grd(tmp_path / "a", pols=("HH", "HV"))
    refused(["HH and HV", "polar acquisitions"], optical, radar=polar, kind=RadiometryError)
    refused(["is SLC, not GRD"], optical, radar=write_grd(tmp_path / "b", kind="SLC"), kind=RadiometryError)
    good = write_grd(tmp_path / "c")
    refused(["Sentinel-1 product", "--radar"], good)
    elsewhere = tiff("far.tif", l1c_dn(), transform=UTM @ UTM.translation(20_000, 0), descriptions=L1C_BANDS)
    refused(["does not overlap", "longitude"], elsewhere, radar=good, kind=GeometryError)
    bare = tiff("bare.tif", l1c_dn(), crs=None, descriptions=L1C_BANDS)
    refused(["bare.tif", "not georeferenced"], bare, radar=good, kind=GeometryError)
    next(good.glob("annotation/calibration/noise-*vh*.xml")).unlink()
    refused(["lacks annotation/calibration/noise", "download it again"], optical, radar=good)


NEEDED = (
    "orbit velocity coordinateConversionList srgrCoefficients geolocationGridPoint azimuthTimeInterval numberOfLines"
    " polarisation productFirstLineUtcTime missionId"
)


@pytest.mark.parametrize("tag", NEEDED.split())
def test_an_annotation_without_something_is_refused_in_one_line(tag, tmp_path, optical):
    folder = write_grd(tmp_path)
    for file in folder.glob("annotation/*.xml"):
        file.write_text(re.sub(rf"<(/?){tag}>", r"<\1gone>", file.read_text()))
    refused(["s1a-iw-grd"], optical, radar=folder)


def test_tables_that_cannot_be_used_are_refused_in_one_line(tmp_path, optical):
    folder = write_grd(tmp_path)
    (file, *_), bomb = sorted(folder.glob("annotation/calibration/cal*.xml")), '<!DOCTYPE a [<!ENTITY b "b">]>'
    whole = file.read_text()
    for wrong, word in ((whole.replace("e+02", "e-999"), "sigmaNought"), ("<calibration/>", "sigmaNought"),
                        (bomb + whole, "entities"), (whole[:-20], "well-formed")):  # fmt: skip
        file.write_text(wrong)
        refused([file.name, word], optical, radar=folder)


def test_an_elevation_model_is_not_needed_for_radar_on_a_map(tmp_path, optical, tiff):
    mapped = tiff("s1.tif", radar_db(SIZE, SIZE), descriptions=("VV", "VH"))
    with pytest.warns(SunbreakWarning, match="--dem is not needed"):
        sunbreak.read(optical, mapped, dem=write_dem(tmp_path / "dem.tif"), geoid=0.0)


def test_the_layout_knows_where_it_is():
    line, sample = place(*CENTRE, 0.0)
    assert (round(line), round(sample)) == (SHAPE[0] / 2, SHAPE[1] / 2)
    lon, lat, _ = found_at(100, 200, flat)
    np.testing.assert_allclose(place(lon, lat, 0.0), (100, 200), atol=1e-4)
    assert LINES[0] < 0
