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
    given = settings.get("started_from")
    if given is not None:
        # what they have seen counts, too; where nobody knows, nothing is claimed
        seen = {"regions_seen": settings["regions_seen"]} if "regions_seen" in settings else {}
        told = {**{key: value for key, value in told.items() if key != "regions_seen"}, **seen, "started_from": given}
    is_open = plan.sources.may_be_given_away and (given is None or given["licence"] == LICENCE)
    card: dict[str, Any] = {
        "name": name,
        "kind": entry.kind,
        "summary": entry.summary,
        "inputs": entry.inputs,
        "licence": LICENCE if is_open else UNKNOWN_LICENCE,
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
