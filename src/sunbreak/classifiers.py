"""Classifiers: one scene class for a patch. Ours, anybody's ONNX file with a sidecar, or a Python function; no torch.

Ours is a model file as `engine` runs them, with a card of the kind `classifier`. A file from outside has a sidecar
instead, see `sunbreak.sidecar`. What lies beside the `.onnx` file says which of the two it is.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak import engine
from sunbreak.bands import LEVELS, OPTICAL_BANDS, RADAR_DB_RANGE
from sunbreak.errors import OptionError
from sunbreak.model_item import foreign_item, model_item
from sunbreak.models import RUN_MODEL
from sunbreak.runtimes import Runtime
from sunbreak.sidecar import Sidecar, open_foreign, read_sidecar
from sunbreak.weights import Card, read_card
from sunbreak.weights.card import class_names, parsed

Logits = dict[str, np.ndarray]
"""`logits`, (n, class), float32; of networks with two branches also `logits_optical` and `logits_radar`."""
NEEDS_RADAR: Final = "radar"
"""What the card of a classifier gives as its `inputs` if all patches that it was trained on had radar."""
PARTS: Final = ("logits_optical", "logits_radar")
"""What each branch alone says, where a network has two."""


@dataclass(frozen=True)
class Classifier:
    """Something that says of a patch what scene class it is."""

    name: str
    """Name in tables and in the item of a class map."""
    classes: tuple[str, ...]
    """Names of the classes in the order of the logits."""
    bands: tuple[str, ...]
    """Optical bands in the order in which it takes them."""
    levels: tuple[str, ...]
    """Processing levels it was made for."""
    patch: int
    """Side of a patch in pixels."""
    uses_radar: bool
    """Whether it looks at radar."""
    run: Callable[[np.ndarray, np.ndarray | None, np.ndarray], Logits]
    """Classifies patches: takes optical (n, band, y, x), float32, reflectance, NaN = no data, in the order of `bands`;
    radar (n, 2, y, x), VV and VH in dB, NaN = invalid, or None; and clear (n, y, x), bool, True where the optical is
    measured and clear."""
    uses_optical: bool = True
    """Whether it looks at the optical image."""
    needs_radar: bool = False
    """Whether it cannot do without radar: it has never seen a patch that has none."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """What the item of a class map says of it: `runtime`, `precision`, `weights_sha256` and `model_item`."""


def open_classifier(
    model: str | Path, *, runtime: engine.RuntimeName = "auto", precision: engine.Precision = "auto"
) -> Classifier:
    """Open a classifier, and try it on one patch.

    Args:
        model: Folder of a finished `sunbreak transfer`, or an `.onnx` file with its card or its sidecar beside it.
        runtime: What runs it; `auto` takes OpenVINO.
        precision: Its arithmetic; `auto` takes fp32 unless its card allows bf16 and the hardware has it.

    Returns:
        The classifier.

    Raises:
        OptionError: A file is missing, unreadable or damaged, is no classifier, or is not what its card or sidecar
            says; or the runtime is not installed or cannot run it.
    """
    path = _file_of(model)
    beside = path.with_suffix(".json")
    content = parsed(beside)
    if "kind" in content:
        made = _ours(path, read_card(beside), runtime, precision)
    elif "classes" in content:
        made = _foreign(path, runtime, precision)
    else:
        raise OptionError(
            f"{beside}: neither the card of a classifier (`kind` is classifier) nor a sidecar (with `classes`); name "
            "the folder of a `sunbreak transfer`, or see docs/classify.md for sidecars"
        )
    return _tried(made, path)


def callable_classifier(
    function: Callable[[np.ndarray], Any],
    *,
    bands: Sequence[str],
    classes: Sequence[str],
    patch: int,
    levels: Sequence[str] = LEVELS,
    name: str = "callable",
) -> Classifier:
    """Make a classifier of a Python function.

    Args:
        function: Takes optical (n, band, y, x), float32, reflectance, 0 = no data; returns logits, (n, class). It is
            called by one thread at a time.
        bands: Optical bands in the order in which it takes them, names as in `bands.OPTICAL_BANDS`.
        classes: Names of the classes in the order of the logits.
        patch: Side of a patch in pixels.
        levels: Processing levels it was made for.
        name: Name in tables.

    Returns:
        The classifier.

    Raises:
        OptionError: Bands, levels or classes are unknown or named twice, or the patch is no size; and, when it runs,
            the function returns something else.

    Example:
        >>> bright = callable_classifier(
        ...     lambda optical: np.stack([optical.mean((1, 2, 3)), np.full(len(optical), 0.25)], axis=1),
        ...     bands=["B04", "B03", "B02"], classes=["bright", "dark"], patch=8,
        ... )
        >>> optical = np.full((1, 3, 8, 8), 0.5, np.float32)
        >>> bright.run(optical, None, np.ones((1, 8, 8), bool))["logits"].tolist()
        [[0.5, 0.25]]
    """
    for what, given, known in (("bands", bands, tuple(OPTICAL_BANDS)), ("levels", levels, LEVELS)):
        strange = [one for one in given if one not in known]
        if strange or not given or len(set(given)) != len(given):
            raise OptionError(f"{name}: {what} {list(given)}: name at least one of {', '.join(known)}, each once")
    if patch < 1:
        raise OptionError(f"{name}: patch {patch}: expected the side of a patch in pixels")
    named = class_names(Path(name), list(classes))
    turn = threading.Lock()

    def run(optical: np.ndarray, radar: np.ndarray | None, clear: np.ndarray) -> Logits:
        with turn:
            found = function(np.nan_to_num(optical, nan=0.0).astype(np.float32, copy=False))
        try:
            logits = np.asarray(found, dtype=np.float32)
        except (TypeError, ValueError, RuntimeError) as error:
            raise OptionError(f"{name}: returns a {type(found).__name__}, which is no array ({error})") from error
        return {"logits": _checked(name, logits, (len(optical), len(named)))}

    return Classifier(name, named, tuple(bands), tuple(levels), patch, uses_radar=False, run=run)


def _file_of(model: str | Path) -> Path:
    path = Path(model)
    if not path.is_dir() and path.suffix != ".onnx":
        raise OptionError(
            f"model {str(model)!r}: no classifier; name the folder of a finished `sunbreak transfer`, or an .onnx file "
            "with its .json beside it"
        )
    file = path / RUN_MODEL if path.is_dir() else path
    for needed in (file, file.with_suffix(".json")):
        if not needed.is_file():
            raise OptionError(f"{needed}: no such file; a classifier is an .onnx file with its .json beside it")
    return file


def _ours(path: Path, card: Card, runtime: engine.RuntimeName, precision: engine.Precision) -> Classifier:
    if card.kind != "classifier":
        raise OptionError(f"{path}: is a {card.kind} network, no classifier; name the folder of a `sunbreak transfer`")
    model = engine.open_model(path, runtime=runtime, precision=precision)
    wants = model.runtime.inputs
    if not {"optical", "radar"} & set(wants):
        raise OptionError(f"{path}: asks for {', '.join(wants)} only; a classifier takes optical, radar, or both")

    def run(optical: np.ndarray, radar: np.ndarray | None, clear: np.ndarray) -> Logits:
        inputs = _inputs(wants, optical, radar, clear)
        found = [model.runtime.run({name: array[[index]] for name, array in inputs.items()}) for index in _all(clear)]
        shape = (len(clear), len(card.classes))
        names = ("logits", *(name for name in PARTS if name in found[0]))
        if "logits" not in found[0]:
            raise OptionError(f"{path}: returns {', '.join(found[0])}; a classifier returns logits")
        joined = {name: np.concatenate([one[name] for one in found]) for name in names}
        return {name: _checked(f"{path}: {name}", values, shape) for name, values in joined.items()}

    facts = {"runtime": model.runtime_name, "precision": model.precision, "weights_sha256": model.sha256}
    return Classifier(
        card.name, card.classes, card.bands, card.levels, card.patch,
        uses_radar="radar" in wants, run=run, uses_optical="optical" in wants,
        needs_radar="radar" in wants and card.inputs == NEEDS_RADAR,
        facts=facts | {"model_item": model_item(card)},
    )  # fmt: skip


def _foreign(path: Path, runtime: engine.RuntimeName, precision: engine.Precision) -> Classifier:
    sidecar = read_sidecar(path.with_suffix(".json"))
    opened, facts = open_foreign(path, sidecar, runtime=runtime, precision=precision)
    name = path.parent.name if path.name == RUN_MODEL else path.stem
    return Classifier(
        name, sidecar.classes, sidecar.bands, sidecar.levels, sidecar.patch,
        uses_radar=False, run=_foreign_run(path, opened, sidecar),
        facts=facts | {"model_item": foreign_item(name, sidecar)},
    )  # fmt: skip


def _foreign_run(
    path: Path, opened: Runtime, sidecar: Sidecar
) -> Callable[[np.ndarray, np.ndarray | None, np.ndarray], Logits]:
    def run(optical: np.ndarray, radar: np.ndarray | None, clear: np.ndarray) -> Logits:
        patches = sidecar.scaled(np.nan_to_num(optical, nan=0.0))
        found = [opened.run({opened.inputs[0]: patches[[index]]}) for index in _all(clear)]
        if len(found[0]) != 1:
            raise OptionError(f"{path}: has the outputs {', '.join(found[0])}; expected one, (n, class)")
        values = np.concatenate([output for one in found for output in one.values()])
        return {"logits": sidecar.logits(_checked(f"{path}: output", values, (len(clear), len(sidecar.classes))))}

    return run


def _tried(made: Classifier, path: Path) -> Classifier:
    """The classifier, if it classifies one dark patch: files that do not fit their cards shall not fail late."""
    size = (made.patch, made.patch)
    optical = np.zeros((1, len(made.bands), *size), np.float32)
    radar = np.full((1, 2, *size), -15.0, np.float32) if made.uses_radar else None
    try:
        made.run(optical, radar, np.ones((1, *size), bool))
    except OptionError:
        raise
    except Exception as error:  # every runtime has its own
        raise OptionError(
            f"{path}: cannot be run on {len(made.bands)} bands and {made.patch} x {made.patch} pixels as "
            f"{path.with_suffix('.json').name} says ({engine.reason(error)})"
        ) from error
    return made


def _inputs(
    wants: Sequence[str], optical: np.ndarray, radar: np.ndarray | None, clear: np.ndarray
) -> dict[str, np.ndarray]:
    """What `engine` documents, for all patches."""
    made: dict[str, np.ndarray] = {}
    if "optical" in wants:
        made["optical"] = np.nan_to_num(optical, nan=0.0)
    if "radar" in wants or "radar_valid" in wants:
        given = np.full((len(clear), 2, *clear.shape[1:]), np.nan, np.float32) if radar is None else radar
        valid = np.asarray(np.isfinite(given).all(axis=1, keepdims=True))
        made |= {"radar": np.where(valid, given, np.float32(RADAR_DB_RANGE[0])), "radar_valid": valid}
    if "clear" in wants:
        made["clear"] = clear[:, np.newaxis]
    return {name: made[name].astype(np.float32, copy=False) for name in wants}


def _all(patches: np.ndarray) -> range:
    # one at a time: on a processor larger batches are no faster, and the result of a patch depends on no other
    return range(len(patches))


def _checked(what: str, logits: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    if logits.shape != shape:
        raise OptionError(
            f"{what} has the shape {logits.shape} for {shape[0]} patches; expected {shape}, one value for each of the "
            f"{shape[1]} classes"
        )
    if not np.isfinite(logits).all():
        raise OptionError(f"{what} holds values that are not finite; look at the model, and at patches of 0 in it")
    return logits.astype(np.float32, copy=False)
