"""Train a network into a run folder: phase by phase, in legs that can be killed at any moment and go on exactly."""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import TQDMProgressBar
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from safetensors.torch import load_file, save_file
from torch import nn

from sunbreak._version import __version__
from sunbreak.data.kinds import FORMS
from sunbreak.data.spec import parse_spec
from sunbreak.errors import OptionError
from sunbreak.networks import build
from sunbreak.networks.cloud_mask import CloudMask
from sunbreak.networks.tdp_cr import TdpCr
from sunbreak.train.batches import Plan, loader
from sunbreak.train.card import write_model
from sunbreak.train.cloud_mask import CloudDetection
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration, balanced_weights

SETTINGS: Final = "run.json"
"""What a run was started with; going on with other settings is refused."""
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
        network: One of `networks.NETWORKS`.
        data: Data SPECs to train on: `simulated:`, `collection:PATH` (its train split), or both, mixed by `real_share`.
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
    collection, share = _sources(data, options)
    settings = {"network": network, "data": list(data), "config": config or {}, "options": asdict(options)}
    torch.manual_seed(options.seed)
    built = build(network, config)
    _begin(folder, settings)
    is_mask = isinstance(built, CloudMask)
    phases = [("phase1", 0, options.steps)]
    if not is_mask and options.semantic_steps:
        phases.append(("phase2", options.steps, options.semantic_steps))
    plan = Plan(options, collection, share, 0, options.steps, prior=_takes_prior(built), mask=is_mask)
    for name, first, steps in phases:
        part = replace(plan, first=first, steps=steps)
        if name == "phase2":
            part = _labelled(part, real_only=share == 1.0)
        module = _module(built, options, part, semantic=name == "phase2")
        reached = _fit(module, part, folder / name, minutes, progress)
        if reached < steps:
            return Leg(folder, False, f"{name}: {reached} of {steps} steps")
    write_model(built, folder, settings, plan)
    return Leg(folder, True, ", ".join(f"{name}: {steps} steps" for name, _, steps in phases))


def _labelled(plan: Plan, *, real_only: bool) -> Plan:
    """Phase 2 learns from simulated scenes alone, wherever there are some: real ones come without labels."""
    options = replace(plan.options, reuse=plan.options.semantic_reuse)
    return replace(plan, options=options) if real_only else replace(plan, options=options, real_share=0.0)


def _sources(data: Sequence[str], options: TrainOptions) -> tuple[str | None, float]:
    specs = [parse_spec(text, FORMS) for text in data]
    unknown = [spec.text for spec in specs if spec.kind not in ("simulated", "collection")]
    if unknown or not specs:
        raise OptionError(f"data {unknown}: networks are trained on `simulated:`, `collection:PATH` or both")
    folders = [str(spec.path) for spec in specs if spec.kind == "collection"]
    if len(folders) > 1:
        raise OptionError(f"data {list(data)}: one collection at most")
    if not folders:
        return None, 0.0
    return folders[0], options.real_share if len(specs) > 1 else 1.0


def _begin(folder: Path, settings: dict[str, Any]) -> None:
    path = folder / SETTINGS
    wanted = json.loads(json.dumps(settings))
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        found.pop("sunbreak", None)
        if found != wanted:
            differ = [key for key in wanted if found.get(key) != wanted[key]]
            raise OptionError(f"{folder}: holds a training with other {', '.join(differ)} ({path}); take another -o")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise OptionError(f"{folder}: is not empty and holds no training; take another -o")
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps({"sunbreak": __version__, **wanted}, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def _module(network: nn.Module, options: TrainOptions, plan: Plan, *, semantic: bool) -> pl.LightningModule:
    if isinstance(network, CloudMask):
        return CloudDetection(network, options, steps=plan.steps)
    if not isinstance(network, TdpCr):
        raise OptionError(f"{type(network).__name__}: no training is written for it")
    if semantic:
        torch.manual_seed(options.seed + 1)
        network.attach_land_cover()
    return Restoration(network, options, semantic=semantic, steps=plan.steps)


class _Checkpoint(pl.Callback):
    """Keeps the latest state, and ends the leg in time.

    A checkpoint is written beside and renamed, so that a kill leaves the one before. Lightning's own timer would count
    the legs before, too.
    """

    def __init__(self, path: Path, every: int, minutes: float | None) -> None:
        self.path, self.every = path, every
        self.end = math.inf if minutes is None else time.monotonic() + 60 * minutes

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        if trainer.global_step % self.every == 0:
            self._save(trainer)
        if time.monotonic() > self.end:
            trainer.should_stop = True

    def on_train_end(self, trainer: pl.Trainer, *_: Any) -> None:
        self._save(trainer)

    def _save(self, trainer: pl.Trainer) -> None:
        beside = self.path.with_suffix(".partial")
        trainer.save_checkpoint(beside)
        beside.replace(self.path)


def _fit(module: pl.LightningModule, plan: Plan, folder: Path, minutes: float | None, progress: bool) -> int:
    """Train one phase as far as time allows; the network of the module is left in that state."""
    network: nn.Module = module.network  # type: ignore[assignment]
    finished, last = folder / "weights.safetensors", folder / "last.ckpt"
    if finished.is_file():
        network.load_state_dict(load_file(finished))
        return plan.steps
    folder.mkdir(parents=True, exist_ok=True)
    start = torch.load(last, weights_only=True)["global_step"] if last.is_file() else 0
    if isinstance(module, Restoration) and module.semantic and not start:
        module.class_weights.copy_(_class_weights(plan, len(module.class_weights)))
    logging.getLogger("lightning.pytorch").setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = pl.Trainer(
            max_steps=plan.steps,
            accelerator="auto",
            devices=1,
            precision="bf16-mixed" if _has_bf16() else "32-true",
            gradient_clip_val=plan.options.clip,
            logger=_loggers(folder, f"from-{start}"),
            log_every_n_steps=10,
            callbacks=[_Checkpoint(last, plan.options.checkpoint, minutes), *([TQDMProgressBar()] if progress else [])],
            enable_progress_bar=progress,
            enable_checkpointing=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
        )
        trainer.fit(module, loader(plan, start), ckpt_path=str(last) if start else None, weights_only=True)
    if trainer.global_step >= plan.steps:
        beside = finished.with_suffix(".partial")
        save_file({key: value.cpu().contiguous() for key, value in network.state_dict().items()}, beside)
        beside.replace(finished)
    network.cpu()
    return trainer.global_step


def _loggers(folder: Path, version: str) -> list[Logger]:
    """CSV always, TensorBoard where it is installed; one folder a leg."""
    loggers: list[Logger] = [CSVLogger(folder, "logs", version=version)]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(TensorBoardLogger(folder, "tensorboard", version=version))
    return loggers


def _takes_prior(network: nn.Module) -> bool:
    return isinstance(network, TdpCr) and network.options.prior


def _has_bf16() -> bool:
    """Whether the hardware computes in bf16: emulated, it would be slower."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _class_weights(plan: Plan, classes: int) -> torch.Tensor:
    stream = plan.stream(plan.options.crop)
    labels = (torch.from_numpy(stream.batch(plan.first + step)["land_cover"]) for step in range(WEIGHED_BATCHES))
    return balanced_weights(labels, classes)
