import pickle
import sys

import h5py
import numpy as np
import pytest

from labelled_layouts import so2sat_arrays, write_so2sat
from sunbreak.bands import RADAR_BANDS
from sunbreak.data.labelled import open_labelled
from sunbreak.data.labelled.so2sat import BANDS, CLASSES
from sunbreak.errors import OptionError, RasterError
from sunbreak.legend import Quality


def refused(words, spec, kind=OptionError):
    with pytest.raises(kind) as caught:
        list(open_labelled(spec))
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_a_patch_holds_reflectance_and_the_filtered_intensities_in_decibels(tmp_path):
    stored = so2sat_arrays(4)
    write_so2sat(tmp_path)
    patches = open_labelled(f"so2sat:{tmp_path}")
    assert (patches.level, patches.size, patches.has_radar, patches.knows_cloud) == ("L1C", 32, True, True)
    assert (patches.bands, patches.classes, patches.skipped) == (BANDS, CLASSES, ())
    assert patches.labels == (0, 1, 2, 3)
    sample = list(patches)[2]
    assert (sample.name, sample.region) == ("testing-000002", "So2Sat_testing")
    assert sample.cloudy.dtype == sample.radar.dtype == np.float32
    assert np.allclose(sample.cloudy, np.moveaxis(stored["sen2"][2], -1, 0))
    assert (sample.quality == Quality.CLEAR).all()
    assert np.array_equal(sample.clear, sample.cloudy)
    # VH comes first in the file, VV here
    assert np.allclose(sample.radar[RADAR_BANDS.index("VV")], 10 * np.log10(stored["sen1"][2][..., 5]), atol=1e-4)
    assert np.allclose(sample.radar[RADAR_BANDS.index("VH")], 10 * np.log10(stored["sen1"][2][..., 4]), atol=1e-4)
    assert np.median(sample.radar[0]) > np.median(sample.radar[1])


def test_the_files_of_the_splits_are_taken_apart(tmp_path):
    for name, count in (("training", 5), ("validation", 3), ("testing", 2)):
        write_so2sat(tmp_path, f"{name}.h5", count)
    found = {split: open_labelled(f"so2sat:{tmp_path},split={split}") for split in ("train", "val", "test")}
    assert {split: len(patches) for split, patches in found.items()} == {"train": 5, "val": 3, "test": 2}
    regions = [patches.regions for patches in found.values()]
    assert regions == [("So2Sat_training",), ("So2Sat_validation",), ("So2Sat_testing",)]


def test_gaps_are_no_data(tmp_path):
    stored = so2sat_arrays(1)
    stored["sen2"][0, 3, 4] = np.nan
    stored["sen1"][0, 5, 6, 4] = 0
    write_so2sat(tmp_path, count=1, **stored)
    (sample,) = open_labelled(f"so2sat:{tmp_path}")
    assert sample.quality[3, 4] == Quality.NODATA
    assert (sample.quality == Quality.CLEAR).sum() == 32 * 32 - 1
    assert np.isnan(sample.radar[1, 5, 6])
    assert np.isfinite(sample.radar).sum() == 2 * 32 * 32 - 1


def test_patches_of_no_single_class_are_left_out_and_counted(tmp_path):
    labels = so2sat_arrays(4)["label"]
    labels[1] = 0
    labels[2, 5] = 1
    write_so2sat(tmp_path, label=labels)
    patches = open_labelled(f"so2sat:{tmp_path}")
    assert patches.labels == (0, 3)
    assert [entry.load().name for entry in patches.entries] == ["testing-000000", "testing-000003"]
    assert [one.reason for one in patches.skipped] == ["2 of 4 patches are not labelled with one class"]
    write_so2sat(tmp_path, label=np.zeros((4, 17)))
    refused(["selects no patch", "4 of 4"], f"so2sat:{tmp_path}")


def test_entries_travel_to_other_processes(tmp_path):
    write_so2sat(tmp_path)
    entry = open_labelled(f"so2sat:{tmp_path}").entries[1]
    assert np.array_equal(pickle.loads(pickle.dumps(entry)).load().cloudy, entry.load().cloudy)


def test_clouds_are_laid_over_ten_bands(tmp_path):
    write_so2sat(tmp_path, count=12)
    samples = list(open_labelled(f"so2sat:{tmp_path},clouds=simulated"))
    assert any((sample.quality != Quality.CLEAR).any() for sample in samples)
    assert all(sample.same_date and np.isfinite(sample.clear).all() for sample in samples)


def test_missing_files_are_named_with_those_that_are_there(tmp_path):
    refused(["no file", "testing.h5", "training.h5, validation.h5, testing.h5"], f"so2sat:{tmp_path}")
    write_so2sat(tmp_path, "training.h5")
    refused(["testing.h5; in the folder: training.h5"], f"so2sat:{tmp_path},split=test")
    refused(["choose from train, val, test"], f"so2sat:{tmp_path},split=all")


@pytest.mark.parametrize(
    ("replaced", "words"),
    [
        ({"sen1": None}, ["holds no sen1"]),
        ({"sen2": np.zeros((4, 32, 32, 13))}, ["its sen2 is 4 x 32 x 32 x 13, expected 4 x 32 x 32 x 10"]),
        ({"sen1": np.zeros((3, 32, 32, 8))}, ["its sen1 is 3 x 32 x 32 x 8, expected 4 x 32 x 32 x 8"]),
        ({"label": np.zeros((4, 10))}, ["its label is 4 x 10, expected 4 x 17"]),
        ({"label": np.zeros(())}, ["its label is no array, expected 4 x 17"]),
    ],
)
def test_files_of_another_shape_are_refused(tmp_path, replaced, words):
    write_so2sat(tmp_path, **replaced)
    refused(["testing.h5", "download So2Sat LCZ42 again", *words], f"so2sat:{tmp_path}", RasterError)


def test_damaged_files_are_refused(tmp_path):
    (tmp_path / "testing.h5").write_bytes(b"no HDF5 at all")
    refused(["testing.h5: is no readable HDF5 file", "download it again"], f"so2sat:{tmp_path}", RasterError)
    with h5py.File(tmp_path / "testing.h5", "w") as file:
        for name, array in so2sat_arrays(4).items():
            file.create_dataset(name, data=array, compression="gzip")
    content = bytearray((tmp_path / "testing.h5").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 20_000] = bytes(20_000)
    (tmp_path / "testing.h5").write_bytes(content)
    refused(["testing.h5", "again"], f"so2sat:{tmp_path}", RasterError)


def test_without_h5py_it_says_what_to_install(tmp_path, monkeypatch):
    write_so2sat(tmp_path)
    monkeypatch.setitem(sys.modules, "h5py", None)
    refused(["h5py, which is not installed", "pip install 'sunbreak[data]'"], f"so2sat:{tmp_path}")
