import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from public_layouts import write_sen12ms_cr, write_sen12ms_cr_table, write_tiff
from sunbreak.data.lint import lint
from sunbreak.data.listing import overlap, patches_in, read_listing
from sunbreak.errors import OptionError

LEAKED_TEST = ("ROIs1158_106", "ROIs1158_123", "ROIs1158_140", "ROIs1868_119", "ROIs1868_73", "ROIs1970_139")
LEAKED_VAL = ("ROIs1158_17", "ROIs1970_65", "ROIs2017_84")

numbers = st.integers(0, 900)
regions = st.sampled_from(["ROIs1158_spring_1", "ROIs1158_spring_15", "ROIs1970_fall_1", "ROIs2017_winter_84"])
names = st.builds("{}_p{}.tif".format, regions, numbers)


def patch(name):
    (found,) = patches_in(name)
    return found


def written(folder, name, lines):
    path = folder / name
    path.write_text("\n".join(lines), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("line", "region", "label"),
    [
        ("ROIs1158_spring_s2_cloudy_1_p407.tif", "ROIs1158_1", "p407"),
        ("ROIs1158_spring_1_p407", "ROIs1158_1", "p407"),
        ("/data/ROIs1158_spring_s1/s1_1/ROIs1158_spring_s1_1_p407.tif", "ROIs1158_1", "p407"),
        ("ROIs1158_spring/s2_cloudy_1/whatever_p407.tif", "ROIs1158_1", "p407"),
        ("C:\\data\\ROIs2017_winter_s2\\s2_84\\p5.tif", "ROIs2017_84", "p5"),
        ("1,s1,s2_cloudfree,s2_cloudy,ROIs1158_spring_1_p30.tif", "ROIs1158_1", "p30"),
        ("ROIs1868/73/S2/14/s2_ROIs1868_73_ImgNo_14_2018-06-21_patch_171.tif", "ROIs1868_73", "patch_171"),
        ("S12TS_2017_146_p282", "ROIs2017_146", "patch_282"),
        ("60%-80%/s2/ROIs_01_s2_p4.tif", "LuojiaOSFCR_01", "p4"),
        ("ROIs_01_p4", "LuojiaOSFCR_01", "p4"),
        ("ROIs1158_spring/s1_1", "ROIs1158_1", ""),
        ("fall/s1_139", "ROIs1970_139", ""),
        ("spring:31", "ROIs1158_31", ""),
        ("ROIs1158_31", "ROIs1158_31", ""),
        ("S12CR_1158_31", "ROIs1158_31", ""),
        ("ROIs1868/73", "ROIs1868_73", ""),
    ],
)
def test_every_published_spelling_is_understood(line, region, label):
    found = patch(line)
    assert (found.region, found.label) == (region, label)


@pytest.mark.parametrize(
    "line", ["", "p407.tif", "train,val,test", "/fall/2017/image.tif", "ROIs1158_spring", "ROIs0000_5"]
)
def test_lines_without_a_region_hold_no_patch(line):
    assert patches_in(line) == []


def test_a_line_may_name_several_patches():
    found = patches_in("ROIs1158_spring_1_p407.tif\tROIs1158_spring_1_p409.tif")
    assert [one.label for one in found] == ["p407", "p409"]


def test_patches_next_to_each_other_overlap_also_across_rows_but_not_around_the_edge():
    middle, column = 14 * 29 + 1, 28
    near = {middle + down * 29 + right for down in (-1, 0, 1) for right in (-1, 0, 1)}
    found = {
        number
        for number in range(900)
        if overlap(patch(f"ROIs1158_spring_1_p{middle}"), patch(f"ROIs1158_spring_1_p{number}"))
    }
    assert found == near
    assert not overlap(patch(f"ROIs1158_spring_1_p{column}"), patch(f"ROIs1158_spring_1_p{column + 1}"))


@given(names, names)
def test_overlap_is_symmetric_and_never_crosses_regions(one, other):
    first, second = patch(one), patch(other)
    assert overlap(first, first)
    assert overlap(first, second) == overlap(second, first)
    assert not overlap(first, second) or first.region == second.region


@given(st.lists(names, min_size=1, max_size=8), st.lists(names, min_size=1, max_size=8))
def test_the_report_counts_what_the_definition_says(tmp_path_factory, train, test):
    folder = tmp_path_factory.mktemp("lists")
    report = lint(written(folder, "train.txt", train), written(folder, "test.txt", test))
    mine, theirs = ({patch(name) for name in listed} for listed in (train, test))
    assert report.shared_regions == tuple(sorted({one.region for one in mine} & {one.region for one in theirs}))
    assert report.shared_patches == len(mine & theirs)
    assert report.overlapping == sum(any(overlap(one, other) for one in mine) for other in theirs)


def test_patches_of_series_and_of_luojia_overlap_only_themselves():
    for name in ("s2_ROIs1868_73_ImgNo_14_2018-06-21_patch_{}.tif", "ROIs_01_s2_p{}.tif"):
        first, right = (patch(name.format(number)) for number in (171, 172))
        assert overlap(first, first)
        assert not overlap(first, right)


def test_a_region_of_the_series_is_the_region_of_the_single_dates(tmp_path):
    train = written(tmp_path, "train.txt", ["ROIs1868_summer_s2_100_p171.tif"])
    test = written(tmp_path, "test.txt", ["s2_ROIs1868_100_ImgNo_14_2018-06-21_patch_171.tif"])
    report = lint(train, test)
    assert report.shared_regions == ("ROIs1868_100",)
    assert report.shared_patches == 0  # the two number their patches on grids of their own


@pytest.mark.parametrize(
    ("train", "matching"), [("sen12ms-cr/train", "substring"), ("sen12ms-cr/legacy-leaky-train", "exact")]
)
def test_the_legacy_split_leaks_six_test_and_three_validation_regions(train, matching):
    test, val = (lint(train, f"sen12ms-cr/{split}", matching=matching) for split in ("test", "val"))
    assert test.shared_regions == LEAKED_TEST
    assert (test.shared_patches, test.overlapping) == (4764, 4764)
    assert val.shared_regions == LEAKED_VAL
    assert (val.shared_patches, val.overlapping) == (2143, 2143)


def test_our_splits_share_nothing():
    for name in ("sen12ms-cr", "sen12ms-cr-ts"):
        for train, test in (("train", "val"), ("train", "test"), ("val", "test")):
            assert not lint(f"{name}/{train}", f"{name}/{test}").shared
    assert not lint("sen12ms-cr/train", "sen12ms-cr/never-leaked", matching="substring").shared


def test_somebodys_list_of_regions_leaks_by_substring_only(tmp_path):
    train = written(tmp_path, "train.txt", ["ROIs1970_fall/s1_1", "ROIs1970_fall/s1_139_not", "spring:8"])
    test = written(tmp_path, "test.csv", ["name,cloud", "ROIs1970_fall_s2_cloudy_139_p839.tif,0.5"])
    train_of_one = written(tmp_path, "one.json", [json.dumps({"train": ["fall/s1_1"], "note": 3})])
    assert lint(train, test).shared_regions == ("ROIs1970_139",)
    assert not lint(train_of_one, test).shared
    report = lint(train_of_one, test, matching="substring")
    assert report.shared[0].holders == ("ROIs1970_1",)
    assert report.shared_patches == 1


def test_substring_matching_concerns_entries_that_name_a_region_not_files(tmp_path):
    train = written(tmp_path, "train.txt", ["ROIs1970_fall_1_p4.tif"])
    test = written(tmp_path, "test.txt", ["ROIs1970_fall_139_p4.tif"])
    assert not lint(train, test, matching="substring").shared


def test_a_region_that_is_listed_whole_stands_for_all_its_patches(tmp_path):
    regions = written(tmp_path, "regions.txt", ["spring:31"])
    files = written(tmp_path, "files.tsv", ["ROIs1158_spring_31_p4.tif\tx", "ROIs1158_spring_31_p90.tif\ty"])
    assert lint(regions, files).shared_patches == 2
    assert lint(files, regions).shared_patches == 2
    assert lint("sen12ms-cr/test", regions).shared_patches == 784
    unknown = lint(regions, regions)
    assert unknown.shared_patches == 0
    assert "?" in unknown.text()


def test_folders_and_data_can_be_compared_with_lists(tmp_path):
    root = write_sen12ms_cr(tmp_path / "data", [(1970, 139, 839), (1158, 31, 5)])
    test = written(tmp_path, "test.txt", ["ROIs1970_fall_139_p840"])
    for data in (str(root), f"sen12ms-cr:{root},split=test"):
        report = lint(data, test)
        assert report.shared_regions == ("ROIs1970_139",)
        assert (report.shared_patches, report.overlapping) == (0, 1)
    flat = write_sen12ms_cr(tmp_path / "flat", [(1970, 139, 839)], layout="flat")
    write_sen12ms_cr_table(flat, [(1970, 139, 839)])
    assert lint(str(flat / "data.csv"), f"sen12ms-cr:{flat}").shared_patches == 1


def test_data_to_train_on_are_the_train_split_and_data_to_test_on_the_test_split(tmp_path):
    # fall 1 is trained on, fall 139 tested on
    root = write_sen12ms_cr(tmp_path, [(1970, 1, 4), (1970, 139, 839)], size=4)
    report = lint(f"sen12ms-cr:{root}", f"sen12ms-cr:{root}")
    assert (report.train.regions, report.test.regions) == (("ROIs1970_1",), ("ROIs1970_139",))
    assert report.train.name == f"sen12ms-cr:{root},split=train"
    assert not report.shared
    leaky = lint(f"sen12ms-cr:{root},split=legacy-leaky-train", f"sen12ms-cr:{root}")
    assert leaky.shared_regions == ("ROIs1970_139",)


def collection(folder, **splits):
    """A collection with one clear image, of no content, a region."""
    lines = ["path,sample_id,region_id,split,role,level,bands,units,dn_offset,quality"]
    lines += [f"{name}.tif,{name},{name},{split},s2_clear,L1C,B02,DN,0," for name, split in splits.items()]
    folder.mkdir()
    return written(folder, "manifest.csv", lines) and folder


def test_a_collection_to_train_on_is_its_clear_images_under_simulated_clouds(tmp_path):
    folder = collection(tmp_path / "mine", a="train", b="train", c="test")
    test = written(tmp_path, "test.txt", ["ROIs1970_fall_1_p4.tif"])
    for options in ("", ",split=train", ",clouds=simulated", ",clouds=simulated,split=train"):
        assert lint(f"collection:{folder}{options}", test).train.regions == ("a", "b")
    simulated = lint(f"collection:{folder}", f"collection:{folder},clouds=simulated,radar=any")
    assert simulated.shared_regions == ("a", "b")
    with pytest.raises(OptionError, match="its split val holds no clear image"):
        lint(f"collection:{folder},split=val", test)


def test_pairs_of_a_collection_to_train_on_are_those_of_its_train_split(tmp_path):
    lines = ["path,sample_id,region_id,split,role,level,bands,units,dn_offset,quality"]
    for name, split in (("a", "train"), ("c", "test")):
        lines += [
            f"{name}_{role}.tif,{name},{name},{split},{role},L1C,B02,DN,0,"
            for role in ("s2_clear", "s2_cloudy", "mask", "s1")
        ]
        for role in ("s2_clear", "s2_cloudy", "mask"):
            write_tiff(tmp_path / f"{name}_{role}.tif", np.ones((1, 4, 4), "uint8"))
    written(tmp_path, "manifest.csv", lines)
    pairs = f"collection:{tmp_path},clouds=real"
    report = lint(pairs, pairs)
    assert (report.train.regions, report.test.regions) == (("a",), ("c",))


def test_simulated_scenes_are_told_apart_by_their_names():
    report = lint("simulated:seed=0,n=4", "simulated:seed=3,n=2")
    assert report.shared_regions == ("scene-3",)
    assert report.shared_patches == 1


def test_what_names_no_region_is_counted_and_shown(tmp_path):
    strange = [f"line {number}" for number in range(5)]
    train = written(tmp_path, "train.txt", [*strange, "", "spring:1"])
    listing = read_listing(train)
    assert (listing.entries, listing.unread, listing.examples) == (6, 5, ("line 0", "line 1", "line 2"))
    text = lint(train, "sen12ms-cr/test").text()
    assert "train: 5 of 6 entries name no region: 'line 0', 'line 1', 'line 2'" in text


def test_what_cannot_be_read_as_a_list_is_refused_with_what_would_do(tmp_path):
    strange = written(tmp_path, "strange.txt", ["a.tif", "b.tif"])
    (tmp_path / "empty").mkdir()
    (tmp_path / "list.npy").write_bytes(b"\x93NUMPY\xff\xfe")
    for given_, words in {
        strange: ("'a.tif', 'b.tif'", "ROIs1158_spring_s2_1_p407.tif"),
        written(tmp_path, "broken.json", ['["ROIs1158_31"']): ("broken.json", "JSON"),
        str(tmp_path / "empty"): ("empty",),
        str(tmp_path / "list.npy"): ("UTF-8",),
        str(tmp_path / "nothing"): ("no such file or folder",),
        "sen12ms-cr/holdout": ("holdout", "never-leaked"),
        "sen12ms-cr:" + str(tmp_path): ("selects no sample",),
    }.items():
        with pytest.raises(OptionError) as caught:
            lint(given_, "sen12ms-cr/test")
        assert all(word in str(caught.value) for word in words), caught.value
    with pytest.raises(OptionError, match="exact, substring"):
        lint("sen12ms-cr/train", "sen12ms-cr/test", matching="fuzzy")


def test_the_report_names_regions_and_sums():
    text = lint("sen12ms-cr/train", "sen12ms-cr/test", matching="substring").text()
    assert "155 regions, 107,143 patches" in text
    assert "6 of 10 regions of test" in text
    assert "4,764" in text
    assert "no region is in both" in lint("sen12ms-cr/train", "sen12ms-cr/test").text()


def test_the_grid_is_the_one_of_the_published_files():
    origins = {100: (580175, 6102981), 139: (592975, 6101701), 280: (587855, 6095301), 840: (599375, 6070981)}
    corners = set()
    for number, (east, north) in origins.items():
        row, column = patch(f"ROIs1970_fall_136_p{number}").cell
        corners.add((east - 1280 * column, north + 1280 * row))
    assert len(corners) == 1
