"""Where the source classifier of a transfer comes from: a file, a function, or a training of our own."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from classifier_files import CLASSES, linear, ours, sidecar
from labelled_layouts import write_picture
from sunbreak.classifiers import callable_classifier, open_classifier
from sunbreak.data.labelled import LABELLED, open_labelled
from sunbreak.errors import OptionError
from sunbreak.train.transfer.fit import predict
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import read_arrays
from sunbreak.train.transfer.source import BANDS, find_source, is_data, open_source, train_source

SHORT = TransferOptions(epochs=1, batch=8)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """Labelled pictures of three colours, quick to read."""
    root, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for name, colour in {"crop": (160, 140, 60), "river": (30, 60, 120), "wood": (30, 90, 40)}.items():
        for number in range(6):
            picture = np.clip(rng.normal(colour, 12, (32, 32, 3)), 0, 255).astype(np.uint8)
            write_picture(root / name / f"{name}{number}.png", picture)
    return f"class-folders:{root},size=32"


@pytest.fixture(scope="module")
def trained(pictures, tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "source"
    return folder, train_source(open_labelled(pictures), folder, SHORT)


def flat(name, factor=1.0):
    """A function of two classes of one band."""
    return callable_classifier(
        lambda optical: factor * optical.mean(axis=(2, 3)) * [1, -1],
        bands=["B04"],
        classes=["a", "b"],
        patch=8,
        name=name,
    )


def stamps(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("kind", LABELLED)
def test_the_spec_of_a_kind_of_patches_is_data(kind):
    assert is_data(f"{kind}:somewhere,split=train")


@pytest.mark.parametrize(
    "source", ["runs/source", "model.onnx", "eurosat", "collection:data", "C:/runs/source", Path("runs") / "source"]
)
def test_anything_else_is_a_classifier(source):
    assert not is_data(source)


def test_a_classifier_is_taken_as_it_is(tmp_path):
    given = flat("mine")
    found = find_source(given)
    assert (found.name, found.classes, found.bands, found.patch) == ("mine", ("a", "b"), ("B04",), 8)
    assert open_source(found, tmp_path / "source", SHORT) is given
    assert not (tmp_path / "source").exists()


def test_a_file_is_opened_and_nothing_is_trained(tmp_path):
    path = sidecar(linear(tmp_path / "anybody.onnx", np.ones((3, 3))))
    found = find_source(path)
    assert (found.name, found.classes, found.patch, found.patches) == (str(path), CLASSES, 16, None)
    assert open_source(found, tmp_path / "source", SHORT) is found.classifier
    assert not (tmp_path / "source").exists()
    with pytest.raises(OptionError, match="no classifier"):
        find_source(str(tmp_path / "nowhere"))


def test_a_source_that_looks_at_radar_is_refused(tmp_path):
    inputs = [("optical", 3), ("radar", 2), ("radar_valid", 1)]
    with pytest.raises(OptionError, match="looks at radar"):
        find_source(ours(tmp_path / "fused.onnx", np.ones((6, 3)), inputs))


def test_sources_of_one_name_are_told_apart_by_what_they_say(tmp_path):
    assert find_source(flat("mine")).identity == find_source(flat("mine")).identity
    assert find_source(flat("mine")).identity != find_source(flat("mine", 2.0)).identity
    path = tmp_path / "anybody.onnx"
    told = [find_source(sidecar(linear(path, np.full((3, 3), weight)))).identity for weight in (1.0, 1.0, 2.0)]
    assert told[0] == told[1] != told[2]


def test_only_what_has_seen_nothing_but_simulated_patches_is_free(pictures, trained, tmp_path):
    assert find_source("simulated-classes:n=4").free
    foreign = sidecar(linear(tmp_path / "anybody.onnx", np.ones((3, 3))))
    for source in (pictures, trained[0], foreign, flat("mine")):
        assert not find_source(source).free


def test_regions_are_known_of_data_and_of_runs_and_of_nothing_else(pictures, trained, tmp_path):
    regions = frozenset(open_labelled(pictures).regions)
    assert find_source(pictures).regions == find_source(trained[0]).regions == regions
    foreign = sidecar(linear(tmp_path / "anybody.onnx", np.ones((3, 3))))
    assert find_source(foreign).regions is find_source(flat("mine")).regions is None


def test_data_without_labels_are_refused_before_anything_is_read(pictures, monkeypatch):
    from sunbreak.train.transfer import source

    patches = open_labelled(pictures)
    some = (*patches.entries[:2], replace(patches.entries[2], label=None), *patches.entries[3:])
    monkeypatch.setattr(source, "open_labelled", lambda spec: replace(patches, entries=some))
    with pytest.raises(OptionError, match=f"{some[2].name} has no class"):
        find_source(pictures)


def test_a_source_of_our_own_is_a_run_that_tells_what_it_is(pictures, trained):
    folder, network = trained
    classifier = open_classifier(folder)
    assert (classifier.classes, classifier.bands, classifier.patch) == (("crop", "river", "wood"), BANDS, 32)
    assert (classifier.uses_optical, classifier.uses_radar, classifier.levels) == (True, False, ("L2A",))
    card = json.loads((folder / "model.json").read_text())
    assert card["training"]["data"] == [pictures]
    assert card["training"]["regions_seen"] == sorted(open_labelled(pictures).regions)
    assert card["training"]["options"]["epochs"] == 1
    arrays = read_arrays(open_labelled(pictures), BANDS, folder / "patches")
    found = classifier.run(np.asarray(arrays.optical), None, np.asarray(arrays.clear[:, 0], bool))["logits"]
    # training and predicting may be in half precision
    np.testing.assert_allclose(found, predict(network, arrays)["logits"], atol=0.1)


def test_it_learns_what_its_labels_say(pictures, tmp_path):
    patches = open_labelled(pictures)
    network = train_source(patches, tmp_path / "source", replace(SHORT, epochs=20))
    said = predict(network, read_arrays(patches, BANDS, tmp_path / "source" / "patches"))["logits"]
    assert (said.argmax(axis=1) == np.array(patches.labels)).mean() > 0.9


def test_a_finished_source_is_used_again(pictures, trained, monkeypatch):
    folder, _ = trained
    before = stamps(folder)
    monkeypatch.setattr("sunbreak.train.transfer.fit._step", lambda *_: pytest.fail("trained again"))
    assert open_source(find_source(pictures), folder, SHORT).classes == ("crop", "river", "wood")
    assert stamps(folder) == before


def test_a_source_that_was_stopped_before_its_card_is_finished(pictures, trained):
    folder, _ = trained
    weights = (folder / "model.safetensors").read_bytes()
    (folder / "model.json").unlink()
    open_source(find_source(pictures), folder, SHORT)
    assert (folder / "model.safetensors").read_bytes() == weights


def test_the_folder_of_another_training_is_refused(pictures, trained):
    folder, _ = trained
    before = stamps(folder)
    for spec, options in ((pictures, replace(SHORT, seed=1)), (f"{pictures},white=0.2", SHORT)):
        with pytest.raises(OptionError, match=r"source: holds a training with other .*take another -o"):
            open_source(find_source(spec), folder, options)
    assert stamps(folder) == before
