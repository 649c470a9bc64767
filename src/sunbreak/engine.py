"""Run model files patch by patch: one protocol, several runtimes, no torch.

A model is an ONNX file with a card beside it (`NAME.onnx`, `NAME.json`). It takes any of the inputs below by name, for
one patch at a time, and returns `reflectance` and, if it has learnt it, `log_variance`. Normalisation lives in the
model.

| input | shape | content |
| --- | --- | --- |
| `optical` | 1, band, y, x | reflectance, 0 where there is no data |
| `radar` | 1, 2, y, x | VV and VH in dB, the lower end of `bands.RADAR_DB_RANGE` where invalid |
| `radar_valid` | 1, 1, y, x | 1 where the radar is valid |
| `quality` | 1, 5, y, x | one plane of 0 and 1 for each class of `legend.Quality` |
| `prior` | 1, band, y, x | the scene prior's reflectance |
| `prior_sigma` | 1, band, y, x | its 1-sigma error |
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Protocol, get_args

import numpy as np

from sunbreak.errors import OptionError
from sunbreak.tiles import PatchGrid, Window

RuntimeName = Literal["auto", "openvino", "onnx"]
Precision = Literal["auto", "fp32", "bf16"]
INPUTS: Final = ("optical", "radar", "radar_valid", "quality", "prior", "prior_sigma")
Arrays = Mapping[str, np.ndarray]


class Runtime(Protocol):
    """What runs a model file."""

    inputs: tuple[str, ...]
    """Names of the inputs the model asks for."""

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once.

        Args:
            inputs: (1, channel, y, x), float32, by name.

        Returns:
            Outputs by name.
        """


@dataclass(frozen=True)
class Model:
    """A model file, opened, with what its card says."""

    name: str
    """Name in tables and in the product's metadata."""
    bands: tuple[str, ...]
    """Optical bands in the order of the model's input and output."""
    levels: tuple[str, ...]
    """Processing levels it was made for."""
    patch: int
    """Side of a patch in pixels."""
    overlap: int
    """Pixels that neighbouring patches share."""
    runtime: Runtime
    """What runs it."""
    precision: str
    """`fp32` or `bf16`, recorded in the product."""


class OpenVino:
    """Runs a model file with OpenVINO."""

    def __init__(self, path: Path, precision: str, patch: int) -> None:
        """Compile the model for this processor.

        Args:
            path: The ONNX file.
            precision: `fp32` or `bf16`; always passed on, because OpenVINO would choose by itself without saying so.
            patch: Side of a patch; shapes are made static.
        """
        import openvino

        core = openvino.Core()
        model = core.read_model(str(path))
        model.reshape({port: [1, port.partial_shape[1], patch, patch] for port in model.inputs})
        config = {"INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16", "PERFORMANCE_HINT": "LATENCY"}
        self._compiled = core.compile_model(model, "CPU", config)
        self._of_thread = threading.local()  # a request serves one thread at a time
        self.inputs = tuple(port.get_any_name() for port in model.inputs)
        self._outputs = [port.get_any_name() for port in model.outputs]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once; see `Runtime.run`."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        found = self._of_thread.request.infer({name: inputs[name] for name in self.inputs})
        return {name: np.array(found[name]) for name in self._outputs}


class OnnxRuntime:
    """Runs a model file with ONNX Runtime (`pip install sunbreak[onnx]`), in fp32."""

    def __init__(self, path: Path) -> None:
        """Open the model.

        Args:
            path: The ONNX file.

        Raises:
            OptionError: ONNX Runtime is not installed.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise OptionError("--runtime onnx needs ONNX Runtime: pip install 'sunbreak[onnx]'") from error
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.inputs = tuple(port.name for port in self._session.get_inputs())
        self._outputs = [port.name for port in self._session.get_outputs()]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once; see `Runtime.run`."""
        found = self._session.run(self._outputs, {name: inputs[name] for name in self.inputs})
        return dict(zip(self._outputs, found, strict=True))


def open_model(path: Path, *, runtime: RuntimeName = "auto", precision: Precision = "auto") -> Model:
    """Open a model file and check its card.

    Args:
        path: The `.onnx` file; its card lies beside it as `.json`.
        runtime: `auto` takes OpenVINO.
        precision: `auto` takes fp32 unless the card allows bf16 and the processor has it.

    Returns:
        The model.

    Raises:
        OptionError: File or card is missing or unreadable, the model asks for unknown inputs, or the runtime cannot do
            the precision.
    """
    if runtime not in get_args(RuntimeName) or precision not in get_args(Precision):
        raise OptionError(f"runtime {runtime!r}, precision {precision!r}: see `sunbreak restore --help`")
    card = _read_card(path)
    patch, overlap = int(card.get("patch", 256)), int(card.get("overlap", 32))
    chosen = _precision(precision, runtime, bool(card.get("bf16", False)))
    try:
        opened: Runtime = OnnxRuntime(path) if runtime == "onnx" else OpenVino(path, chosen, patch)
    except RuntimeError as error:
        raise OptionError(f"{path}: not a model that can be run ({str(error).splitlines()[0]})") from error
    unknown = [name for name in opened.inputs if name not in INPUTS]
    if unknown:
        raise OptionError(f"{path}: asks for the inputs {unknown}; Sunbreak offers {', '.join(INPUTS)}")
    return Model(
        card.get("name", path.stem), tuple(card["bands"]), tuple(card["levels"]), patch, overlap, opened, chosen
    )


def _read_card(path: Path) -> dict[str, Any]:
    beside = path.with_suffix(".json")
    if not path.is_file() or not beside.is_file():
        raise OptionError(f"{path}: a model is an .onnx file with its card ({beside.name}) beside it; one is missing")
    try:
        card = json.loads(beside.read_text(encoding="utf-8"))
        complete = isinstance(card, dict) and {"bands", "levels"} <= card.keys()
    except (OSError, ValueError) as error:
        raise OptionError(f"{beside}: not a readable model card ({error})") from error
    if not complete:
        raise OptionError(f"{beside}: a model card states at least `bands` and `levels`")
    return dict(card)


def _precision(precision: Precision, runtime: RuntimeName, allowed: bool) -> str:
    if runtime == "onnx" and precision == "bf16":
        raise OptionError("--runtime onnx computes in fp32 only; use --runtime openvino for bf16")
    if precision != "auto":
        return precision
    return "bf16" if allowed and runtime != "onnx" and _has_bf16() else "fp32"


def _has_bf16() -> bool:
    import openvino

    return "BF16" in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


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
    weights = grid.weights()
    totals: dict[str, np.ndarray] = {}
    weight = np.zeros((window.height, window.width), np.float32)
    for patch in grid.touching(window):
        common = patch.intersection(window)
        if common is None or not wanted[common.inside(window)].any():
            continue
        outputs = model.runtime.run({name: array[np.newaxis] for name, array in inputs_of(patch).items()})
        here, there = common.inside(window), common.inside(patch)
        weight[here] += weights[there]
        for name, output in outputs.items():
            if name not in totals:
                totals[name] = np.zeros((output.shape[1], window.height, window.width), np.float32)
            totals[name][:, *here] += weights[there] * output[0][:, *there]
    return {name: total / np.where(weight > 0, weight, 1.0) for name, total in totals.items()}
