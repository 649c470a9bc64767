"""`sunbreak transfer` as a user meets it, up to the scores of what comes out."""

import json
import re

import numpy as np
import pytest
import torch

from classifier_files import linear, sidecar
from labelled_layouts import write_eurosat, write_picture
from sunbreak.cli import main
from sunbreak.simulate import SCENE_CLASSES
from sunbreak.train.transfer import views

SOURCE = "simulated-classes:domain=source,size=32,n=20"
TARGET = "simulated-classes:size=32,n=20,clouds=blended"
TEST = "simulated-classes:size=32,n=20,split=test,clouds=blended"
CLASSES = tuple(one.name for one in SCENE_CLASSES)


@pytest.fixture(autouse=True, scope="module")
def _quick():
    """One thread, and a few small skies instead of many large ones."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    views.cloud_bank.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(views, "SKY", 64)
        yield
    views.cloud_bank.cache_clear()
    torch.set_num_threads(threads)


def transfer(out, *more, source=SOURCE, target=TARGET):
    given = ["transfer", "--source", source, "--target", target, "-o", out, "--epochs", 1, "--batch", 8, *more]
    return main([str(one) for one in given])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "mine"
    assert transfer(folder) == 0
    return folder


def refused(capsys, code, *words):
    told = capsys.readouterr().err
    lines = [line for line in told.splitlines() if not line.startswith("warning: ")]
    assert code == 2, told
    assert len(lines) == 1, told
    assert lines[0].startswith("sunbreak: ")
    for word in words:
        assert word in lines[0], lines[0]


def test_a_transfer_leaves_two_classifiers_and_says_how_to_use_them(run, capsys):
    stamps = {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}
    assert transfer(run) == 0  # it is finished
    assert {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()} == stamps
    told = capsys.readouterr().out
    assert f"{run}: transferred" in told
    assert f"sunbreak classify SCENE --radar S1 --model {run} -o OUT" in told
    for folder, inputs in ((run, "radar where there is some"), (run / "source", "nothing")):
        for name in ("model.onnx", "model.safetensors"):
            assert (folder / name).is_file()
        card = json.loads((folder / "model.json").read_text())
        assert (card["kind"], card["inputs"], card["patch"]) == ("classifier", inputs, 32)
        assert main(["models", str(folder)]) == 0
        told = capsys.readouterr().out
        assert json.loads(told[told.index("{") :]) == card


def test_both_are_scored_by_cloud_cover_beside_each_other(run, tmp_path, capsys):
    out = tmp_path / "report"
    given = ["evaluate", run / "source", run, "--task", "scene", "--data", TEST, "-o", out]
    assert main([str(one) for one in given]) == 0
    told = capsys.readouterr().out
    for words in ("all 20 patches", "by cloud cover", "accuracy by class", "each modality alone", "fully covered"):
        assert words in told
    report = json.loads((out / "report.json").read_text())
    assert report["classes"] == [one["class"] for one in _by_class(told, report["classes"])]
    whole = {one["model"]: one for one in report["averages"] if one["by"] == "all"}
    assert set(whole) == {"majority", str(run / "source"), str(run)}
    for record in whole.values():
        assert record["patches"] == 20
        assert 0 <= record["accuracy"] <= 1
    assert whole[str(run)]["accuracy_radar"] is not None
    assert whole[str(run / "source")]["accuracy_radar"] is None
    assert (out / "report.md").read_text().count("by cloud cover") >= 1


def _by_class(text, names):
    """The rows of the table of classes that name one."""
    return [{"class": name} for name in names if re.search(rf"^{name} +\d", text, re.MULTILINE)]


def test_patches_that_it_was_trained_on_are_no_test(run, capsys):
    refused(capsys, main(["evaluate", str(run), "--task", "scene", "--data", TARGET]), str(run), "--allow-seen")


def test_settings_may_come_from_a_file_and_flags_come_on_top(run, tmp_path, capsys):
    (tmp_path / "settings.yaml").write_text("recipe: cloud-aware\nepochs: 1\nseed: 3\n")
    code = transfer(run, "--config", tmp_path / "settings.yaml", "--seed", 0)
    assert code == 0
    code = transfer(run, "--config", tmp_path / "settings.yaml")
    refused(capsys, code, str(run), "holds a training with other options", "take another -o")


@pytest.mark.parametrize("flag", [("--recipe", "best"), ("--fusion", "magic"), ("--encoder", "vgg"), ("--epochs", "x")])
def test_unknown_settings_are_wrong_usage(flag, tmp_path, capsys):
    with pytest.raises(SystemExit) as caught:
        transfer(tmp_path / "run", *flag)
    assert caught.value.code == 2
    told = capsys.readouterr().err
    assert flag[1] in told
    assert flag[0].lstrip("-") in told
    assert "Traceback" not in told
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "flag", [("--epochs", "0"), ("--batch", "0"), ("--warmup", "1"), ("--temperature", "0"), ("--rounds", "-1")]
)
def test_impossible_settings_give_one_line(flag, tmp_path, capsys):
    refused(capsys, transfer(tmp_path / "run", *flag), flag[0].lstrip("-"), "must be")
    assert not (tmp_path / "run").exists()


def test_a_source_that_is_not_there_is_named(tmp_path, capsys):
    refused(capsys, transfer(tmp_path / "run", source="runs/nowhere"), "runs/nowhere", "no classifier")
    missing = tmp_path / "missing.onnx"
    refused(capsys, transfer(tmp_path / "run2", source=missing), "missing.onnx", "no such file")


def test_a_target_without_radar_is_refused(tmp_path, capsys):
    write_eurosat(tmp_path / "eurosat", [("Forest", number, 8) for number in range(1, 4)])
    code = transfer(tmp_path / "run", target=f"eurosat:{tmp_path / 'eurosat'},split=all")
    refused(capsys, code, "has no radar")
    assert not (tmp_path / "run").exists()


def test_pairs_that_are_not_there_are_refused(tmp_path, capsys):
    folder = tmp_path / "pairs"
    refused(capsys, transfer(tmp_path / "run", target=f"pairs:{folder}"), "no folder", str(folder))
    (folder / "optical").mkdir(parents=True)
    (folder / "radar").mkdir()
    refused(capsys, transfer(tmp_path / "run", target=f"pairs:{folder}"), "holds no GeoTIFF", str(folder))
    refused(capsys, transfer(tmp_path / "run", target="pears:x"), "pears", "choose from")
    assert not (tmp_path / "run").exists()


def somebody(path, channels=3, **changes):
    """Somebody's classifier of the classes that are simulated."""
    weights = np.random.default_rng(0).normal(size=(channels, len(changes.get("classes", CLASSES))))
    given = {"patch": 32, "classes": list(CLASSES), "levels": ["L1C"]} | changes
    return sidecar(linear(path, weights, shape=("n", channels, "h", "w")), **given)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"classes": ["sea", "wood", "field"]}, ["has the class", "does not know", "sea, wood, field"]),
        ({"channels": 4}, ["mine.onnx", "takes 4 bands", "mine.json names 3"]),
        ({"patch": 64}, ["takes patches of 64 pixels", "have 32"]),
        ({"levels": ["L2A"]}, ["made for L2A", "is L1C"]),
    ],
)
def test_a_classifier_that_does_not_fit_is_refused(changes, words, tmp_path, capsys):
    refused(capsys, transfer(tmp_path / "run", source=somebody(tmp_path / "mine.onnx", **changes)), *words)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SOURCE.replace("size=32", "size=48"), ["takes patches of 48 pixels", "have 32"]),
        ("class-folders:{}/pictures,size=32", ["made for L2A", "is L1C"]),
    ],
)
def test_data_that_do_not_fit_are_refused_before_a_source_is_trained_on_them(source, words, tmp_path, capsys):
    for name in ("crop", "wood"):
        write_picture(tmp_path / "pictures" / name / f"{name}.png", np.full((32, 32, 3), 90, np.uint8))
    refused(capsys, transfer(tmp_path / "run", source=source.format(tmp_path)), *words)
    assert not (tmp_path / "run").exists()


def test_after_a_mistake_the_same_folder_can_be_taken(tmp_path, capsys):
    for source in ("runs/nowhere", somebody(tmp_path / "other.onnx", patch=64)):
        refused(capsys, transfer(tmp_path / "run", source=source), "")
        assert not (tmp_path / "run").exists()


def test_a_model_that_restores_is_no_source(tmp_path, capsys):
    refused(capsys, transfer(tmp_path / "run", source="tdp-cr-prior"), "tdp-cr-prior", "no classifier")


def test_what_the_help_lists_are_the_settings(capsys):
    with pytest.raises(SystemExit) as caught:
        main(["transfer", "--help"])
    assert caught.value.code == 0
    told = " ".join(capsys.readouterr().out.split())
    for flag in ("--source", "--target", "--recipe {faithful,cloud-aware}", "--fusion", "--epochs EPOCHS", "(20)"):
        assert flag in told
