"""Write the model files that ship once more from their weights, after the exporter has learnt something.

    python bench/export_again.py [NAME ...] [--into FOLDER]

The weights and all that the cards say of them stay; graph and checksums are new. Prints the largest difference between
the old file and the new one in fp32 on plausible inputs, and refuses to replace a file that computes something else.
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

import sunbreak.weights
from sunbreak.networks import build
from sunbreak.runtimes import OpenVino
from sunbreak.train.export import example, write_files
from sunbreak.weights import read_card

WEIGHTS = Path(sunbreak.weights.__file__).parent
NAMES = ("tdp-cr-prior", "cloud-mask")
TOLERANCE = 1e-4
"""Of reflectance, logarithms of variance and probabilities."""


def again(name: str, into: Path) -> float:
    """Export one set; the largest difference from the old file."""
    card = read_card(WEIGHTS / f"{name}.json")
    network = build(card.architecture.network, dict(card.architecture.config))
    weights = load_file(card.safetensors)
    if any(key.startswith("land_cover.") for key in weights):
        network.attach_land_cover()
    network.load_state_dict(weights)
    inputs = example(network.inputs, card.patch)
    outputs = list(network.eval()(inputs))
    moving = {key: {2: "y", 3: "x"} for key in (*inputs, *outputs) if key not in ("present", "level")}
    facts = json.loads(card.path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as folder:
        path = write_files(network, inputs, Path(folder), facts, moving=moving, name=name)
        arrays = {key: tensor.numpy() for key, tensor in inputs.items()}
        old, new = (OpenVino(file, "fp32", card.patch).run(arrays) for file in (card.onnx, path))
        apart = max(float(np.abs(old[key] - new[key]).max()) for key in old)
        if apart > TOLERANCE:
            sys.exit(f"{name}: the new file differs by {apart:.1e}, more than {TOLERANCE:.0e}; nothing was replaced")
        for suffix in (".onnx", ".safetensors", ".json"):
            (into / f"{name}{suffix}").write_bytes((Path(folder) / f"{name}{suffix}").read_bytes())
    return apart


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=NAMES)
    parser.add_argument("--into", type=Path, default=WEIGHTS)
    given = parser.parse_args()
    for name in given.names:
        print(f"{name}: differs by {again(name, given.into):.1e}", flush=True)


if __name__ == "__main__":
    main()
