"""Figures as text for people and as JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Table:
    """Figures of one kind."""

    title: str
    """What they are."""
    head: tuple[str, ...]
    """Names of the columns."""
    rows: list[list[str]]
    """Cells, as shown."""
    raw: list[dict[str, Any]]
    """Every single run, unrounded."""


def as_text(table: Table) -> str:
    """A table in Markdown.

    Args:
        table: The table.

    Returns:
        Title and table.
    """
    widths = [max(map(len, cells)) for cells in zip(table.head, *table.rows, strict=True)]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |"
             for row in (list(table.head), *table.rows)]  # fmt: skip
    rule = f"| {' | '.join('-' * width for width in widths)} |"
    return "\n".join([table.title, "", lines[0], rule, *lines[1:]])


def as_json(facts: dict[str, str], tables: Sequence[Table]) -> str:
    """All figures, every run of each.

    Args:
        facts: Of the machine.
        tables: The tables.

    Returns:
        JSON.
    """
    content = {"machine": facts, "tables": [{"title": one.title, "runs": one.raw} for one in tables]}
    return json.dumps(content, indent=1) + "\n"
