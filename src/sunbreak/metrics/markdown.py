"""Draw a document as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sunbreak.metrics.document import Document, Table

SPECIAL: Final = {"\\": "\\\\", "|": "\\|", "<": "&lt;", ">": "&gt;", "*": "\\*", "_": "\\_", "[": "\\[", "]": "\\]"}
"""What Markdown would take for markup."""


def render(document: Document) -> str:
    """Draw a document as Markdown.

    Args:
        document: The document.

    Returns:
        Header, stamps in bold, a section a table, legend and notes.

    Example:
        >>> from sunbreak.metrics.document import Column
        >>> table = Table("all", "sunbreak", (Column("model", "model"), Column("n", "n", 0)), ({"model": "a", "n": 2},))
        >>> print(render(Document(("sunbreak",), (), "", (table,), ("n: patches.",), ())))
        # Scores
        <BLANKLINE>
        - sunbreak
        <BLANKLINE>
        ## all
        <BLANKLINE>
        | model | n |
        | --- | ---: |
        | a | 2 |
        <BLANKLINE>
        - n: patches.
        <BLANKLINE>
    """
    lines = ["# Scores", "", *(f"- {escape(line)}" for line in document.header)]
    lines += [f"- **{escape(stamp)}**" for stamp in document.stamps]
    for table in document.tables:
        lines += ["", f"## {escape(table.title)}", "", *(_rows(table) if table.records else ["None in this data."])]
    lines += ["", *(f"- {escape(line)}" for line in document.legend)]
    return "\n".join([*lines, *(f"- note: {escape(note)}" for note in document.notes), ""])


def escape(text: str) -> str:
    r"""Keep what Markdown would take for markup.

    Args:
        text: Plain text.

    Returns:
        Markdown that shows the text.

    Example:
        >>> escape("ROIs1158_31 <1s")
        'ROIs1158\\_31 &lt;1s'
    """
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _rows(table: Table) -> Iterator[str]:
    head, *rows = table.cells()
    yield _line(head)
    yield "| " + " | ".join("---" if column.digits is None else "---:" for column in table.shown) + " |"
    yield from map(_line, rows)


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(map(escape, cells)) + " |"
