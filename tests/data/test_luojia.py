import random

import numpy as np
import pytest

from public_layouts import write_tiff
from sunbreak.bands import L1C_BANDS
from sunbreak.data import open_data
from sunbreak.data.luojia import BUCKETS
from sunbreak.errors import GeometryError, OptionError, RadiometryError, RasterError
from sunbreak.legend import Quality

SIZE = 16
CIRRUS = L1C_BANDS.index("B10")


def arrays(seed=0, size=SIZE):
    """The five files of a patch; optical DN keep 1000 too many, and B10 lies on its floor."""
    rng = np.random.default_rng(seed)
    clear = rng.integers(1300, 4000, (13, size, size)).astype("uint16")
    clear[CIRRUS] = rng.integers(1006, 1020, (size, size))
    mask = np.zeros((1, size, size), "float32")
    mask[:, : size // 4] = 1
    return {
        "s1": rng.normal(-15, 3, (2, size, size)).astype("float32"),
        "s2": clear,
        "s2_cloudy": np.where(mask, np.uint16(9000), clear),
        "cloud_detection_results": mask,
        "land_cover_maps": rng.integers(0, 7, (1, size, size)).astype("uint8"),
    }


def path_of(root, bucket, region, patch, folder, *, short=False):
    cloudy = folder in ("s2_cloudy", "cloud_detection_results") and not short
    part = "s1" if folder == "s1" else "s2_cloudy" if cloudy else "s2"
    return root / bucket / folder / f"ROIs_{region}_{part}_p{patch}.tif"


def write(root, bucket="0-20%", region="10", patch=4, *, short=False, **replaced):
    for folder, array in {**arrays(patch), **replaced}.items():
        if array is not None:
            write_tiff(path_of(root, bucket, region, patch, folder, short=short), array)


def touch(root, bucket, region, patch):
    """A patch whose files are listed only."""
    for folder in arrays(size=1):
        path = path_of(root, bucket, region, patch, folder)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def names(data):
    return [entry.name for entry in data.entries]


@pytest.mark.parametrize("short", [False, True])
def test_a_patch_is_read_in_physical_units_under_both_names_of_cloudy_files(tmp_path, short):
    write(tmp_path, short=short)
    data = open_data(f"luojia-osfcr:{tmp_path}")
    (sample,) = data
    stored = arrays(4)
    assert (data.split, data.regions, data.skipped) == ("regions/test", ("LuojiaOSFCR_10",), ())
    assert (sample.name, sample.region) == ("0-20%/ROIs_10_p4", "LuojiaOSFCR_10")
    assert (sample.level, sample.bands) == ("L1C", L1C_BANDS)
    assert sample.cloudy.dtype == sample.clear.dtype == sample.radar.dtype == np.float32
    assert np.allclose(sample.clear, (stored["s2"].astype(float) - 1000) / 1e4)
    assert np.allclose(sample.cloudy[:, :4], 0.8)
    assert np.array_equal(sample.radar, stored["s1"])
    assert sample.encoding["offset"] == -1000
    assert ((sample.quality == Quality.THICK_CLOUD) == (stored["cloud_detection_results"][0] == 1)).all()
    assert set(np.unique(sample.quality)) == {Quality.CLEAR, Quality.THICK_CLOUD}
    # the meaning of the codes is not published
    assert sample.land_cover is None
    assert not sample.same_date


def test_the_authors_convention_keeps_the_pedestal(tmp_path):
    write(tmp_path)
    (physical,) = open_data(f"luojia-osfcr:{tmp_path}")
    (kept,) = open_data(f"luojia-osfcr:{tmp_path},dn_offset=0")
    assert np.allclose(kept.clear - physical.clear, 0.1)
    assert kept.encoding["offset"] == 0
    with pytest.raises(OptionError, match="dn_offset=500: choose from 1000, 0"):
        open_data(f"luojia-osfcr:{tmp_path},dn_offset=500")


def test_a_patch_without_pedestal_is_refused_when_it_would_be_taken_off(tmp_path):
    harmonised = {folder: arrays()[folder] - np.uint16(900) for folder in ("s2", "s2_cloudy")}
    harmonised["s2_cloudy"][0] += 1
    write(tmp_path, **harmonised)
    with pytest.raises(RadiometryError, match=r"ROIs_10_s2_p4\.tif: B10 reaches down to DN 1\d\d, .*dn_offset=0"):
        list(open_data(f"luojia-osfcr:{tmp_path}"))
    assert len(list(open_data(f"luojia-osfcr:{tmp_path},dn_offset=0"))) == 1


def test_stored_zero_is_no_data_and_says_nothing_of_the_pedestal(tmp_path):
    changed = arrays()
    changed["s2_cloudy"][:, 0, :3] = 0
    write(tmp_path, **changed)
    (sample,) = open_data(f"luojia-osfcr:{tmp_path}")
    assert np.isnan(sample.cloudy[:, 0, :3]).all()
    # under the mask's cloud, yet there is nothing to restore from
    assert (sample.quality[0, :4] == [Quality.NODATA] * 3 + [Quality.THICK_CLOUD]).all()


@pytest.mark.parametrize(
    ("folder", "instead", "words"),
    [
        ("cloud_detection_results", "s2_cloudy", "holds 13 bands of uint16, which seems to be an optical image"),
        ("cloud_detection_results", "land_cover_maps", "holds 1 band of uint8, which seems to be a land cover map"),
        ("s2", "cloud_detection_results", "holds 1 band of float32, which seems to be a cloud mask"),
        ("s2_cloudy", "land_cover_maps", "expected an optical image (13 bands of uint16)"),
        ("s1", "cloud_detection_results", "expected a radar image (2 bands of float32)"),
        ("s2_cloudy", "s2", "is the clear image"),
    ],
)
def test_mislabelled_files_are_named_with_what_they_seem_to_be(tmp_path, folder, instead, words):
    write(tmp_path, **{folder: arrays(4)[instead]})
    with pytest.raises(RasterError) as caught:
        list(open_data(f"luojia-osfcr:{tmp_path}"))
    message = str(caught.value)
    assert message.startswith(str(path_of(tmp_path, "0-20%", "10", 4, folder)))
    assert words in message
    assert "fetch" in message
    assert "\n" not in message


@pytest.mark.parametrize("value", [0.5, 2, np.nan])
def test_a_mask_holds_0_and_1_only(tmp_path, value):
    write(tmp_path, cloud_detection_results=np.full((1, SIZE, SIZE), value, "float32"))
    with pytest.raises(RasterError, match=r"s2_cloudy_p4\.tif: holds values other than 0 and 1"):
        list(open_data(f"luojia-osfcr:{tmp_path}"))


def test_files_of_a_patch_have_one_size(tmp_path):
    write(tmp_path, s1=np.zeros((2, SIZE, SIZE + 1), "float32"))
    with pytest.raises(GeometryError, match=r"ROIs_10_s1_p4\.tif: is \(16, 17\) pixels, expected \(16, 16\)"):
        list(open_data(f"luojia-osfcr:{tmp_path}"))


def test_one_broken_patch_leaves_the_others_readable(tmp_path):
    write(tmp_path, patch=1)
    write(tmp_path, patch=2)
    path_of(tmp_path, "0-20%", "10", 1, "s2").write_bytes(b"II*\0 cut off")
    first, second = open_data(f"luojia-osfcr:{tmp_path}").entries
    with pytest.raises(RasterError, match=r"ROIs_10_s2_p1\.tif"):
        first.load()
    assert second.load().name == "0-20%/ROIs_10_p2"


def test_patches_that_lack_a_file_are_skipped_with_a_reason(tmp_path):
    write(tmp_path)
    write(tmp_path, patch=5, s1=None, land_cover_maps=None)
    (tmp_path / "0-20%" / "s2" / "copy of p4.tif").touch()
    data = open_data(f"luojia-osfcr:{tmp_path}")
    assert names(data) == ["0-20%/ROIs_10_p4"]
    assert {one.name: one.reason for one in data.skipped} == {
        "0-20%/ROIs_10_p5": "no file in s1 or land_cover_maps",
        "0-20%/s2/copy of p4.tif": "not named like ROIs_01_s2_p4.tif",
    }


def test_regions_are_held_out_whole(tmp_path):
    for number in range(1, 12):
        touch(tmp_path, BUCKETS[number % 5], f"{number:02d}", 1)
    regions = {split: open_data(f"luojia-osfcr:{tmp_path},split={split}").regions for split in ("train", "val", "test")}
    assert regions["test"] == ("LuojiaOSFCR_08", "LuojiaOSFCR_10")
    assert regions["val"] == ("LuojiaOSFCR_06",)
    # those nobody has heard of are trained on
    assert set(regions["train"]) == {f"LuojiaOSFCR_{number:02d}" for number in (1, 2, 3, 4, 5, 7, 9, 11)}
    assert len(open_data(f"luojia-osfcr:{tmp_path},split=all")) == 11


@pytest.mark.parametrize(("recipe", "train", "val"), [("random-80-10-10", 0.8, 0.1), ("random-70-15-15", 0.7, 0.15)])
def test_random_recipes_are_drawn_inside_every_bucket_in_turn(tmp_path, recipe, train, val):
    sizes = dict(zip(BUCKETS, (21, 13, 7, 10, 20), strict=True))
    for bucket, size in sizes.items():
        for number in range(size):
            touch(tmp_path, bucket, f"{1 + number % 3:02d}", number)
    chance, expected = random.Random(42), {"train": set(), "val": set(), "test": set()}
    for bucket, size in sizes.items():
        # sorted as texts: p10 comes before p2
        own = sorted(f"ROIs_{1 + number % 3:02d}_s2_p{number}.tif" for number in range(size))
        chance.shuffle(own)
        first, second = int(size * train), int(size * train) + int(size * val)
        for split, part in (("train", own[:first]), ("val", own[first:second]), ("test", own[second:])):
            expected[split] |= {f"{bucket}/{name.removesuffix('.tif').replace('_s2', '')}" for name in part}
    for split, wanted in expected.items():
        data = open_data(f"luojia-osfcr:{tmp_path},split={split},recipe={recipe}")
        assert set(names(data)) == wanted
        assert len(names(data)) == len(wanted)
        assert data.split == f"{recipe}/{split}"
        assert {name.split("/")[0] for name in wanted} == set(BUCKETS) or split == "val"
    assert not expected["train"] & expected["test"]


def test_random_recipes_leave_incomplete_patches_out_before_drawing(tmp_path):
    spec = f"luojia-osfcr:{tmp_path},recipe=random-80-10-10,split="
    for number in range(10):
        touch(tmp_path, "0-20%", "01", number)
    before = {split: names(open_data(f"{spec}{split}")) for split in ("train", "test")}
    assert [len(found) for found in before.values()] == [8, 1]
    (tmp_path / "0-20%" / "s2" / "ROIs_01_s2_p99.tif").touch()
    assert {split: names(open_data(f"{spec}{split}")) for split in before} == before


def test_recipes_have_hashes_of_their_own(tmp_path):
    for number in range(4):
        touch(tmp_path, "0-20%", "10", number)
    hashes = {
        open_data(f"luojia-osfcr:{tmp_path},split=test,recipe={recipe}").split_hash
        for recipe in ("regions", "random-80-10-10", "random-70-15-15")
    }
    assert len(hashes) == 3


def test_a_folder_that_is_not_the_data_set_is_refused(tmp_path):
    with pytest.raises(OptionError, match=r"holds none of 0-20%/s2, 20%-40%/s2"):
        open_data(f"luojia-osfcr:{tmp_path}")
    touch(tmp_path, "0-20%", "01", 1)
    with pytest.raises(OptionError, match=r"selects no sample \(no patch is in regions/test\)"):
        open_data(f"luojia-osfcr:{tmp_path}")
