"""Train a network into a run folder: phase by phase, in legs that can be killed at any moment and go on exactly."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightning.pytorch as pl
import torch
from torch import nn

from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.networks import build
from sunbreak.networks.cloud_mask import CloudMask
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.train.batches import Plan
from sunbreak.train.card import write_model
from sunbreak.train.cloud_mask import CloudDetection
from sunbreak.train.legs import Limits, fit_phase
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration
from sunbreak.train.run_folder import begin
from sunbreak.train.sources import read_sources
from sunbreak.train.start import LAND_COVER, Start, begin_with, read_start

CARD: Final = "model.json"
"""The card of the finished model."""


@dataclass(frozen=True)
class Leg:
    """What a call of `train` achieved."""

    folder: Path
    """The run."""
    finished: bool
    """The model file is written; otherwise the same call goes on with the training."""
    done: str
    """How far it is, for people."""


def train(
    network: str,
    data: Sequence[str],
    out: str | Path,
    *,
    options: TrainOptions | None = None,
    config: dict[str, Any] | None = None,
    minutes: float | None = None,
    progress: bool = False,
) -> Leg:
    """Train a network, or go on with a training that was stopped.

    Args:
        network: One of `registry.NETWORKS`.
        data: Data SPECs to train on, see `sources.read_sources`; `simulated:` and all others are mixed by `real_share`.
        out: Folder of the run: settings, checkpoints, logs, and at the end `model.onnx` with its card.
        options: Steps, sizes, rates.
        config: Settings of the network that differ from its defaults.
        minutes: Stop after this time, with a checkpoint.
        progress: Show progress bars.

    Returns:
        What was achieved.

    Raises:
        OptionError: The folder holds a training with other settings, or the network or the data are unknown.
    """
    options, folder = options or TrainOptions(), Path(out)
    sources = read_sources(data)
    torch.manual_seed(options.seed)
    built = build(network, config)
    start = None if options.start_from is None else read_start(options.start_from)
    if start is not None:
        begin_with(built, start)
    is_mask = isinstance(built, CloudMask)
    if options.own_skies:
        _refuse_own_skies(built, network)
    settings = {
        "network": network,
        "data": list(data),
        "config": config or {},
        "options": asdict(options),
        **sources.seen(options.crop, snowy=is_mask),
    }
    if start is not None:
        seen = start.joined(settings.pop("regions_seen"))
        settings |= {"started_from": start.told | {"licence": start.card.licence}, **seen}
    begin(folder, settings)
    phases = [("phase1", 0, options.steps)]
    if isinstance(built, RestorationNetwork) and built.maps_land_cover and options.semantic_steps:
        phases.append(("phase2", options.steps, options.semantic_steps))
    finished = Leg(folder, True, ", ".join(f"{name}: {steps} steps" for name, _, steps in phases))
    if (folder / CARD).is_file():  # written last
        return finished
    plan = Plan(options, sources, 0, options.steps, prior="prior" in _inputs(built), mask=is_mask)
    for name, first, steps in phases:
        part = replace(plan, first=first, steps=steps)
        if name == "phase2":
            # labels are coarse, so phase 2 needs more scenes and fewer crops of each
            part = replace(part, sources=sources.labelled(), options=replace(options, reuse=options.semantic_reuse))
        module = _module(built, options, part, start, semantic=name == "phase2")
        reached, done = fit_phase(module, part, folder / name, Limits(minutes), progress=progress)
        if not done:
            return Leg(folder, False, f"{name}: {reached} of {steps} steps")
    write_model(built, folder, settings, plan)
    return finished


def _module(
    network: nn.Module, options: TrainOptions, plan: Plan, start: Start | None, *, semantic: bool
) -> pl.LightningModule:
    if isinstance(network, CloudMask):
        return CloudDetection(network, options, steps=plan.steps)
    if not isinstance(network, RestorationNetwork):
        raise OptionError(f"{type(network).__name__}: no training is written for it")
    if semantic:
        torch.manual_seed(options.seed + 1)
        network.attach_land_cover()
        if start is not None:
            begin_with(network, start, only=LAND_COVER)
    classes = len(LAND_COVER_LEGEND) if semantic else 1
    return Restoration(network, options, semantic=semantic, steps=plan.steps, classes=classes)


def _refuse_own_skies(network: nn.Module, name: str) -> None:
    """Of networks that cannot learn from crops under skies of their own."""
    if not isinstance(network, RestorationNetwork):
        raise OptionError(f"own_skies: {name} does not restore; leave it out")
    if "prior" in network.inputs:
        raise OptionError(
            f"own_skies: {name} takes the scene prior, which is fitted on whole scenes under one sky; leave it out"
        )


def _inputs(network: nn.Module) -> tuple[str, ...]:
    names: tuple[str, ...] = network.inputs  # type: ignore[assignment]
    return names
