"""Draw a document for a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from sunbreak.metrics.document import Document, Table


def render(document: Document) -> str:
    """Draw a document as plain text.

    Args:
        document: The document.

    Returns:
        Header, stamps, tables with words to the left and numbers to the right, legend and notes.

    Example:
        >>> from sunbreak.metrics.document import Column
        >>> table = Table("all", "sunbreak", (Column("model", "model"), Column("n", "n", 0)), ({"model": "a", "n": 2},))
        >>> print(render(Document(("sunbreak",), (), "", (table,), (), ("nothing",))))
        sunbreak
        <BLANKLINE>
        all
        model  n
        a      2
        <BLANKLINE>
        note: nothing
    """
    lines = [*document.header, *document.stamps]
    for table in document.tables:
        lines += ["", table.title, *_aligned(table)] if table.records else ["", f"{table.title}: none in this data"]
    return "\n".join([*lines, "", *document.legend, *(f"note: {note}" for note in document.notes)])


def _aligned(table: Table) -> Iterator[str]:
    cells = table.cells()
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        padded = [
            cell.ljust(width) if column.digits is None else cell.rjust(width)
            for column, cell, width in zip(table.shown, row, widths, strict=True)
        ]
        yield "  ".join(padded).rstrip()
