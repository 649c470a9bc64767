"""Train a network into a run folder: phase by phase, in legs that can be killed at any moment and go on exactly."""

from __future__ import annotations

import importlib.util
import logging
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from safetensors.torch import load_file, save_file
from torch import nn

from sunbreak.errors import OptionError, SunbreakError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.networks import build
from sunbreak.networks.cloud_mask import CloudMask
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.train.batches import Batched, Plan
from sunbreak.train.card import write_model
from sunbreak.train.cloud_mask import CloudDetection
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration, balanced_weights
from sunbreak.train.run_folder import begin
from sunbreak.train.sources import read_sources

CARD: Final = "model.json"
"""The card of the finished model."""
WEIGHED_BATCHES: Final = 16
"""Batches whose labels give the weights of the classes."""


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
    is_mask = isinstance(built, CloudMask)
    settings = {
        "network": network,
        "data": list(data),
        "config": config or {},
        "options": asdict(options),
        **sources.seen(options.crop, snowy=is_mask),
    }
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
        module = _module(built, options, part, semantic=name == "phase2")
        reached = _fit(module, part, folder / name, minutes, progress)
        if reached < steps:
            return Leg(folder, False, f"{name}: {reached} of {steps} steps")
    write_model(built, folder, settings, plan)
    return finished


def _module(network: nn.Module, options: TrainOptions, plan: Plan, *, semantic: bool) -> pl.LightningModule:
    if isinstance(network, CloudMask):
        return CloudDetection(network, options, steps=plan.steps)
    if not isinstance(network, RestorationNetwork):
        raise OptionError(f"{type(network).__name__}: no training is written for it")
    if semantic:
        torch.manual_seed(options.seed + 1)
        network.attach_land_cover()
    classes = len(LAND_COVER_LEGEND) if semantic else 1
    return Restoration(network, options, semantic=semantic, steps=plan.steps, classes=classes)


class _Checkpoint(pl.Callback):
    """Keeps the latest state, and ends the leg in time.

    A checkpoint is written beside and renamed, so that a kill leaves the one before. It stands behind the running mean
    in the list of callbacks, so that the mean has had its step, and saves before the end of the training, when the mean
    takes the place of the weights. Lightning's own timer would count the legs before, too.
    """

    def __init__(self, path: Path, every: int, minutes: float | None) -> None:
        self.path, self.every = path, every
        self.end = math.inf if minutes is None else time.monotonic() + 60 * minutes

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        # all devices stop at the same step, or they would wait for each other
        if self.end < math.inf and trainer.strategy.reduce_boolean_decision(time.monotonic() > self.end, all=False):
            trainer.should_stop = True
        is_last = trainer.should_stop or trainer.global_step == trainer.max_steps
        if is_last or trainer.global_step % self.every == 0:
            self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        beside = self.path.with_suffix(".partial")
        trainer.save_checkpoint(beside)
        if trainer.is_global_zero:
            beside.replace(self.path)


def _fit(module: pl.LightningModule, plan: Plan, folder: Path, minutes: float | None, progress: bool) -> int:
    """Train one phase as far as time allows; the network of the module is left in that state."""
    network: nn.Module = module.network  # type: ignore[assignment]
    finished, last = folder / "weights.safetensors", folder / "last.ckpt"
    if finished.is_file():
        network.load_state_dict(load_file(finished))
        return plan.steps
    folder.mkdir(parents=True, exist_ok=True)
    start = _reached(last)
    if start < plan.steps:
        _leg(module, plan, last, minutes, progress=progress)
    # read back: the steps may have been made in other processes, and the checkpoint holds the running mean
    state = torch.load(last, weights_only=True)
    network.load_state_dict(
        {
            key.removeprefix("network."): value
            for key, value in state["state_dict"].items()
            if key.startswith("network.")
        }
    )
    network.cpu()
    if state["global_step"] >= plan.steps:
        beside = finished.with_suffix(".partial")
        save_file({key: value.cpu().contiguous() for key, value in network.state_dict().items()}, beside)
        beside.replace(finished)
    return int(state["global_step"])


def _leg(module: pl.LightningModule, plan: Plan, last: Path, minutes: float | None, *, progress: bool) -> None:
    """Train from the last checkpoint on, to the end of the phase or of the time."""
    start = _reached(last)
    if isinstance(module, Restoration) and module.semantic and not start:
        module.class_weights.copy_(_class_weights(plan, len(module.class_weights)))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_steps=plan.steps,
            accelerator="auto",
            devices=plan.options.devices,
            # spawned processes hand the weights back, so that whatever comes after the training happens once
            strategy="ddp_spawn_find_unused_parameters_true" if plan.options.devices > 1 else "auto",
            precision="bf16-mixed" if _has_bf16() else "32-true",
            gradient_clip_val=plan.options.clip,
            logger=_loggers(last.parent, f"from-{start}"),
            log_every_n_steps=10,
            callbacks=_callbacks(last, plan.options, minutes, progress=progress),
            enable_progress_bar=progress,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        batches = Batched(plan, start)
        try:
            trainer.fit(module, datamodule=batches, ckpt_path=str(last) if start else None, weights_only=True)
        except SunbreakError as error:
            # from a process that makes batches: the error's own words are the last line of a whole traceback
            raise type(error)(str(error).strip().splitlines()[-1].partition(": ")[2] or str(error)) from error


def _reached(checkpoint: Path) -> int:
    """Steps done so far."""
    return int(torch.load(checkpoint, weights_only=True)["global_step"]) if checkpoint.is_file() else 0


def _loggers(folder: Path, version: str) -> list[Logger]:
    """CSV always, TensorBoard where it is installed; one folder a leg."""
    loggers: list[Logger] = [CSVLogger(folder, "logs", version=version)]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(TensorBoardLogger(folder, "tensorboard", version=version))
    return loggers


def _callbacks(last: Path, options: TrainOptions, minutes: float | None, *, progress: bool) -> list[pl.Callback]:
    mean = [WeightAveraging(avg_fn=partial(_running_mean, options.ema))] if options.ema else []
    found: list[pl.Callback] = [*mean, _Checkpoint(last, options.checkpoint, minutes)]
    return [*found, TQDMProgressBar()] if progress else found


def _running_mean(kept: float, mean: torch.Tensor, current: torch.Tensor, _: Any) -> torch.Tensor:
    # not torch's own: its closure cannot be handed to spawned processes
    return mean + (1 - kept) * (current - mean)


def _inputs(network: nn.Module) -> tuple[str, ...]:
    names: tuple[str, ...] = network.inputs  # type: ignore[assignment]
    return names


def _has_bf16() -> bool:
    """Whether the hardware computes in bf16: emulated, it would be slower."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _class_weights(plan: Plan, classes: int) -> torch.Tensor:
    stream = plan.stream(plan.options.crop)
    labels = (torch.from_numpy(stream.batch(plan.first + step)["land_cover"]) for step in range(WEIGHED_BATCHES))
    return balanced_weights(labels, classes)
