import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio

from labelled_layouts import (
    BEN_BANDS,
    BEN_PRODUCT,
    ben_arrays,
    ben_name,
    ben_row,
    radar_db,
    write_ben_patch,
    write_metadata,
    write_placed,
)
from sunbreak.bands import L2A_BANDS
from sunbreak.data.labelled import open_labelled
from sunbreak.data.labelled.bigearthnet import CLASSES
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality

ROWS = [
    ben_row(1, 1, ["Pastures"]),
    ben_row(1, 2, ["Arable land", "Pastures"]),
    ben_row(1, 3, ["Mixed forest"], "train"),
    ben_row(1, 4, ["Inland waters"]),
    ben_row(1, 5, ["Urban fabric"], "validation"),
]


def refused(words, spec, kind=OptionError):
    with pytest.raises(kind) as caught:
        list(open_labelled(spec))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    """Five patches with radar, one of two classes; the fourth of the test split is not in the folders."""
    root = tmp_path_factory.mktemp("bigearthnet")
    write_metadata(root, ROWS)
    cloudy = [
        ben_row(9, 1, ["Pastures"], "train", cloud=True),
        ben_row(9, 2, ["Pastures"], snow=True),
        ben_row(9, 3, ["Pastures", "Mixed forest"], cloud=True, snow=True),
    ]
    write_metadata(root, cloudy, cloudy=True)
    for row, col in ((1, 1), (1, 2), (1, 3), (1, 5), (9, 1), (9, 2), (9, 3)):
        write_ben_patch(root, row, col)
    return root


def names(patches):
    return [entry.name for entry in patches.entries]


def test_a_patch_is_read_on_the_grid_of_10_metres(archive):
    patches = open_labelled(f"bigearthnet:{archive}")
    (sample,) = patches
    assert (patches.level, patches.size, patches.bands) == ("L2A", 120, L2A_BANDS)
    assert (patches.has_radar, patches.knows_cloud, patches.classes) == (True, True, CLASSES)
    assert [CLASSES[label] for label in patches.labels] == ["Pastures"]
    assert patches.regions == ("BEN_T33UUP_test",)
    stored = ben_arrays((1, 1))
    for name, side in BEN_BANDS.items():
        band = sample.cloudy[L2A_BANDS.index(name)]
        times = 120 // side
        assert band.shape == (120, 120)
        assert np.allclose(band[::times, ::times], stored[name][0] / 10_000)
        assert np.allclose(band[times - 1 :: times, times - 1 :: times], stored[name][0] / 10_000)
    assert sample.cloudy.dtype == np.float32
    assert (sample.quality == Quality.CLEAR).all()
    assert np.array_equal(sample.clear, sample.cloudy)
    assert np.array_equal(sample.radar, radar_db(1, 120))
    assert sample.geobox.shape == (120, 120)


def test_patches_of_several_classes_are_left_out_in_one_line_or_taken_unlabelled(archive):
    single = open_labelled(f"bigearthnet:{archive},split=test")
    assert names(single) == [ben_name(1, 1)]
    lines = {one.reason: one.name for one in single.skipped}
    assert lines["not of one class; labels=any takes them, unlabelled"] == f"1 patches, the first {ben_name(1, 2)}"
    (absent,) = (name for reason, name in lines.items() if reason.startswith("no folder in"))
    assert absent == f"1 patches, the first {ben_name(1, 4)}"
    both = open_labelled(f"bigearthnet:{archive},split=test,labels=any")
    assert names(both) == [ben_name(1, 1), ben_name(1, 2)]
    assert both.labels == (CLASSES.index("Pastures"), None)


def test_splits_are_those_of_the_metadata(archive):
    assert names(open_labelled(f"bigearthnet:{archive},split=train")) == [ben_name(1, 3)]
    validation = open_labelled(f"bigearthnet:{archive},split=validation")
    assert names(validation) == [ben_name(1, 5)]
    assert validation.regions == ("BEN_T33UUP_validation",)
    refused(["choose from train, validation, test, cloudy"], f"bigearthnet:{archive},split=val")


def test_cloudy_patches_come_from_their_own_list_without_those_under_snow_only(archive):
    patches = open_labelled(f"bigearthnet:{archive},split=cloudy,labels=any")
    assert names(patches) == [ben_name(9, 1), ben_name(9, 3)]
    assert patches.regions == ("BEN_T33UUP_test", "BEN_T33UUP_train")
    assert not patches.knows_cloud
    sample = next(iter(patches))
    assert sample.clear is None
    assert not sample.same_date
    assert names(open_labelled(f"bigearthnet:{archive},split=cloudy")) == [ben_name(9, 1)]
    refused(["clouds goes with clear splits only"], f"bigearthnet:{archive},split=cloudy,clouds=blended")


def test_without_the_radar_folder_there_is_no_radar(tmp_path):
    write_metadata(tmp_path, ROWS)
    write_ben_patch(tmp_path, 1, 1, radar=False)
    patches = open_labelled(f"bigearthnet:{tmp_path}")
    assert not patches.has_radar
    assert next(iter(patches)).radar is None
    # with it, patches that have no radar are left out
    write_metadata(tmp_path, [*ROWS, ben_row(2, 2, ["Pastures"])])
    write_ben_patch(tmp_path, 2, 2)
    patches = open_labelled(f"bigearthnet:{tmp_path}")
    assert (patches.has_radar, names(patches)) == (True, [ben_name(2, 2)])
    assert any("no folder of the radar patch" in one.reason for one in patches.skipped)


def test_metadata_that_are_missing_or_damaged_are_refused(tmp_path):
    refused(["metadata.parquet", "BigEarthNet-S2"], f"bigearthnet:{tmp_path}")
    refused(["metadata_for_patches_with_snow_cloud_or_shadow"], f"bigearthnet:{tmp_path},split=cloudy")
    write_metadata(tmp_path, ROWS, drop=["labels"])
    refused(["metadata.parquet: has no column labels"], f"bigearthnet:{tmp_path}", RasterError)
    (tmp_path / "metadata.parquet").write_bytes(b"PAR1 cut off")
    refused(["metadata.parquet: is no readable Parquet file"], f"bigearthnet:{tmp_path}", RasterError)
    write_metadata(tmp_path, ROWS)
    refused(["selects no patch", "no folder in"], f"bigearthnet:{tmp_path},split=train")


def test_without_pyarrow_it_says_what_to_install(archive, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    refused(["pyarrow, which is not installed", "pip install 'sunbreak[data]'"], f"bigearthnet:{archive}")


@pytest.mark.parametrize(
    ("replaced", "kind", "words"),
    [
        ({"B05": None}, RasterError, "_B05.tif: no such file"),
        ({"B11": ben_arrays()["B02"]}, GeometryError, "_B11.tif: is 120 x 120 pixels, expected 60 x 60"),
        ({"B03": np.ones((2, 120, 120), "uint16")}, RasterError, "_B03.tif: holds 2 bands, expected 1"),
        ({"B04": np.ones((1, 120, 120), "uint8")}, RasterError, "_B04.tif: holds uint8, expected DN in uint16"),
    ],
)
def test_files_that_are_not_what_they_should_be_are_named(tmp_path, replaced, kind, words):
    write_metadata(tmp_path, ROWS)
    write_ben_patch(tmp_path, 1, 1, radar=False, **replaced)
    refused([words], f"bigearthnet:{tmp_path}", kind)


def test_radar_of_another_size_or_missing_is_named(tmp_path):
    write_metadata(tmp_path, ROWS)
    write_ben_patch(tmp_path, 1, 1)
    (path,) = tmp_path.glob("BigEarthNet-S1/*/*/*_VH.tif")
    write_placed(path, np.ones((1, 60, 60), "float32"))
    refused(["radar is 60 x 60 pixels", "expected 120 x 120"], f"bigearthnet:{tmp_path}", GeometryError)
    path.unlink()
    refused(["_VH.tif: no such file"], f"bigearthnet:{tmp_path}", RasterError)


def test_clouds_are_laid_over_the_clear_splits(archive):
    patches = open_labelled(f"bigearthnet:{archive},split=test,labels=any,clouds=simulated,cloud_seed=1")
    samples = list(patches)
    assert any((sample.quality != Quality.CLEAR).any() for sample in samples)
    assert all(sample.same_date for sample in samples)


def test_real_patches_have_the_same_offset_and_order(collection, tmp_path):
    """The files of the first version of BigEarthNet, put into the folders of the second one."""
    source = Path(collection) / "bigearthnet_mm"
    write_metadata(tmp_path, ROWS)
    write_ben_patch(tmp_path, 1, 1)
    with rasterio.open(source / "S2A_MSIL2A_20170617T113321_36_85_s2.tif") as file:
        stored, bands = file.read(), tuple(file.descriptions)
    assert bands == L2A_BANDS
    folder = tmp_path / "BigEarthNet-S2" / BEN_PRODUCT / ben_name(1, 1)
    for band, array in zip(bands, stored, strict=True):
        step = 120 // BEN_BANDS[band]
        path = folder / f"{ben_name(1, 1)}_{band}.tif"
        with rasterio.open(path, "r+") as file:
            file.write(array[np.newaxis, ::step, ::step])
    (sample,) = open_labelled(f"bigearthnet:{tmp_path}")
    assert np.allclose(sample.cloudy, stored / 10_000)
    # fields of Ireland in June: green, hardly brighter than a tenth in the visible
    red, infrared = (np.median(sample.cloudy[L2A_BANDS.index(name)]) for name in ("B04", "B08"))
    assert red < 0.1 < infrared
