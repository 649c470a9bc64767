"""The study of scene classes under cloud: every way to a target network, on the same patches, over seeds.

    python bench/transfer_study.py STUDY [--seeds 5] [--epochs 20] [--source 2500] [--target 2500] [--test 2000]

Makes the simulated benchmark once (`STUDY/data`), then for every seed trains the source classifier, all baselines, the
faithful method with its readings, and the cloud-aware recipe with parts left out, and keeps what each says of the test
patches (`STUDY/seed-K/METHOD.npz`). Stopped at any moment, the same command goes on; several at a time share the seeds.
Tables: `bench/transfer_tables.py STUDY`. Two cores need about two hours for five seeds.
"""

import argparse
import fcntl
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch

from sunbreak.data.labelled import open_labelled
from sunbreak.errors import SunbreakError
from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.run_folder import begin
from sunbreak.train.transfer.baselines import BASELINES
from sunbreak.train.transfer.fit import predict
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays, read_arrays
from sunbreak.train.transfer.pseudo_labels import FAITHFUL
from sunbreak.train.transfer.recipes import (
    CloudAware,
    cloud_aware,
    cloud_aware_auxiliaries,
    faithful,
    faithful_auxiliaries,
    three_teachers,
)
from sunbreak.train.transfer.regulation import Regulation, constant
from sunbreak.train.transfer.source import BANDS, fit_source
from sunbreak.train.transfer.stages import Auxiliaries, Setting, train_auxiliaries
from sunbreak.train.transfer.views import as_restored, under_open_sky

READINGS = {
    "irm": Regulation(),
    "irm-alpha-1": Regulation(alpha=1.0),
    "irm-inverse-ratio": Regulation("inverse_ratio"),
    "irm-inverse-share": Regulation("inverse_share"),
    "irm-share": Regulation("share"),
    "irm-agree": Regulation(score="agree"),
    "irm-logits": Regulation(applied="logits"),
    "ogm-batch": Regulation("ogm_batch"),
}
"""Readings of the regulation mechanism; `irm-share` is the opposite direction, a control."""
PARTS = {
    "cloud-aware-no-clouds": CloudAware(clouds=False),
    "cloud-aware-no-hiding": CloudAware(hidden=False),
    "cloud-aware-unmasked": CloudAware(masked=False),
    "cloud-aware-equal": CloudAware(regulated=False),
    "cloud-aware-cold": CloudAware(warm=False),
    "cloud-aware-cloudy-teachers": CloudAware(restored=False),
}
"""The cloud-aware recipe with one part left out."""
RESTORED = {"source": 0.0, "target": 0.5, "test": 1.0}
"""Largest share of cloud of the patches that are restored, too."""


class Study(NamedTuple):
    """The benchmark and where it lies."""

    source: PatchArrays
    target: PatchArrays
    test: PatchArrays
    folder: Path


def main() -> None:
    """Train what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path, help="folder of the study")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds")
    parser.add_argument("--epochs", type=int, default=20, help="passes of each stage")
    parser.add_argument("--encoder", default="small", help="small, or resnet18")
    parser.add_argument("--source", type=int, default=2500, help="labelled clear patches of the source")
    parser.add_argument("--target", type=int, default=2500, help="unlabelled cloudy patches of the target")
    parser.add_argument("--test", type=int, default=2000, help="cloudy patches to be scored on")
    parser.add_argument("--data-seed", type=int, default=0, help="seed of the patches")
    parser.add_argument("--main-only", action="store_true", help="leave out readings, parts left out")
    parser.add_argument("--only", nargs="+", metavar="METHOD", help="methods to train; processes that share a seed")
    given = parser.parse_args()
    torch.set_num_threads(1)  # so that the same seed gives the same weights beside another process
    try:
        _run(_study(given), given)
    except SunbreakError as error:
        sys.exit(f"{given.study}: {error}")


def _run(study: Study, given: argparse.Namespace) -> None:
    for variants in (False, True)[: 1 if given.main_only else 2]:
        for seed in range(given.seeds):
            share = "-".join(["seed", str(seed), *(given.only or ())])
            with (given.study / f"{share}.lock").open("w") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue  # another process is at it
                options = TransferOptions(epochs=given.epochs, encoder=given.encoder, seed=seed)
                _train(study, options, lambda name: given.only is None or name in given.only, variants=variants)


def _study(given: argparse.Namespace) -> Study:
    data = given.study / "data"
    data.mkdir(parents=True, exist_ok=True)
    test = f"simulated-classes:n={given.test},split=test,clouds=blended,seed={given.data_seed}"
    specs = {
        "source": f"simulated-classes:domain=source,n={given.source},seed={given.data_seed}",
        "target": f"simulated-classes:n={given.target},clouds=blended,seed={given.data_seed}",
        "test": test,
    }
    with (data / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # a second process waits for the first to make them
        read = partial(read_arrays, progress=True, workers=2)
        arrays = {
            name: read(open_labelled(spec), BANDS, data / name, restore_to=RESTORED[name])
            for name, spec in specs.items()
        }
        patches = open_labelled(test)
        np.savez(
            given.study / "test.npz",
            labels=arrays["test"].labels,
            cloud=arrays["test"].true_cloud,
            names=np.array([entry.name for entry in patches.entries]),
            classes=np.array(patches.classes),
        )
    return Study(**arrays, folder=given.study)


def _train(study: Study, options: TransferOptions, wanted: Callable[[str], bool], *, variants: bool) -> None:
    folder = study.folder / f"seed-{options.seed}"
    begin(folder, {"options": asdict(options), "patches": [len(part) for part in study[:3]]})
    source = fit_source(study.source, 10, folder, options, progress=True)
    said = predict(source, study.target)["logits"]
    again = predict(source, as_restored(study.target))["logits"]
    setting = Setting(study.target, said, again, BANDS, "L1C", options, folder, progress=True)
    methods = _variants(setting, study.test) if variants else _methods(setting, source, study.test)
    for name, answer in methods.items():
        path = folder / f"{name}.npz"
        if path.is_file() or not wanted(name):
            continue
        start = time.monotonic()
        found = answer()
        np.savez(folder / f".{name}.npz", **found)
        (folder / f".{name}.npz").replace(path)
        right = (found["logits"].argmax(axis=1) == study.test.labels).mean()
        print(f"seed {options.seed}  {name:24s} {100 * right:5.1f} %  {time.monotonic() - start:5.0f} s", flush=True)


Answer = Callable[[], Mapping[str, np.ndarray]]


def _methods(setting: Setting, source: SceneClassifier, test: PatchArrays) -> dict[str, Answer]:
    """What is compared: by name, what trains it and classifies the test patches."""
    published = cache(lambda: faithful_auxiliaries(setting))
    alike = constant(len(setting.patches), source=1.0, optical=1.0, radar=1.0)

    def baseline(name: str) -> Mapping[str, np.ndarray]:
        scored = under_open_sky(test) if name == "clear-sky" else test
        return predict(BASELINES[name](setting), scored)

    return {
        "source": lambda: predict(source, test),
        "restored": lambda: predict(source, as_restored(test)),
        **{name: partial(baseline, name) for name in BASELINES},
        "auxiliaries-mean": lambda: _mean(published(), test),
        "equal": lambda: predict(three_teachers(setting, published(), alike, Regulation(), "equal"), test),
        "irm": lambda: predict(faithful(setting, published(), READINGS["irm"], "irm"), test),
        "cloud-aware": lambda: predict(cloud_aware(setting, cloud_aware_auxiliaries(setting)), test),
    }


def _variants(setting: Setting, test: PatchArrays) -> dict[str, Answer]:
    """The other readings of the mechanism, and ours with one part left out or added."""

    def reading(name: str) -> Mapping[str, np.ndarray]:
        return predict(faithful(setting, faithful_auxiliaries(setting), READINGS[name], name), test)

    def without(name: str) -> Mapping[str, np.ndarray]:
        parts = PARTS[name]
        found = cloud_aware_auxiliaries(setting, restored=parts.restored)
        return predict(cloud_aware(setting, found, parts, name), test)

    def ungated(name: str) -> Mapping[str, np.ndarray]:
        found = train_auxiliaries(setting, FAITHFUL, "ungated-f1", restored=True)
        return predict(cloud_aware(setting, found, CloudAware(), name), test)

    def one_round(name: str) -> Mapping[str, np.ndarray]:
        longer = replace(setting, options=replace(setting.options, rounds=1))
        return predict(cloud_aware(longer, cloud_aware_auxiliaries(setting), CloudAware(), name), test)

    return {
        **{name: partial(without, name) for name in PARTS},
        "cloud-aware-no-gate": partial(ungated, "cloud-aware-no-gate"),
        "cloud-aware-one-round": partial(one_round, "cloud-aware-one-round"),
        **{name: partial(reading, name) for name in READINGS if name != "irm"},
    }


def _mean(found: Auxiliaries, test: PatchArrays) -> dict[str, np.ndarray]:
    optical, radar = (predict(network, test)["logits"] for network in found.networks)
    return {"logits": (optical + radar) / 2}


if __name__ == "__main__":
    main()
