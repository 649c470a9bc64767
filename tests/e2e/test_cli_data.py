"""`sunbreak data` as a user meets it: what it prints, its exit code, its one line on the error stream."""

import pytest

from conftest import l1c_dn, radar_db
from public_layouts import sen12ms_path, write_tiff
from sunbreak.cli import main

PATCHES = ((1970, 139, 839), (1158, 31, 5), (1158, 1, 407))


@pytest.fixture
def root(tmp_path):
    folder = tmp_path / "sen12ms-cr"
    for patch in PATCHES:
        images = {"s2": l1c_dn(24, 24, seed=1), "s2_cloudy": l1c_dn(24, 24, seed=2), "s1": radar_db(24, 24)}
        for part, array in images.items():
            write_tiff(sen12ms_path(folder, *patch, part), array)
    return folder


@pytest.fixture
def data(capsys):
    """A function that runs `sunbreak data` and returns exit code, output, and our lines on the error stream."""

    def run(*arguments):
        code = main(["data", *map(str, arguments)])
        out, err = capsys.readouterr()
        return code, out, [line for line in err.splitlines() if line.startswith("sunbreak: ")]

    return run


def test_splits_prints_the_numbers_of_sen12ms_cr_and_what_the_legacy_split_leaks(data):
    code, out, errors = data("splits", "sen12ms-cr")
    assert (code, errors) == (0, [])
    table = {row[0]: row[1:] for row in map(str.split, out.splitlines()) if len(row) == 3}
    assert table["train"] == ["155", "107,143"]
    assert table["val"] == ["10", "7,176"]
    assert table["test"] == ["10", "7,899"]
    assert table["never-leaked"] == ["4", "3,135"]
    assert table["legacy-leaky-train"] == ["164", "114,050"]
    assert "3 of 10 regions of val, 2,143 patches: ROIs1158_17, ROIs1970_65, ROIs2017_84" in out
    assert "6 of 10 regions of test, 4,764 patches: ROIs1158_106, ROIs1158_123, ROIs1158_140, ROIs1868_73" in out
    assert "ROIs1970_139:784" in out
    assert max(map(len, out.splitlines())) <= 120


def test_splits_says_where_patches_were_not_counted(data):
    code, out, _ = data("splits", "sen12ms-cr-ts")
    assert code == 0
    assert "ROIs1868_100" in out
    assert "?" in out


def test_splits_of_data_counts_what_is_there_with_its_hash(data, root):
    code, out, _ = data("splits", f"sen12ms-cr:{root},split=val")
    assert code == 0
    table = {row[0]: row[1:] for row in map(str.split, out.splitlines()) if len(row) == 4}
    assert (table["train"][:2], table["test"][:2], table["all"][:2]) == (["1", "1"], ["2", "2"], ["3", "3"])
    assert "val" not in table
    assert all(len(table[name][2]) == 12 for name in ("train", "test", "all"))
    assert "test: ROIs1158_31:1 ROIs1970_139:1" in out
    assert data("splits", "simulated:n=2")[0] == 0


@pytest.mark.parametrize("name", ["sen12ms", "sen12ms-cr:/nowhere", "collection:/nowhere"])
def test_splits_of_the_unknown_is_the_users_to_mend(data, name):
    code, out, errors = data("splits", name)
    assert (code, out, len(errors)) == (2, "", 1)


def test_check_reports_a_sound_data_set(data, root):
    for argument in (root, f"sen12ms-cr:{root},split=all"):
        code, out, errors = data("check", argument)
        assert (code, errors) == (0, [])
        assert "files    9 read" in out
        assert "holds    3 of 122,218 patches" in out
        assert "ROIs1158_31: 1 of 784 patches" in out
        assert out.endswith("\nnothing is wrong with the 3 patches that are here\n")


def test_check_names_what_is_missing_or_broken_and_fails(data, root):
    broken, missing = sen12ms_path(root, *PATCHES[0], "s2"), sen12ms_path(root, *PATCHES[1], "s1")
    broken.write_bytes(broken.read_bytes()[:3000])
    missing.unlink()
    code, out, errors = data("check", root)
    assert code == 1
    assert errors == [f"sunbreak: {root}: 2 problems, listed in the report"]
    assert str(broken) in out
    assert missing.name in out
    assert data("check", root, "--n", 1)[0] == 1


def test_check_of_no_data_set_is_the_users_to_mend(data, root):
    for arguments in ([root.parent], ["nothing"], [root, "--n", -1]):
        code, out, errors = data("check", *arguments)
        assert (code, out, len(errors)) == (2, "", 1)


def test_lint_fails_on_the_legacy_split_and_passes_on_ours(data):
    code, out, errors = data("lint", "sen12ms-cr/train", "sen12ms-cr/test", "--matching", "substring")
    assert code == 1
    assert "6 of 10 regions of test" in out
    assert "4,764" in out
    assert errors == ["sunbreak: sen12ms-cr/test: shares 6 regions with sen12ms-cr/train; scores on it are not valid"]
    assert data("lint", "sen12ms-cr/legacy-leaky-train", "sen12ms-cr/val")[0] == 1
    for test in ("val", "test", "never-leaked"):
        code, out, errors = data("lint", "sen12ms-cr/train", f"sen12ms-cr/{test}")
        assert (code, errors) == (0, [])
        assert "no region is in both" in out


def test_lint_compares_somebodys_files(data, root, tmp_path):
    listing = tmp_path / "train.txt"
    listing.write_text("ROIs1970_fall_139_p840.tif\n")
    code, out, _ = data("lint", listing, f"sen12ms-cr:{root}")
    assert code == 1
    assert "ROIs1970_139" in out
    # the same folder as training data: what `sunbreak train` would take of it, not what is scored on
    code, out, _ = data("lint", f"sen12ms-cr:{root}", f"sen12ms-cr:{root}")
    assert code == 0
    assert f"train     sen12ms-cr:{root},split=train: 1 regions, 1 patches" in out
    assert f"test      sen12ms-cr:{root}: 2 regions, 2 patches" in out
    listing.write_text("nothing here\n")
    code, _, errors = data("lint", listing, f"sen12ms-cr:{root}")
    assert code == 2
    assert "'nothing here'" in errors[0]


def test_debug_shows_the_traceback(data, capsys):
    assert main(["data", "splits", "nope", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err
