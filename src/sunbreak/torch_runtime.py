"""Runs the weights of a model with PyTorch, on a GPU where there is one; PyTorch is imported when asked for."""

from __future__ import annotations

import contextlib
import importlib
import threading
from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from sunbreak.errors import OptionError
from sunbreak.runtimes import Arrays
from sunbreak.weights import Card

NEEDS_TORCH: Final = "--runtime torch needs PyTorch: pip install 'sunbreak[train]'"


class Torch:
    """Runs the weights with PyTorch (`pip install sunbreak[train]`), on a GPU where there is one.

    On a GPU every thread has a stream and pinned memory of its own, so that while one patch is worked on, others are on
    their way to and from it. The network is not compiled: that needs a compiler and minutes the first time, and a tile
    spends most of its time elsewhere.
    """

    def __init__(self, card: Card, precision: str) -> None:
        """Build the network and load its weights.

        Args:
            card: Says how it is built; the safetensors file beside it holds the weights.
            precision: `fp32`, or `bf16` by autocast.

        Raises:
            OptionError: PyTorch or the weights are missing, or the card does not say how the network is built.
        """
        try:
            import torch
            from safetensors.torch import load_file
        except ImportError as error:
            raise OptionError(NEEDS_TORCH) from error
        if card.architecture is None:
            raise OptionError(f"{card.path}: has no `architecture`; --runtime torch cannot build the network from it")
        self._torch, self._bf16 = torch, precision == "bf16"
        self._on_gpu = torch.cuda.is_available()
        # by its number: which one is the current one is a matter of each thread
        self._device = torch.device("cuda", torch.cuda.current_device()) if self._on_gpu else torch.device("cpu")
        networks = importlib.import_module("sunbreak.networks")
        network = networks.build(card.architecture.network, dict(card.architecture.config))
        network.load_state_dict(load_file(card.safetensors))
        self.inputs: tuple[str, ...] = tuple(network.inputs)
        self._network = network.to(self._device).to(memory_format=torch.channels_last).eval()
        if self._on_gpu:
            torch.cuda.synchronize(self._device)  # the weights lie there before any other stream asks for them
        # a pass takes all cores; of a GPU only the time to line up kernels: flags and casts are common to all threads
        self._turn = threading.Lock()
        self._of_thread = threading.local()

    def run(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """Run the model once; see `runtimes.Runtime.run`."""
        torch = self._torch
        given = {
            name: self._kept(f"in {name}", torch.from_numpy(np.ascontiguousarray(inputs[name]))) for name in self.inputs
        }
        try:
            with self._turn, torch.inference_mode(), self._arithmetic(), self._stream():
                found = self._network({name: self._there(tensor) for name, tensor in given.items()})
                here = {name: self._kept(f"out {name}", tensor.float()) for name, tensor in found.items()}
        finally:
            if self._on_gpu:  # nothing is on its way to or from the buffers any more
                self._of_thread.stream.synchronize()
        # copies, as the memory is used again for the next patch
        return {name: np.array(tensor.numpy(), order="C") for name, tensor in here.items()}

    def _kept(self, name: str, tensor: Any) -> Any:
        """The tensor in memory of this thread that a GPU reads and writes by itself; as it is without one."""
        if not self._on_gpu:
            return tensor
        buffers = self._of_thread.__dict__.setdefault("buffers", {})
        if name not in buffers or buffers[name].shape != tensor.shape:
            buffers[name] = self._torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return buffers[name].copy_(tensor, non_blocking=True)

    def _there(self, tensor: Any) -> Any:
        moved = tensor.to(self._device, non_blocking=True)
        return moved.contiguous(memory_format=self._torch.channels_last)

    def _stream(self) -> Any:
        """The stream of this thread."""
        if not self._on_gpu:
            return contextlib.nullcontext()
        if not hasattr(self._of_thread, "stream"):
            self._of_thread.stream = self._torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        return self._torch.cuda.stream(self._of_thread.stream)

    @contextlib.contextmanager
    def _arithmetic(self) -> Iterator[None]:
        torch = self._torch
        if self._bf16:
            with torch.autocast(self._device.type, dtype=torch.bfloat16):
                yield
            return
        # fp32 shall mean fp32: cuDNN would take TensorFloat-32 for convolutions
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
            yield
