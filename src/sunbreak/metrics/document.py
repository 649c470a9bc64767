"""Tables before they are drawn: all formats print the same cells, so that they cannot disagree."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Record = Mapping[str, Any]
"""One line of results: names, numbers, intervals (low, high), and None or NaN where nothing is defined."""
MISSING: Final = "-"
"""Stands where nothing is defined."""


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    key: str
    """Which value of a record it shows."""
    heading: str
    """What stands above it."""
    digits: int | None = None
    """Digits after the point; None for words."""
    scale: float = 1.0
    """Factor on what is shown; 100 for percent."""
    signed: bool = False
    """Show the sign of positive numbers, too."""
    optional: bool = False
    """Leave it out of tables that have nothing to show in it."""

    def cell(self, record: Record) -> str:
        """The text of one cell.

        Args:
            record: The record of its row.

        Returns:
            Words as they are, numbers rounded, intervals as `low .. high`, `-` where nothing is defined.

        Example:
            >>> column = Column("psnr", "PSNR", 2)
            >>> [column.cell({"psnr": value}) for value in (30.125, (29.0, 31.5), float("nan"))]
            ['30.12', '29.00 .. 31.50', '-']
        """
        value = record.get(self.key)
        if isinstance(value, tuple):
            return " .. ".join(self._number(end) for end in value)
        if value is None or value == "":
            return MISSING
        return str(value) if self.digits is None else self._number(value)

    def _number(self, value: float) -> str:
        sign = "+" if self.signed else ""
        return MISSING if math.isnan(value) else f"{self.scale * value:{sign}.{self.digits}f}"


@dataclass(frozen=True)
class Table:
    """One table."""

    title: str
    """What it is about; tables of one document differ in it."""
    protocol: str
    """Name of the definitions of its numbers."""
    columns: tuple[Column, ...]
    """Its columns."""
    records: tuple[Record, ...]
    """Its rows; none where the data has nothing of the kind."""

    def cells(self) -> list[list[str]]:
        """All texts of the table.

        Returns:
            Headings first, then a list a row; optional columns without a value are left out.

        Example:
            >>> columns = (Column("model", "model"), Column("low", "95 %", 1, optional=True))
            >>> Table("all", "sunbreak", columns, ({"model": "mine", "low": None},)).cells()
            [['model'], ['mine']]
        """
        lines = [[column.heading, *(column.cell(record) for record in self.records)] for column in self.shown]
        return [list(row) for row in zip(*lines, strict=True)]

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns that are not left out."""
        return tuple(
            column
            for column in self.columns
            if not column.optional or any(column.cell(record) != MISSING for record in self.records)
        )


@dataclass(frozen=True)
class Document:
    """A report before it is drawn."""

    header: tuple[str, ...]
    """Lines that say what makes the numbers comparable."""
    stamps: tuple[str, ...]
    """Lines that say which numbers are not, as a model has seen the regions."""
    origin: str
    """The same in one line, for tables that travel alone."""
    tables: tuple[Table, ...]
    """The tables."""
    legend: tuple[str, ...]
    """What the columns mean."""
    notes: tuple[str, ...]
    """What to know when reading the numbers."""
