"""Does the fusion do what TDP-CR claims? Three tests, on simulated clouds over real clear images of unseen regions.

    python bench/premises.py DATA MODEL...

`DATA` is the folder of a collection, `MODEL` a shipped name, or the folder of a `sunbreak train`. Printed for each:
how much radar the gates let in by cloud cover, and how well they tell cloud from clear (area under the ROC curve); by
how much the output for a clear input changes when the radar of another scene is put in; and what becomes of the error
under cloud when the network is given no radar.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.stats import rankdata

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.data import open_data
from sunbreak.legend import Quality
from sunbreak.models import locate
from sunbreak.networks import build
from sunbreak.networks.tdp_cr import TdpCr
from sunbreak.train.samples import arrays_of
from sunbreak.train.scenes import scene_of
from sunbreak.weights import read_card

COVERS = (0.1, 0.3, 0.5, 0.7, 0.9)
TOLERATED = 0.002
"""Mean absolute change of reflectance on a clear input under swapped radar."""
Inputs = dict[str, torch.Tensor]


def opened(model: str) -> TdpCr:
    path = locate(model)
    card = None if path is None else read_card(path.with_suffix(".json"))
    if card is None or card.architecture is None:
        raise SystemExit(f"{model}: is not a network of this package")
    network = build(card.architecture.network, card.architecture.config)
    if not isinstance(network, TdpCr):
        raise SystemExit(f"{model}: has no prompt-guided fusion")
    network.load_state_dict(load_file(card.safetensors))
    return network.eval()


def batches(data: str, cover: float) -> Iterator[Inputs]:
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


def rmse(estimate: torch.Tensor, batch: Inputs) -> float:
    weights = (batch["restore"] * batch["present"]).expand_as(estimate)
    return float((((estimate - batch["truth"]) ** 2 * weights).sum() / weights.sum()).sqrt())


@torch.no_grad()
def gates(network: TdpCr, data: str) -> bool:
    print("  cover   mean gate at 10, 20, 40, 80 m   area under the ROC curve (10 m gate against cloud and shadow)")
    means = []
    for cover in COVERS:
        levels, areas = [], []
        for batch in batches(data, cover):
            found = network.analyse(batch).gates
            levels.append([float(gate.mean()) for gate in found])
            cloudy = batch["restore"][0, 0].numpy().ravel() > 0
            if 0 < cloudy.mean() < 1:
                areas.append(roc_area(found[0][0].mean(0).numpy().ravel(), cloudy))
        means.append(np.mean(levels, axis=0))
        print(f"  {cover:5.1f}   {'  '.join(f'{value:.3f}' for value in means[-1])}            {np.mean(areas):.3f}")
    rises = bool((np.diff([row.mean() for row in means]) > 0).all())
    print(f"  the mean gate {'rises' if rises else 'does not rise'} with cover")
    return rises


@torch.no_grad()
def radar(network: TdpCr, data: str) -> tuple[bool, bool]:
    found = list(batches(data, 0.5))
    changes, errors = [], []
    for batch, other in zip(found, found[1:] + found[:1], strict=True):
        clear = cleared(batch)
        swapped = clear | {name: other[name] for name in ("radar", "radar_valid")}
        difference = network(clear)["reflectance"] - network(swapped)["reflectance"]
        changes.append(float((difference.abs() * batch["present"]).sum() / (batch["present"].sum() * 256**2)))
        none = {
            "radar": torch.full_like(batch["radar"], RADAR_DB_RANGE[0]),
            "radar_valid": torch.zeros_like(batch["radar_valid"]),
        }
        errors.append([rmse(network(batch | extra)["reflectance"], batch) for extra in ({}, none)])
    with_radar, without = np.mean(errors, axis=0)
    print(f"  swapped radar on a clear input changes reflectance by {np.mean(changes):.5f} (to stay below {TOLERATED})")
    print(f"  error under cloud {with_radar:.4f} with radar in the network, {without:.4f} with none")
    return bool(np.mean(changes) < TOLERATED), bool(without > with_radar)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("models", nargs="+")
    given = parser.parse_args()
    for model in given.models:
        network = opened(model)
        print(f"{model} ({network.options.fusion} fusion{', with the scene prior' if network.options.prior else ''})")
        held = (gates(network, given.data), *radar(network, given.data))
        print(f"  holds: gate follows cover {held[0]}, clear input keeps to itself {held[1]}, radar helps {held[2]}")


if __name__ == "__main__":
    main()
