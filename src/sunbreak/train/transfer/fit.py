"""Train one network of a transfer; a stopped stage goes on from its checkpoint, a finished one is read back."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from tqdm import tqdm

from sunbreak.errors import OptionError
from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.transfer.options import TransferOptions
from sunbreak.train.transfer.patch_arrays import PatchArrays
from sunbreak.train.transfer.views import Batch, View, batch_of, turned

Index = npt.NDArray[np.int64]
Loss = Callable[[dict[str, Tensor], Index], Tensor]
"""(b,) losses of a batch, from what the network found and which patches they are."""
AfterBackward = Callable[[SceneClassifier, dict[str, Tensor], Index], None]
"""Changes gradients before a step."""
PREDICTED: int = 1 << 20
"""Pixels in a batch without gradients."""


@dataclass(frozen=True)
class Stage:
    """What is trained on what."""

    name: str
    """Folder of the stage and label of its progress bar."""
    patches: PatchArrays
    """All patches."""
    loss: Loss
    """What is minimised, a mean over patches."""
    kept: Index | None = None
    """(m,) patches to train on; None takes all."""
    views: tuple[View, ...] = ()
    """What is done to the inputs, in order, before they are turned and mirrored."""
    after_backward: AfterBackward | None = None
    """Changes gradients before a step."""
    share: float = 1.0
    """Of the options' epochs."""


def fit(
    network: SceneClassifier, stage: Stage, options: TransferOptions, folder: Path, *, progress: bool = False
) -> SceneClassifier:
    """Train a network through a stage, or read it back if that is done.

    Args:
        network: With its first weights.
        stage: What is trained on what.
        options: Steps, batch, rates, seed.
        folder: Of the run; the stage keeps its state in a folder of its own inside.
        progress: Show a progress bar on a terminal.

    Returns:
        The network, trained, in evaluation mode, on the CPU.
    """
    place = folder / stage.name
    finished, last = place / "weights.safetensors", place / "last.ckpt"
    if finished.is_file():
        network.load_state_dict(load_file(finished))
        return network.eval()
    kept = np.arange(len(stage.patches)) if stage.kept is None else np.asarray(stage.kept)
    if len(kept) < 2:
        raise OptionError(f"{stage.name}: {len(kept)} patch to train on; at least 2 are needed, give more data")
    place.mkdir(parents=True, exist_ok=True)
    steps = max(1, round(stage.share * options.steps(len(stage.patches))))
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.to(device).to(memory_format=torch.channels_last).train()  # type: ignore[call-overload]
    optimizer = _optimizer(network, options)
    start = _restored(last, network, optimizer)
    every = max(1, len(stage.patches) // options.batch)
    bar = tqdm(total=steps, initial=start, desc=stage.name, disable=None if progress else True, leave=False)
    for step in range(start, steps):
        draw = np.random.default_rng((options.seed, step, 7))
        torch.manual_seed(options.seed * 1_000_003 + step)
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * _rate(step, steps, options.warmup)
        _step(network, stage, optimizer, _picked(kept, options, step), draw)
        bar.update()
        if (step + 1) % (10 * every) == 0 and step + 1 < steps:
            _keep(last, network, optimizer, step + 1)
    bar.close()
    network.cpu().eval()
    beside = finished.with_suffix(".partial")
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, beside)
    beside.replace(finished)
    last.unlink(missing_ok=True)
    return network


def predict(network: SceneClassifier, patches: PatchArrays) -> dict[str, npt.NDArray[np.float32]]:
    """Classify all patches as they are.

    Args:
        network: On the CPU.
        patches: The patches.

    Returns:
        Outputs by name, (n, class).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network.eval().to(device)
    parts: list[dict[str, Tensor]] = []
    with torch.inference_mode(), _arithmetic(device):
        size = max(1, PREDICTED // patches.clear[0].size)
        for first in range(0, len(patches), size):
            index = np.arange(first, min(first + size, len(patches)))
            batch = {name: value.to(device) for name, value in batch_of(patches, index).items()}
            parts.append({name: value.float().cpu() for name, value in network(batch).items()})
    network.cpu()
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def _picked(kept: Index, options: TransferOptions, step: int) -> Index:
    """The patches of a step: every pass over them in an order of its own, a pure function of the step."""
    size = min(options.batch, len(kept))
    a_pass = max(1, len(kept) // size)
    order = np.random.default_rng((options.seed, step // a_pass, 3)).permutation(len(kept))
    chosen: Index = kept[order[(step % a_pass) * size :][:size]]
    return np.sort(chosen)  # arrays on disk are read in their order


def _step(
    network: SceneClassifier, stage: Stage, optimizer: torch.optim.Optimizer, index: Index, draw: np.random.Generator
) -> None:
    batch: Batch = batch_of(stage.patches, index)
    for view in stage.views:
        batch = view(batch, draw)
    device = network.optical_mean.device
    inputs = {name: value.to(device) for name, value in turned(batch, draw).items()}
    with _arithmetic(device):
        found = network(inputs)
    found = {name: value.float() for name, value in found.items()}
    optimizer.zero_grad(set_to_none=True)
    loss = stage.loss(found, index).mean()
    if not torch.isfinite(loss):
        raise OptionError(f"{stage.name}: the training diverged; lower --learning_rate")
    loss.backward()  # type: ignore[no-untyped-call]
    if stage.after_backward is not None:
        stage.after_backward(network, found, index)
    torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
    optimizer.step()


def _optimizer(network: SceneClassifier, options: TransferOptions) -> torch.optim.SGD:
    decayed = [weight for weight in network.parameters() if weight.ndim > 1]
    others = [weight for weight in network.parameters() if weight.ndim <= 1]
    groups = [{"params": decayed, "weight_decay": options.weight_decay}, {"params": others, "weight_decay": 0.0}]
    return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9, nesterov=True)


def _rate(step: int, steps: int, warmup: float) -> float:
    rising = max(1, round(warmup * steps))
    if step < rising:
        return (step + 1) / rising
    return 0.5 * (1 + math.cos(math.pi * (step - rising) / max(steps - rising, 1)))


def _arithmetic(device: torch.device) -> torch.autocast:
    """Half precision where the hardware has it: twice as fast on these small networks."""
    on_gpu = device.type == "cuda"
    has = torch.cuda.is_bf16_supported() if on_gpu else torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=bool(has))


def _keep(last: Path, network: SceneClassifier, optimizer: torch.optim.Optimizer, step: int) -> None:
    beside = last.with_suffix(".partial")
    torch.save({"network": network.state_dict(), "optimizer": optimizer.state_dict(), "step": step}, beside)
    beside.replace(last)


def _restored(last: Path, network: SceneClassifier, optimizer: torch.optim.Optimizer) -> int:
    if not last.is_file():
        return 0
    state = torch.load(last, weights_only=True)
    network.load_state_dict(state["network"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])
