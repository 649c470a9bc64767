"""Does a network do what its method claims? Tests on simulated clouds over real clear images of unseen regions.

    python bench/premises.py DATA MODEL...

`DATA` is the folder of a collection, `MODEL` a shipped name, or the folder of a `sunbreak train`. For every network: by
how much the output for a clear input changes when the radar of another scene is put in; what becomes of the error under
cloud when the network is given no radar; and by how much the restored pixels change when speckle is added to the radar.
For gates (TDP-CR: how much radar is let in; IB-HFN: how clear the sky is): their mean by cloud cover, and how well they
tell cloud from clear (area under the ROC curve). For an information bottleneck: the nats that pass every channel.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.stats import rankdata

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.data import open_data
from sunbreak.legend import Quality
from sunbreak.models import locate
from sunbreak.networks import build
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.train.crops import arrays_of
from sunbreak.train.scenes import scene_of
from sunbreak.weights import read_card

COVERS = (0.1, 0.3, 0.5, 0.7, 0.9)
TOLERATED = 0.002
"""Mean absolute change of reflectance on a clear input under swapped radar."""
LOOKS = (4, 2, 1)
"""Of the added speckle; the fewer the stronger."""
ACTIVE = 0.1
"""Nats above which a channel counts as used: the floor of the free bits."""
Inputs = dict[str, torch.Tensor]
Network = RestorationNetwork[Any]


def opened(model: str) -> Network:
    path = locate(model)
    card = None if path is None else read_card(path.with_suffix(".json"))
    if card is None or card.architecture is None:
        raise SystemExit(f"{model}: is not a network of this package")
    network = build(card.architecture.network, card.architecture.config)
    if not isinstance(network, RestorationNetwork):
        raise SystemExit(f"{model}: does not restore")
    network.load_state_dict(load_file(card.safetensors))
    return network.eval()


@lru_cache(maxsize=len(COVERS))
def batches(data: str, cover: float) -> tuple[Inputs, ...]:
    return tuple(_batches(data, cover))


def _batches(data: str, cover: float) -> Iterator[Inputs]:
    spec = f"collection:{data},split=test,clouds=simulated,seed=1,cover={cover}"
    for sample in open_data(spec):
        scene = scene_of(sample)
        if scene is not None:
            found = arrays_of(scene, np.s_[..., :256, :256])
            yield {name: torch.from_numpy(np.ascontiguousarray(array))[None] for name, array in found.items()}


def roc_area(scores: np.ndarray, labels: np.ndarray) -> float:
    """Chance that a cloudy pixel scores above a clear one."""
    ranks, positive = rankdata(scores), int(labels.sum())
    others = len(labels) - positive
    return float((ranks[labels].sum() - positive * (positive + 1) / 2) / max(positive * others, 1))


def cleared(batch: Inputs) -> Inputs:
    """The same place without a cloud."""
    planes = torch.zeros_like(batch["quality"])
    planes[:, Quality.CLEAR] = 1
    truth = batch["truth"]
    return batch | {"optical": truth, "prior": truth, "prior_sigma": torch.zeros_like(truth), "quality": planes}


def speckled(batch: Inputs, looks: int, generator: np.random.Generator) -> Inputs:
    """The same radar with multiplicative noise of mean 1, independent in every pixel."""
    noise = generator.gamma(looks, 1 / looks, batch["radar"].shape).clip(1e-4)
    return batch | {"radar": batch["radar"] + torch.from_numpy(10 * np.log10(noise)).float()}


def mean_over(values: torch.Tensor, batch: Inputs, part: str) -> float:
    weights = (batch[part] * batch["present"]).expand_as(values)
    return float((values * weights).sum() / weights.sum())


def rmse(estimate: torch.Tensor, batch: Inputs) -> float:
    return mean_over((estimate - batch["truth"]).square(), batch, "restore") ** 0.5


@torch.no_grad()
def gates(network: Network, data: str) -> None:
    """How gates follow the clouds; nothing for networks that have none."""
    means = []
    for cover in COVERS:
        levels, areas = [], []
        for batch in batches(data, cover):
            found = network.analyse(batch)
            # both told as how little the optical image is trusted
            doubt = getattr(found, "gates", None) or [1 - chance for chance in getattr(found, "clear", [])]
            if not doubt:
                return
            levels.append([float(gate.mean()) for gate in doubt])
            cloudy = batch["restore"][0, 0].numpy().ravel() > 0
            if 0 < cloudy.mean() < 1:
                finest = torch.nn.functional.interpolate(
                    doubt[0].mean(1, keepdim=True), size=batch["optical"].shape[2:]
                )
                areas.append(roc_area(finest.numpy().ravel(), cloudy))
        if not means:
            print("  cover   mean gate, finest level first   area under the ROC curve (against cloud and shadow)")
        means.append(np.mean(levels, axis=0))
        print(f"  {cover:5.1f}   {'  '.join(f'{value:.3f}' for value in means[-1]):30}  {np.mean(areas):.3f}")
    rises = bool((np.diff([row.mean() for row in means]) > 0).all())
    print(f"  the mean gate {'rises' if rises else 'does not rise'} with cover")


@torch.no_grad()
def bottleneck(network: Network, found: Sequence[Inputs]) -> None:
    parts = [getattr(network.analyse(batch), "divergence", None) for batch in found]
    if any(part is None for part in parts):
        return
    nats = torch.stack([part.mean((0, 2, 3)) for part in parts if part is not None]).mean(0)
    low, middle, high = (float(torch.quantile(nats, share)) for share in (0.1, 0.5, 0.9))
    print(
        f"  bottleneck: {float(nats.mean()):.3f} nats a channel (10, 50, 90 % of channels: {low:.3f}, {middle:.3f}, "
        f"{high:.3f}); {int((nats > ACTIVE).sum())} of {len(nats)} channels above {ACTIVE}"
    )


@torch.no_grad()
def radar(network: Network, found: Sequence[Inputs]) -> None:
    generator = np.random.default_rng(0)
    changes, errors, responses = [], [], []
    for batch, other in zip(found, (*found[1:], *found[:1]), strict=True):
        clear = cleared(batch)
        swapped = clear | {name: other[name] for name in ("radar", "radar_valid")}
        difference = (network(clear)["reflectance"] - network(swapped)["reflectance"]).abs()
        changes.append(mean_over(difference, batch, "weight"))
        none = {
            "radar": torch.full_like(batch["radar"], RADAR_DB_RANGE[0]),
            "radar_valid": torch.zeros_like(batch["radar_valid"]),
        }
        restored = network(batch)["reflectance"]
        errors.append([rmse(restored, batch), rmse(network(batch | none)["reflectance"], batch)])
        noisy = [network(speckled(batch, looks, generator))["reflectance"] for looks in LOOKS]
        responses.append([mean_over((image - restored).abs(), batch, "restore") for image in noisy])
    with_radar, without = np.mean(errors, axis=0)
    print(f"  swapped radar on a clear input changes reflectance by {np.mean(changes):.5f} (to stay below {TOLERATED})")
    print(f"  error under cloud {with_radar:.4f} with radar in the network, {without:.4f} with none")
    told = ", ".join(f"{value:.5f} at {looks}" for looks, value in zip(LOOKS, np.mean(responses, axis=0), strict=True))
    print(f"  added speckle changes restored reflectance by {told} looks")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    found = batches(given.data, 0.5)
    for model in given.models:
        network = opened(model)
        print(f"{model} ({type(network).__name__})")
        gates(network, given.data)
        bottleneck(network, found)
        radar(network, found)


if __name__ == "__main__":
    main()
