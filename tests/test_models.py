import json

import numpy as np
import pytest

from model_files import mapper, node, save
from scenes import cloudy_scene
from sunbreak import cloud_network, models, weights
from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.cli import main
from sunbreak.errors import OptionError
from sunbreak.registry import CLASSIFIERS, NETWORKS, SCENE_CLASSIFIER
from sunbreak.steps.restore import RestoreOptions, restore

SUFFIXES = (".onnx", ".safetensors", ".json")


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder of shipped weights with a network that restores and one that masks."""
    folder = tmp_path / "weights"
    folder.mkdir()
    monkeypatch.setattr(weights, "FOLDER", folder)
    mapper(folder / "tiny-net.onnx", card={"training": {"seed": 3}, "inputs": "radar, if there is some"})
    save(folder / "tiny-mask.onnx", [node("Identity", ["optical"], ["quality"])], [("optical", 13)],
         outputs=("quality",), card={"kind": "mask"})  # fmt: skip
    (folder / "global_regression.json").write_text("{}")
    return folder


def test_the_default_is_a_shipped_network_and_that_of_the_options(capsys):
    assert weights.shipped()[models.DEFAULT].kind == "restoration"
    assert RestoreOptions().model == models.DEFAULT
    assert main(["models"]) == 0
    marked = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line[:1] != "*" and " * " in line]
    assert marked == [models.DEFAULT]
    assert main(["models", models.DEFAULT]) == 0
    assert capsys.readouterr().out.startswith(f"{models.DEFAULT} (the default): ")


def test_the_weights_that_defaults_name_are_shipped():
    assert {models.DEFAULT, "cloud-mask"} <= weights.shipped().keys()
    assert weights.find("cloud-mask") == cloud_network.WEIGHTS
    assert weights.shipped()["cloud-mask"].kind == "mask"
    for name in (models.DEFAULT, "cloud-mask"):
        card = weights.shipped()[name]
        assert card.bands == L1C_BANDS
        assert card.levels == LEVELS


def test_every_shipped_set_is_whole():
    for name, card in weights.shipped().items():
        assert (card.name, card.onnx) == (name, weights.find(name))
        assert card.verify("onnx") == card.sha256["onnx"]
        assert card.verify("safetensors") == card.sha256["safetensors"]
        assert card.licence == "Apache-2.0"
        assert card.content()["name"] == name
        assert card.architecture
        assert card.parameters
        assert card.gmacs
        assert card.summary
        assert card.inputs


def test_no_shipped_card_tells_of_the_machine_it_was_made_on():
    for card in sorted(weights.FOLDER.glob("*.json")):
        told = card.read_text(encoding="utf-8")
        for place in ("/work", "/tmp", "/root", "/home"):
            assert place not in told, f"{card.name}: {place}"


def test_nothing_lies_among_the_weights_that_no_card_names():
    named = {card.path.with_suffix(suffix) for card in weights.shipped().values() for suffix in SUFFIXES}
    found = {path for path in weights.FOLDER.iterdir() if path.suffix in SUFFIXES}
    assert found - {weights.FOLDER / "global_regression.json"} == named


def test_a_shipped_network_is_named_listed_and_runs(shipped, capsys):
    assert weights.find("tiny-net") == shipped / "tiny-net.onnx"
    assert weights.find("global_regression") is None
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "parameters", "GMACs", "needs", "besides", "optical", "licence", "weights"]
    (line,) = [line for line in lines if line.startswith("tiny-net")]
    for word in ("1.23 M", "8.2", "radar, if there is some", "Apache-2.0", "tiny-net.onnx"):
        assert word in line
    assert not [line for line in lines if "tiny-mask" in line]
    assert any(line.startswith("scene-prior ") for line in lines)
    assert main(["models", "tiny-net"]) == 0
    told = capsys.readouterr().out
    assert json.loads(told[told.index("{") :]) == json.loads((shipped / "tiny-net.json").read_text())
    scene, _, _ = cloudy_scene((100, 100))
    assert restore(scene, model="tiny-net").attrs["model"] == "tiny-net"


def test_the_scene_classifier_waits_for_a_transfer(capsys):
    assert main(["models"]) == 0
    lines = capsys.readouterr().out.splitlines()
    (line,) = [line for line in lines if line.startswith(f"{SCENE_CLASSIFIER} ")]
    for word in ("0.49 M", " 0.04 ", "radar where there is some", "none: `sunbreak transfer`"):
        assert word in line
    assert "256 x 256" in " ".join(lines[-4:])
    assert f"those of {SCENE_CLASSIFIER} on one of 64 x 64" in " ".join(lines[-4:])
    entry = CLASSIFIERS[SCENE_CLASSIFIER]
    assert main(["models", SCENE_CLASSIFIER]) == 0
    told = capsys.readouterr().out
    for words in (
        entry.summary,
        f"{entry.parameters:,} parameters, {entry.gmacs} GMACs at 64 x 64",
        "`sunbreak transfer`",
    ):
        assert words in told


def test_networks_and_classifiers_have_names_of_their_own():
    assert not CLASSIFIERS.keys() & NETWORKS.keys()
    waiting = models.untrained()
    assert waiting.keys() == (NETWORKS.keys() | CLASSIFIERS.keys()) - weights.shipped().keys()
    for name, entry in waiting.items():
        told = models.describe(name)
        assert told.startswith(name)
        assert f"at {entry.side} x {entry.side}" in told
        with pytest.raises(OptionError, match=f"{name}': no weights of it ship; train it with `sunbreak tra"):
            models.locate(name)


def test_a_shipped_network_is_counted_at_its_card_s_size(capsys):
    assert main(["models"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"{models.DEFAULT} *")]
    assert f"{weights.shipped()[models.DEFAULT].gmacs:.1f}" in line.split()


def test_a_mask_network_does_not_restore(shipped):
    scene, _, _ = cloudy_scene((100, 100))
    with pytest.raises(OptionError, match="is a mask network"):
        restore(scene, model="tiny-mask")


def test_the_folder_of_a_training_run_is_a_model(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    scene, _, _ = cloudy_scene((100, 100))
    with pytest.raises(OptionError, match=r"run: holds no model\.onnx; name the folder of a finished"):
        restore(scene, model=run)
    mapper(run / "model.onnx", card={"name": "mine"})
    product = restore(scene, model=str(run))
    assert product.attrs["model"] == "mine"
    np.testing.assert_array_equal(product.reflectance, restore(scene, model=run / "model.onnx").reflectance)
    assert main(["models", str(run)]) == 0


def test_a_default_whose_weights_are_damaged_is_an_error_not_another_model(shipped, monkeypatch):
    monkeypatch.setattr(models, "DEFAULT", "tiny-net")
    (shipped / "tiny-net.onnx").write_bytes(b"gone")
    scene, _, _ = cloudy_scene((100, 100))
    with pytest.raises(OptionError, match="not what its card was written for"):
        restore(scene, model=models.DEFAULT)


def test_unknown_models_are_answered_with_the_known_ones(shipped, capsys):
    assert main(["models", "magic"]) == 2
    told = capsys.readouterr().err
    for word in ("magic", "scene-prior", "tiny-net", ".onnx", "sunbreak train"):
        assert word in told
