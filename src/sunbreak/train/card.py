"""The card of a trained network: what it is, what it saw, what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from torch import nn

from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.registry import NETWORKS
from sunbreak.train.batches import Plan
from sunbreak.train.calibration import sigma_scale
from sunbreak.train.export import export
from sunbreak.train.run_folder import versions

LICENCE: Final = "Apache-2.0"
UNKNOWN_LICENCE: Final = "unknown: see the terms of use of its training data"
NOTICE: Final = "Contains modified Copernicus Sentinel data"


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
    entry = NETWORKS[name]
    # as attached in phase 2
    semantic = getattr(network, "land_cover", None) is not None
    told = plan.sources.seen(plan.options.crop, snowy=plan.mask)
    card: dict[str, Any] = {
        "name": name,
        "kind": entry.kind,
        "summary": entry.summary,
        "inputs": entry.inputs,
        "licence": LICENCE if plan.sources.may_be_given_away else UNKNOWN_LICENCE,
        "bf16": False,
        "architecture": {
            "network": name,
            "config": {**settings["config"], **({"semantic": True} if semantic else {})},
        },
        "training": {
            **versions(),
            "data": list(settings["data"]),
            "options": dict(settings["options"]),
            "real_share": plan.real_share,
            **told,
            "attribution": NOTICE if told["real_images"] else "none needed: simulated scenes only",
        },
    }
    if semantic:
        card["land_cover"] = sorted(LAND_COVER_LEGEND)
    if isinstance(network, RestorationNetwork):
        scale = sigma_scale(network, plan)
        if scale is not None:
            card["sigma_scale"] = scale
    return export(network, folder, card)
