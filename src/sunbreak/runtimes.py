"""What runs a model file behind one protocol: OpenVINO and ONNX Runtime, each imported when asked for."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np

from sunbreak import cache
from sunbreak.errors import OptionError
from sunbreak.processor import of_processor
from sunbreak.weights.graph import check_graph
from sunbreak.work import THREADS

RuntimeName = Literal["auto", "openvino", "onnx", "torch"]
Precision = Literal["auto", "fp32", "bf16"]
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
            Outputs by name, float32.
        """


def import_openvino() -> Any:
    """Import OpenVINO without its telemetry, which reports every import over the network unless the user has opted out.

    Returns:
        The module.
    """
    silenced = "openvino_telemetry"
    if "openvino" not in sys.modules and silenced not in sys.modules:
        sys.modules[silenced] = None  # type: ignore[assignment]  # as if it were not installed: OpenVINO has a stub
        try:
            importlib.import_module("openvino")
        finally:
            del sys.modules[silenced]
    return importlib.import_module("openvino")


Sizes = dict[str, tuple[int | None, ...]]
"""Sizes of the inputs of a file by name, None where the file leaves them open."""


class OpenVino:
    """Runs a model file with OpenVINO."""

    sizes: Sizes
    """What the file says of its inputs."""

    def __init__(self, path: Path, precision: str, patch: int, sha256: str | None = None) -> None:
        """Compile the model for this processor, or take it as compiled by an earlier run.

        Args:
            path: The ONNX file.
            precision: `fp32` or `bf16`; always passed on, because OpenVINO would choose by itself without saying so.
            patch: Side of a patch; dynamic heights and widths become it.
            sha256: Of the file, under which the compiled model is kept; None keeps nothing.

        Raises:
            OptionError: The graph is not whole or keeps weights elsewhere, or is one for patches of another size.
        """
        openvino = import_openvino()
        core = openvino.Core()
        config = {
            "INFERENCE_PRECISION_HINT": "f32" if precision == "fp32" else "bf16",
            # blocks are worked on side by side: a core for each patch is quicker than all cores for one after the other
            "NUM_STREAMS": str(THREADS),
            "INFERENCE_NUM_THREADS": str(THREADS),
        }
        # what was compiled for another processor, or by another OpenVINO, is another model
        parts = (
            sha256,
            patch,
            *config.values(),
            openvino.__version__,
            of_processor("model name"),
            of_processor("flags"),
        )
        key = cache.digest(repr(parts).encode())
        kept = None if sha256 is None else self._kept(core, key, config)
        if kept is None:
            model, ports = self._closed(core, path, patch)
            kept = core.compile_model(model, "CPU", config), ports
            if sha256 is not None:
                cache.keep(key, json.dumps(ports).encode() + b"\n" + kept[0].export_model().read())
        self._compiled, ports = kept
        self.sizes, self._outputs = ports["inputs"], ports["outputs"]
        self.inputs = tuple(self.sizes)
        self._of_thread = threading.local()  # a request serves one thread at a time

    @staticmethod
    def _kept(core: Any, key: str, config: dict[str, str]) -> tuple[Any, dict[str, Any]] | None:
        """The model as an earlier run has compiled it, with what its file says of inputs and outputs."""
        content = cache.load(key)
        if content is None:
            return None
        ports, _, compiled = content.partition(b"\n")
        # another version has written it in a form of its own, or OpenVINO has changed its mind about its files
        with contextlib.suppress(ValueError, LookupError, TypeError, AttributeError, RuntimeError):
            told = json.loads(ports)
            sizes = {name: tuple(size) for name, size in told["inputs"].items()}
            return core.import_model(compiled, "CPU", config), {"inputs": sizes, "outputs": list(told["outputs"])}
        return None

    @classmethod
    def _closed(cls, core: Any, path: Path, patch: int) -> tuple[Any, dict[str, Any]]:
        """The model of a file with its open dimensions closed; sizes of its inputs as stated, and names of its outputs.

        Ports have several names, of which compiling may put another one first.
        """
        check_graph(path)
        model = core.read_model(str(path))
        sizes = {port.get_any_name(): cls._sizes(path, port) for port in model.inputs}
        shapes = {port: cls._static(sizes[port.get_any_name()], patch) for port in model.inputs}
        strange = [shape for shape in shapes.values() if tuple(shape[2:]) not in ((1, 1), (patch, patch))]
        if strange:
            raise OptionError(
                f"{path}: takes patches of {strange[0][2]} x {strange[0][3]} pixels, its card says {patch}; "
                f"mend `patch` in {path.with_suffix('.json').name}"
            )
        if model.is_dynamic():
            model.reshape(shapes)
        return model, {"inputs": sizes, "outputs": [port.get_any_name() for port in model.outputs]}

    @staticmethod
    def _sizes(path: Path, port: Any) -> tuple[int | None, ...]:
        shape = port.partial_shape
        if shape.rank.is_dynamic or len(shape) != 4:
            raise OptionError(
                f"{path}: its input {port.get_any_name()!r} has the shape {shape}; expected patches, (1, channel, y, x)"
            )
        return tuple(None if dim.is_dynamic else dim.get_length() for dim in shape)

    @staticmethod
    def _static(sizes: tuple[int | None, ...], patch: int) -> list[int]:
        """The shape with its open dimensions closed: one patch at a time, of the card's size."""
        return [closed if size is None else size for size, closed in zip(sizes, (1, 1, patch, patch), strict=True)]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once; see `Runtime.run`."""
        if not hasattr(self._of_thread, "request"):
            self._of_thread.request = self._compiled.create_infer_request()
        given = {name: np.ascontiguousarray(inputs[name]) for name in self.inputs}
        found = self._of_thread.request.infer(given, share_inputs=True, share_outputs=True)
        return {name: np.array(found[name]) for name in self._outputs}


class OnnxRuntime:
    """Runs a model file with ONNX Runtime (`pip install sunbreak[onnx]`), in fp32."""

    def __init__(self, path: Path) -> None:
        """Open the model.

        Args:
            path: The ONNX file.

        Raises:
            OptionError: ONNX Runtime is not installed, or the graph is not whole or keeps weights elsewhere.
        """
        try:
            import onnxruntime
        except ImportError as error:
            raise OptionError("--runtime onnx needs ONNX Runtime: pip install 'sunbreak[onnx]'") from error
        check_graph(path)
        self._session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        self.sizes: Sizes = {
            port.name: tuple(size if isinstance(size, int) else None for size in port.shape)
            for port in self._session.get_inputs()
        }
        """What the file says of its inputs."""
        self.inputs = tuple(port.name for port in self._session.get_inputs())
        self._outputs = [port.name for port in self._session.get_outputs()]

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once; see `Runtime.run`."""
        found = self._session.run(self._outputs, {name: inputs[name] for name in self.inputs})
        return dict(zip(self._outputs, found, strict=True))


def has_bf16(runtime: RuntimeName) -> bool:
    """Whether the hardware that a runtime uses computes in bf16.

    Args:
        runtime: The runtime.

    Returns:
        False for ONNX Runtime, which computes in fp32 only.
    """
    if runtime == "onnx":
        return False
    if runtime == "torch":
        with contextlib.suppress(ImportError):
            import torch

            if torch.cuda.is_available():
                return bool(torch.cuda.is_bf16_supported())
    return "BF16" in import_openvino().Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
