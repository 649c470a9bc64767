"""The card of adapted weights: that of the given ones, with what they were adapted to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sunbreak.train.card import NOTICE, UNKNOWN_LICENCE
from sunbreak.train.run_folder import versions
from sunbreak.train.start import Start

SUFFIX: Final = "-adapted"
OUTDATED: Final = ("sha256", "metrics", "adaptation")
"""Entries of a card that are about the given weights alone."""


def adapted_card(
    start: Start,
    settings: Mapping[str, Any],
    facts: Mapping[str, Any],
    *,
    sigma_scale: Sequence[float] | None,
    open_licence: bool,
) -> dict[str, Any]:
    """Write the card of adapted weights.

    Args:
        start: The given weights.
        settings: Of the run: what was adapted to what, and how; with `regions`.
        facts: What came of it; `helped` says whose weights the card is for.
        sigma_scale: Factors of the adapted weights' error.
        open_licence: Whether the images let weights learnt from them be given away.

    Returns:
        What the card says; where the adaptation did not help it is that of the given weights, with a word about that.
    """
    content = start.card.content()
    card = {name: value for name, value in content.items() if name not in OUTDATED}
    told = {**facts, **settings}
    if not facts["helped"]:
        metrics = {"metrics": content["metrics"]} if "metrics" in content else {}
        note = "adaptation did not help on the held dates: these are the given weights"
        return {**card, **metrics, "adaptation": {"note": note, **told}}
    name = start.card.name.removesuffix(SUFFIX) + SUFFIX
    training = dict(content.get("training") or {})
    return {
        **card,
        "name": name,
        "licence": card.get("licence", UNKNOWN_LICENCE) if open_licence else UNKNOWN_LICENCE,
        "training": {**training, **start.joined(settings["regions"]), "attribution": NOTICE},
        **({"sigma_scale": list(sigma_scale)} if sigma_scale is not None else {}),
        "adaptation": {**versions(), **told},
    }
