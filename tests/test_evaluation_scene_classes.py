import dataclasses
import json

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from classifier_files import CLASSES, RGB, linear, ours, sidecar
from conftest import write_raster
from scenes import cloudy_scene
from sunbreak.classifiers import Classifier, callable_classifier
from sunbreak.cli import main
from sunbreak.data.labelled import LabelledEntry, PatchSet, open_labelled
from sunbreak.data.sample import Sample, Skipped
from sunbreak.data.series import cloud_share
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError, QualityError
from sunbreak.evaluation import EvaluationOptions, evaluate_scene_classes, write_report
from sunbreak.legend import Quality
from sunbreak.models import DEFAULT
from sunbreak.steps.detect import detect
from sunbreak.steps.mask import grow

BANDS = ("B02", "B03", "B04", "B08")
SIZE = 24
SIMULATED = "simulated-classes:n=4,size=32,split=test,clouds=simulated"


def sample(index, radar=True):
    """A patch under a cloud of its own size; its quality says nothing of it."""
    scene, truth, cloud = cloudy_scene((SIZE, SIZE), bands=BANDS, level="L2A", seed=index)
    cloud = cloud & (np.arange(SIZE) < SIZE * index / 4)
    optical = np.where(cloud, np.float32(0.8), truth).astype(np.float32)
    return Sample(
        f"patch-{index}", f"place-{index % 2}", "L2A", BANDS, optical, np.where(cloud, 3, 1).astype(np.uint8),
        radar=scene.radar.values if radar else None, clear=truth, same_date=True,
    )  # fmt: skip


def patch_set(count=5, *, labels=None, classes=CLASSES, radar=True, **changes):
    labels = [index % 3 for index in range(count)] if labels is None else labels
    samples = [sample(index, radar) for index in range(count)]
    entries = tuple(
        LabelledEntry(one.name, one.region, label, lambda one=one: one)
        for one, label in zip(samples, labels, strict=True)
    )
    made = PatchSet(Spec("made:x", "made", "x", {}, frozenset()), "test", tuple(classes), BANDS, "L2A", SIZE,
                    has_radar=radar, knows_cloud=True, entries=entries)  # fmt: skip
    return dataclasses.replace(made, **changes)


@pytest.fixture
def data(monkeypatch):
    """A function that makes what the SPEC `made:x` opens."""

    def make(*args, **options):
        made = patch_set(*args, **options)
        monkeypatch.setattr("sunbreak.evaluation.scene_classes.open_labelled", lambda text: made)
        return made

    return make


def run(*models, **more):
    return evaluate_scene_classes(models, "made:x", **more)


def by_colour(name="mine", classes=CLASSES, **more):
    fields = {"bands": RGB, "patch": SIZE} | more
    return callable_classifier(lambda optical: optical.mean((2, 3)), classes=classes, name=name, **fields)


def seeing(name="seeing", branches=(), **more):
    """A classifier that remembers what it saw; branches say what it says, doubled and trebled."""
    seen = []

    def classify(optical, radar, clear):
        seen.append((optical[0], None if radar is None else radar[0], clear[0]))
        logits = optical.mean((2, 3))
        return {"logits": logits} | {name: logits * (index + 2) for index, name in enumerate(branches)}

    fields = {"uses_radar": False} | more
    return Classifier(name, CLASSES, RGB, ("L2A",), SIZE, run=classify, **fields), seen


def test_the_report_holds_what_every_model_says_of_every_patch(data):
    patches = data()
    report = run(by_colour("mine"), by_colour("other", bands=["B08", "B03", "B02"]))
    assert report.models == ("mine", "other")
    assert report.classes == CLASSES
    assert report.names == tuple(entry.name for entry in patches.entries)
    assert_array_equal(report.labels, [0, 1, 2, 0, 1])
    assert (report.split, report.split_hash, report.data) == ("test", patches.split_hash, "made:x")
    for name, bands in {"mine": [2, 1, 0], "other": [3, 1, 0]}.items():
        expected = [one.cloudy[bands].mean((1, 2)) for one in patches]
        assert_allclose(report.logits[name], expected, rtol=1e-6)
    assert report.notes == ()
    assert report.split_hash in report.text()


def test_clouds_are_found_and_their_true_share_groups_the_patches(data):
    patches = data()
    classifier, seen = seeing()
    known = run(classifier)
    for (optical, radar, clear), one in zip(seen, patches, strict=True):
        assert_array_equal(optical, one.cloudy[[2, 1, 0]])
        assert radar is None
        assert_array_equal(clear, detect(one) == Quality.CLEAR)
    assert_allclose(known.clouds, [cloud_share(one.quality) for one in patches])
    data(knows_cloud=False)
    assert_allclose(run(classifier).clouds, [cloud_share(detect(one)) for one in patches])
    assert known.clouds.max() > 0


def test_radar_goes_to_those_who_look_at_it(data):
    patches = data()
    fusion, seen = seeing(uses_radar=True)
    assert run(fusion).notes == ()
    assert_array_equal(seen[1][1], next(iter(patches.entries[1:2])).load().radar)
    data(radar=False)
    seen.clear()
    assert run(fusion).notes == ("seeing: takes radar, and the data have none; scored without",)
    assert seen[0][1] is None
    for blind in ({"uses_optical": False}, {"needs_radar": True}):
        with pytest.raises(OptionError, match="seeing: needs radar, and data 'made:x' have none"):
            run(seeing(uses_radar=True, **blind)[0])
    data()
    assert run(seeing(uses_radar=True, needs_radar=True)[0]).notes == ()


def test_branches_are_kept_of_networks_that_have_both(data):
    data()
    fusion, _ = seeing("fusion", ("logits_optical", "logits_radar"), uses_radar=True)
    half, _ = seeing("half", ("logits_optical",))
    report = run(fusion, half)
    assert report.parts.keys() == {"fusion"}
    assert_allclose(report.parts["fusion"]["optical"], 2 * report.logits["fusion"], rtol=1e-6)
    assert_allclose(report.parts["fusion"]["radar"], 3 * report.logits["fusion"], rtol=1e-6)


def test_classes_in_another_order_are_the_same_classes(data):
    data()
    turned = callable_classifier(
        lambda optical: optical.mean((2, 3))[:, ::-1], classes=CLASSES[::-1], bands=RGB, patch=SIZE, name="turned"
    )
    report = run(by_colour(), turned)
    assert_array_equal(report.logits["turned"], report.logits["mine"])


def test_data_may_hold_some_of_the_classes_that_models_know(data):
    patches = data(classes=("crop", "Sea/Lake"), labels=[0, 1, 1, 0, 0])
    turned = callable_classifier(
        lambda optical: optical.mean((2, 3))[:, ::-1], classes=CLASSES[::-1], bands=RGB, patch=SIZE, name="turned"
    )
    report = run(by_colour(), turned)
    assert report.classes == CLASSES
    assert_array_equal(report.labels, [2, 0, 0, 2, 2])
    assert_allclose(report.logits["mine"], [one.cloudy[[2, 1, 0]].mean((1, 2)) for one in patches], rtol=1e-6)
    assert_array_equal(report.logits["turned"], report.logits["mine"])
    right = np.mean(report.logits["mine"].argmax(axis=1) == report.labels)
    assert json.loads(report.json())["averages"][1]["accuracy"] == pytest.approx(right)
    backwards = run(turned, by_colour())
    assert backwards.classes == CLASSES[::-1]
    assert_array_equal(backwards.labels, [0, 2, 2, 0, 0])
    assert "crop" in backwards.text()


@pytest.mark.parametrize("classes", [("Sea/Lake", "Forest & wood", "wheat"), CLASSES[:2]])
def test_a_class_of_the_data_that_a_model_does_not_know_is_refused(data, classes):
    data()
    words = f"mine: does not know the class 'crop' of data 'made:x'; it knows {', '.join(classes)}"
    with pytest.raises(OptionError) as caught:
        run(by_colour(classes=classes))
    assert str(caught.value) == words


def test_models_of_other_classes_are_not_put_side_by_side(data):
    data(classes=CLASSES[:2], labels=[0, 1, 0, 1, 0])
    with pytest.raises(OptionError) as caught:
        run(by_colour(), by_colour("other", classes=(*CLASSES[:2], "wheat")))
    assert str(caught.value).startswith("other and mine: only one of them knows the class 'crop'")


def test_patches_without_a_label_are_left_out_and_counted(data):
    patches = data(labels=[0, None, 2, None, 1])
    classifier, seen = seeing()
    report = run(classifier)
    assert report.names == ("patch-0", "patch-2", "patch-4")
    assert_array_equal(report.labels, [0, 2, 1])
    assert_array_equal(seen[1][0], patches.entries[2].load().cloudy[[2, 1, 0]])
    assert report.notes == ("data: left out (no label): 2 of 5 patches",)
    assert report.split_hash != patches.split_hash  # other patches, another hash


def test_labels_of_ones_own_area_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    for name, bands, array in (
        ("optical", BANDS, rng.integers(400, 3000, (4, SIZE, 3 * SIZE)).astype("uint16")),
        ("radar", ("VV", "VH"), rng.uniform(-20, -5, (2, SIZE, 3 * SIZE)).astype("float32")),
    ):
        (tmp_path / name).mkdir()
        write_raster(tmp_path / name / "a.tif", array, descriptions=bands)
    (tmp_path / "labels.csv").write_text("name,class\na_r0_c2,crop\n")
    data = f"pairs:{tmp_path},cell={SIZE},level=L2A,offset=0"
    report = evaluate_scene_classes([by_colour()], data)
    assert (report.names, report.classes, list(report.labels)) == (("a_r0_c2",), CLASSES, [2])
    assert report.notes == ("data: left out (no label): 2 of 3 patches",)
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(OptionError, match="none of 3 patches has a label"):
        evaluate_scene_classes([by_colour()], data)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": [None] * 5}, "data 'made:x': none of 5 patches has a label"),
        ({"size": 64}, "takes patches of 24 pixels, those of data 'made:x' have 64"),
        ({"level": "L1C"}, "made for L2A with the bands B04 B03 B02; data 'made:x' are L1C;"),
        ({"bands": ("B02", "B03", "B8A", "B08")}, "are L2A without B04; choose"),
    ],
)
def test_data_that_do_not_fit_are_refused_before_the_first_patch(data, monkeypatch, changes, words):
    data(**changes)
    monkeypatch.setattr("sunbreak.evaluation.scene_classes.detect", None)  # for the first patch
    with pytest.raises(OptionError) as caught:
        run(by_colour(levels=["L2A"]))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_models_need_names_of_their_own(data):
    data()
    with pytest.raises(OptionError, match="at least one classifier"):
        run()
    with pytest.raises(OptionError, match="two classifiers are called 'mine'"):
        run(by_colour(), by_colour())


def test_files_are_named_as_the_user_names_them(data, tmp_path):
    data()
    rng = np.random.default_rng(0)
    fusion = ours(tmp_path / "model.onnx", rng.normal(size=(5, 3)), [("optical", 3), ("radar", 2)], patch=SIZE)
    foreign = sidecar(linear(tmp_path / "a.onnx", rng.normal(size=(3, 3))), patch=SIZE)
    report = run(tmp_path, str(foreign), str(foreign))
    assert report.models == (str(tmp_path), str(foreign))
    assert fusion.name == "model.onnx"
    words = "its card does not say what regions it has seen; whether these are among them is not known"
    assert report.notes == (f"{tmp_path}: {words}", f"{foreign}: {words}")


def test_a_model_that_has_seen_a_region_is_refused_or_stamped(data, tmp_path):
    data()
    card = {"training": {"regions_seen": ["place-1", "elsewhere"]}}
    path = str(ours(tmp_path / "m.onnx", np.eye(3), [("optical", 3)], patch=SIZE, card=card))
    with pytest.raises(OptionError, match=r"was trained on 1 of the 2 regions of this data \(place-1\)"):
        run(path)
    report = run(path, options=EvaluationOptions(allow_seen=True))
    assert report.seen == {path: ("place-1",)}
    assert "TRAINED ON 1" in report.text()


def painter(fails=()):
    """A restorer that paints 0.3 over what is not clear, and remembers what it was asked."""
    asked = []

    def restorer(scene, model):
        asked.append((scene, model))
        if len(asked) - 1 in fails:
            raise QualityError("nothing to restore from")
        painted = np.where(scene.quality.values > 1, np.float32(0.3), scene.optical.values)
        return xr.Dataset({"reflectance": (("band", "y", "x"), painted)})

    return restorer, asked


def test_optical_models_are_scored_on_restored_patches_too(data):
    patches = data()
    optical, seen = seeing("optical")
    fusion, _ = seeing("fusion", uses_radar=True)
    restorer, asked = painter(fails=[3])
    report = run(fusion, optical, restored=True, options=EvaluationOptions(restorer=restorer, buffer=1))
    assert report.models == ("fusion", "optical", "optical, restored first")
    assert [model for _, model in asked] == [DEFAULT] * 5
    for index, one in enumerate(patches):
        grown = grow(detect(one), 1)
        assert_array_equal(asked[index][0].quality, grown)
        assert_array_equal(asked[index][0].radar, one.radar)
        (_, _, before), (restored, radar, clear) = seen[2 * index : 2 * index + 2]
        painted = np.where(grown > 1, np.float32(0.3), one.cloudy)
        if index == 3:
            assert_array_equal(restored, one.cloudy[[2, 1, 0]])
            assert_array_equal(clear, before)
        else:
            assert_array_equal(restored, painted[[2, 1, 0]])
            assert clear.all()
        assert radar is None
    assert report.notes == ("optical, restored first: could not be restored, classified as it is, in patch-3",)


def test_restoring_first_needs_a_model_without_radar(data):
    data()
    fusion, _ = seeing(uses_radar=True)
    with pytest.raises(OptionError, match=r"every model looks at radar; add .* \(RUN/source\)"):
        run(fusion, restored=True)


def test_what_was_left_out_is_noted(data):
    data(skipped=(Skipped("patch-9", "no radar"),))
    assert run(by_colour()).notes == ("data: left out (no radar): patch-9",)


def simulated(path):
    classes = open_labelled(SIMULATED).classes
    weights = np.random.default_rng(0).normal(size=(3, len(classes)))
    return str(ours(path, weights, [("optical", 3)], patch=32, card={"classes": list(classes)}))


def test_the_default_model_restores(tmp_path):
    data = SIMULATED.replace("n=4", "n=2")
    report = evaluate_scene_classes([simulated(tmp_path / "m.onnx")], data, restored=True)
    as_it_is, restored = report.logits.values()
    found = [(detect(one) > Quality.CLEAR).any() for one in open_labelled(data)]
    assert any(found)
    assert_array_equal((as_it_is != restored).any(axis=1), found)


def test_the_command_prints_and_writes_the_report(tmp_path, capsys):
    model = simulated(tmp_path / "m.onnx")
    command = ["evaluate", model, "--data", SIMULATED, "--task", "scene"]
    assert main([*command, "-o", str(tmp_path / "out"), "--json", str(tmp_path / "r.json")]) == 0
    shown = capsys.readouterr().out
    for words in (model, "scene-class", "OA", "by cloud cover"):
        assert words in shown
    content = json.loads((tmp_path / "r.json").read_text())
    assert len(content["patches"]) == 4
    assert (tmp_path / "out" / "report.md").is_file()


def test_a_report_is_drawn(data, tmp_path):
    data()
    assert {path.suffix for path in write_report(run(by_colour()), tmp_path)} == {
        ".md", ".csv", ".json", ".tex", ".png"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--task", "scene", "--protocol", "sunbreak"], "--protocol: scores reflectance"),
        (
            ["--task", "scene", "--by", "region"],
            "--by: tables by cloud cover are always there; leave it out with --task scene",
        ),
        (["--task", "scene", "--parts", "cloud"], "--parts: a patch has one class"),
        (["--restored"], "--restored: is for classifiers; leave it out with --task restore"),
        (["--task", "landcover", "--restored"], "--restored: is for classifiers"),
        (["--task", "scene"], "at least one classifier"),
    ],
)
def test_options_of_other_tasks_are_refused(arguments, words, capsys):
    assert main(["evaluate", "--data", SIMULATED, *arguments]) == 2
    assert words in capsys.readouterr().err
