"""Weights adapted to an archive: what moves, what is checked, what the card says, and kills."""

import json
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from archive_layouts import day, write_folder
from narrow import SEEN, write_narrow
from sunbreak.errors import OptionError
from sunbreak.models import regions_seen
from sunbreak.scene import make_scene
from sunbreak.steps.restore import restore
from sunbreak.train.adapt import PHASE, WINDOWS, adapt
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.own_images import open_archives, prepare
from sunbreak.train.windows import own_windows

QUICK = AdaptOptions(steps=3, crop=64, window=64, reuse=2, batch=1, skies=2, checkpoint=1)
CLOUDS = (0.0, 0.4, 0.95, 0.2, 0.1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_narrow(tmp_path_factory.mktemp("base"))


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return str(write_folder(tmp_path_factory.mktemp("fields"), CLOUDS, size=64))


@pytest.fixture(scope="module")
def whole(base, archive, tmp_path_factory):
    run = tmp_path_factory.mktemp("whole") / "run"
    assert adapt([archive], run, model=base, options=QUICK).finished
    return run


def card(run):
    return json.loads((run / "model.json").read_text())


def weights(run):
    return load_file(run / "model.safetensors")


def same(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def moved(before, after):
    return {name for name in before if not torch.equal(before[name], after[name])}


@pytest.fixture
def better(monkeypatch):
    """Whatever comes out counts as better: a few steps on noise help nobody."""
    monkeypatch.setattr("sunbreak.train.check.Checked.helped", True)


@pytest.fixture
def unexported(monkeypatch):
    """Writing the model file takes most of the time, and has its own tests."""
    monkeypatch.setattr("sunbreak.train.adapt.export", lambda *_: None)


def test_the_last_dates_are_held_and_overcast_ones_left_out(archive, tmp_path):
    own = prepare(open_archives([archive]), tmp_path, replace(QUICK, held=0.5))
    learnt, held = ({window.day for window in own_windows(str(path))} for path in (own.learnt, own.checked))
    assert learnt == {str(day(0)), str(day(1))}
    assert held == {str(day(3)), str(day(4))}


def test_the_card_says_what_it_was_adapted_from_and_to(base, archive, tmp_path, better):
    run = tmp_path / "run"
    told = adapt([archive], run, model=base, options=QUICK)
    found, given = card(run), card(base)
    assert found["name"] == "narrow-adapted"
    assert found["adaptation"]["adapted_from"] == {"name": "narrow", "sha256": given["sha256"]["safetensors"]}
    place = found["adaptation"]["archives"][0]
    assert (place["from"], place["until"], place["images"]) == (str(day(0)), str(day(4)), len(CLOUDS))
    assert archive not in json.dumps(found)  # the name alone, nobody's folders
    assert regions_seen(run) == {*SEEN, place["region"]}
    assert found["licence"].startswith("unknown")
    assert len(found["sigma_scale"]) == 13
    assert found["land_cover"] == given["land_cover"]
    assert "dB before" in told.done
    assert not (run / WINDOWS).exists()
    assert moved(weights(base), weights(run))


def test_weights_that_got_worse_are_not_kept(base, archive, tmp_path):
    run = tmp_path / "run"
    told = adapt([archive], run, model=base, options=replace(QUICK, learning_rate=3.0, steps=4))
    assert "did not help" in told.done
    assert same(weights(run), weights(base))
    assert card(run)["adaptation"]["helped"] is False
    assert "did not help" in card(run)["adaptation"]["note"]
    assert regions_seen(run) == set(SEEN)
    assert card(run)["licence"] == "Apache-2.0"
    # the same again says the same, and works on nothing
    assert adapt([archive], run, model=base, options=replace(QUICK, learning_rate=3.0, steps=4)) == told


def test_what_could_not_be_checked_is_not_kept(base, archive, tmp_path, monkeypatch):
    monkeypatch.setattr("sunbreak.train.check._psnr", lambda *_: float("nan"))
    run = tmp_path / "run"
    told = adapt([archive], run, model=base, options=QUICK)
    assert "too little clear ground" in told.done
    assert same(weights(run), weights(base))
    json.loads((run / "model.json").read_text(), parse_constant=pytest.fail)
    assert adapt([archive], run, model=base, options=QUICK) == told


def test_legs_end_in_the_same_weights(whole, base, archive, tmp_path, unexported):
    legs = 0
    while not adapt([archive], tmp_path / "run", model=base, options=QUICK, leg=0.0).finished:
        legs += 1
    assert legs >= 2
    one, other = (load_file(run / PHASE / "weights.safetensors") for run in (whole, tmp_path / "run"))
    assert same(one, other)
    assert moved(weights(base), one)


def test_a_time_is_kept_over_all_legs(base, archive, tmp_path, unexported, monkeypatch):
    clock = count()
    monkeypatch.setattr("sunbreak.train.budget.monotonic", lambda: next(clock))
    run = tmp_path / "run"
    options = replace(QUICK, steps=0)
    assert not adapt([archive], run, model=base, options=options, minutes=0.5, leg=0.0).finished
    first = torch.load(run / PHASE / "last.ckpt", weights_only=True)
    assert adapt([archive], run, model=base, options=options, minutes=0.5).finished
    last = torch.load(run / PHASE / "last.ckpt", weights_only=True)
    spent = [state["callbacks"]["Budget"]["spent"] for state in (first, last)]
    assert 0 < spent[0] < 30 <= spent[1] < 40
    assert 1 == first["global_step"] < last["global_step"]
    rates = [state["optimizer_states"][0]["param_groups"][0]["lr"] for state in (first, last)]
    assert rates[1] < 0.1 * rates[0]


@pytest.mark.parametrize("parts", ["head", "decoder", "all"])
def test_what_is_to_move_moves_and_nothing_else(base, archive, tmp_path, parts, unexported):
    run = tmp_path / "run"
    adapt([archive], run, model=base, options=replace(QUICK, parts=parts, steps=2, skies=1))
    changed = moved(weights(base), load_file(run / PHASE / "weights.safetensors"))
    stages = {".".join(name.split(".")[:2]) for name in changed}
    if parts == "head":
        assert {"head.weight", "up.0"} <= stages
        assert all(name.startswith(("head.", "up.0.", "decoder.0.")) for name in changed)
    elif parts == "decoder":
        assert "decoder.3" in stages
        assert all(name.startswith(("head.", "up.", "decoder.")) for name in changed)
    else:
        assert {name.split(".")[0] for name in changed} >= {"head", "optical_encoder", "radar_stem"}
    assert not any("running" in name for name in changed)  # statistics of a few crops of one place


def test_the_run_restores_like_any_model(whole):
    optical = np.full((10, 64, 64), 0.1, np.float32)
    quality = np.ones((64, 64), np.uint8)
    quality[10:30, 10:30], optical[:, 10:30, 10:30] = 3, 0.9
    bands = ("B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12")
    product = restore(make_scene(optical, bands=bands, level="L2A", quality=quality), model=whole)
    assert product.attrs["model"] == card(whole)["name"]
    assert np.isfinite(product["reflectance"].data).all()


def test_other_settings_in_the_same_folder_are_refused(whole, base, archive):
    with pytest.raises(OptionError, match="other options"):
        adapt([archive], whole, model=base, options=replace(QUICK, seed=1))


@pytest.mark.parametrize(("clouds", "words"), [((0.1,), "at least two"), ((0.95, 0.95, 0.0), "1 of 3 dates")])
def test_too_few_dates_are_told(base, tmp_path, clouds, words):
    write_folder(tmp_path / "archive", clouds, size=64)
    with pytest.raises(OptionError, match=words):
        adapt([str(tmp_path / "archive")], tmp_path / "run", model=base, options=QUICK)


def test_a_model_without_weights_is_refused(archive, tmp_path):
    with pytest.raises(OptionError, match="no weights"):
        adapt([archive], tmp_path / "run", model="scene-prior", options=QUICK)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("changes", [{"parts": "tail"}, {"held": 0.0}, {"crop": 100}, {"skies": 0}, {"steps": -1}])
def test_impossible_settings_are_refused(changes):
    with pytest.raises(OptionError, match=next(iter(changes))):
        AdaptOptions(**changes)
