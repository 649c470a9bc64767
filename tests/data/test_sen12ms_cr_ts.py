import datetime
import tracemalloc

import numpy as np
import pytest

from public_layouts import write_tiff
from sunbreak.bands import L1C_BANDS
from sunbreak.data import open_data
from sunbreak.data.splits import read_splits
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality

SIZE = 8
START = datetime.date(2018, 1, 6)
STEP = 12
"""Days from date to date."""
CLEAREST = 9


def day_of(number):
    return START + datetime.timedelta(days=STEP * number)


def path_of(root, season, region, number, patch, sensor="s2", day=None):
    name = f"{sensor}_ROIs{season}_{region}_ImgNo_{number}_{day or day_of(number)}_patch_{patch}.tif"
    return root / f"ROIs{season}" / str(region) / sensor.upper() / str(number) / name


def optical(number, cloud):
    """Ground that brightens by 1 % a date, and cloud over some rows of eight."""
    image = np.full((13, SIZE, SIZE), 500 + 100 * number, "uint16")
    image[:, :cloud] = 9000
    return image


def write(root, season=1868, region=73, patch=171, *, clouds=None, radar=True, numbers=range(30)):
    """A patch; by default every date is half clouded, but one a quarter and one not at all."""
    clouds = clouds or {CLEAREST: 0, CLEAREST - 3: 2}
    for number in numbers:
        write_tiff(path_of(root, season, region, number, patch), optical(number, clouds.get(number, 4)))
        if radar:
            db = np.full((2, SIZE, SIZE), -number, "float32")
            # radar passes on days of its own
            day = day_of(number) + datetime.timedelta(days=2)
            write_tiff(path_of(root, season, region, number, patch, "s1", day), db)


def list_only(root, season, region, patch, numbers=range(30)):
    for number in numbers:
        for sensor in ("s1", "s2"):
            path = path_of(root, season, region, number, patch, sensor)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def bright(sample):
    found = np.where(sample.cloudy[0] > 0.5, Quality.THICK_CLOUD, Quality.CLEAR)
    return np.where(np.isfinite(sample.cloudy[0]), found, Quality.NODATA)


def names(data):
    return [entry.name for entry in data.entries]


def test_target_is_the_clearest_date_and_input_the_nearest_cloudy_one(tmp_path):
    write(tmp_path)
    data = open_data(f"sen12ms-cr-ts:{tmp_path}", detector=bright)
    (sample,) = data
    assert (data.split, data.regions) == ("test", ("ROIs1868_73",))
    assert (sample.name, sample.region) == ("ROIs1868_73_patch_171", "ROIs1868_73")
    assert (sample.level, sample.bands) == ("L1C", L1C_BANDS)
    assert np.allclose(sample.clear, (500 + 100 * CLEAREST) / 1e4)
    # of the two neighbours the earlier one
    observed = CLEAREST - 1
    assert np.allclose(sample.cloudy[:, 4:], (500 + 100 * observed) / 1e4)
    assert (sample.quality[:4] == Quality.THICK_CLOUD).all()
    assert (sample.quality[4:] == Quality.CLEAR).all()
    assert (sample.radar == -observed).all()
    others = [number for number in range(30) if number not in (CLEAREST, observed)]
    assert sample.series.days == tuple(float(STEP * (number - observed)) for number in others)
    assert np.allclose(sample.series.optical[:, 0, -1, -1], [(500 + 100 * number) / 1e4 for number in others])
    assert sample.series.optical.dtype == np.float32
    assert (sample.series.quality == Quality.THICK_CLOUD).mean(axis=(1, 2)).tolist() == [
        0.25 if number == CLEAREST - 3 else 0.5 for number in others
    ]
    assert not sample.same_date


def test_the_target_is_never_in_the_series(tmp_path):
    write(tmp_path)
    for detector in (None, bright):
        (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path}", detector=detector)
        assert len(sample.series.days) == 28
        assert not any(np.array_equal(date, sample.clear) for date in sample.series.optical)
        assert not any(np.array_equal(date, sample.cloudy) for date in sample.series.optical)
        assert 0.0 not in sample.series.days


def test_without_detection_the_first_date_is_the_target_and_the_second_the_input(tmp_path):
    write(tmp_path)
    (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path}")
    assert np.allclose(sample.clear[:, 4:], 0.05)
    assert np.allclose(sample.cloudy[:, 4:], 0.06)
    assert (sample.quality == Quality.CLEAR).all()


def test_where_no_date_is_cloudy_enough_the_cloudiest_is_the_input(tmp_path):
    write(tmp_path, clouds=dict.fromkeys(range(30), 0))
    haze = optical(20, 0)
    haze[:, 0, :4] = 9000
    write_tiff(path_of(tmp_path, 1868, 73, 20, 171), haze)
    (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path}", detector=bright)
    assert (sample.quality == Quality.THICK_CLOUD).sum() == 4
    assert np.allclose(sample.clear, 0.05)


def test_missing_data_counts_against_a_target(tmp_path):
    write(tmp_path, clouds={3: 0, 4: 1})
    empty = optical(3, 0)
    empty[:, :7] = 0
    write_tiff(path_of(tmp_path, 1868, 73, 3, 171), empty)
    (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path}", detector=bright)
    assert np.allclose(sample.clear[:, 1:], 0.09)


@pytest.mark.parametrize("top", ["{}_africa_test", "test/{}_africa_test", "{}_america"])
def test_archives_may_lie_one_or_two_folders_below_each_sensor_in_its_own(tmp_path, top):
    write(tmp_path / "whole")
    for sensor in ("s1", "s2"):
        target = tmp_path / "set" / top.format(sensor) / "ROIs1868" / "73"
        target.mkdir(parents=True)
        (tmp_path / "whole" / "ROIs1868" / "73" / sensor.upper()).rename(target / sensor.upper())
    (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path / 'set'}")
    assert sample.name == "ROIs1868_73_patch_171"
    assert sample.radar is not None


def test_the_same_date_twice_is_refused(tmp_path):
    write(tmp_path, numbers=range(2))
    write(tmp_path / "s2_africa_test", numbers=range(2))
    with pytest.raises(OptionError, match=r"is the same date as .*remove one of them"):
        open_data(f"sen12ms-cr-ts:{tmp_path}")


def test_regions_are_split_exactly(tmp_path):
    splits = read_splits("sen12ms-cr-ts").regions
    for region in [*splits["train"], *splits["val"], *splits["test"], "ROIs1868_1"]:
        season, number = region.removeprefix("ROIs").split("_")
        list_only(tmp_path, season, number, 5, numbers=range(1))
    for split in ("train", "val", "test", "all"):
        # one date is too few; the regions that were looked at are in the reasons
        with pytest.raises(OptionError, match=r"29 of 30 optical dates are missing: 1, 2, 3, 4, 5 and others"):
            open_data(f"sen12ms-cr-ts:{tmp_path},split={split}")
    for region in ("ROIs1868_17", "ROIs1868_100", "ROIs1868_36"):
        list_only(tmp_path, 1868, region.split("_")[1], 5)
    regions = {split: open_data(f"sen12ms-cr-ts:{tmp_path},split={split}").regions for split in splits}
    assert regions == {"train": ("ROIs1868_36",), "val": ("ROIs1868_17",), "test": ("ROIs1868_100",)}
    everything = open_data(f"sen12ms-cr-ts:{tmp_path},split=all")
    assert len(everything) == 3
    assert {one.name: one.reason for one in everything.skipped}["ROIs1868_1"].startswith("region is in no list")


def test_regions_that_are_not_there_are_named(tmp_path):
    list_only(tmp_path, 1868, 100, 5)
    skipped = {one.name: one.reason for one in open_data(f"sen12ms-cr-ts:{tmp_path}").skipped}
    assert len(skipped) == len(read_splits("sen12ms-cr-ts").regions["test"]) - 1
    assert set(skipped.values()) == {"no file of this region"}


def test_patches_that_lack_a_date_or_its_radar_are_left_out(tmp_path):
    list_only(tmp_path, 1868, 73, 10)
    list_only(tmp_path, 1868, 73, 9)
    path_of(tmp_path, 1868, 73, 7, 9, "s1").unlink()
    path_of(tmp_path, 1868, 73, 22, 9, "s1").unlink()
    list_only(tmp_path, 1868, 73, 8)
    path_of(tmp_path, 1868, 73, 0, 8).unlink()
    data = open_data(f"sen12ms-cr-ts:{tmp_path}")
    assert names(data) == ["ROIs1868_73_patch_10"]
    reasons = {one.name: one.reason for one in data.skipped if "patch" in one.name}
    assert reasons == {
        "ROIs1868_73_patch_9": "2 of 30 radar dates are missing: 7, 22",
        "ROIs1868_73_patch_8": "1 of 30 optical dates are missing: 0",
    }
    for radar in ("any", "none"):
        # by number, not by text
        found = names(open_data(f"sen12ms-cr-ts:{tmp_path},radar={radar}"))
        assert found == ["ROIs1868_73_patch_9", "ROIs1868_73_patch_10"]


def test_radar_may_be_hidden_or_missing(tmp_path):
    write(tmp_path, radar=False)
    for radar in ("any", "none"):
        (sample,) = open_data(f"sen12ms-cr-ts:{tmp_path},radar={radar}")
        assert sample.radar is None
    with pytest.raises(OptionError, match=r"selects no sample \(.*30 of 30 radar dates are missing"):
        open_data(f"sen12ms-cr-ts:{tmp_path}")


def test_n_takes_patches_spread_over_the_list(tmp_path):
    for region in (73, 100):
        for patch in range(4):
            list_only(tmp_path, 1868, region, patch)
    spec = f"sen12ms-cr-ts:{tmp_path},n="
    every = names(open_data(f"{spec}0"))
    assert len(every) == 8
    assert names(open_data(f"{spec}4")) == every[::2]
    assert names(open_data(f"{spec}100")) == every
    assert len(open_data(f"{spec}2").regions) == 2


@pytest.mark.parametrize(
    "name",
    [
        "s2_ROIs1868_73_ImgNo_1_2018-02-30_patch_1.tif",
        "s2_ROIs1868_73_ImgNo_1_20180221_patch_1.tif",
        "s1_ROIs1868_73_ImgNo_1_2018-02-21_patch_1.tif",
        "s2_ROIs1868_17_ImgNo_1_2018-02-21_patch_1.tif",
        "copy.tif",
    ],
)
def test_files_with_another_name_are_skipped_with_a_reason(tmp_path, name):
    list_only(tmp_path, 1868, 73, 171)
    (tmp_path / "ROIs1868" / "73" / "S2" / "1" / name).touch()
    data = open_data(f"sen12ms-cr-ts:{tmp_path}")
    assert len(data) == 1
    assert {one.name: one.reason for one in data.skipped}[name].startswith("not named like the images of")


def test_wrong_and_broken_files_are_named(tmp_path):
    write(tmp_path)
    odd = path_of(tmp_path, 1868, 73, 17, 171)
    write_tiff(odd, np.ones((3, SIZE, SIZE), "uint8"))
    with pytest.raises(
        RasterError, match=r"ImgNo_17_2018-07-29_patch_171\.tif: holds 3 bands of uint8; expected an opt"
    ):
        list(open_data(f"sen12ms-cr-ts:{tmp_path}"))
    write_tiff(odd, optical(17, 0)[:, :4])
    with pytest.raises(GeometryError, match=r"ImgNo_17_.*: is \(4, 8\) pixels"):
        list(open_data(f"sen12ms-cr-ts:{tmp_path}"))
    odd.write_bytes(b"II*\0")
    with pytest.raises(RasterError, match=r"ImgNo_17_"):
        list(open_data(f"sen12ms-cr-ts:{tmp_path}"))


def test_listing_opens_no_file_and_iterating_holds_one_patch(tmp_path):
    for patch in range(3):
        list_only(tmp_path, 1868, 73, patch)
    assert len(open_data(f"sen12ms-cr-ts:{tmp_path}", detector=bright)) == 3
    for patch in range(3):
        write(tmp_path / "real", patch=patch)
    one = 30 * 13 * SIZE * SIZE * 4
    data = open_data(f"sen12ms-cr-ts:{tmp_path / 'real'}")
    data.entries[0].load()
    tracemalloc.start()
    for sample in data:
        assert sample.series is not None
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * one


def test_a_folder_that_is_not_the_data_set_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"must hold ROIs1868/73/S2/14"):
        open_data(f"sen12ms-cr-ts:{tmp_path}")
    with pytest.raises(OptionError, match="is no folder"):
        open_data(f"sen12ms-cr-ts:{tmp_path / 'gone'}")
