"""Shipped weights and their cards: three files a set, `NAME.onnx`, `NAME.safetensors` and the card `NAME.json`."""

from __future__ import annotations

from pathlib import Path

from sunbreak.weights.card import Architecture, Card, Kind, WeightsFile, read_card

__all__ = ["FOLDER", "Architecture", "Card", "Kind", "WeightsFile", "find", "read_card", "shipped"]

FOLDER = Path(__file__).parent
"""Where the shipped sets lie."""


def find(name: str) -> Path | None:
    """Find a shipped set by name.

    Args:
        name: For example `tdp-cr-prior`.

    Returns:
        Its ONNX file, None when no such set ships.
    """
    return next((path for path in _files() if path.stem == name), None)


def shipped() -> dict[str, Card]:
    """The cards of all shipped sets.

    Returns:
        Cards by name, in alphabetical order.

    Raises:
        OptionError: A card is missing or damaged.
    """
    return {path.stem: read_card(path.with_suffix(".json")) for path in _files()}


def _files() -> list[Path]:
    return sorted(FOLDER.glob("*.onnx"))
