"""Adapt restoration weights to the user's own area: its own dates under simulated clouds, truth of the same date."""

from __future__ import annotations

import copy
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from sunbreak.errors import OptionError
from sunbreak.models import DEFAULT, RUN_MODEL
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.adaptation import Adaptation
from sunbreak.train.adapted_card import adapted_card
from sunbreak.train.budget import Budget
from sunbreak.train.check import check
from sunbreak.train.export import export
from sunbreak.train.legs import Limits, fit_phase
from sunbreak.train.own_images import OwnImages, may_be_given_away, open_archives, prepare, told
from sunbreak.train.plan import given_network, plan_of
from sunbreak.train.run_folder import begin
from sunbreak.train.start import read_start
from sunbreak.weights.card import parsed

CARD: Final = Path(RUN_MODEL).with_suffix(".json").name
"""The card of the finished model."""
WINDOWS: Final = "windows"
"""Folder of the windows; removed in the end."""
PHASE: Final = "adaptation"
"""Folder of checkpoint and logs."""
LEAST_MINUTES: Final = 0.01
"""Shortest time to adapt in."""


@dataclass(frozen=True)
class Adapted:
    """What a call of `adapt` achieved."""

    folder: Path
    """The run."""
    finished: bool
    """The model file is written; otherwise the same call goes on."""
    done: str
    """How far it is, or what came of it, for people."""


def adapt(
    archives: Sequence[str],
    out: str | Path,
    *,
    model: str | Path = DEFAULT,
    minutes: float = 10.0,
    leg: float | None = None,
    options: AdaptOptions | None = None,
    progress: bool = False,
) -> Adapted:
    """Adapt weights to an area, or go on with an adaptation that was stopped.

    Args:
        archives: Archives of the area: `archive:PATH`, or the path alone.
        out: Folder of the run: settings, checkpoints, logs, and at the end `model.onnx` with its card.
        model: Name of a model, folder of a run, or path of an .onnx file with its .safetensors and card.
        minutes: Time to adapt in, over all legs; reading the archive and the check come on top.
        leg: Stop after this time, with a checkpoint.
        options: What moves, at what rate.
        progress: Show progress bars.

    Returns:
        What was achieved. Where the weights were no better after it on the dates that were held, the run holds the
        given ones, and says so.

    Raises:
        OptionError: There is no such model or archive, the model has no weights to adapt, the archive does not show
            enough clear ground, or the folder holds a run with other settings.
        RasterError: A file of the archive is missing or damaged.
    """
    options, folder = options or AdaptOptions(), Path(out)
    if not minutes >= LEAST_MINUTES and not options.steps:
        raise OptionError(f"minutes {minutes}: must be at least {LEAST_MINUTES}")
    start, found = read_start(model), open_archives(archives)
    network = given_network(start)
    settings = {"adapted_from": start.told, "minutes": minutes, "options": asdict(options), **told(found)}
    begin(folder, settings)
    if (folder / CARD).is_file():  # written last
        shutil.rmtree(folder / WINDOWS, ignore_errors=True)
        return Adapted(folder, True, outcome(parsed(folder / CARD)["adaptation"]))
    own = prepare(found, folder / WINDOWS, options)
    budget = None if options.steps else Budget(60 * minutes, progress=progress)
    plan = plan_of(own.learnt, own.smallest, network, options)
    given = copy.deepcopy(network)
    module = Adaptation(network, plan.options, options.parts, budget=budget)
    steps, done = fit_phase(module, plan, folder / PHASE, Limits(leg, budget), progress=progress)
    if not done:
        spent = f"{steps} of {plan.steps} steps" if budget is None else f"{steps} steps"
        return Adapted(folder, False, spent)
    checked = check(given, network, plan_of(own.checked, own.smallest, network, options), options.skies)
    facts = {
        **checked.told,
        "steps": steps,
        "learnt": _days(own, held=False),
        "held": _days(own, held=True),
        "helped": checked.helped,
    }
    card = adapted_card(
        start, settings, facts, sigma_scale=checked.sigma_scale, open_licence=may_be_given_away(found)
    )  # fmt: skip
    export(network if checked.helped else given, folder, card)
    shutil.rmtree(folder / WINDOWS, ignore_errors=True)
    return Adapted(folder, True, outcome(facts))


def outcome(facts: dict[str, Any]) -> str:
    """What came of an adaptation, for people.

    Args:
        facts: `adaptation` of the card.

    Returns:
        One sentence.
    """
    if not facts["skies"]:
        return "the held dates show too little clear ground to check anything: the given weights are kept"
    held, change = facts["held"], facts["psnr_after"] - facts["psnr_before"]
    scores = (
        f"PSNR over cloud pixels {facts['psnr_before']:.2f} dB before, {facts['psnr_after']:.2f} dB after "
        f"({change:+.2f}; protocol {facts['protocol']}, {held['days']} held dates {held['from']}..{held['until']}, "
        f"{facts['skies']} simulated skies)"
    )
    return scores if facts["helped"] else f"adaptation did not help, the given weights are kept: {scores}"


def _days(own: OwnImages, *, held: bool) -> dict[str, Any]:
    first, last, count = own.days(held=held)
    return {"from": first, "until": last, "days": count}
