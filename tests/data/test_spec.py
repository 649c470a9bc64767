import pytest

from sunbreak.data import FORMS, open_data, parse_spec
from sunbreak.data.labelled.kinds import LABELLED
from sunbreak.data.spec import Option, SpecForm
from sunbreak.errors import OptionError


def read(text):
    return parse_spec(text, FORMS)


def test_defaults_are_filled_in():
    spec = read("collection:../data,min_cloud=0.02,split=val")
    assert (spec.kind, spec.path, spec["split"], spec["min_cloud"]) == ("collection", "../data", "val", 0.02)
    assert spec["max_cloud"] == 1.0
    assert spec.given == {"split", "min_cloud"}


@pytest.mark.parametrize("text", ["simulated", "simulated:", "simulated:seed=0"])
def test_kinds_without_a_path(text):
    assert read(text)["n"] == 16


@pytest.mark.parametrize("path", ["C:/data/s2", "/a=b/c", "../with space"])
def test_paths_may_hold_colons_equals_and_spaces(path):
    assert read(f"collection:{path},split=all").path == path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("sen12:/data", "kind 'sen12' is unknown; choose from collection, scene, simulated"),
        ("", "kind '' is unknown"),
        ("collection:", "needs the path of a collection's folder"),
        ("collection:d,spilt=test", "no option 'spilt'; its options and defaults: split=auto"),
        ("collection:d,test", "'test' is not option=value"),
        ("collection:d,split=tset", "split=tset: choose from auto, train, val, test, all"),
        ("simulated:seed=1,seed=2", "'seed' is given twice"),
        ("simulated:n=many", "n=many: expected a whole number, as in n=16"),
        ("simulated:n=1.5", "expected a whole number"),
        ("simulated:cover=1.5", "cover=1.5: expected a number, at least 0.0 and at most 1.0"),
        ("simulated:cover=nan", "cover=nan: expected a number"),
        ("simulated:/data", "'/data' is not option=value"),
    ],
)
def test_messages_say_what_is_valid(text, words):
    with pytest.raises(OptionError) as caught:
        read(text)
    assert words in str(caught.value)


@pytest.mark.parametrize("forms", [FORMS, {name: kind.form for name, kind in LABELLED.items()}])
def test_examples_are_of_the_kinds_at_hand_and_can_be_read(forms):
    for text in ("sen12", *(f"{kind}:" for kind, form in forms.items() if form.path)):
        with pytest.raises(OptionError) as caught:
            parse_spec(text, forms)
        examples = str(caught.value).rpartition("for example ")[2].split(" or ")
        for example in examples:
            assert parse_spec(example, forms).text.startswith(text if ":" in text else "")


@pytest.mark.parametrize(
    ("forms", "example"),
    [
        ({"made": SpecForm({"name": Option("", "name"), "n": Option(3, "number")})}, "for example made:n=3"),
        ({"made": SpecForm({})}, "for example made:"),
        ({"made": SpecForm({}, "a folder")}, "for example made:../data"),
        ({"made": SpecForm({}), "read": SpecForm({}, "a folder")}, "for example read:../data or made:"),
    ],
)
def test_an_example_has_what_its_kind_has(forms, example):
    with pytest.raises(OptionError) as caught:
        parse_spec("other:x", forms)
    assert str(caught.value).endswith(example)


def test_simulated_scenes_know_the_truth_and_repeat():
    data = open_data("simulated:seed=5,n=2,size=96,cover=0.2,kind=broken")
    first, second = data
    again = next(iter(open_data("simulated:seed=5,n=2,size=96,cover=0.2,kind=broken")))
    assert (first.cloudy == again.cloudy).all()
    assert first.same_date
    assert first.radar.shape == (2, 96, 96)
    clear = first.quality == 1
    assert abs(first.cloudy[:, clear] - first.clear[:, clear]).mean() < 0.02
    assert first.region != second.region


def test_hash_tells_sets_apart():
    hashes = {open_data(f"simulated:{text}").split_hash for text in ("", "n=15", "seed=1", "cover=0.4", "n=16")}
    assert len(hashes) == 4  # n=16 is the default
