import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from sunbreak.classifiers import callable_classifier, open_classifier
from sunbreak.data.labelled import open_labelled
from sunbreak.errors import OptionError
from sunbreak.networks.scene_classifier import scene_classifier
from sunbreak.train.transfer import fit as fitting
from sunbreak.train.transfer.baselines import BASELINES
from sunbreak.train.transfer.fit import Stage, fit, predict
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import read_arrays
from sunbreak.train.transfer.recipes import (
    cloud_aware,
    cloud_aware_auxiliaries,
    faithful,
    faithful_auxiliaries,
    three_teachers,
)
from sunbreak.train.transfer.regulation import Regulation, constant
from sunbreak.train.transfer.run import transfer
from sunbreak.train.transfer.stages import Setting, imitate, imitate_three

RGB = ("B04", "B03", "B02")
SOURCE = "simulated-classes:domain=source,n=20,size=32"
TARGET = "simulated-classes:n=20,size=32,clouds=blended"
SHORT = TransferOptions(epochs=1, batch=8)


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    return read_arrays(open_labelled(TARGET), RGB, tmp_path_factory.mktemp("patches"))


@pytest.fixture
def setting(target, tmp_path):
    said = np.random.default_rng(0).normal(0, 3, (len(target), 10)).astype("float32")
    return Setting(target, said, said, RGB, "L1C", SHORT, tmp_path)


def mean_colour(**changes):
    """A source that is sure of itself."""
    weights = np.random.default_rng(0).normal(0, 40, (3, 10))
    fields = {"bands": RGB, "classes": open_labelled(TARGET).classes, "patch": 32, "name": "mean colour"} | changes
    return callable_classifier(lambda optical: optical.mean(axis=(2, 3)) @ weights, **fields)


@pytest.fixture(scope="module", params=["faithful", "cloud-aware"])
def run(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / request.param
    transfer(source_of(request.param), TARGET, folder, options=replace(SHORT, recipe=request.param))
    return folder


def source_of(recipe):
    return SOURCE if recipe == "cloud-aware" else mean_colour()


def test_a_transfer_gives_a_classifier_that_runs_without_torch(run, target):
    classifier = open_classifier(run)
    assert classifier.classes == open_labelled(TARGET).classes
    assert classifier.uses_radar
    clear = np.asarray(target.clear[:, 0], bool)
    found = classifier.run(np.asarray(target.optical), np.asarray(target.radar), clear)
    assert {name: logits.shape for name, logits in found.items()} == dict.fromkeys(
        ("logits", "logits_optical", "logits_radar"), (20, 10)
    )
    assert np.ptp(found["logits"], axis=0).max() > 0


def test_the_exported_network_says_what_the_trained_one_says(run, target):
    classifier = open_classifier(run)
    card = json.loads((run / "model.json").read_text())
    network = scene_classifier(**card["architecture"]["config"])
    from safetensors.torch import load_file

    network.load_state_dict(load_file(run / "model.safetensors"))
    network.eval()
    from sunbreak.train.transfer.views import batch_of

    with torch.no_grad():
        expected = network(batch_of(target, np.arange(8)))["logits"].numpy()
    found = classifier.run(
        np.asarray(target.optical[:8]), np.asarray(target.radar[:8]), np.asarray(target.clear[:8, 0], bool)
    )
    np.testing.assert_allclose(found["logits"], expected, atol=2e-3)


def test_a_finished_transfer_returns_at_once_and_another_is_refused(run):
    stamp = (run / "model.onnx").stat().st_mtime_ns
    recipe = json.loads((run / "run.json").read_text())["options"]["recipe"]
    options = replace(SHORT, recipe=recipe)
    assert transfer(source_of(recipe), TARGET, run, options=options).stat().st_mtime_ns == stamp
    with pytest.raises(OptionError, match="holds a training with other options"):
        transfer(source_of(recipe), TARGET, run, options=replace(options, epochs=2))


def test_no_label_of_the_target_is_looked_at(tmp_path, monkeypatch):
    from sunbreak.train.transfer import run as module

    real = module.read_arrays

    def without_labels(*args, **kwargs):
        arrays = real(*args, **kwargs)
        return replace(arrays, labels=np.full(len(arrays), -1))

    monkeypatch.setattr(module, "read_arrays", without_labels)
    transfer(mean_colour(), TARGET, tmp_path / "run", options=SHORT)
    card = json.loads((tmp_path / "run" / "model.json").read_text())
    assert card["kind"] == "classifier"
    assert card["training"]["source"] == "mean colour"
    # nobody knows what a function has seen, nor under whose terms
    assert "regions_seen" not in card["training"]
    assert card["licence"].startswith("unknown")


def test_a_card_names_the_regions_of_source_and_target(run):
    card = json.loads((run / "model.json").read_text())
    if run.name == "cloud-aware":
        seen = {*open_labelled(SOURCE).regions, *open_labelled(TARGET).regions}
        assert set(card["training"]["regions_seen"]) == seen
        assert card["licence"] == "Apache-2.0"
        assert card["inputs"] == "radar where there is some"
    else:
        assert card["inputs"] == "radar"


def test_another_source_of_the_same_name_is_refused(tmp_path):
    transfer(mean_colour(), TARGET, tmp_path / "run", options=SHORT)
    other = replace(mean_colour(), run=lambda optical, radar, clear: {"logits": np.ones((len(clear), 10), "float32")})
    with pytest.raises(OptionError, match="other source identity"):
        transfer(other, TARGET, tmp_path / "run", options=SHORT)


def test_a_refused_call_leaves_nothing_behind(tmp_path):
    with pytest.raises(OptionError, match="no classifier"):
        transfer(tmp_path / "nothing", TARGET, tmp_path / "run", options=SHORT)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", BASELINES)
def test_every_baseline_trains_and_goes_on_where_it_was_stopped(name, setting, monkeypatch):
    options = TransferOptions(epochs=12, batch=20)
    whole = replace(setting, options=options, folder=setting.folder / "whole")
    part = replace(whole, folder=setting.folder / "part")
    step, calls = fitting._step, []

    def stopping(*arguments):
        calls.append(1)
        if len(calls) == 12:  # the checkpoint is that of step 10
            raise KeyboardInterrupt
        step(*arguments)

    monkeypatch.setattr(fitting, "_step", stopping)
    with pytest.raises(KeyboardInterrupt):
        BASELINES[name](part)
    monkeypatch.setattr(fitting, "_step", step)
    assert (part.folder / name / "last.ckpt").is_file()
    answers = [predict(BASELINES[name](where), setting.patches)["logits"] for where in (whole, part)]
    assert np.isfinite(answers[0]).all()
    if name != "qmf":  # its record of past losses begins anew
        np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("fusion", ["concat", "sum", "gated", "film", "stack"])
def test_the_cloud_aware_recipe_works_with_every_fusion(fusion, setting):
    here = replace(setting, options=replace(SHORT, fusion=fusion, rounds=1))
    network = cloud_aware(here, cloud_aware_auxiliaries(here))
    assert np.isfinite(predict(network, setting.patches)["logits"]).all()


def test_the_same_seed_gives_the_same_weights_and_a_stopped_stage_goes_on_exactly(target, tmp_path, monkeypatch):
    loss = imitate(np.random.default_rng(0).normal(0, 3, (20, 10)).astype("float32"), 4.0)
    options = TransferOptions(epochs=12, batch=10)

    def trained(folder, **kwargs):
        torch.manual_seed(0)
        network = scene_classifier(modalities=("optical",))
        return fit(network, Stage("stage", target, loss, **kwargs), options, folder)

    whole = trained(tmp_path / "whole")
    calls = []

    def stop(network, found, index):
        calls.append(index)
        if len(calls) == 22:  # the checkpoint is that of step 20
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "part", after_backward=stop)
    assert (tmp_path / "part" / "stage" / "last.ckpt").is_file()
    resumed = trained(tmp_path / "part")
    for name, value in whole.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_teachers_stay_bit_identical_through_the_second_stage(setting):
    auxiliaries = faithful_auxiliaries(setting)
    before = [{k: v.clone() for k, v in network.state_dict().items()} for network in auxiliaries.networks]
    faithful(setting, auxiliaries)
    for network, kept in zip(auxiliaries.networks, before, strict=True):
        assert all(torch.equal(kept[name], value) for name, value in network.state_dict().items())


def test_the_second_stage_sees_all_patches_whatever_the_filter_kept(setting, monkeypatch):
    auxiliaries = faithful_auxiliaries(setting)
    assert not auxiliaries.kept.all()
    from sunbreak.train.transfer import stages

    seen = []
    real = stages.fit

    def noted(network, stage, *arguments, **named):
        seen.append(stage)
        return real(network, stage, *arguments, **named)

    monkeypatch.setattr(stages, "fit", noted)
    faithful(setting, auxiliaries)
    assert seen[-1].kept is None


def test_equal_weights_and_alpha_0_train_the_same_network(setting):
    auxiliaries = faithful_auxiliaries(setting)
    alike = constant(20, source=1.0, optical=1.0, radar=1.0)
    equal = predict(three_teachers(setting, auxiliaries, alike, Regulation(), "equal"), setting.patches)
    silent = predict(faithful(setting, auxiliaries, Regulation(alpha=0.0), "alpha-0"), setting.patches)
    np.testing.assert_array_equal(equal["logits"], silent["logits"])


def test_the_source_alone_as_one_of_three_teachers_is_plain_distillation(setting):
    others = np.zeros_like(setting.source)
    index = np.arange(8)
    found = {"logits": torch.randn(8, 10)}
    alone = imitate_three((setting.source, others, others), constant(20), 4.0)(found, index)
    torch.testing.assert_close(alone, imitate(setting.source, 4.0)(found, index))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"patch": 64}, "takes patches of 64 pixels"),
        ({"classes": tuple("abcdefghij")}, "has the class"),
        ({"levels": ("L2A",)}, "made for L2A"),
    ],
)
def test_a_source_that_does_not_fit_the_target_is_refused(tmp_path, changes, words):
    with pytest.raises(OptionError, match=words):
        transfer(mean_colour(**changes), TARGET, tmp_path / "run", options=SHORT)


def test_a_target_without_radar_is_refused(tmp_path):
    from sunbreak.train.transfer import run as module

    bare = replace(open_labelled(TARGET), has_radar=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_labelled", lambda spec: bare)
        with pytest.raises(OptionError, match="has no radar"):
            transfer(SOURCE, TARGET, tmp_path / "run", options=SHORT)


@pytest.mark.parametrize("bad", [{"epochs": 0}, {"recipe": "best"}, {"learning_rate": float("nan")}, {"warmup": 1.0}])
def test_impossible_settings_are_refused(bad):
    with pytest.raises(OptionError):
        TransferOptions(**bad)
