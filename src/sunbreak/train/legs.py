"""Phases of a training in legs that can be killed at any moment and go on exactly: checkpoints, limits, loggers."""

from __future__ import annotations

import importlib.util
import logging
import math
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, Literal

import lightning.pytorch as pl
import torch
from lightning.pytorch.callbacks import TQDMProgressBar, WeightAveraging
from lightning.pytorch.loggers import CSVLogger, Logger, TensorBoardLogger
from safetensors.torch import load_file, save_file
from torch import nn

from sunbreak.errors import OptionError, SunbreakError
from sunbreak.train.batches import Batched, Plan
from sunbreak.train.budget import Budget
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration, balanced_weights

WEIGHED_BATCHES: Final = 16
"""Batches whose labels give the weights of the classes."""
FINISHED: Final = "weights.safetensors"
"""Of a phase that is done."""
LAST: Final = "last.ckpt"
"""Latest state of a phase that is not."""


@dataclass(frozen=True)
class Limits:
    """When a leg or a phase ends, besides after its steps."""

    minutes: float | None = None
    """The leg stops after this time, and the next one goes on."""
    budget: Budget | None = None
    """The phase is done once this is spent; the learning rate runs with it."""


def fit_phase(
    module: pl.LightningModule, plan: Plan, folder: Path, limits: Limits | None = None, *, progress: bool = False
) -> tuple[int, bool]:
    """Train one phase as far as time allows; the network of the module is left in that state.

    Args:
        module: The task; its `network` is trained.
        plan: The samples.
        folder: Of the phase.
        limits: When it ends.
        progress: Show a progress bar.

    Returns:
        Steps done, and whether the phase is done.
    """
    limits = limits or Limits()
    network: nn.Module = module.network  # type: ignore[assignment]
    finished, last = folder / FINISHED, folder / LAST
    if finished.is_file():
        network.load_state_dict(load_file(finished))
        return _state(last)[0], True
    folder.mkdir(parents=True, exist_ok=True)
    if not _is_done(last, plan, limits):
        _leg(module, plan, last, limits, progress=progress)
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
    done = _is_done(last, plan, limits)
    if done:
        beside = finished.with_suffix(".partial")
        save_file({key: value.cpu().contiguous() for key, value in network.state_dict().items()}, beside)
        beside.replace(finished)
    return int(state["global_step"]), done


def _state(checkpoint: Path) -> tuple[int, float]:
    """Steps done so far, and seconds spent of a budget."""
    if not checkpoint.is_file():
        return 0, 0.0
    state = torch.load(checkpoint, weights_only=True)
    return int(state["global_step"]), float(state.get("callbacks", {}).get(Budget.KEY, {}).get("spent", 0.0))


def _is_done(checkpoint: Path, plan: Plan, limits: Limits) -> bool:
    steps, spent = _state(checkpoint)
    return steps >= plan.steps or (limits.budget is not None and steps > 0 and spent >= limits.budget.seconds)


class Checkpoint(pl.Callback):
    """Keeps the latest state, and ends the leg in time.

    A checkpoint is written beside and renamed, so that a kill leaves the one before. It stands behind the running mean
    in the list of callbacks, so that the mean has had its step, and saves before the end of the training, when the mean
    takes the place of the weights. Lightning's own timer would count the legs before, too.
    """

    def __init__(self, path: Path, every: int, minutes: float | None) -> None:
        self.path, self.every = path, every
        self.end = math.inf if minutes is None else time.monotonic() + 60 * minutes

    def on_train_batch_end(self, trainer: pl.Trainer, *_: Any) -> None:
        """Stop where it is time to; save now and then, and always before an end."""
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


def _leg(module: pl.LightningModule, plan: Plan, last: Path, limits: Limits, *, progress: bool) -> None:
    """Train from the last checkpoint on, to the end of the phase or of the time."""
    start, _ = _state(last)
    network: nn.Module = module.network  # type: ignore[assignment]
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
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
            precision=precision_here(),
            gradient_clip_val=plan.options.clip,
            logger=_loggers(last.parent, f"from-{start}"),
            log_every_n_steps=10,
            callbacks=_callbacks(last, plan.options, limits, progress=progress),
            enable_progress_bar=progress and limits.budget is None,
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
        except RuntimeError as error:
            if not type(error).__module__.startswith(("torch._inductor", "torch._dynamo")):
                raise
            told = str(error).strip().splitlines()[0]
            raise OptionError(
                f"--compile: PyTorch cannot compile the network here ({told}); leave it out, or install a C++ compiler "
                "(on a GPU, Triton)"
            ) from error


def _loggers(folder: Path, version: str) -> list[Logger]:
    """CSV always, TensorBoard where it is installed; one folder a leg."""
    loggers: list[Logger] = [CSVLogger(folder, "logs", version=version)]
    if importlib.util.find_spec("tensorboard") is not None:
        loggers.append(TensorBoardLogger(folder, "tensorboard", version=version))
    return loggers


def _callbacks(last: Path, options: TrainOptions, limits: Limits, *, progress: bool) -> list[pl.Callback]:
    mean: list[pl.Callback] = [WeightAveraging(avg_fn=partial(_running_mean, options.ema))] if options.ema else []
    # the budget first, so that the checkpoint knows that it is spent
    spending: list[pl.Callback] = [limits.budget] if limits.budget is not None else []
    found = [*spending, *mean, Checkpoint(last, options.checkpoint, limits.minutes)]
    return [*found, TQDMProgressBar()] if progress and limits.budget is None else found


def _running_mean(kept: float, mean: torch.Tensor, current: torch.Tensor, _: Any) -> torch.Tensor:
    # not torch's own: its closure cannot be handed to spawned processes
    return mean + (1 - kept) * (current - mean)


def precision_here() -> Literal["bf16-mixed", "32-true"]:
    """The arithmetic of trainings on this device: bf16 where the hardware has it, as emulated it would be slower.

    Returns:
        As Lightning calls it.
    """
    on_gpu = torch.cuda.is_available()
    has = torch.cuda.is_bf16_supported() if on_gpu else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return "bf16-mixed" if has else "32-true"


def _class_weights(plan: Plan, classes: int) -> torch.Tensor:
    stream = plan.stream(plan.options.crop)
    labels = (torch.from_numpy(stream.batch(plan.first + step)["land_cover"]) for step in range(WEIGHED_BATCHES))
    return balanced_weights(labels, classes)
