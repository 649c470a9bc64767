"""The study of a transfer, at a size that ranks nothing: whole, laid out as its tables want it, and done only once."""

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sunbreak.train.transfer import views
from sunbreak.train.transfer.baselines import BASELINES

BENCH = Path(__file__).parents[2] / "bench"
# with fewer passes the source is not sure of a single patch, and the published filter rightly stops the study
SIZES = ("--seeds", "1", "--epochs", "10", "--source", "20", "--target", "20", "--test", "10", "--main-only")
ONE_BRANCH = {"source", "restored", "kd-optical", "kd-radar", "early-stacking", "clear-sky", "auxiliaries-mean"}
METHODS = ONE_BRANCH | BASELINES.keys() | {"equal", "irm", "cloud-aware"}


def loaded(name):
    """A script as a module."""
    spec = importlib.util.spec_from_file_location(name, BENCH / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "path", [*sys.path, str(BENCH)])  # where a script finds those beside it
        spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The study, and a function that runs its command again."""
    folder = tmp_path_factory.mktemp("bench") / "study"
    threads = torch.get_num_threads()
    views.cloud_bank.cache_clear()
    with pytest.MonkeyPatch.context() as patch:
        module = loaded("transfer_study")
        patch.setattr(views, "SKY", 128)  # a sixteenth of the skies

        def again(*more):
            patch.setattr(sys, "argv", ["transfer_study.py", str(folder), *SIZES, *more])
            module.main()

        again()
        yield folder, again
    views.cloud_bank.cache_clear()
    torch.set_num_threads(threads)


def test_every_method_says_something_of_every_test_patch(run):
    folder, _ = run
    with np.load(folder / "test.npz") as test:
        labels, cloud, names, classes = (test[name] for name in ("labels", "cloud", "names", "classes"))
    assert labels.tolist() == list(range(10))
    assert len(set(names)) == len(cloud) == len(classes) == 10
    assert ((cloud >= 0) & (cloud <= 1)).all()
    found = {path.stem for path in (folder / "seed-0").glob("*.npz")}
    assert found == METHODS
    for method in METHODS:
        with np.load(folder / "seed-0" / f"{method}.npz") as said:
            parts = {"logits"} if method in ONE_BRANCH else {"logits", "logits_optical", "logits_radar"}
            assert set(said) == parts, method
            for name in parts:
                assert said[name].shape == (10, 10)
                assert said[name].dtype == np.float32
                assert np.isfinite(said[name]).all()


def test_the_tables_read_what_the_study_writes(run, capsys):
    folder, _ = run
    loaded("transfer_tables").main([str(folder)])
    told = capsys.readouterr().out
    for method in METHODS:
        assert f"| {method} |" in told
    assert "seeds 0; " in told


def test_no_two_methods_are_the_same_network(run):
    folder, _ = run
    said = {}
    for method in METHODS:
        with np.load(folder / "seed-0" / f"{method}.npz") as file:
            said[method] = file["logits"].tobytes()
    assert len(set(said.values())) == len(METHODS)


def test_no_patch_of_the_test_is_one_of_the_training(run):
    folder, _ = run
    optical = [np.load(folder / "data" / name / "truth.npy") for name in ("source", "target", "test")]
    first = {patch.tobytes() for patch in np.concatenate(optical)}
    assert len(first) == sum(map(len, optical)) == 50


def test_the_same_command_again_does_nothing(run, capsys):
    folder, again = run
    made = [path for path in folder.glob("*/**/*") if path.suffix in {".npy", ".safetensors"}]
    made += [folder / "seed-0" / f"{method}.npz" for method in METHODS]
    assert len(made) > 2 * len(METHODS)
    before = [path.stat().st_mtime_ns for path in made]
    test = (folder / "test.npz").read_bytes()
    capsys.readouterr()
    again()
    assert capsys.readouterr().out == ""
    assert [path.stat().st_mtime_ns for path in made] == before
    assert (folder / "test.npz").read_bytes() == test


def test_what_is_taken_away_is_made_again_and_alone(run, capsys):
    folder, again = run
    file = folder / "seed-0" / "irm.npz"
    with np.load(file) as before:
        logits = before["logits"]
    file.unlink()
    capsys.readouterr()
    again()
    assert capsys.readouterr().out.split()[:3] == ["seed", "0", "irm"]
    with np.load(file) as after:
        np.testing.assert_array_equal(after["logits"], logits)


def test_a_seed_that_another_process_is_at_is_left_to_it(run, capsys):
    import fcntl

    folder, again = run
    with (folder / "seed-0.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (folder / "seed-0" / "equal.npz").rename(folder / "equal.kept")
        again()
        assert not (folder / "seed-0" / "equal.npz").exists()
    (folder / "equal.kept").rename(folder / "seed-0" / "equal.npz")
    assert capsys.readouterr().out == ""


def test_a_study_does_not_go_on_with_other_settings(run, capsys):
    _, again = run
    with pytest.raises(SystemExit) as caught:
        again("--epochs", "11")
    assert "holds a training with other options" in str(caught.value)
    assert "\n" not in str(caught.value)
