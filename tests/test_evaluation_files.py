import csv
import dataclasses
import json
import math
import os
import re
import sys

import pytest

from model_files import mapper
from restorers import stand_in
from sunbreak.cli import main
from sunbreak.data import Entry, SampleSet
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.evaluation import EvaluationOptions, evaluate, write_report
from sunbreak.evaluation.files import write_text
from sunbreak.evaluation.seen import seen_regions

DATA = "simulated:n=2,size=64,cover=0.5"
FILES = ["report.csv", "report.json", "report.md", "report.png", "report.tex"]


@pytest.fixture(scope="module")
def report():
    options = EvaluationOptions(restorer=stand_in(), bands=("all", "rgb"), by=("coverage", "region"))
    return evaluate(["my_net"], DATA, protocol=["sunbreak", "hpncr"], options=options)


@pytest.fixture(scope="module")
def stamped(report):
    """A report of a model that was trained on one of the two scenes."""
    return dataclasses.replace(report, seen={"my_net": ("scene-1",)})


@pytest.fixture(scope="module")
def folder(stamped, tmp_path_factory):
    folder = tmp_path_factory.mktemp("scores") / "new"
    assert sorted(path.name for path in write_report(stamped, folder)) == FILES
    return folder


def read(folder, ending):
    return (folder / f"report.{ending}").read_text(encoding="utf-8")


def test_nothing_else_is_left_in_the_folder(folder):
    assert sorted(path.name for path in folder.iterdir()) == FILES
    assert (folder / "report.png").read_bytes().startswith(b"\x89PNG")
    assert (folder / "report.png").stat().st_size > 20_000


@pytest.mark.parametrize("ending", ["md", "csv", "json", "tex"])
def test_every_file_says_what_makes_scores_comparable(folder, stamped, ending):
    text = read(folder, ending).replace("\\", "")
    for words in ("sunbreak", "hpncr", "simulated", stamped.split_hash, DATA, stamped.version):
        assert words in text


@pytest.mark.parametrize("ending", ["md", "csv", "json", "tex"])
def test_every_file_is_stamped_with_the_regions_that_a_model_has_seen(folder, ending):
    assert "TRAINED ON 1 OF 2 TEST REGIONS (scene-1)" in read(folder, ending)


def test_names_are_stamped_wherever_they_stand_alone(folder, stamped):
    rows = list(csv.DictReader(read(folder, "csv").splitlines()))
    assert {row["model"] for row in rows} == {"cloudy", "smooth-fill", "scene-prior", "my_net [seen]"}
    assert all(bool(row["stamp"]) == row["model"].endswith("[seen]") for row in rows)
    assert json.loads(read(folder, "json"))["seen_regions"]["my_net"] == ["scene-1"]
    for text in (read(folder, "md"), read(folder, "tex"), stamped.text()):
        plain = text.replace("\\", "").replace("{", "").replace("}", "")
        names = re.findall(r"my_net(.{7})", plain)
        assert names
        assert set(names) == {" [seen]", ": TRAIN"}


def test_a_report_without_seen_regions_has_no_stamp(report):
    for text in (report.text(), report.csv(), report.json(), report.markdown(), report.latex()):
        assert "TRAINED" not in text
        assert "[seen]" not in text


def test_csv_json_and_tables_hold_the_same_numbers(folder, stamped):
    lines = list(csv.DictReader(read(folder, "csv").splitlines()))
    averages = json.loads(read(folder, "json"))["averages"]
    assert len(lines) == len(averages) == len(stamped.records())
    for line, average in zip(lines, averages, strict=True):
        for key in ("protocol", "bands", "by", "group", "target"):
            assert line[key] == average[key]
        assert (line["part"], line["model"].removesuffix(" [seen]")) == (average["region"], average["model"])
        for key in ("psnr", "ssim", "mae", "nll", "ause", "gain", "within_1_sigma", "images"):
            assert (float(line[key]) if line[key] else None) == average[key]
    rows = [line.strip("| ").split(" | ") for line in read(folder, "md").splitlines()]
    printed = {cell for row in rows for cell in row}
    assert {f"{line['psnr']:.2f}" for line in averages if line["psnr"] is not None} <= printed


def test_there_is_one_line_a_model_target_part_bands_and_protocol(folder):
    lines = [row for row in csv.DictReader(read(folder, "csv").splitlines()) if row["by"] == "all"]
    keys = {(row["protocol"], row["bands"], row["part"], row["model"], row["target"]) for row in lines}
    assert len(keys) == len(lines) == 2 * 2 * 3 * 4


def test_without_matplotlib_the_other_files_are_written_with_a_warning(report, tmp_path, monkeypatch):
    (tmp_path / "report.png").write_text("of an earlier report")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.warns(SunbreakWarning, match=r"pip install 'sunbreak\[plot\]'"):
        written = write_report(report, tmp_path)
    assert [path.name for path in written] == ["report.md", "report.csv", "report.json", "report.tex"]
    assert not (tmp_path / "report.png").exists()


def test_a_file_where_the_folder_should_be_is_refused(report, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(OptionError, match=r"out: cannot be made .* choose another -o/--out"):
        write_report(report, tmp_path / "out")


def samples(*regions):
    entries = tuple(Entry(f"{region}_p1", region, lambda: None) for region in regions)
    return SampleSet(Spec("made", "made", "", {}, frozenset()), "test", entries)


def test_regions_are_the_same_whichever_data_set_spells_them(tmp_path):
    card = {"training": {"regions_seen": ["S12CR_1158_31", "ROIs1868_summer_73", "elsewhere"]}}
    model = str(mapper(tmp_path / "mine.onnx", card=card))
    data = samples("ROIs1158_31", "ROIs1158_44", "ROIs1868_73")
    assert seen_regions([model], data, allowed=True) == {model: ("ROIs1158_31", "ROIs1868_73")}
    assert seen_regions([model], samples("ROIs1158_44")) == {}
    with pytest.raises(OptionError, match=r"2 of the 3 regions .*ROIs1158_31, ROIs1868_73.*--allow-seen"):
        seen_regions([model], data)


@pytest.mark.parametrize("listed", ["ROIs1158_44", "S12CR_1970_139", "S12CR_T7", "S12CR_T4"])
def test_whoever_saw_any_of_the_test_list_counts_as_having_seen_its_unnumbered_places(listed, tmp_path):
    model = str(mapper(tmp_path / "mine.onnx", card={"training": {"regions_seen": [listed]}}))
    data = samples("S12CR_T0", "S12CR_T8", "S12CR_1868_119", "S1F11_Spain")
    assert seen_regions([model], data, allowed=True) == {model: ("S12CR_T0", "S12CR_T8")}
    with pytest.raises(OptionError, match=r"2 of the 4 regions .*S12CR_T0, S12CR_T8.*--allow-seen"):
        seen_regions([model], data)


@pytest.mark.parametrize("listed", ["S12CR_1158_1", "S1F11_Spain", "ROIs1868_17"])
def test_unnumbered_places_are_unseen_by_whoever_saw_none_of_the_test_list(listed, tmp_path):
    model = str(mapper(tmp_path / "mine.onnx", card={"training": {"regions_seen": [listed]}}))
    assert seen_regions([model], samples("S12CR_T0", "S12CR_T7", "S12CR_1868_119")) == {}


def test_a_place_under_two_names_is_seen_once(tmp_path):
    model = str(mapper(tmp_path / "mine.onnx", card={"training": {"regions_seen": ["fall/s1_139"]}}))
    data = samples("S12CR_T7", "S12CR_1970_139", "S12CR_1868_119")
    assert seen_regions([model], data, allowed=True) == {model: ("ROIs1970_139",)}
    with pytest.raises(OptionError, match="1 of the 2 regions"):
        seen_regions([model], data)


def test_json_takes_the_place_of_an_earlier_report_at_once(tmp_path, capsys):
    call = ["evaluate", "--data", "simulated:n=1,size=64", "--parts", "all", "--json"]
    file, earlier = tmp_path / "scores.json", tmp_path / "earlier.json"
    file.write_text("earlier")
    earlier.hardlink_to(file)
    assert main([*call, str(file)]) == 0
    assert earlier.read_text() == "earlier"
    assert json.loads(file.read_text())["split"]
    assert {path.name for path in tmp_path.iterdir()} == {"scores.json", "earlier.json"}
    capsys.readouterr()
    (tmp_path / "folder").mkdir()
    assert main([*call, str(tmp_path / "folder")]) != 0
    assert "folder: writing failed" in capsys.readouterr().err


def test_a_link_and_a_pipe_stay_what_they_are(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "file")
    write_text(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "text"
    os.mkfifo(tmp_path / "pipe")
    with os.fdopen(os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)) as pipe:
        write_text(tmp_path / "pipe", "text")
        assert pipe.read() == "text"
    assert (tmp_path / "pipe").is_fifo()


def test_the_command_refuses_seen_regions_until_told_to_stamp_them(tmp_path, capsys):
    model = mapper(tmp_path / "mine.onnx", card={"training": {"regions_seen": ["scene-0", "scene-7"]}})
    call = ["evaluate", str(model), "--data", "simulated:n=1,size=64", "-o", str(tmp_path / "out")]
    assert main(call) == 2
    assert "--allow-seen" in capsys.readouterr().err
    assert main([*call, "--allow-seen", "--parts", "all", "--bands", "rgb", "--by", "coverage"]) == 0
    shown = capsys.readouterr().out
    assert f"{model}: TRAINED ON 1 OF 1 TEST REGIONS (scene-0)" in shown
    assert f"{model} [seen]" in shown
    assert "whole image, by cloud cover, bands rgb" in shown
    assert str(tmp_path / "out" / "report.tex") in shown
    assert "TRAINED ON 1 OF 1" in read(tmp_path / "out", "md")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--parts", "water"], "region 'water' is unknown"),
        (["--bands", "nir"], "band group 'nir' is unknown"),
        (["--by", "season"], "group 'season' is unknown"),
        (["--protocol", "best"], "protocol 'best' is unknown"),
        (["--json", "/nowhere/at/all.json"], "no such folder"),
        (["--task", "landcover", "--protocol", "sunbreak"], "--protocol: scores reflectance"),
        (["--task", "landcover", "--per-patch"], "--per-patch: scores reflectance"),
        (["--task", "landcover"], "name at least one model"),
    ],
)
def test_mistakes_on_the_command_line_are_named(options, words, capsys):
    assert main(["evaluate", "--data", DATA, *options]) == 2
    assert words in capsys.readouterr().err


def test_numbers_that_are_not_defined_are_left_open(folder):
    rows = [row for row in csv.DictReader(read(folder, "csv").splitlines()) if row["protocol"] == "hpncr"]
    assert {row["rmse"] for row in rows} == {""}
    assert not any(math.isnan(float(value)) for row in rows for value in (row["psnr"], row["mae"]) if value)


def test_a_card_that_does_not_say_what_was_seen_is_remarked_on(tmp_path):
    silent = mapper(tmp_path / "silent.onnx", card={})
    told = mapper(tmp_path / "told.onnx", card={"training": {"regions_seen": []}})
    notes = evaluate([str(silent), str(told)], "simulated:n=1,size=64").notes
    assert [note for note in notes if "does not say what regions" in note and str(silent) in note]
    assert not [note for note in notes if str(told) in note]
