"""A step of a training on this device, the loader alone, and both together; needs the extra `train`."""

from __future__ import annotations

import os
import time
import warnings
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any, Final

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from sunbreak.networks import build
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.train.batches import Batched, Plan
from sunbreak.train.legs import precision_here
from sunbreak.train.options import TrainOptions
from sunbreak.train.restoration import Restoration
from sunbreak.train.sources import read_sources

WARM: Final = 4
"""Steps that nobody counts."""
STEPS: Final = 24
"""Steps and batches that count."""
REUSE_UNDER_SKIES: Final = 128
"""Crops of a ground where each lies under other clouds; otherwise as by default."""
CROPS: Final = {"cuda": 32, "cpu": 4}
"""Crops a step."""
LARGE: Final = {"cuda": (8192, 1 << 30), "cpu": (2048, 1 << 27)}
"""Side of the square matrices, and bytes of the array, that the limits of a device are measured on."""


class Traffic(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Counts the bytes that operations read and write, as if nothing were left in a cache or fused."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.bytes = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        found = func(*args, **(kwargs or {}))
        if not func.is_view:
            self.bytes += sum(leaf.nbytes for leaf in tree_leaves((args, kwargs, found)) if isinstance(leaf, Tensor))
        return found


class Watch(pl.Callback):
    """Notes when batches are waited for and when steps end; counts the work of the first step."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.waits: list[float] = []
        self.steps: list[float] = []
        self.flops = self.bytes = 0
        self._since: float | None = None
        self._counters: tuple[Any, Any] = FlopCounterMode(display=False), Traffic()

    def _now(self) -> float:
        if self.device == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter()

    def on_train_batch_start(self, *_: Any) -> None:
        """A batch is there."""
        now = self._now()
        if self._since is None:
            for counter in self._counters:
                counter.__enter__()
        else:
            self.waits.append(now - self._since)
        self._since = now

    def on_train_batch_end(self, *_: Any) -> None:
        """A step is done."""
        now = self._now()
        if not self.flops:
            flops, traffic = self._counters
            for counter in reversed(self._counters):
                counter.__exit__(None, None, None)
            self.flops, self.bytes = flops.get_total_flops(), traffic.bytes
        elif self._since is not None:
            self.steps.append(now - self._since)
        self._since = self._now()


def timed(name: str, data: str, own_skies: bool, batch: int | None) -> dict[str, Any]:
    """Train for some steps.

    Args:
        name: A network that restores.
        data: Data SPEC.
        own_skies: As in `TrainOptions`.
        batch: Crops of 128 pixels a step; None for as many as suit the device.

    Returns:
        Nothing if the network cannot be trained so. Else `batch` and `workers`; medians in seconds: `step`, `wait` for
        a batch with what is done to it on the device, `made` a batch by the loader alone; `flops` and `bytes` of a
        step; the device's limits a second; its name and the precision.
    """
    warnings.simplefilter("ignore")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    batch = batch or CROPS[device]
    workers = max(1, len(os.sched_getaffinity(0)) - 1)
    torch.manual_seed(0)
    network = build(name, None)
    if not isinstance(network, RestorationNetwork):
        raise TypeError(f"{name} restores nothing")
    if own_skies and "prior" in network.inputs:
        return {}
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    options = TrainOptions(batch=batch, workers=workers, final_share=0.0)
    if own_skies:
        options = replace(options, own_skies=True, reuse=REUSE_UNDER_SKIES)
    plan = Plan(options, read_sources([data]), 0, WARM + STEPS, prior="prior" in network.inputs)
    watch, precision = Watch(device), precision_here()
    trainer = pl.Trainer(
        max_steps=plan.steps, devices=1, precision=precision, gradient_clip_val=options.clip, logger=False,
        enable_checkpointing=False, enable_progress_bar=False, enable_model_summary=False, callbacks=[watch],
    )  # fmt: skip
    trainer.fit(Restoration(network, options, semantic=False, steps=plan.steps), datamodule=Batched(plan, 0))
    return {
        "batch": batch, "workers": workers,
        "step": median(watch.steps[WARM:]), "wait": median(watch.waits[WARM:]), "made": _made(plan),
        "waiting": sum(watch.waits[WARM:]) / (sum(watch.waits[WARM:]) + sum(watch.steps[WARM:])),
        "flops": watch.flops, "bytes": watch.bytes, **_limits(device, precision), "precision": precision,
        "device": torch.cuda.get_device_name() if device == "cuda" else "processor",
    }  # fmt: skip


def _made(plan: Plan) -> float:
    """Seconds a batch takes the loader when nothing else is done."""
    batches = iter(Batched(plan, 0).train_dataloader())
    for _ in islice(batches, WARM):
        pass
    start = time.perf_counter()
    count = sum(1 for _ in islice(batches, STEPS))
    return (time.perf_counter() - start) / count


def _limits(device: str, precision: str) -> dict[str, float]:
    """What the device can do: multiplying square matrices, and copying."""
    side, size = LARGE[device]
    kind = torch.bfloat16 if precision.startswith("bf16") else torch.float32
    matrix = torch.ones(side, side, dtype=kind, device=device)
    array, copy = torch.ones(size // 4, device=device), torch.empty(size // 4, device=device)
    return {
        "flops_limit": 2 * side**3 / _fastest(lambda: matrix @ matrix, device),
        "bytes_limit": 2 * size / _fastest(lambda: copy.copy_(array), device),
    }


def _fastest(work: Any, device: str) -> float:
    taken = []
    for _ in range(6):
        start = time.perf_counter()
        work()
        if device == "cuda":
            torch.cuda.synchronize()
        taken.append(time.perf_counter() - start)
    return min(taken)
