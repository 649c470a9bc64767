"""The models that `--model` and `sunbreak models` know: the scene prior, shipped networks, and the user's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunbreak import weights
from sunbreak.errors import OptionError
from sunbreak.registry import CLASSIFIERS, NETWORKS, NetworkEntry
from sunbreak.terminal import aligned
from sunbreak.weights import Card
from sunbreak.weights.card import parsed
from sunbreak.weights.graph import check_graph
from sunbreak.weights.trust import note

SCENE_PRIOR: Final = "scene-prior"
DEFAULT: Final = "tdp-cr-prior"
"""Restores where nobody names a model, in Python and on the command line."""
RUN_MODEL: Final = "model.onnx"
"""The model file in the folder that `sunbreak train` and `sunbreak transfer` write."""
SIDE: Final = 256
"""Side in pixels of the patch that the compute of networks over images is counted on."""
CLASSIFIED: Final = 64
"""Side in pixels of the patch that the compute of classifiers is counted on."""


@dataclass(frozen=True)
class ModelEntry:
    """One line of `sunbreak models`."""

    name: str
    """Name for `--model`."""
    summary: str
    """What it does, in one sentence."""
    inputs: str
    """What it needs besides the optical scene."""
    licence: str = "Apache-2.0"
    """Licence of what was learnt, or of the code where nothing was."""
    weights: str = "none"
    """What was learnt beforehand."""
    parameters: int | None = None
    """Number of parameters learnt beforehand; None for none."""
    gmacs: float | None = None
    """Multiply-accumulate operations of a patch, in thousand millions; None where there is no network."""
    card: Card | None = None
    """The card of its weights."""
    side: int = SIDE
    """Side in pixels of the patch that `gmacs` is counted on."""


_PRIOR: Final = ModelEntry(
    SCENE_PRIOR,
    "Radar-to-reflectance regression fitted on the scene's own clear pixels, corrected by what shines through thin "
    "cloud and shadow.",
    "radar; without it clear pixels around are continued",
    weights="none; a small global regression (Apache-2.0) where too few pixels are clear",
)

BASELINES: Final[dict[str, ModelEntry]] = {
    entry.name: entry
    for entry in (
        ModelEntry("cloudy", "The input as it is; a row of every table of `sunbreak evaluate`.", "nothing"),
        ModelEntry(
            "smooth-fill",
            "Clear pixels around, smoothly continued; a row of every table of `sunbreak evaluate`.",
            "nothing",
        ),
        ModelEntry("least-cloudy", "The whole of the other date that has the least cloud.", "other dates"),
        ModelEntry("temporal-median", "The median of all clear observations of a pixel.", "other dates"),
        ModelEntry(
            "weighted-mosaic",
            "The mean of all clear observations of a pixel, by nearness in time and distance from cloud.",
            "other dates",
        ),
    )
}
"""What models are measured against; not for `--model`."""


def untrained() -> dict[str, ModelEntry]:
    """The networks that can be trained, and of which no weights ship.

    Returns:
        Entries by name, those that classify last.

    Example:
        >>> untrained()["scene-classifier"].weights
        'none: `sunbreak transfer`'
    """
    known = {name: _waiting(name, entry, f"sunbreak train {name}") for name, entry in NETWORKS.items()}
    known |= {name: _waiting(name, entry, "sunbreak transfer", CLASSIFIED) for name, entry in CLASSIFIERS.items()}
    return {name: entry for name, entry in known.items() if weights.find(name) is None}


def _waiting(name: str, entry: NetworkEntry, command: str, side: int = SIDE) -> ModelEntry:
    return ModelEntry(
        name, entry.summary, entry.inputs, licence="Apache-2.0 (code)", weights=f"none: `{command}`",
        parameters=entry.parameters, gmacs=entry.gmacs, side=side,
    )  # fmt: skip


def restorers() -> dict[str, ModelEntry]:
    """The models that restore scenes: the scene prior and the shipped networks.

    Returns:
        Entries by name.

    Raises:
        OptionError: A shipped card is damaged.
    """
    networks = [_entry(name, card) for name, card in weights.shipped().items() if card.kind == "restoration"]
    return {entry.name: entry for entry in (_PRIOR, *networks)}


def _entry(name: str, card: Card) -> ModelEntry:
    return ModelEntry(
        name, card.summary, card.inputs, card.licence, card.onnx.name, card.parameters, card.gmacs, card
    )  # fmt: skip


def locate(model: str | Path) -> Path | None:
    """Find the file of a model.

    Args:
        model: Name of a model, path of an ONNX file, or the folder of a run of `sunbreak train`.

    Returns:
        The ONNX file; None for the scene prior, which has none.

    Raises:
        OptionError: There is no such model.
    """
    name, path = str(model), Path(model)
    if name == SCENE_PRIOR:
        return None
    found = weights.find(name)
    if found is not None or path.suffix == ".onnx":
        return found or path
    if path.is_dir():
        if not (path / RUN_MODEL).is_file():
            raise OptionError(f"{path}: holds no {RUN_MODEL}; name the folder of a finished `sunbreak train`")
        return path / RUN_MODEL
    if name in NETWORKS or name in CLASSIFIERS:
        command = untrained()[name].weights.removeprefix("none: ")
        raise OptionError(f"model {name!r}: no weights of it ship; train it with {command}, name the run")
    raise OptionError(
        f"model {name!r}: unknown; one of {', '.join(restorers())}, or a path ending in .onnx, or the folder of a "
        "`sunbreak train`"
    )


def regions_seen(model: str | Path) -> frozenset[str] | None:
    """Regions that a model was trained on.

    Args:
        model: As for `locate`, or a baseline; or a classifier, whatever lies beside its file.

    Returns:
        Their names, as the card lists them; empty where nothing was learnt; None where its card does not say.

    Raises:
        OptionError: There is no such model, or its card is damaged.
    """
    path = None if str(model) in BASELINES else locate(model)
    if path is None:
        return frozenset()
    training = parsed(path.with_suffix(".json")).get("training")
    seen = training.get("regions_seen") if isinstance(training, dict) else None
    return frozenset(map(str, seen)) if isinstance(seen, list) else None


def mapping_land_cover() -> tuple[str, ...]:
    """The shipped models that map land cover.

    Returns:
        Their names.

    Raises:
        OptionError: A shipped card is damaged.

    Example:
        >>> "tdp-cr-prior" in mapping_land_cover()
        True
    """
    return tuple(name for name, entry in restorers().items() if entry.card is not None and entry.card.land_cover)


def maps_land_cover(model: str | Path) -> bool:
    """Whether a model maps land cover beside restoring.

    Args:
        model: As for `locate`, or a baseline.

    Returns:
        True if its card lists the classes that it maps.

    Raises:
        OptionError: There is no such model, or its card is damaged.

    Example:
        >>> maps_land_cover("tdp-cr-prior"), maps_land_cover("scene-prior")
        (True, False)
    """
    path = None if str(model) in BASELINES else locate(model)
    return path is not None and bool(weights.read_card(path.with_suffix(".json")).land_cover)


def describe(model: str | Path) -> str:
    """Tell all about one model.

    Args:
        model: As for `locate`, or a baseline.

    Returns:
        Lines of text; for a network its card in full.

    Raises:
        OptionError: There is no such model, or its card is damaged.
    """
    known = {SCENE_PRIOR: _PRIOR} | BASELINES | untrained()
    if str(model) in known:
        entry = known[str(model)]
        default = " The default." if entry.name == DEFAULT else ""
        size = f"\n  size:    {_size(entry)}" if entry.parameters else ""
        return f"{entry.name}\n  {entry.summary}{default}\n  needs:   {entry.inputs}\n  weights: {entry.weights}{size}"
    path = locate(model)
    if path is None:
        raise OptionError(f"model {str(model)!r}: has no card")
    card = weights.read_card(path.with_suffix(".json"))
    default = " (the default)" if str(model) == DEFAULT else ""
    return f"{card.name}{default}: {card.path}\n" + json.dumps(card.content(), indent=2, ensure_ascii=False)


def trust(model: str | Path | None) -> dict[Path, str]:
    """Note the checksums of a model's files in its card or sidecar, so that it runs from now on.

    Args:
        model: An ONNX file, or the folder of a run.

    Returns:
        SHA-256 by file.

    Raises:
        OptionError: There is no such model, its card or sidecar is damaged, keeps weights in other files, or states
            another checksum.
        OutputError: The card cannot be written.
    """
    path = None if model is None or str(model) in BASELINES else locate(model)
    if path is None:
        raise OptionError("--trust: goes with a model of files; name MODEL.onnx, or the folder of a run")
    content = parsed(path.with_suffix(".json"))
    check_graph(path)
    return {path.with_suffix(f".{name}"): digest for name, digest in note(path, content).items()}


def table() -> str:
    """The table of `sunbreak models`.

    Returns:
        Lines of text: name, parameters, GMACs, inputs, licence and weights of restorers, baselines and networks that
        wait for a training.
    """
    head = ("name", "parameters", "GMACs", "needs besides optical", "licence", "weights")
    entries = (restorers() | BASELINES | untrained()).values()
    rows = [
        (
            entry.name + (" *" if entry.name == DEFAULT else ""),
            "-" if entry.parameters is None else f"{entry.parameters / 1e6:.2f} M",
            "-" if entry.gmacs is None else f"{entry.gmacs:.{1 if entry.side == SIDE else 2}f}",
            entry.inputs,
            entry.licence,
            entry.weights.split(";")[0],
        )
        for entry in entries
    ]
    return "\n".join(
        [
            *aligned((head, *rows), numbers=(1, 2)),
            "",
            "* the default. GMACs: thousand million multiply-accumulates of convolutions and linear layers on a patch",
            f"of {SIDE} x {SIDE}, those of {', '.join(CLASSIFIERS)} on one of {CLASSIFIED} x {CLASSIFIED}",
            "(a multiplication and an addition count as one; FLOPs are twice as many).",
            "`sunbreak models NAME` tells all about one of them.",
        ]
    )


def _size(entry: ModelEntry) -> str:
    return f"{entry.parameters or 0:,} parameters, {entry.gmacs} GMACs at {entry.side} x {entry.side}"
