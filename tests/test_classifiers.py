import json

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from classifier_files import CLASSES, RGB, linear, node, ours, sidecar
from model_files import save
from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.classifiers import callable_classifier, open_classifier
from sunbreak.errors import OptionError
from sunbreak.models import describe, regions_seen
from sunbreak.steps.restore import restore

RNG = np.random.default_rng(0)
ALL = (("optical", 3), ("radar", 2), ("radar_valid", 1), ("clear", 1))
WEIGHTS = RNG.normal(size=(7, 3))
RUNTIMES = ["openvino", "onnx"]


def patches(count=3, size=16, bands=3):
    rng = np.random.default_rng(count)
    optical = rng.uniform(0, 0.6, (count, bands, size, size)).astype(np.float32)
    radar = rng.uniform(-25, -5, (count, 2, size, size)).astype(np.float32)
    return optical, radar, rng.random((count, size, size)) < 0.6


def with_runtime(runtime):
    if runtime == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    return runtime


def refused(words, model, **options):
    """One line that names the file and holds the words."""
    with pytest.raises(OptionError) as caught:
        open_classifier(model, **options)
    message = str(caught.value)
    assert "\n" not in message
    for word in words:
        assert word in message, message


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_ours_gets_what_the_engine_documents(tmp_path, runtime):
    path = ours(tmp_path / "mine.onnx", WEIGHTS, ALL, branches=("logits_optical", "logits_radar"))
    classifier = open_classifier(path, runtime=with_runtime(runtime), precision="fp32")
    optical, radar, clear = patches()
    optical[0, :, :4] = np.nan
    radar[1, 1, :8] = np.nan  # one polarisation is enough to make a pixel invalid
    found = classifier.run(optical, radar, clear)
    valid = np.isfinite(radar).all(axis=1, keepdims=True)
    inputs = [np.nan_to_num(optical), np.where(valid, radar, RADAR_DB_RANGE[0]), valid, clear[:, None]]
    means = np.concatenate([array.astype(float).mean(axis=(2, 3)) for array in inputs], axis=1)
    assert_allclose(found["logits"], means @ WEIGHTS, rtol=1e-4, atol=1e-4)
    assert_allclose(found["logits_optical"], 2 * found["logits"], rtol=1e-5)
    assert_allclose(found["logits_radar"], 3 * found["logits"], rtol=1e-5)
    assert {array.dtype for array in found.values()} == {np.dtype(np.float32)}


def test_ours_tells_what_its_card_says(tmp_path):
    fusion = open_classifier(ours(tmp_path / "f.onnx", WEIGHTS, ALL, card={"name": "fusion", "levels": ["L2A"]}))
    assert (fusion.name, fusion.classes, fusion.bands) == ("fusion", CLASSES, RGB)
    assert (fusion.levels, fusion.patch, fusion.uses_radar, fusion.uses_optical) == (("L2A",), 16, True, True)
    assert fusion.facts["runtime"] == "openvino"
    assert len(fusion.facts["weights_sha256"]) == 64
    assert json.loads(fusion.facts["model_item"])["properties"]["sunbreak:card"]["classes"] == list(CLASSES)
    optical = open_classifier(ours(tmp_path / "o.onnx", WEIGHTS[:3], ALL[:1]))
    assert (optical.uses_optical, optical.uses_radar) == (True, False)
    radar = open_classifier(ours(tmp_path / "r.onnx", WEIGHTS[:3], ALL[1:3]))
    assert (radar.uses_optical, radar.uses_radar) == (False, True)


@pytest.mark.parametrize(
    ("inputs", "said", "needs"),
    [(ALL, "radar", True), (ALL, "radar where there is some", False), (ALL[:1], "radar", False)],
)
def test_the_card_says_whether_radar_can_be_done_without(tmp_path, inputs, said, needs):
    weights = WEIGHTS[: sum(channels for _, channels in inputs)]
    assert open_classifier(ours(tmp_path / "m.onnx", weights, inputs, card={"inputs": said})).needs_radar is needs


def test_no_radar_is_radar_that_is_nowhere_valid(tmp_path):
    classifier = open_classifier(ours(tmp_path / "mine.onnx", WEIGHTS, ALL))
    optical, radar, clear = patches()
    without = classifier.run(optical, None, clear)["logits"]
    assert_array_equal(without, classifier.run(optical, np.full_like(radar, np.nan), clear)["logits"])
    assert (without != classifier.run(optical, radar, clear)["logits"]).all()


def test_a_patch_has_one_answer_in_whatever_company(tmp_path):
    classifier = open_classifier(ours(tmp_path / "mine.onnx", WEIGHTS, ALL))
    given = patches(5)
    together = classifier.run(*given)["logits"]
    for index in range(5):
        alone = classifier.run(*(array[[index]] for array in given))["logits"]
        assert_array_equal(alone[0], together[index])


def test_the_folder_of_a_run_is_a_classifier(tmp_path):
    ours(tmp_path / "model.onnx", WEIGHTS, ALL)
    assert open_classifier(tmp_path).classes == CLASSES
    assert open_classifier(str(tmp_path)).classes == CLASSES


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("shape", [("n", 3, "h", "w"), (1, 3, 16, 16), ("n", 3, 16, 16)])
def test_a_foreign_classifier_is_scaled_as_its_sidecar_says(tmp_path, runtime, shape):
    path = sidecar(linear(tmp_path / "anybody.onnx", WEIGHTS[:3], shape=shape))
    classifier = open_classifier(path, runtime=with_runtime(runtime))
    assert (classifier.name, classifier.uses_radar, classifier.levels) == ("anybody", False, ("L1C", "L2A"))
    optical, radar, clear = patches()
    optical[1, :, 3] = np.nan
    mean, std = (np.reshape(values, (3, 1, 1)) for values in ([1000, 900, 800], [500, 400, 300]))
    scaled = (np.nan_to_num(optical).astype(float) * 10000 - mean) / std
    expected = scaled.mean(axis=(2, 3)) @ WEIGHTS[:3]
    assert_allclose(classifier.run(optical, radar, clear)["logits"], expected, rtol=1e-4, atol=1e-4)


def test_probabilities_become_logits_of_the_same_probabilities(tmp_path):
    logits = open_classifier(sidecar(linear(tmp_path / "l.onnx", WEIGHTS[:3])))
    chances = linear(tmp_path / "p.onnx", WEIGHTS[:3], last=["Softmax"])
    chances = open_classifier(sidecar(chances, output="probabilities"))
    first, second = (np.exp(made.run(*patches())["logits"].astype(float)) for made in (logits, chances))
    assert_allclose(second.sum(axis=1), 1, rtol=1e-5)
    assert_allclose(second, first / first.sum(axis=1, keepdims=True), rtol=1e-4)


def test_a_probability_of_nothing_has_a_logarithm(tmp_path):
    path = linear(tmp_path / "p.onnx", [[1e4, 0, 0]] * 3, last=["Softmax"])
    optical, _, clear = patches(1)
    found = open_classifier(sidecar(path, output="probabilities")).run(np.ones_like(optical), None, clear)
    assert np.isfinite(found["logits"]).all()
    assert found["logits"].argmax() == 0


BAD_SIDECARS = {
    "lacks": ({"mean": None, "std": None}, ["lacks mean, std"]),
    "typo": ({"outputs": "logits"}, ["unknown entry 'outputs'", "may have output and levels"]),
    "mean": ({"mean": [1, 2]}, ["`mean` has 2 entries", "3 numbers"]),
    "std": ({"std": [1, 2, 0]}, ["`std` holds 0", "positive"]),
    "text": ({"mean": "none"}, ["`mean` has 'none'"]),
    "nan": ({"mean": [1, 2, float("nan")]}, ["`mean`"]),
    "scale": ({"scale": -1}, ["`scale` is -1"]),
    "patch": ({"patch": 16.5}, ["`patch` is 16.5"]),
    "band": ({"bands": ["red", "B03", "B02"]}, ["`bands` holds 'red'", "B04"]),
    "twice": ({"bands": ["B03", "B03", "B02"]}, ["`bands`", "once"]),
    "one class": ({"classes": ["all"]}, ["at least two"]),
    "class twice": ({"classes": ["a", "b", "a"]}, ["`classes` names 'a' twice"]),
    "output": ({"output": "scores"}, ["`output` is 'scores'", "logits, probabilities"]),
    "level": ({"levels": ["L3"]}, ["`levels` holds 'L3'"]),
}


@pytest.mark.parametrize("name", BAD_SIDECARS)
def test_a_wrong_sidecar_is_told_in_one_line(tmp_path, name):
    changes, words = BAD_SIDECARS[name]
    path = linear(tmp_path / "anybody.onnx", WEIGHTS[:3])
    refused(["anybody.json", *words], sidecar(path, **changes))


BAD_MODELS = {
    "bands": ({}, {"bands": ["B04", "B03"], "mean": [0, 0], "std": [1, 1]}, ["takes 3 bands", "names 2 (B04 B03)"]),
    "patch": ({"shape": (1, 3, 32, 32)}, {}, ["takes patches of 32 x 32 pixels", "says 16", "`patch`"]),
    "batch": ({"shape": (8, 3, 16, 16)}, {}, ["8 patches at a time", "batch of 1"]),
    "classes": ({}, {"classes": ["a", "b"]}, ["shape (1, 3)", "2 classes"]),
    "inputs": ({"inputs": ("image", "radar")}, {}, ["inputs image, radar", "expected one"]),
    "outputs": ({"last": ["Relu"], "results": 2}, {}, ["outputs", "expected one"]),
    "not finite": ({"last": ["Log"], "weights": WEIGHTS[:3] ** 2}, {}, ["not finite"]),
    "probabilities": ({}, {"output": "probabilities"}, ["do not add up to 1", "logits"]),
    "external": ({"external": "weights.bin"}, {}, ["another file (weights.bin)", "one file"]),
}


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("name", BAD_MODELS)
def test_a_model_that_is_not_what_its_sidecar_says_is_told_in_one_line(tmp_path, name, runtime):
    made, changes, words = BAD_MODELS[name]
    path = linear(tmp_path / "anybody.onnx", **({"weights": WEIGHTS[:3]} | made))
    refused(["anybody", *words], sidecar(path, **changes), runtime=with_runtime(runtime))


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_files_that_are_no_models_are_refused(tmp_path, runtime):
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"not a model")
    refused(["broken.onnx", "not a model that can be run"], sidecar(path), runtime=with_runtime(runtime))


def test_a_foreign_classifier_does_not_run_in_torch(tmp_path):
    refused(
        ["anybody.onnx", "openvino or onnx"], sidecar(linear(tmp_path / "anybody.onnx", WEIGHTS[:3])), runtime="torch"
    )


def test_what_is_no_classifier_is_refused(tmp_path):
    refused(["magic", "sunbreak transfer"], "magic")
    refused(["scene-prior", "no classifier"], "scene-prior")
    refused([f"{tmp_path}/model.onnx", "no such file"], tmp_path)
    path = linear(tmp_path / "alone.onnx", WEIGHTS[:3])
    refused(["alone.json", "no such file"], path)
    path.with_suffix(".json").write_text("{")
    refused(["alone.json", "not a readable"], path)
    path.with_suffix(".json").write_text('{"bands": ["B02"]}')
    refused(["alone.json", "neither the card of a classifier", "nor a sidecar"], path)
    restorer = save(tmp_path / "restores.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    refused(["restores.onnx", "is a restoration network"], restorer)


def test_a_verb_that_restores_refuses_a_classifier(tmp_path):
    from scenes import cloudy_scene

    scene, _, _ = cloudy_scene((32, 32))
    with pytest.raises(OptionError, match=r"is a classifier network; --model takes one that restores"):
        restore(scene, model=ours(tmp_path / "mine.onnx", WEIGHTS, ALL))
    with pytest.raises(OptionError, match=r"anybody\.json: a model card states"):
        restore(scene, model=sidecar(linear(tmp_path / "anybody.onnx", WEIGHTS[:3])))


def test_a_card_of_a_classifier_names_its_classes(tmp_path):
    refused(["m.json", "`classes` is None"], ours(tmp_path / "m.onnx", WEIGHTS, ALL, card={"classes": None}))
    refused(["m.json", "'a' twice"], ours(tmp_path / "m.onnx", WEIGHTS, ALL, card={"classes": ["a", "b", "a"]}))
    refused(["m.onnx", "shape (1, 3)"], ours(tmp_path / "m.onnx", WEIGHTS, ALL, card={"classes": ["a", "b"]}))
    refused(["m.onnx", "cannot be run on 1 bands"], ours(tmp_path / "m.onnx", WEIGHTS, ALL, card={"bands": ["B02"]}))
    strange = ours(tmp_path / "s.onnx", RNG.normal(size=(13, 3)), [("prior", 13)])
    refused(["s.onnx", "asks for the inputs ['prior']", "offers optical, radar, radar_valid, clear"], strange)
    mute = save(
        tmp_path / "q.onnx",
        [node("Identity", ["optical"], ["scores"])],
        [("optical", 3)],
        outputs=["scores"],
        card={"kind": "classifier", "bands": list(RGB), "classes": list(CLASSES)},
    )
    refused(["q.onnx", "returns scores; a classifier returns logits"], mute)
    blind = ours(tmp_path / "b.onnx", WEIGHTS[:1], [("clear", 1)])
    refused(["b.onnx", "asks for clear only"], blind)


def test_a_model_that_restores_is_not_offered_what_only_classifiers_get(tmp_path):
    from scenes import cloudy_scene

    scene, _, _ = cloudy_scene((32, 32))
    path = save(tmp_path / "m.onnx", [node("Identity", ["clear"], ["reflectance"])], [("clear", 1)])
    with pytest.raises(OptionError, match=r"asks for the inputs \['clear'\]"):
        restore(scene, model=path)


def test_regions_seen_are_known_of_cards_only(tmp_path):
    card = {"training": {"regions_seen": ["here", "there"]}}
    path = ours(tmp_path / "m.onnx", WEIGHTS, ALL, card=card)
    assert regions_seen(path) == {"here", "there"}
    assert '"classifier"' in describe(path)
    assert regions_seen(sidecar(linear(tmp_path / "a.onnx", WEIGHTS[:3]))) is None


def test_a_function_sees_no_data_as_nothing():
    seen = []

    def function(optical):
        seen.append(optical)
        return [[0, 1]] * len(optical)

    classifier = callable_classifier(function, bands=["B08"], classes=["a", "b"], patch=8, name="mine")
    assert (classifier.name, classifier.levels, classifier.uses_radar) == ("mine", ("L1C", "L2A"), False)
    assert not classifier.needs_radar
    optical = np.full((2, 1, 8, 8), np.nan)
    optical[0] = 0.5
    logits = classifier.run(optical, None, np.ones((2, 8, 8), bool))["logits"]
    assert_array_equal(logits, np.array([[0, 1], [0, 1]], np.float32))
    assert logits.dtype == seen[0].dtype == np.float32
    assert_array_equal(seen[0], np.nan_to_num(optical))


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (np.zeros((2, 3)), "shape (2, 3)"),
        (np.zeros(2), "shape (2,)"),
        (np.full((2, 2), np.nan), "not finite"),
        ("ab", "returns a str"),
        ({"logits": 1}, "returns a dict"),
    ],
)
def test_a_function_that_returns_something_else_is_told(returned, words):
    classifier = callable_classifier(lambda _: returned, bands=["B08"], classes=["a", "b"], patch=8, name="mine")
    with pytest.raises(OptionError) as caught:
        classifier.run(np.zeros((2, 1, 8, 8)), None, np.ones((2, 8, 8), bool))
    assert words in str(caught.value)
    assert "mine" in str(caught.value)


@pytest.mark.parametrize(
    "wrong",
    [
        {"bands": []},
        {"bands": ["red"]},
        {"bands": ["B02", "B02"]},
        {"classes": ["a"]},
        {"patch": 0},
        {"levels": ["L3"]},
    ],
)
def test_a_function_needs_known_bands_and_classes(wrong):
    with pytest.raises(OptionError, match="callable"):
        callable_classifier(np.mean, **({"bands": ["B02"], "classes": ["a", "b"], "patch": 8} | wrong))
