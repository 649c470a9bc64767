import numpy as np
import pytest

from labelled_layouts import EUROSAT_ARCHIVE, at_degree, eurosat_dn, radar_db, write_eurosat, write_placed
from sunbreak.bands import L1C_BANDS
from sunbreak.data.labelled import open_labelled
from sunbreak.data.labelled.eurosat import STORED_BANDS
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import Quality

TEN = [("Forest" if degree % 2 else "River", 1 + degree, degree) for degree in range(10)]
"""One patch a degree, from west to east."""


@pytest.fixture(scope="module")
def ten(tmp_path_factory):
    """Ten patches over ten degrees, with radar but for one."""
    root = tmp_path_factory.mktemp("eurosat")
    return write_eurosat(root / "ms", TEN, radar=root / "sar", without_radar=["River_9"]).parent


def names(patches):
    return {entry.name for entry in patches.entries}


@pytest.mark.parametrize("folder", ["EuroSAT_MS", EUROSAT_ARCHIVE, "allBands", "."])
def test_class_folders_are_found_wherever_the_archive_puts_them(tmp_path, folder):
    write_eurosat(tmp_path, TEN[:2], folder=folder)
    (tmp_path / "__MACOSX" / "Forest").mkdir(parents=True)
    (tmp_path / "__MACOSX" / "Forest" / "Forest_1.tif").write_bytes(b"no image")
    (tmp_path / folder / "Forest" / "._Forest_2.tif").write_bytes(b"no image")
    patches = open_labelled(f"eurosat:{tmp_path},split=all")
    assert names(patches) == {"River_1", "Forest_2"}
    assert patches.classes == ("Forest", "River")
    assert {entry.name: entry.label for entry in patches.entries} == {"Forest_2": 0, "River_1": 1}


def test_a_patch_is_read_with_its_bands_named_right_though_b8a_is_stored_last(tmp_path):
    stored = eurosat_dn(7)
    stored[:, 0, 0] = 0
    write_placed(tmp_path / "Forest" / "Forest_1.tif", stored, **at_degree(8))
    patches = open_labelled(f"eurosat:{tmp_path},split=all")
    (sample,) = patches
    assert patches.bands == sample.bands == L1C_BANDS
    assert (patches.level, patches.size, patches.has_radar, patches.knows_cloud) == ("L1C", 64, False, True)
    for place, name in enumerate(STORED_BANDS):
        expected = np.where(stored[place] == 0, np.nan, stored[place] / 10_000)
        assert np.allclose(sample.cloudy[L1C_BANDS.index(name)], expected, equal_nan=True)
    assert np.nanmedian(sample.cloudy[L1C_BANDS.index("B10")]) < 0.002
    assert STORED_BANDS[-1] == "B8A"
    assert sample.cloudy.dtype == np.float32
    assert sample.quality[0, 0] == Quality.NODATA
    assert (sample.quality == Quality.CLEAR).sum() == 64 * 64 - 1
    assert sample.same_date
    assert np.array_equal(sample.clear, sample.cloudy, equal_nan=True)
    assert sample.radar is None


def test_radar_joins_by_class_and_name_and_patches_without_it_are_skipped(ten):
    patches = open_labelled(f"eurosat:{ten}/ms,radar={ten}/sar,split=all")
    assert patches.has_radar
    assert names(patches) == {f"{name}_{number}" for name, number, _ in TEN} - {"River_9"}
    ((skipped, reason),) = [(one.name, one.reason) for one in patches.skipped]
    assert skipped == "River_9"
    assert reason.endswith("all_imgs/River/River_9.tif")
    sample = next(entry for entry in patches.entries if entry.name == "Forest_4").load()
    assert np.array_equal(sample.radar, radar_db(3))


def test_the_split_by_longitude_runs_from_west_to_east_and_keeps_regions_whole(ten):
    degrees = {f"{name}_{number}": degree for name, number, degree in TEN}
    found = {split: open_labelled(f"eurosat:{ten}/ms,split={split}") for split in ("train", "val", "test")}
    where = {split: sorted(degrees[name] for name in names(patches)) for split, patches in found.items()}
    assert where == {"train": [0, 1, 2, 3, 4, 5], "val": [6, 7], "test": [8, 9]}
    assert found["test"].split == "longitude/test"
    regions = [region for patches in found.values() for region in patches.regions]
    assert len(regions) == len(set(regions)) == 10
    assert found["test"].regions == ("EuroSAT_E008", "EuroSAT_E009")
    # the same classes in every split, though not every class occurs
    assert {patches.classes for patches in found.values()} == {("Forest", "River")}
    # a missing partner takes its patch away and moves no other
    with_radar = open_labelled(f"eurosat:{ten}/ms,radar={ten}/sar,split=test")
    assert names(with_radar) == names(found["test"]) - {"River_9"}


def test_halves_are_split_inside(ten):
    degrees = {f"{name}_{number}": degree for name, number, degree in TEN}

    def where(options):
        return sorted(degrees[name] for name in names(open_labelled(f"eurosat:{ten}/ms,{options}")))

    assert where("half=west,split=all") == [0, 1, 2, 3, 4]
    assert where("half=east,split=all") == [5, 6, 7, 8, 9]
    assert where("half=east,split=train") == [5, 6, 7]
    assert where("half=west,split=test") == [4]
    assert open_labelled(f"eurosat:{ten}/ms,half=east,split=train").split == "longitude/train/east"


def test_a_degree_of_longitude_is_never_cut(tmp_path):
    write_eurosat(tmp_path, [("Forest", number, degree) for number, degree in enumerate([7, 7, 7, 7, 8, 8, 9], 1)])
    regions = [set(open_labelled(f"eurosat:{tmp_path},split={split}").regions) for split in ("train", "val", "test")]
    assert sum(map(len, regions)) == len(set.union(*regions)) == 3


def test_west_of_greenwich_has_its_own_regions(tmp_path):
    write_placed(tmp_path / "River" / "River_1.tif", eurosat_dn(), **at_degree(-1, zone=30))
    write_placed(tmp_path / "River" / "River_2.tif", eurosat_dn(), **at_degree(1, zone=31))
    assert open_labelled(f"eurosat:{tmp_path},split=all").regions == ("EuroSAT_E001", "EuroSAT_W001")


def write_lists(root, pattern, **splits):
    for split in ("train", "val", "test"):
        (root / pattern.format(split)).write_text("".join(f"{name}.jpg\n" for name in splits.get(split, ())))


def test_published_lists_are_used_where_they_lie_beside_the_images(tmp_path):
    write_eurosat(tmp_path, TEN[:4], folder=EUROSAT_ARCHIVE)
    write_lists(tmp_path, "eurosat-{}.txt", train=["River_1", "River_3"], val=["Forest_2"], test=["Forest_4"])
    random = open_labelled(f"eurosat:{tmp_path},split=train")
    assert (random.split, names(random)) == ("random/train", {"River_1", "River_3"})
    # by longitude goes before at random
    write_lists(tmp_path, "eurosat-spatial-{}.txt", train=["River_1"], val=["Forest_2"], test=["River_3", "River_77"])
    spatial = open_labelled(f"eurosat:{tmp_path},split=test")
    assert (spatial.split, names(spatial)) == ("spatial/test", {"River_3"})
    assert [one.reason for one in spatial.skipped] == ["1 of 4 patches are not here: River_77"]
    # a half is split by its own longitudes
    assert open_labelled(f"eurosat:{tmp_path},half=west,split=train").split == "longitude/train/west"
    assert names(open_labelled(f"eurosat:{tmp_path},split=all")) == {"River_1", "Forest_2", "River_3", "Forest_4"}


def test_the_degree_that_the_spatial_lists_cut_gives_two_regions(tmp_path):
    write_eurosat(tmp_path, [("Forest", 1, 8), ("Forest", 2, 8), ("Forest", 3, 9)])
    write_lists(tmp_path, "eurosat-spatial-{}.txt", train=["Forest_1"], val=["Forest_2"], test=["Forest_3"])
    assert open_labelled(f"eurosat:{tmp_path},split=train").regions == ("EuroSAT_E008_train",)
    assert open_labelled(f"eurosat:{tmp_path},split=val").regions == ("EuroSAT_E008_val",)


def test_images_that_cannot_be_opened_or_placed_are_skipped_with_a_reason(tmp_path):
    write_eurosat(tmp_path, TEN[:2], folder=".")
    (tmp_path / "River" / "River_5.tif").write_bytes(b"II*\0 cut off")
    write_placed(tmp_path / "River" / "River_6.tif", eurosat_dn())
    patches = open_labelled(f"eurosat:{tmp_path},split=all")
    assert len(patches) == 2
    reasons = {one.name: one.reason for one in patches.skipped}
    assert "River_5.tif: not a readable GeoTIFF" in reasons["River_5"]
    assert "River_6.tif: is not georeferenced" in reasons["River_6"]


@pytest.mark.parametrize(
    ("array", "kind", "words"),
    [
        (eurosat_dn(size=32), GeometryError, "is 32 x 32 pixels, expected 64 x 64"),
        (eurosat_dn()[:12], RasterError, "holds 12 bands of uint16; expected an optical image (13 bands of uint16)"),
        (eurosat_dn().astype("uint8"), RasterError, "holds 13 bands of uint8"),
    ],
)
def test_a_file_of_another_kind_is_named_when_it_is_read(tmp_path, array, kind, words):
    write_eurosat(tmp_path, TEN[:2], folder=".")
    path = write_placed(tmp_path / "River" / "River_9.tif", array, **at_degree(9))
    patches = open_labelled(f"eurosat:{tmp_path},split=all")
    with pytest.raises(kind) as caught:
        list(patches)
    assert str(caught.value).startswith(str(path))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_radar_of_another_size_is_named(tmp_path):
    write_eurosat(tmp_path / "ms", TEN[:1], radar=tmp_path / "sar")
    write_placed(tmp_path / "sar/all_imgs/River/River_1.tif", radar_db(size=32), **at_degree(0))
    (entry,) = open_labelled(f"eurosat:{tmp_path}/ms,radar={tmp_path}/sar,split=all").entries
    with pytest.raises(GeometryError, match=r"all_imgs/River/River_1\.tif: is 32 x 32 pixels, expected 64 x 64; fetch"):
        entry.load()


def refused(words, spec, kind=OptionError):
    with pytest.raises(kind) as caught:
        open_labelled(spec)
    assert "\n" not in str(caught.value)
    for word in words:
        assert word in str(caught.value)


def test_folders_that_are_not_eurosat_are_refused_in_one_line(tmp_path, ten):
    refused(["no such folder"], f"eurosat:{tmp_path}/nowhere")
    refused(["holds no class folders", "Forest/Forest_1.tif"], f"eurosat:{tmp_path}")
    refused(["choose from train, val, test, all"], f"eurosat:{tmp_path},split=dev")
    # the radar in place of the optical, and the reverse
    refused(["holds 2 bands, expected 13 bands", "EuroSAT_MS"], f"eurosat:{ten}/sar", RasterError)
    refused(["holds 13 bands, expected 2 bands", "as radar="], f"eurosat:{ten}/ms,radar={ten}/ms", RasterError)
    # both below one folder: told apart by their bands
    assert len(open_labelled(f"eurosat:{ten},radar={ten},split=all")) == 9
    write_eurosat(tmp_path / "one", TEN[:2])
    write_eurosat(tmp_path / "two", TEN[:2])
    refused(["both", "give one of them"], f"eurosat:{tmp_path}")


def test_clouds_are_laid_over_the_patches_with_the_truth_below(ten):
    patches = open_labelled(f"eurosat:{ten}/ms,split=all,clouds=simulated")
    assert patches.knows_cloud
    clear = {entry.name: entry.load() for entry in open_labelled(f"eurosat:{ten}/ms,split=all").entries}
    covered = 0
    for sample in patches:
        assert np.array_equal(sample.clear, clear[sample.name].cloudy)
        covered += bool((sample.quality != Quality.CLEAR).any())
    assert covered > 4
