"""Draw a document as LaTeX tables; they need the package booktabs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from sunbreak.metrics.document import MISSING, Document, Table

SPECIAL: Final = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "|": r"\textbar{}", "[": "{[}", "]": "{]}",
}  # fmt: skip
"""What LaTeX would take for markup, print as another sign or, after a line break, take for an option."""


def render(document: Document) -> str:
    r"""Draw a document as LaTeX.

    Args:
        document: The document.

    Returns:
        One floating table a table, whose caption says what makes its numbers comparable; header, stamps, legend and
        notes as comments.

    Example:
        >>> from sunbreak.metrics.document import Column
        >>> columns = Column("model", "model"), Column("n", "n", 0)
        >>> table = Table("all", "sunbreak", columns, ({"model": "a_b", "n": 2},))
        >>> print(render(Document(("sunbreak",), (), "split test", (table,), (), ())))
        % sunbreak
        % needs \usepackage{booktabs}
        <BLANKLINE>
        \begin{table}
        \centering\footnotesize
        \caption{All, protocol sunbreak; split test.}
        \begin{tabular}{lr}
        \toprule
        model & n \\
        \midrule
        a\_b & 2 \\
        \bottomrule
        \end{tabular}
        \end{table}
        <BLANKLINE>
    """
    comments = (*document.header, *document.stamps, *document.legend, *(f"note: {note}" for note in document.notes))
    lines = [*("% " + " ".join(line.split()) for line in comments), r"% needs \usepackage{booktabs}"]
    for table in document.tables:
        if table.records:
            lines += ["", *_float(table, document)]
    return "\n".join([*lines, ""])


def escape(text: str) -> str:
    r"""Keep what LaTeX would take for markup.

    Args:
        text: Plain text.

    Returns:
        LaTeX that prints the text.

    Example:
        >>> escape("50 % of A_1")
        '50 \\% of A\\_1'
    """
    return "".join(SPECIAL.get(letter, letter) for letter in text)


def _float(table: Table, document: Document) -> Iterator[str]:
    named = f"protocol {table.protocol}"
    title = table.title[:1].upper() + table.title[1:] + ("" if named in table.title else f", {named}")
    stamps = "".join(f" {stamp}." for stamp in document.stamps)
    head, *rows = table.cells()
    number = [column.digits is not None for column in table.shown]
    yield r"\begin{table}"
    yield r"\centering\footnotesize"
    yield rf"\caption{{{escape(f'{title}; {document.origin}.{stamps}')}}}"
    yield rf"\begin{{tabular}}{{{''.join('lr'[one] for one in number)}}}"
    yield r"\toprule"
    yield _line(map(escape, head))
    yield r"\midrule"
    for row in rows:
        yield _line(_number(cell) if one else escape(cell) for one, cell in zip(number, row, strict=True))
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\end{table}"


def _number(cell: str) -> str:
    """A minus sign where plain text would print a hyphen."""
    return "--" if cell == MISSING else cell.replace("-", "$-$")


def _line(cells: Iterable[str]) -> str:
    return " & ".join(cells) + r" \\"
