"""The card: the file beside each set of weights that says what they are, where they come from, and their checksums."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, get_args

from sunbreak.bands import LEVELS, OPTICAL_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.weights.trust import verified

Kind = Literal["restoration", "mask", "classifier"]
"""What a network is for."""
WeightsFile = Literal["onnx", "safetensors"]
"""The two files that hold the same weights: the first with its graph, the second for PyTorch."""

MAX_PATCH: Final = 4096
"""Longest side of a patch in pixels: memory grows with it, and no network gains from a longer one."""
MOST: Final = 1e30
"""Numbers from which nothing is meant by them."""
MAX_BYTES: Final = 16 << 20
"""Longest card; real ones take some kB."""


@dataclass(frozen=True)
class Architecture:
    """How the network is built before its weights are loaded."""

    network: str
    """Name in `sunbreak.registry.NETWORKS`."""
    config: Mapping[str, Any] = field(default_factory=dict)
    """Settings of its builder."""


@dataclass(frozen=True)
class Card:
    """What is known of a set of weights; `NAME.json` beside `NAME.onnx` and `NAME.safetensors`."""

    path: Path
    """The card's own file."""
    name: str
    """Name in tables and in the product's metadata; that of the file unless the card says otherwise."""
    bands: tuple[str, ...]
    """Optical bands in the order of the network's input and output."""
    levels: tuple[str, ...]
    """Processing levels it was made for."""
    kind: Kind = "restoration"
    """What it is for."""
    patch: int = 256
    """Side of a patch in pixels."""
    overlap: int = 32
    """Pixels that neighbouring patches share."""
    bf16: bool = False
    """Whether precision `auto` may take bf16: it was measured to cost next to nothing."""
    land_cover: tuple[int, ...] = ()
    """WorldCover codes in the order of the output `land_cover`; empty when the network maps none."""
    classes: tuple[str, ...] = ()
    """Names of the scene classes in the order of the output `logits`; empty unless it is a classifier."""
    sigma_scale: tuple[float, ...] = ()
    """Factor of the 1-sigma error for each of `bands`, from its calibration; 1 unless the card says otherwise."""
    sha256: Mapping[str, str] = field(default_factory=dict)
    """Checksums by `WeightsFile`, in hexadecimal digits."""
    licence: str = "unknown"
    """Licence of the weights."""
    summary: str = ""
    """What the network does, in one sentence."""
    inputs: str = ""
    """What it needs besides the optical scene, in words."""
    parameters: int | None = None
    """Number of parameters; None when unknown."""
    gmacs: float | None = None
    """Multiply-accumulate operations of a patch of 256 x 256 pixels, in thousand millions; None when unknown."""
    architecture: Architecture | None = None
    """How it is built in PyTorch; None when it runs from its ONNX file only."""

    @property
    def onnx(self) -> Path:
        """The weights with their graph."""
        return self.path.with_suffix(".onnx")

    @property
    def safetensors(self) -> Path:
        """The weights for PyTorch."""
        return self.path.with_suffix(".safetensors")

    def content(self) -> dict[str, Any]:
        """All that the card's file says, training and metrics included.

        Returns:
            The parsed file.

        Raises:
            OptionError: The file is missing or is not a card.
        """
        return parsed(self.path)

    def verify(self, file: WeightsFile) -> str:
        """Compare a file of weights with the card.

        Args:
            file: Which one.

        Returns:
            Its SHA-256 in hexadecimal digits.

        Raises:
            OptionError: It is missing, is not what the card was written for, or the card has no checksum of it.
        """
        return verified(self.onnx if file == "onnx" else self.safetensors, self.sha256)


FIELDS: Final = {
    "name": str, "patch": int, "overlap": int, "bf16": bool, "licence": str, "summary": str, "inputs": str,
    "parameters": int,
}  # fmt: skip
"""Optional entries of a card that are taken as they are."""


def read_card(path: Path) -> Card:
    """Read and check a card.

    Args:
        path: The `.json` file.

    Returns:
        The card; entries it does not know are left to `Card.content`.

    Raises:
        OptionError: The file is missing, is not JSON, or lacks or misspells an entry.
    """
    content = parsed(path)
    if not {"bands", "levels"} <= content.keys():
        raise OptionError(f"{path}: a model card states at least `bands` and `levels`")
    for name, kind in FIELDS.items():
        if name in content and (not isinstance(content[name], kind) or (kind is int and content[name] is True)):
            raise OptionError(f"{path}: `{name}` is {content[name]!r}; expected {kind.__name__}")
    bands, levels = known_names(path, content, "bands", OPTICAL_BANDS), known_names(path, content, "levels", LEVELS)
    codes = known_names(path, content, "land_cover", LAND_COVER_LEGEND) if content.get("land_cover") else ()
    scale = content.get("sigma_scale") or [1.0] * len(bands)
    if not isinstance(scale, list) or len(scale) != len(bands) or not all(_is_positive(value) for value in scale):
        raise OptionError(f"{path}: `sigma_scale` is {scale!r}; expected a positive number for each of the bands")
    if content.get("kind", "restoration") not in get_args(Kind):
        raise OptionError(f"{path}: `kind` is {content['kind']!r}; expected one of {', '.join(get_args(Kind))}")
    patch, overlap = content.get("patch", Card.patch), content.get("overlap", Card.overlap)
    if not 1 <= patch <= MAX_PATCH or not 0 <= overlap < patch:
        raise OptionError(
            f"{path}: `patch` is {patch} and `overlap` {overlap}; expected 1 to {MAX_PATCH} pixels, and fewer than that"
        )
    built = content.get("architecture")
    try:
        return Card(
            path,
            bands=bands,
            levels=levels,
            land_cover=codes,
            classes=class_names(path, content.get("classes")) if content.get("kind") == "classifier" else (),
            sigma_scale=tuple(map(float, scale)),
            kind=content.get("kind", "restoration"),
            sha256={str(file): str(digest) for file, digest in dict(content.get("sha256") or {}).items()},
            gmacs=None if content.get("gmacs") is None else float(content["gmacs"]),
            architecture=None
            if built is None
            else Architecture(str(built["network"]), dict(built.get("config") or {})),
            **{"name": path.stem} | {name: content[name] for name in FIELDS if content.get(name) is not None},
        )
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise OptionError(f"{path}: not a readable model card ({type(error).__name__}: {error})") from error


def parsed(path: Path) -> dict[str, Any]:
    """Read the file beside a model.

    Args:
        path: The `.json` file.

    Returns:
        What it says.

    Raises:
        OptionError: It is missing, or holds no JSON object.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MAX_BYTES + 1)
        if len(text) > MAX_BYTES:
            raise ValueError(f"it is longer than {MAX_BYTES >> 20} MiB")
        content = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{path}: not a readable model card ({error})") from error
    if not isinstance(content, dict):
        raise OptionError(f"{path}: not a readable model card (it holds no object)")
    return content


def class_names(path: Path, given: Any) -> tuple[str, ...]:
    """Check the names of scene classes.

    Args:
        path: The file they stand in, for the message.
        given: What it says.

    Returns:
        The names.

    Raises:
        OptionError: It is no list of at least two names, or names one twice.
    """
    if not isinstance(given, list) or len(given) < 2 or not all(isinstance(name, str) and name for name in given):
        raise OptionError(f"{path}: `classes` is {given!r}; expected the names of at least two classes")
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise OptionError(f"{path}: `classes` names {twice!r} twice; give every class a name of its own")
    return tuple(given)


def known_names(path: Path, content: Mapping[str, Any], key: str, known: Any) -> tuple[Any, ...]:
    """Take a list of things, each of them known and named once.

    Args:
        path: The file, for the message.
        content: What it says.
        key: Entry that holds the list.
        known: What may be named.

    Returns:
        What is named.

    Raises:
        OptionError: The entry is no list, is empty, names something twice, or something that is not known.
    """
    given = content[key]
    if not isinstance(given, list) or not given or len({str(one) for one in given}) != len(given):
        raise OptionError(f"{path}: `{key}` is {given!r}; expected a list that names each once")
    strange = [one for one in given if not isinstance(one, str | int) or one not in known]
    if strange:
        raise OptionError(f"{path}: `{key}` holds {strange[0]!r}; expected of {', '.join(map(str, known))}")
    return tuple(given)


def _is_positive(value: Any) -> bool:
    return isinstance(value, int | float) and 0 < value < MOST
