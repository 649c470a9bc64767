import pickle
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from labelled_layouts import write_placed
from sunbreak.bands import L1C_BANDS
from sunbreak.data.labelled import open_labelled
from sunbreak.errors import GeometryError, OptionError, RadiometryError, RasterError
from sunbreak.legend import Quality

GRID = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_000, 0, -10, 5_800_000)}
SHIFTED = {"crs": "EPSG:32633", "transform": Affine(10, 0, 500_007, 0, -10, 5_800_000)}


def dn(height=64, width=64, seed=0):
    """DN of 13 bands whose cirrus band shows that they carry no offset."""
    rng = np.random.default_rng(seed)
    stored = rng.integers(400, 3000, (13, height, width)).astype("uint16")
    stored[L1C_BANDS.index("B10")] = rng.integers(5, 25, (height, width))
    return stored


def db(height=64, width=64, seed=0):
    return np.random.default_rng(seed).normal([[[-11.0]], [[-18.0]]], 2, (2, height, width)).astype("float32")


def write(root, name="a", height=64, width=64, *, optical=GRID, radar=GRID, seed=0):
    if optical is not None:
        write_placed(root / "optical" / f"{name}.tif", dn(height, width, seed), **optical)
    if radar is not None:
        write_placed(root / "radar" / f"{name}.tif", db(height, width, seed), **radar)
    return root


def refused(words, spec, kind=OptionError):
    with pytest.raises(kind) as caught:
        list(open_labelled(spec))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_pair_of_one_cell_is_a_patch_under_its_own_name(tmp_path):
    patches = open_labelled(f"pairs:{write(tmp_path)}")
    assert (patches.bands, patches.level, patches.size) == (L1C_BANDS, "L1C", 64)
    assert (patches.has_radar, patches.knows_cloud, patches.classes) == (True, False, ())
    assert patches.labels == (None,)
    (sample,) = patches
    assert (sample.name, sample.region, sample.clear) == ("a", "a", None)
    assert sample.cloudy.dtype == sample.radar.dtype == np.float32
    assert np.allclose(sample.cloudy, dn() / 10_000)
    assert np.array_equal(sample.radar, db())
    assert (sample.quality == Quality.CLEAR).all()


def test_a_scene_is_cut_into_whole_cells_from_its_upper_left_corner(tmp_path):
    write(tmp_path, "scene", 70, 100)
    write(tmp_path, "patch", 32, 32, seed=1)
    patches = open_labelled(f"pairs:{tmp_path},cell=32")
    samples = {sample.name: sample for sample in patches}
    assert set(samples) == {"patch", *(f"scene_r{row}_c{col}" for row in range(2) for col in range(3))}
    assert patches.regions == ("patch", "scene")
    cell = samples["scene_r1_c2"]
    assert np.allclose(cell.cloudy, dn(70, 100)[:, 32:64, 64:96] / 10_000)
    assert np.array_equal(cell.radar, db(70, 100)[:, 32:64, 64:96])
    assert cell.geobox.transform == GRID["transform"] @ Affine.translation(64, 32)
    assert cell.region == "scene"


def test_no_data_stays_no_data(tmp_path):
    optical, radar = dn(), db()
    optical[:, 3, 4] = 0
    radar[:, 5, 6] = np.nan
    write_placed(tmp_path / "optical" / "a.tif", optical, **GRID)
    write_placed(tmp_path / "radar" / "a.tif", radar, **GRID)
    (sample,) = open_labelled(f"pairs:{tmp_path}")
    assert sample.quality[3, 4] == Quality.NODATA
    assert np.isnan(sample.cloudy[:, 3, 4]).all()
    assert np.isnan(sample.radar[:, 5, 6]).all()


def test_radar_in_linear_power_becomes_decibels(tmp_path):
    write(tmp_path, radar=None)
    write_placed(tmp_path / "radar" / "a.tif", 10 ** (db() / 10), **GRID)
    (sample,) = open_labelled(f"pairs:{tmp_path}")
    assert np.allclose(sample.radar, db(), atol=1e-4)


def test_files_without_georeferencing_are_aligned_when_they_have_one_size(tmp_path):
    (sample,) = open_labelled(f"pairs:{write(tmp_path, optical={}, radar={})}")
    assert sample.geobox is None


def test_many_files_do_not_stay_open(tmp_path):
    for number in range(30):
        write(tmp_path, f"p{number:02d}", 8, 8, seed=number)
    before = len(list(Path("/proc/self/fd").iterdir()))
    patches = open_labelled(f"pairs:{tmp_path},cell=8")
    samples = list(patches)
    assert len(samples) == 30
    assert len(list(Path("/proc/self/fd").iterdir())) - before < 5
    entry = pickle.loads(pickle.dumps(patches.entries[7]))
    assert np.array_equal(entry.load().cloudy, samples[7].cloudy)


def test_labels_of_some_cells_give_the_classes(tmp_path):
    write(tmp_path, "scene", 64, 96)
    write(tmp_path, "patch", 32, 32)
    (tmp_path / "labels.csv").write_text("name,class\npatch.tif,Water\nscene_r0_c1, Forest\nscene_r1_c2,Water\n")
    patches = open_labelled(f"pairs:{tmp_path},cell=32")
    assert patches.classes == ("Forest", "Water")
    labels = {entry.name: entry.label for entry in patches.entries if entry.label is not None}
    assert labels == {"patch": 1, "scene_r0_c1": 0, "scene_r1_c2": 1}
    assert patches.labels.count(None) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("file;label\na;b\n", "has no columns name and class"),
        ("name,class\nelsewhere,Water\n", "names 'elsewhere', which is no cell here; a cell is called like a"),
        ("name,class\na,\n", "gives 'a' no class"),
        ("name,class\na\n", "gives 'a' no class"),
        ("name,class\na,Water\na,Forest\n", "gives 'a' two classes"),
        ("name,class\n", "lists no cell"),
        ("", "has no columns name and class"),
    ],
)
def test_labels_that_fit_nothing_are_refused(tmp_path, text, words):
    write(tmp_path)
    (tmp_path / "labels.csv").write_text(text)
    refused(["labels.csv", words], f"pairs:{tmp_path}")


def test_a_missing_partner_is_named_on_either_side(tmp_path):
    write(tmp_path)
    write(tmp_path, "b", radar=None)
    refused(["optical/b.tif: has no partner", "radar/b.tif; add it"], f"pairs:{tmp_path}")
    write(tmp_path, "b")
    write(tmp_path, "c", optical=None)
    refused(["radar/c.tif: has no partner", "optical/c.tif; add it"], f"pairs:{tmp_path}")


def test_empty_and_absent_folders_are_refused(tmp_path):
    refused(["no folder", "optical", "radar"], f"pairs:{tmp_path}")
    (tmp_path / "optical").mkdir()
    refused(["optical holds no GeoTIFF"], f"pairs:{tmp_path}")
    write(tmp_path, radar=None)
    refused(["no folder", "radar"], f"pairs:{tmp_path}")


def test_radar_on_another_grid_is_to_be_aligned(tmp_path):
    write(tmp_path, radar=SHIFTED)
    refused(["radar/a.tif: is not on the grid", "rio warp", "--like"], f"pairs:{tmp_path}", GeometryError)
    write(tmp_path, radar={**GRID, "crs": "EPSG:32632"})
    refused(["is not on the grid"], f"pairs:{tmp_path}", GeometryError)
    write_placed(tmp_path / "radar" / "a.tif", db(64, 65), **GRID)
    refused(["is 65 x 64 pixels", "64 x 64", "rio warp"], f"pairs:{tmp_path}", GeometryError)


def test_files_smaller_than_a_cell_are_refused(tmp_path):
    refused(
        ["optical/a.tif: is 40 x 64 pixels, smaller than cell=64"], f"pairs:{write(tmp_path, width=40)}", GeometryError
    )
    refused(["at least 8"], f"pairs:{tmp_path},cell=2")


def test_files_that_do_not_say_what_they_hold_need_options(tmp_path):
    ten = dn()[[1, 2, 3, 7]]
    write(tmp_path)
    write_placed(tmp_path / "optical" / "a.tif", ten, **GRID)
    refused(["4 bands without names", "bands=B02+B03+..."], f"pairs:{tmp_path}", RadiometryError)
    bands = "bands=B02+B03+B04+B08"
    refused(["pass --level", "level="], f"pairs:{tmp_path},{bands}", RadiometryError)
    (sample,) = open_labelled(f"pairs:{tmp_path},{bands},level=L2A,offset=-1000")
    assert (sample.bands, sample.level) == (("B02", "B03", "B04", "B08"), "L2A")
    assert np.allclose(sample.cloudy, (ten.astype(float) - 1000) / 10_000)
    refused(["choose from auto, 0, -1000"], f"pairs:{tmp_path},offset=7")


def test_radar_that_cannot_be_understood_is_refused(tmp_path):
    write(tmp_path, radar=None)
    write_placed(tmp_path / "radar" / "a.tif", np.ones((2, 64, 64), "uint16"), **GRID)
    refused(["radar/a.tif: holds integers"], f"pairs:{tmp_path}", RadiometryError)
    write_placed(tmp_path / "radar" / "a.tif", db()[::-1].copy(), **GRID)
    refused(["radar/a.tif", "name the bands VV and VH"], f"pairs:{tmp_path}", RadiometryError)


def test_files_must_be_alike(tmp_path):
    write(tmp_path)
    write(tmp_path, "b")
    rgb = dn()[[3, 2, 1]]
    path = write_placed(tmp_path / "optical" / "b.tif", rgb, **GRID)
    with rasterio.open(path, "r+") as file:
        file.descriptions = ("B04", "B03", "B02")
        file.update_tags(PROCESSING_LEVEL="L1C")
    refused(["optical/b.tif: holds B04 B03 B02 of level L1C, but"], f"pairs:{tmp_path},level=L1C", RadiometryError)


def test_damaged_files_are_named(tmp_path):
    write(tmp_path)
    (tmp_path / "optical" / "a.tif").write_bytes(b"II*\0 cut off")
    refused(["optical/a.tif: not a readable GeoTIFF"], f"pairs:{tmp_path}", RasterError)
