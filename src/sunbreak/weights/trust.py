"""Weights that nobody vouches for: what their card has to say before they run, and how it comes to say it.

A card states the SHA-256 of its files. Weights that differ are refused, and so are weights whose card states none until
the user says once that they are to be trusted; from then on they cannot be exchanged unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sunbreak.errors import OptionError
from sunbreak.replacing import replaced

FILES = ("onnx", "safetensors")
"""Endings of the files that a card states checksums of."""


def verified(path: Path, stated: Mapping[str, Any]) -> str:
    """Compare a file of weights with what the file beside it states.

    Args:
        path: The file; its ending says which checksum is meant.
        stated: SHA-256 in hexadecimal digits, by `FILES`.

    Returns:
        Its SHA-256 in hexadecimal digits.

    Raises:
        OptionError: It is missing, it is another file, or no checksum is stated.
    """
    found, expected = _sha256(path), stated.get(path.suffix.removeprefix("."))
    if expected is None:
        raise OptionError(
            f"{path}: nobody vouches for these weights, as {path.with_suffix('.json').name} states no checksum of them;"
            f" if you trust where they come from, run `sunbreak models {path.with_suffix('.onnx')} --trust` once"
        )
    if found != str(expected).lower():
        raise OptionError(
            f"{path}: is not what its card was written for (sha256 {found[:12]}..., the card says "
            f"{str(expected)[:12]}...); copy the files again, together"
        )
    return found


def note(path: Path, content: Mapping[str, Any]) -> dict[str, str]:
    """State the checksums of weights in the file beside them.

    Args:
        path: The `.onnx` file.
        content: What its card or sidecar says.

    Returns:
        The checksums, by `FILES`; those of files that are there.

    Raises:
        OptionError: One is stated already, and differs.
        OutputError: The card cannot be written.
    """
    beside, stated = path.with_suffix(".json"), dict(content.get("sha256") or {})
    there = [name for name in FILES if path.with_suffix(f".{name}").is_file()]
    for name in stated.keys() & set(there):
        verified(path.with_suffix(f".{name}"), stated)
    found = {name: _sha256(path.with_suffix(f".{name}")) for name in there}
    text = json.dumps({**content, "sha256": stated | found}, indent=2, ensure_ascii=False) + "\n"
    with replaced(beside) as card:
        card.write_text(text, encoding="utf-8")
    return found


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise OptionError(
            f"{path}: cannot be read ({error.strerror}); {path.with_suffix('.json').name} needs it"
        ) from error
