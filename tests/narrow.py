"""A network small enough to be adapted in a test, written like a finished run."""

import torch

from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.networks import build
from sunbreak.train.export import export

CONFIG = {"widths": [8, 8, 8, 8], "semantic": True}
SEEN = ["somewhere-else"]


def write_narrow(folder, **changes):
    torch.manual_seed(3)
    network = build("tdp-cr-prior", CONFIG)
    card = {
        "name": "narrow",
        "licence": "Apache-2.0",
        "architecture": {"network": "tdp-cr-prior", "config": CONFIG},
        "training": {"regions_seen": SEEN},
        "land_cover": sorted(LAND_COVER_LEGEND),
    }
    export(network, folder, card | changes)
    return folder
