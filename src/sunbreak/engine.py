"""Run model files patch by patch: one protocol, several runtimes, no torch unless asked for.

A model is an ONNX file with a card beside it (`NAME.onnx`, `NAME.json`, see `weights.Card`). It takes any of `INPUTS`
by name, for one patch at a time. A restoration network returns the first of `OUTPUTS`, and what it has learnt of the
others. A classifier, see `sunbreak.classifiers`, takes any of `CLASSIFIER_INPUTS`, and returns the first of
`CLASSIFIER_OUTPUTS` for the whole patch, and where it looks at both optical and radar, the others. The bands are those
of the card, in its order; a scene may have any subset of them. Normalisation lives in the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar, get_args

import numpy as np

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.clock import spent_on
from sunbreak.errors import OptionError, SunbreakError
from sunbreak.runtimes import Arrays, OnnxRuntime, OpenVino, Precision, Runtime, RuntimeName, has_bf16
from sunbreak.tiles import PatchGrid, Window
from sunbreak.torch_runtime import Torch
from sunbreak.weights import Card, read_card

__all__ = ["INPUTS", "Arrays", "Model", "Precision", "Runtime", "RuntimeName", "blend", "open_model", "run_patches"]

INPUTS: Final = {
    "optical": "(1, band, y, x): reflectance, 0 where there is no data and in bands that the scene has not",
    "present": "(1, band, 1, 1): 1 for bands that the scene has",
    "level": "(1, 2, 1, 1): 1 for the scene's processing level, L1C or L2A",
    "radar": f"(1, 2, y, x): VV and VH in dB, {RADAR_DB_RANGE[0]:g} where invalid",
    "radar_valid": "(1, 1, y, x): 1 where the radar is valid",
    "quality": "(1, 5, y, x): one plane of 0 and 1 each for no data, clear, thin cloud, thick cloud and shadow",
    "prior": "(1, band, y, x): the scene prior's reflectance, the measured one in clear pixels; 0 in absent bands",
    "prior_sigma": "(1, band, y, x): its 1-sigma error, 0 in clear pixels and in absent bands",
    "regression": "(1, band, y, x): what the prior says of every pixel, clear ones too, without looking at it",
    "kriging": "(1, band, y, x): what its errors at clear pixels add to that, 0 where too little is clear",
}
"""What a restoration network may take."""
OUTPUTS: Final = {
    "reflectance": "(1, band, y, x): restored reflectance",
    "log_variance": "(1, band, y, x): logarithm of its squared error; the card's `sigma_scale` multiplies its root",
    "land_cover": "(1, class, y, x): probabilities of the classes in the card's `land_cover`",
}
"""What it may return."""
CLASSIFIER_INPUTS: Final = {name: INPUTS[name] for name in ("optical", "radar", "radar_valid")} | {
    "clear": "(1, 1, y, x): 1 where the optical is measured and clear, 0 under cloud and shadow and without data"
}
"""What a classifier may take."""
CLASSIFIER_OUTPUTS: Final = {
    "logits": "(1, class): logarithms of the odds of the card's `classes`",
    "logits_optical": "(1, class): what the optical branch alone says",
    "logits_radar": "(1, class): what the radar branch alone says",
}
"""What it may return."""

Opened = TypeVar("Opened")
PLACES: Final = ("Exception from ", "Check '")
"""Beginnings of the lines in which OpenVINO says where in its source something went wrong, before it says what."""


@dataclass(frozen=True)
class Model:
    """A model file, opened, with its card."""

    card: Card
    """What its card says."""
    runtime: Runtime
    """What runs it."""
    runtime_name: str
    """`openvino`, `onnx` or `torch`, recorded in the product."""
    precision: str
    """`fp32` or `bf16`, recorded in the product."""
    sha256: str
    """Of the file of weights that runs, recorded in the product."""

    @property
    def name(self) -> str:
        """Name in tables and in the product's metadata."""
        return self.card.name

    @property
    def bands(self) -> tuple[str, ...]:
        """Optical bands in the order of the model's input and output."""
        return self.card.bands

    @property
    def levels(self) -> tuple[str, ...]:
        """Processing levels it was made for."""
        return self.card.levels

    @property
    def patch(self) -> int:
        """Side of a patch in pixels."""
        return self.card.patch

    @property
    def overlap(self) -> int:
        """Pixels that neighbouring patches share."""
        return self.card.overlap


def open_model(path: Path, *, runtime: RuntimeName = "auto", precision: Precision = "auto") -> Model:
    """Open a model file, and check it against its card.

    Args:
        path: The `.onnx` file; its card lies beside it as `.json`, and for PyTorch its weights as `.safetensors`.
        runtime: `auto` takes OpenVINO.
        precision: `auto` takes fp32 unless the card allows bf16 and the hardware has it.

    Returns:
        The model.

    Raises:
        OptionError: A file is missing, unreadable or not the one its card was written for, the card has no checksum
            of it, the graph keeps weights in other files or asks for unknown inputs, or the runtime is not installed
            or cannot do the precision.
    """
    beside = path.with_suffix(".json")
    if not path.is_file() or not beside.is_file():
        raise OptionError(f"{path}: a model is an .onnx file with its card ({beside.name}) beside it; one is missing")
    card = read_card(beside)
    named, chosen = choose(runtime, precision, bf16=card.bf16)
    digest = card.verify("onnx")
    if named == "torch":
        digest = card.verify("safetensors")
    opened = opening(path, lambda: _opened(card, named, chosen, digest))
    offered = CLASSIFIER_INPUTS if card.kind == "classifier" else INPUTS
    unknown = [name for name in opened.inputs if name not in offered]
    if unknown:
        raise OptionError(f"{path}: asks for the inputs {unknown}; Sunbreak offers {', '.join(offered)}")
    return Model(card, opened, named, chosen, digest)


def choose(runtime: RuntimeName, precision: Precision, *, bf16: bool) -> tuple[RuntimeName, str]:
    """Choose what runs a model, and in what arithmetic.

    Args:
        runtime: `auto` takes OpenVINO.
        precision: `auto` takes fp32 unless bf16 is allowed and the hardware has it.
        bf16: Whether `auto` may take bf16.

    Returns:
        `openvino`, `onnx` or `torch`; and `fp32` or `bf16`.

    Raises:
        OptionError: There is no such runtime or precision, or the runtime cannot do the precision.
    """
    if runtime not in get_args(RuntimeName) or precision not in get_args(Precision):
        raise OptionError(f"runtime {runtime!r}, precision {precision!r}: see `sunbreak restore --help`")
    named: RuntimeName = "openvino" if runtime == "auto" else runtime
    return named, _precision(precision, named, bf16)


def opening(path: Path, make: Callable[[], Opened]) -> Opened:
    """Open what runs a model file.

    Args:
        path: The file, for the message.
        make: Opens it.

    Returns:
        What `make` returns.

    Raises:
        OptionError: The library that should run the file cannot read it.
    """
    try:
        return make()
    except SunbreakError:
        raise
    except Exception as error:  # every library has its own
        raise OptionError(f"{path}: not a model that can be run ({reason(error)})") from error


def reason(error: Exception) -> str:
    r"""What a library says was wrong, in one line.

    Args:
        error: What it raised.

    Returns:
        The first line that says more than a place in its source.

    Example:
        >>> reason(RuntimeError("Exception from core.cpp:84:\nUnable to read the model"))
        'Unable to read the model'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith(PLACES)]
    return lines[0] if lines else type(error).__name__


def _opened(card: Card, runtime: RuntimeName, precision: str, digest: str) -> Runtime:
    if runtime == "onnx":
        return OnnxRuntime(card.onnx)
    if runtime == "torch":
        return Torch(card, precision)
    return OpenVino(card.onnx, precision, card.patch, digest)


def _precision(precision: Precision, runtime: RuntimeName, allowed: bool) -> str:
    if runtime == "onnx" and precision == "bf16":
        raise OptionError("--runtime onnx computes in fp32 only; use --runtime openvino for bf16")
    if precision != "auto":
        return precision
    return "bf16" if allowed and has_bf16(runtime) else "fp32"


def run_patches(
    model: Model, grid: PatchGrid, window: Window, wanted: np.ndarray, inputs_of: Callable[[Window], Arrays]
) -> dict[str, np.ndarray]:
    """Run a model on all patches that hold pixels wanted in a window, and blend them.

    Every patch that covers a wanted pixel is run, so the pixel's value does not depend on how the scene is cut into
    windows.

    Args:
        model: An opened model.
        grid: The scene's patches.
        window: Window of the scene whose pixels are wanted.
        wanted: (y, x) of the window.
        inputs_of: Returns the inputs of a patch, by name, (channel, y, x), float32.

    Returns:
        Outputs by name, (band, y, x) of the window, float32; 0 where no patch was run.
    """

    def outputs_of(patch: Window) -> Arrays | None:
        common = patch.intersection(window)
        if common is None or not wanted[common.inside(window)].any():
            return None
        found = model.runtime.run({name: array[np.newaxis] for name, array in inputs_of(patch).items()})
        return {name: output[0] for name, output in found.items()}

    return blend(grid, window, outputs_of)


def blend(grid: PatchGrid, window: Window, outputs_of: Callable[[Window], Arrays | None]) -> dict[str, np.ndarray]:
    """Blend what patches give into a window.

    Patches are added in the order of the grid, so a pixel has the same bytes in whatever window it lies, provided that
    `outputs_of` answers for a patch alike in all of them.

    Args:
        grid: The scene's patches.
        window: A window of the scene.
        outputs_of: Returns the outputs of a patch, by name, (band, y, x); None leaves the patch out.

    Returns:
        Outputs by name, (band, y, x) of the window, float32; 0 where all patches were left out. Empty if none gave any.
    """
    with spent_on("blending"):
        return _blended(grid, window, outputs_of)


def _blended(
    grid: PatchGrid, window: Window, outputs_of: Callable[[Window], Arrays | None]
) -> dict[str, np.ndarray]:  # fmt: skip
    weights = grid.weights()
    totals: dict[str, np.ndarray] = {}
    weight = np.zeros((window.height, window.width), np.float32)
    for patch in grid.touching(window):
        common = patch.intersection(window)
        outputs = None if common is None else outputs_of(patch)
        if common is None or outputs is None:
            continue
        here, there = common.inside(window), common.inside(patch)
        weight[here] += weights[there]
        for name, output in outputs.items():
            if name not in totals:
                totals[name] = np.zeros((output.shape[0], window.height, window.width), np.float32)
            totals[name][:, *here] += weights[there] * output[:, *there]
    weight[weight == 0] = 1.0
    return {name: np.divide(total, weight, out=total) for name, total in totals.items()}
