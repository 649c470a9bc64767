"""Write a trained network as a model file: ONNX, safetensors, and the card beside them."""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from safetensors.torch import save
from torch import Tensor, nn

from sunbreak.bands import L1C_BANDS, LEVELS
from sunbreak.legend import Quality

OPSET: Final = 18
PATCH: Final = 256
"""Side in pixels that compute is counted at."""
_CHANNELS: Final = {
    "optical": len(L1C_BANDS),
    "radar": 2,
    "radar_valid": 1,
    "quality": len(Quality),
    "prior": len(L1C_BANDS),
    "prior_sigma": len(L1C_BANDS),
    "regression": len(L1C_BANDS),
    "kriging": len(L1C_BANDS),
}
_WHOLE: Final = {"present": len(L1C_BANDS), "level": len(LEVELS)}


class _ByPosition(nn.Module):
    """ONNX wants inputs in a row, the networks take them by name."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.inputs: tuple[str, ...] = network.inputs  # type: ignore[assignment]

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network(dict(zip(self.inputs, tensors, strict=True))).values())


def example(names: tuple[str, ...], size: int = PATCH) -> dict[str, Tensor]:
    """Inputs of the right shapes, plausible in value.

    Args:
        names: Names of the inputs.
        size: Height and width.

    Returns:
        Tensors by name, the same on every call.
    """
    generator = torch.Generator().manual_seed(0)
    made: dict[str, Tensor] = {}
    for name in names:
        if name in _WHOLE:
            made[name] = torch.ones(1, _WHOLE[name], 1, 1)
        else:
            noise = torch.rand(1, _CHANNELS[name], size, size, generator=generator)
            made[name] = {"radar": noise * 10 - 20, "quality": noise.round(), "radar_valid": noise.round()}.get(
                name, noise * (0.05 if name == "prior_sigma" else 0.5)
            )
    if "level" in made:
        made["level"][:, 1] = 0.0
    return made


def count(network: nn.Module, inputs: Mapping[str, Tensor] | None = None) -> tuple[int, float]:
    """Size of a network.

    Args:
        network: One of `registry.NETWORKS`, or another with its inputs.
        inputs: An example of each input; None takes those of restoration networks at 256 x 256.

    Returns:
        Parameters, and multiply-accumulate operations of its convolutions and linear layers on the example in thousand
        millions (GMACs).
    """
    operations = 0
    given = example(network.inputs) if inputs is None else inputs  # type: ignore[arg-type]
    # shapes are enough: on this device nothing is computed
    network = copy.deepcopy(network).eval().to("meta")

    def add(module: nn.Module, _: Any, output: Tensor) -> None:
        nonlocal operations
        operations += output.numel() * module.weight[0].numel()  # type: ignore[index]

    for part in network.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            part.register_forward_hook(add)
    with torch.no_grad():
        network({name: tensor.to("meta") for name, tensor in given.items()})
    return sum(weight.numel() for weight in network.parameters()), operations / 1e9


def export(network: nn.Module, folder: Path, card: Mapping[str, Any], *, name: str = "model") -> Path:
    """Write a network over images, for patches of any size; see `write_files`.

    Args:
        network: One of `registry.NETWORKS`, on the CPU.
        folder: Where to.
        card: What is known of it; size, bands, levels and checksums are added.
        name: Name of the files.

    Returns:
        Path of the ONNX file.
    """
    network.eval()
    inputs = example(network.inputs)  # type: ignore[arg-type]
    with torch.no_grad():
        outputs = list(network(inputs))
    moving = {part: {2: "y", 3: "x"} for part in (*inputs, *outputs) if part not in _WHOLE}
    parameters, gmacs = count(network)
    facts = {
        "bands": list(L1C_BANDS),
        "levels": list(LEVELS),
        "patch": PATCH,
        "overlap": 32,
        "parameters": parameters,
        "gmacs": round(gmacs, 2),
    }
    return write_files(network, inputs, folder, {**card, **facts}, moving=moving, name=name)


def write_files(
    network: nn.Module,
    inputs: dict[str, Tensor],
    folder: Path,
    card: Mapping[str, Any],
    *,
    moving: Mapping[str, dict[int, str]] | None = None,
    name: str = "model",
) -> Path:
    """Write `NAME.onnx`, `NAME.safetensors` and `NAME.json`; the card last, once the others are whole.

    Args:
        network: The network, on the CPU; its `inputs` lists what it takes.
        inputs: An example of each, in that order.
        folder: Where to.
        card: What is known of it; checksums are added.
        moving: Dimensions that may have another size than in the example, by name of input or output.
        name: Name of the files.

    Returns:
        Path of the ONNX file.
    """
    network.eval()
    with torch.no_grad():
        outputs = list(network(inputs))
    folder.mkdir(parents=True, exist_ok=True)
    onnx, weights = folder / f"{name}.onnx", folder / f"{name}.safetensors"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        # the exporter by tracing: its graph holds the operators as written, and it needs no further package
        torch.onnx.export(
            _ByPosition(network).eval(),
            tuple(inputs.values()),
            str(onnx),
            dynamo=False,
            opset_version=OPSET,
            input_names=list(inputs),
            output_names=outputs,
            dynamic_axes=dict(moving or {}),
        )
    weights.write_bytes(save({key: value.contiguous() for key, value in network.state_dict().items()}))
    text = json.dumps(
        {**card, "sha256": {"onnx": _sha256(onnx), "safetensors": _sha256(weights)}}, indent=2, ensure_ascii=False
    )
    (folder / f"{name}.json").write_text(text + "\n", encoding="utf-8")
    return onnx


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
