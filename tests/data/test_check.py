import dataclasses

import numpy as np
import pytest

from conftest import l1c_dn, radar_db
from public_layouts import sen12ms_path, write_sen12ms_cr, write_tiff
from sunbreak.data import completeness
from sunbreak.data.check import check, kind_of
from sunbreak.errors import OptionError

SIZE = 24
FIRST, SECOND = (1970, 139, 839), (1158, 31, 5)


def triplet(root, patch, *, offset=0, radar=None, cloudy=None):
    """A patch with plausible numbers; `offset` is the number to add to its DN."""
    clear = l1c_dn(SIZE, SIZE, offset=offset, seed=patch[2])
    clouds = clear + np.uint16(3000) * (np.arange(SIZE) < SIZE // 2).astype("uint16")
    clouds[10] = clear[10]
    parts = {"s2": clear, "s2_cloudy": clouds if cloudy is None else cloudy}
    parts["s1"] = radar_db(SIZE, SIZE, seed=patch[2]) if radar is None else radar
    for part, array in parts.items():
        write_tiff(sen12ms_path(root, *patch, part), array)


@pytest.fixture
def root(tmp_path):
    for patch in (FIRST, SECOND):
        triplet(tmp_path, patch)
    return tmp_path


def where(report):
    return [one.where for one in report.problems]


def test_a_sound_data_set_has_no_problems_and_is_counted(root):
    report = check(str(root))
    assert report.problems == ()
    assert (report.files, report.samples, report.looked_at, report.regions) == (6, 2, 2, 2)
    assert report.nbytes == sum(path.stat().st_size for path in root.rglob("*.tif"))
    text = report.text()
    assert text.endswith("nothing is wrong with the 2 patches that are here")
    assert "2 of 2 looked at, in 2 regions" in text
    assert "the reader adds 0 to the DN of 2 regions" in text


def test_a_part_of_the_data_set_is_told_by_region_and_no_problem(root):
    report = check(str(root))
    part = report.completeness
    assert (part.found, part.expected, part.whole) == (2, 122_218, False)
    assert [(one.region, one.found, one.expected) for one in part.incomplete] == [
        ("ROIs1158_31", 1, 784),
        ("ROIs1970_139", 1, 784),
    ]
    assert len(part.absent) == 173
    text = report.text()
    assert "holds    2 of 122,218 patches\n" in text
    assert "ROIs1158_31: 1 of 784 patches" in text
    assert "173 of 175 regions are not here: ROIs1158_1, " in text
    assert max(map(len, text.splitlines()[1:])) <= 120


def test_patches_count_in_the_split_that_is_asked_for_also_those_that_n_leaves_out(root):
    triplet(root, (1158, 31, 6))
    for options in ("split=test", "split=test,n=1,seed=3"):
        report = check(f"sen12ms-cr:{root},{options}")
        part = report.completeness
        assert (part.found, part.expected, part.regions, len(part.absent)) == (3, 7899, 10, 8)
    assert report.text().endswith("nothing is wrong with the 1 sample looked at")
    assert len(check(f"sen12ms-cr:{root},split=never-leaked").completeness.absent) == 3


def test_a_whole_region_is_not_listed_and_nothing_more_is_said_of_a_whole_data_set(root, monkeypatch):
    counts = {split: {} for split in ("train", "val")} | {"test": {"ROIs1970_139": 1, "ROIs1158_31": 1}}
    lists = completeness.read_splits("sen12ms-cr")
    monkeypatch.setattr(completeness, "read_splits", lambda name: dataclasses.replace(lists, regions=counts))
    report = check(str(root))
    assert report.completeness.whole
    assert "holds    2 of 2 patches: complete" in report.text()
    assert report.text().endswith("nothing is wrong")
    counts["test"]["ROIs1158_31"] = 2
    assert [one.region for one in check(str(root)).completeness.incomplete] == ["ROIs1158_31"]


def test_data_that_nobody_counted_are_not_held_against_anything():
    report = check("simulated:n=1,size=64")
    assert report.completeness is None
    assert report.text().endswith("nothing is wrong")


def test_the_ranges_are_those_of_the_values(tmp_path):
    cloudy = np.full((13, SIZE, SIZE), 2000, "uint16")
    cloudy[1, 0, :12] = 0
    cloudy[1, 1, 0], cloudy[1, 1, 1] = 100, 9000
    cloudy[10] = 20
    triplet(tmp_path, FIRST, cloudy=cloudy)
    blue = next(one for one in check(str(tmp_path)).ranges if (one.image, one.band) == ("cloudy L1C", "B02"))
    assert (blue.low, blue.high) == pytest.approx((0.01, 0.9))
    assert blue.median == pytest.approx(0.2, abs=0.002)
    assert blue.missing == pytest.approx(12 / SIZE**2)


def test_every_missing_file_is_named(root):
    gone = [sen12ms_path(root, *FIRST, "s1"), sen12ms_path(root, *SECOND, "s2")]
    for path in gone:
        path.unlink()
    triplet(root, (1158, 44, 7))
    text = check(str(root)).text()
    assert all(path.name in text for path in gone)
    assert "2 problems" in text


def test_every_broken_file_is_named_once_also_two_of_one_sample(root):
    empty, cut = sen12ms_path(root, *FIRST, "s2"), sen12ms_path(root, *FIRST, "s1")
    page = sen12ms_path(root, *SECOND, "s2_cloudy")
    empty.write_bytes(b"")
    cut.write_bytes(cut.read_bytes()[:2000])
    page.write_text("<html>404</html>")
    report = check(str(root))
    assert sorted(where(report)) == sorted(map(str, (empty, cut, page)))
    assert report.looked_at == 0
    text = report.text()
    assert all(str(path) in text for path in (empty, cut, page))


def test_files_of_another_shape_or_type_are_problems_of_theirs(root):
    wrong = sen12ms_path(root, *FIRST, "s2")
    write_tiff(wrong, np.ones((3, SIZE, SIZE), "uint8"))
    report = check(str(root))
    assert where(report) == [str(wrong)]
    assert report.looked_at == 1


def test_a_pedestal_that_the_reader_does_not_expect_is_found_by_region(root):
    triplet(root, (1158, 44, 7), offset=-1000)
    report = check(str(root))
    (problem,) = report.problems
    assert problem.where == "ROIs1158_44"
    assert "+1000" in problem.what
    assert "2 of 2 images" in problem.what
    floors = {floor.region: floor for floor in report.floors}
    assert 980 < floors["ROIs1158_44"].cirrus < 1100
    assert floors["ROIs1158_31"].cirrus < 100
    assert "shows in 1 of them: ROIs1158_44" in report.text()


def test_radar_in_linear_power_or_with_fill_is_found(tmp_path):
    triplet(tmp_path, FIRST, radar=(10 ** (radar_db(SIZE, SIZE) / 10)).astype("float32"))
    filled = radar_db(SIZE, SIZE)
    filled[:, 0] = -9999
    triplet(tmp_path, SECOND, radar=filled)
    triplet(tmp_path, (1158, 44, 7), radar=np.full((2, SIZE, SIZE), np.nan, "float32"))
    found = {one.where: one.what for one in check(str(tmp_path)).problems}
    assert "linear power" in found["ROIs1970_fall_139_p839"]
    assert "fill" in found["ROIs1158_spring_31_p5"]
    assert "no pixel holds data" in found["ROIs1158_spring_44_p7"]


def test_images_without_data_mislabelled_or_out_of_range_are_found(tmp_path):
    triplet(tmp_path, FIRST, cloudy=np.zeros((13, SIZE, SIZE), "uint16"))
    triplet(tmp_path, SECOND, cloudy=l1c_dn(SIZE, SIZE, seed=5))
    triplet(tmp_path, (1158, 44, 7), cloudy=np.full((13, SIZE, SIZE), 65535, "uint16"))
    found = {one.where: one.what for one in check(str(tmp_path)).problems}
    assert "no pixel holds data" in found["ROIs1970_fall_139_p839"]
    assert "are the same" in found["ROIs1158_spring_31_p5"]
    assert "no reflectance" in found["ROIs1158_spring_44_p7"]


def test_a_few_samples_are_spread_evenly_and_other_files_left_alone(tmp_path):
    write_sen12ms_cr(tmp_path, [(1158, 31, number) for number in range(9)])
    sen12ms_path(tmp_path, 1158, 31, 0, "s1").write_bytes(b"")
    report = check(str(tmp_path), n=3)
    assert (report.files, report.samples, report.looked_at) == (None, 9, 3)
    assert report.problems == ()
    sen12ms_path(tmp_path, 1158, 31, 4, "s1").write_bytes(b"")
    assert check(str(tmp_path), n=3).looked_at == 2
    assert check(str(tmp_path), n=100).samples == 9


def test_a_spec_is_checked_as_it_stands(root):
    report = check(f"sen12ms-cr:{root},split=test,radar=none")
    assert (report.split, report.looked_at) == ("test", 2)
    assert not any(one.image == "radar" for one in report.ranges)


def test_a_collection_names_files_that_only_its_manifest_knows(tmp_path):
    columns = "path,sample_id,region_id,split,role,level,bands,units,dn_offset,quality"
    bands = "B01 B02 B03 B04 B05 B06 B07 B08 B8A B09 B10 B11 B12"
    lines = [columns]
    for role, array in {
        "s2_clear": l1c_dn(SIZE, SIZE),
        "s2_cloudy": l1c_dn(SIZE, SIZE, seed=1),
        "mask": np.zeros((1, SIZE, SIZE), "uint8"),
    }.items():
        write_tiff(tmp_path / f"{role}.tif", array)
        lines.append(f"{role}.tif,a,A,train,{role},L1C,{bands if role != 'mask' else 'cloud'},DN,0,")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    sound = check(str(tmp_path))
    assert sound.problems == ()
    assert (sound.split, sound.samples, sound.files) == ("all", 1, 3)
    lines.append(f"gone.tif,b,B,test,s2_clear,L1C,{bands},DN,0,")
    (tmp_path / "manifest.csv").write_text("\n".join(lines))
    report = check(str(tmp_path))
    assert where(report) == [str(tmp_path / "gone.tif")]
    assert report.left_out == (("no file with the role s2_cloudy or mask", 1),)
    (tmp_path / "mask.tif").write_bytes(b"II*\0")
    assert str(tmp_path / "mask.tif") in where(check(str(tmp_path)))


@pytest.mark.parametrize(
    ("names", "kind"),
    [
        (["manifest.csv"], "collection"),
        (["optical.tif", "truth.tif"], "scene"),
        (["ROIs1158_spring_s1/", "notes.txt"], "sen12ms-cr"),
        (["ROIs2017_winter/"], "sen12ms-cr"),
        (["s1/", "s2_cloudFree/", "s2_cloudy/"], "sen12ms-cr"),
        (["ROIs1868/"], "sen12ms-cr-ts"),
        (["s2_africa_test/"], "sen12ms-cr-ts"),
        (["0-20%/", "20%-40%/"], "luojia-osfcr"),
    ],
)
def test_the_kind_shows_in_the_names_of_the_folder(tmp_path, names, kind):
    for name in names:
        if name.endswith("/"):
            (tmp_path / name).mkdir()
        else:
            (tmp_path / name).touch()
    assert kind_of(tmp_path) == kind


def test_a_folder_may_be_called_like_a_kind(tmp_path, monkeypatch):
    triplet(tmp_path / "sen12ms-cr", FIRST)
    monkeypatch.chdir(tmp_path)
    assert check("sen12ms-cr").samples == 1


def test_a_folder_of_no_known_kind_is_refused_with_the_kinds(tmp_path):
    for path in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(OptionError) as caught:
            check(str(path))
        assert all(f"{kind}:" in str(caught.value) for kind in ("collection", "sen12ms-cr", "luojia-osfcr"))
