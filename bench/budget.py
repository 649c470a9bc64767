"""What networks cost and what reduced precision loses, through the engine that ships.

    python bench/budget.py [DATA]

For every registered network, with random weights: milliseconds for 256 x 256 pixels of output (median of repeated runs,
all cores), in bf16 and fp32, with windows of 256 and 512. For the default model also the largest difference from fp32
PyTorch on plausible inputs, and with DATA, the folder of a collection, what bf16 costs in dB over cloud pixels of
simulated clouds over its clear test images. Run it on a quiet machine.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import openvino
import torch

from sunbreak import restore
from sunbreak.evaluation import EvaluationOptions, evaluate
from sunbreak.models import DEFAULT, SCENE_PRIOR, locate
from sunbreak.networks import build
from sunbreak.registry import NETWORKS
from sunbreak.runtimes import OnnxRuntime, OpenVino, Torch
from sunbreak.steps.restore import RestoreOptions
from sunbreak.train.export import count, example, export
from sunbreak.weights import read_card

SECONDS = 6.0
HEAVY = 100.0
"""GMACs from which the larger window is left out."""
SPEC = "collection:{root},split=test,clouds=simulated,draws=2,seed=1"


def milliseconds(path: Path, names: tuple[str, ...], precision: str, window: int) -> float:
    core = openvino.Core()
    hint = {"bf16": "bf16", "fp32": "f32"}[precision]
    model = core.read_model(str(path))
    model.reshape({
        port: [1, port.partial_shape[1], *(side if side.is_static else window for side in list(port.partial_shape)[2:])]
        for port in model.inputs
    })  # fmt: skip
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"})
    request, inputs = compiled.create_infer_request(), {k: v.numpy() for k, v in example(names, window).items()}
    request.infer(inputs)
    taken, end = [], time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        start = time.perf_counter()
        request.infer(inputs)
        taken.append(time.perf_counter() - start)
    return 1000 * float(np.median(taken)) * (256 / window) ** 2


def budgets() -> None:
    print("| network | parameters | GMACs | bf16 256 | bf16 512 | fp32 256 | fp32 512 |\n|---|---|---|---|---|---|---|")
    for name in NETWORKS:
        torch.manual_seed(0)
        network = build(name)
        if getattr(network, "maps_land_cover", False):
            network.attach_land_cover()
        parameters, gmacs = count(network)
        with tempfile.TemporaryDirectory() as folder:
            path = export(network, Path(folder), {})
            found = [
                milliseconds(path, network.inputs, precision, window)
                if gmacs < HEAVY or window == 256
                else float("nan")
                for precision in ("bf16", "fp32")
                for window in (256, 512)
            ]
        times = " | ".join(f"{value:.0f} ms" for value in found)
        print(f"| {name} | {parameters / 1e6:.2f} M | {gmacs:.1f} | {times} |", flush=True)


def agreement(path: Path) -> None:
    card = read_card(path.with_suffix(".json"))
    reference = Torch(card, "fp32")
    inputs = {name: tensor.numpy() for name, tensor in example(reference.inputs).items()}
    wanted = reference.run(inputs)
    print("\n| engine | " + " | ".join(wanted) + " |\n|---|" + "---|" * len(wanted))
    for label, runtime in {
        "ONNX Runtime fp32": OnnxRuntime(path),
        "OpenVINO fp32": OpenVino(path, "fp32", card.patch),
        "OpenVINO bf16": OpenVino(path, "bf16", card.patch),
    }.items():
        found = runtime.run(inputs)
        print(f"| {label} | " + " | ".join(f"{np.abs(found[name] - wanted[name]).max():.1e}" for name in wanted) + " |")


def loss(root: str) -> None:
    scores = {}
    for precision in ("fp32", "bf16"):

        def run(scene, model, precision=precision):
            return restore(scene, options=RestoreOptions(model, precision=precision))

        options = EvaluationOptions(regions=("cloud",), restorer=run)
        report = evaluate([DEFAULT], SPEC.format(root=root), options=options)
        scores[precision] = report.summary(DEFAULT, "raw", "cloud").scores.psnr
    lost = scores["fp32"] - scores["bf16"]
    print(f"\nbf16 costs {lost:.3f} dB of {scores['fp32']:.2f} dB (hash {report.split_hash})")


if __name__ == "__main__":
    budgets()
    if DEFAULT != SCENE_PRIOR:
        agreement(locate(DEFAULT))
        if len(sys.argv) > 1:
            loss(sys.argv[1])
