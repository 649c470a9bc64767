"""Train every network and every ablation on equal samples, several seeds each; `study_tables.py` prints the outcome.

    python bench/study.py DATA RUNS [--plan smoke|full] [--steps N] [--seeds N] [--only TEXT] [--minutes N]

`DATA` is the folder of a collection, `RUNS` where the runs go. One run is trained after another, each in its own
process; stopped at any moment, the same command goes on, and several of them at a time share the work. `smoke` is
narrow and short: it proves the chain and ranks nothing. `full` has the full widths; with `--minutes 9` it serves a
machine that is lent for minutes, called again and again.
"""

import argparse
import fcntl
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

NARROW = {
    "tdp-cr": {"widths": [8, 16, 24, 32]},
    "tdp-cr-prior": {"widths": [8, 16, 24, 32]},
    "ib-hfn-small": {"widths": [8, 16, 24, 32]},
    "naf-unet": {"widths": [8, 16, 24, 32]},
    "dsen2-cr": {"width": 16, "blocks": 4},
    "uncrtaints": {"width": 16, "decoder_blocks": 2},
}
"""What `smoke` trains, and at what size."""
OURS = "tdp-cr-prior"
"""Whose learning curves are drawn."""
LIGHT = ("tdp-cr", OURS, "ib-hfn-small", "naf-unet")
"""What two cores can train, all of about one cost."""
HEAVY = ("dsen2-cr-narrow", "uncrtaints", "tdp-cr-large", "ib-hfn", "ib-hfn-large", "dsen2-cr")
"""What `full` trains after everything else: 4 to 350 times as costly, but for the first two a matter of GPUs."""
VARIANTS = {"dsen2-cr-narrow": ("dsen2-cr", {"width": 48, "blocks": 6})}
"""Networks at a size of ours, which the registry does not name: DSen2-CR as two cores can train it."""
SETTINGS = {"dsen2-cr": {"learning_rate": 2e-4}, "uncrtaints": {"learning_rate": 1e-3}}
"""Rates that networks without normalised residual branches can bear."""
TDP_CR = {
    "no radar": {"fusion": "none"},
    "concatenation": {"fusion": "concat"},
    "prompt off": {"fusion": "promptless"},
    "global only": {"fusion": "global"},
    "local only": {"fusion": "local"},
}
"""Against `full`, which is the first seed of the network itself."""
IB_HFN = {
    "concatenation": {"squeeze": "none"},
    "no bottleneck": {"squeeze": "deterministic"},
    "no gate": {"gate": False},
    "skips from random": {"identity_skips": False},
    "skip at 80 m only": {"multi_level": False},
    "static weights": {"scheduled": False},
    "beta 0": {"beta": 0.0},
    "beta 1e-5": {"beta": 1e-5},
    "beta 1e-3": {"beta": 1e-3},
    "beta 1e-2": {"beta": 1e-2},
    "without structure": {"structure_weight": 0.0},
    "without spectrum": {"spectrum_weight": 0.0},
    "without sharpness": {"sharpness_weight": 0.0},
}
TIMES = (0.1, 0.25, 0.5)
"""Shares of the steps after which the learning curve of ours over time is read, each a training of its own."""
REUSES = (8, 256, 2048)
"""Crops taken from a scene, for the learning curve over data: at half of the steps, ever fewer scenes."""
FREEZING = ("head", "decoder", "all")
"""What phase 2 trains; all three go on from one phase 1."""


@dataclass(frozen=True)
class Run:
    """One training."""

    name: str
    """Folder, and name in tables."""
    network: str
    """Name in the registry."""
    seed: int = 0
    """Of weights and samples."""
    config: dict = field(default_factory=dict)
    """Options of the network."""
    flags: dict = field(default_factory=dict)
    """Options of the training that differ from the plan's."""
    after: str = ""
    """Run whose phase 1 this one takes over."""


def planned(given: argparse.Namespace) -> Iterator[Run]:
    """All runs of the plan: first seeds, ablations, other seeds, and then what is costly."""
    narrow = NARROW if given.plan == "smoke" else {}
    light, heavy = (tuple(NARROW), ()) if given.plan == "smoke" else (LIGHT, HEAVY)
    for networks, ablations in ((light, True), (heavy, False)):
        for seed in range(given.seeds):
            for name in networks:
                network, config = VARIANTS.get(name, (name, narrow.get(name, {})))
                yield Run(f"{name}-s{seed}", network, seed, config, SETTINGS.get(network, {}))
            if seed == 0 and ablations:
                yield from _ablations(narrow, given.steps)
                yield from curves(narrow, given.steps)


def _ablations(narrow: dict, steps: int) -> Iterator[Run]:
    for family, network, variants in (("tdp-cr", "tdp-cr", TDP_CR), ("ib-hfn", "ib-hfn-small", IB_HFN)):
        for name, config in variants.items():
            slug = name.replace(" ", "-")
            yield Run(f"{family}--{slug}", network, 0, {**narrow.get(network, {}), **config})
    for trained in FREEZING:
        flags = {"semantic_steps": max(steps // 4, 2), "semantic_trainable": trained}
        yield Run(f"tdp-cr--phase-2-{trained}", "tdp-cr", 0, narrow.get("tdp-cr", {}), flags, after="tdp-cr-s0")


def curves(narrow: dict, steps: int) -> Iterator[Run]:
    """Ours after fewer steps, and on fewer scenes."""
    config = narrow.get(OURS, {})
    for share in TIMES:
        yield Run(f"{OURS}--time-{share:g}", OURS, 0, config, {"steps": round(share * steps)})
    for reuse in REUSES:
        flags = {"steps": round(max(TIMES) * steps), "reuse": reuse}
        yield Run(f"{OURS}--reuse-{reuse}", OURS, 0, config, flags)


def command(run: Run, folder: Path, given: argparse.Namespace) -> list[str]:
    steps = run.flags.get("steps", given.steps)
    flags = {
        "steps": steps, "semantic_steps": 0, "seed": run.seed, "warmup": max(steps // 10, 1),
        "checkpoint": max(min(100, steps // 5), 1), **({"ema": 0.999} if steps >= 10_000 else {}),
    }  # fmt: skip
    if given.plan == "smoke":
        flags |= {"batch": 2, "crop": 64, "final_crop": 128, "scene_size": 128, "reuse": 8}
    flags |= run.flags
    data = ["simulated:", f"collection:{given.data}"]
    parts = [sys.executable, "-m", "sunbreak.cli", "train", run.network, "--data", *data, "-o", str(folder)]
    parts += [f"--{name}={value}" for name, value in flags.items()]
    parts += ["--network-options", json.dumps(run.config)]
    return [*parts, *(["--minutes", str(given.minutes)] if given.minutes else [])]


def train(given: argparse.Namespace, runs: list[Run]) -> list[str]:
    """Train what is not finished; the names of those that failed."""
    failed = []
    given.runs.mkdir(parents=True, exist_ok=True)
    for run in runs:
        folder = given.runs / run.name
        if (folder / "model.json").is_file() or not any(text in run.name for text in given.only or [""]):
            continue
        if run.after and not (given.runs / run.after / "model.json").is_file():
            print(f"{run.name}: waits for {run.after}", flush=True)
            continue
        with (given.runs / f"{run.name}.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue  # another process is at it
            print(f"{run.name}: training", flush=True)
            if not _trained(run, folder, given):
                failed.append(run.name)
    return failed


def _trained(run: Run, folder: Path, given: argparse.Namespace) -> bool:
    parts = command(run, folder, given)
    phase = folder / "phase1" / "weights.safetensors"
    if run.after and not phase.is_file():
        # phase 1 knows nothing of the settings of phase 2; a step of it makes the folder
        if subprocess.run([*parts, "--minutes", "0"], stdout=subprocess.DEVNULL, check=False).returncode:
            return False
        shutil.copy(given.runs / run.after / "phase1" / phase.name, phase.with_suffix(".partial"))
        phase.with_suffix(".partial").replace(phase)
    return subprocess.run(parts, check=False).returncode == 0


def arguments(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What training and tables have in common."""
    parser.add_argument("data")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--plan", choices=("smoke", "full"), default="full")
    parser.add_argument("--steps", type=int)
    parser.add_argument("--seeds", type=int)
    given = parser.parse_args()
    given.steps = given.steps or (60 if given.plan == "smoke" else 20_000)
    given.seeds = given.seeds or (1 if given.plan == "smoke" else 3)
    return given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="TEXT", help="runs whose name contains it; again for more")
    parser.add_argument("--minutes", type=float, metavar="N", help="of every run in this call")
    given = arguments(parser)
    failed = train(given, list(planned(given)))
    if failed:
        sys.exit(f"failed: {', '.join(failed)}; the same command tries them again")


if __name__ == "__main__":
    main()
