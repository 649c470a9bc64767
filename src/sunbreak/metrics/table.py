"""Draw a document for a terminal."""

from __future__ import annotations

from sunbreak.metrics.document import Document
from sunbreak.terminal import aligned


def render(document: Document) -> str:
    """Draw a document as plain text.

    Args:
        document: The document.

    Returns:
        Header, stamps, tables with words to the left and numbers to the right, legend and notes.

    Example:
        >>> from sunbreak.metrics.document import Column, Table
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
        numbers = [at for at, column in enumerate(table.shown) if column.digits is not None]
        drawn = aligned(table.cells(), numbers)
        lines += ["", table.title, *drawn] if table.records else ["", f"{table.title}: none in this data"]
    return "\n".join([*lines, "", *document.legend, *(f"note: {note}" for note in document.notes)])
