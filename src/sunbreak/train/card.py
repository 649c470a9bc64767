"""The card of a trained network: what it is, what it saw, what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from sunbreak._version import __version__
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.networks.tdp_cr import TdpCr
from sunbreak.train.batches import Plan
from sunbreak.train.calibration import sigma_scale
from sunbreak.train.export import export
from sunbreak.train.real_images import real_images

LICENCE: Final = "Apache-2.0"
NOTICE: Final = "Contains modified Copernicus Sentinel data"
_TDP_CR: Final = "TDP-CR, re-implementation from the published abstract and figure (arXiv:2601.12052)"
SUMMARIES: Final = {
    "tdp-cr": f"{_TDP_CR}.",
    "tdp-cr-large": f"{_TDP_CR}, at the authors' relative size.",
    "tdp-cr-prior": "Ours: corrects the scene prior by prompt-guided fusion of optical and radar, with an error for "
    "every value.",
    "cloud-mask": "Clear, thin cloud, thick cloud or shadow for every pixel of 20 m, from the optical bands alone.",
}
_INPUTS: Final = {"cloud-mask": "nothing", "tdp-cr-prior": "the scene prior; radar where there is some"}


def write_model(network: nn.Module, folder: Path, settings: Mapping[str, Any], plan: Plan) -> Path:
    """Export a trained network with its card.

    Args:
        network: The network, on the CPU.
        folder: Where to.
        settings: Network, data, config and options of the run.
        plan: The samples it was trained on.

    Returns:
        Path of the ONNX file.
    """
    name = str(settings["network"])
    semantic = isinstance(network, TdpCr) and network.land_cover is not None
    images = real_images(plan.collection, plan.options.crop, snowy=plan.mask) if plan.collection else ()
    card: dict[str, Any] = {
        "name": name,
        "kind": "mask" if name == "cloud-mask" else "restoration",
        "summary": SUMMARIES.get(name, name),
        "inputs": _INPUTS.get(name, "radar where there is some"),
        "licence": LICENCE,
        "bf16": False,
        "architecture": {
            "network": name,
            "config": {**settings["config"], **({"semantic": True} if semantic else {})},
        },
        "training": {
            "sunbreak": __version__,
            "data": list(settings["data"]),
            "options": dict(settings["options"]),
            "real_share": plan.real_share,
            "real_images": len(images),
            "regions_seen": sorted({image.region for image in images}),
            "sources": sorted({f"{image.source} ({image.licence})" for image in images}),
            "attribution": NOTICE if images else "none needed: simulated scenes only",
        },
    }
    if semantic:
        card["land_cover"] = sorted(LAND_COVER_LEGEND)
    if isinstance(network, TdpCr) and network.options.prior:
        card["sigma_scale"] = sigma_scale(network, plan)
    return export(network, folder, card)
