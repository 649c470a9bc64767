"""The report of an evaluation: what `sunbreak evaluate -o` wrote, as one page."""

from __future__ import annotations

import re
from html import unescape
from pathlib import Path

from sunbreak.errors import RasterError
from sunbreak.evaluation.files import NAME
from sunbreak.report.page import page, photo, table


def evaluation_page(folder: Path) -> str:
    """Write the report of an evaluation.

    Args:
        folder: From `sunbreak evaluate -o`: `report.md` and, if matplotlib was there, `report.png`.

    Returns:
        The HTML file.

    Raises:
        RasterError: The report cannot be read.
    """
    try:
        text = (folder / f"{NAME}.md").read_text(encoding="utf-8")
        picture = folder / f"{NAME}.png"
        drawn = (
            photo(picture.read_bytes(), "The first protocol, group of bands and part of the image")
            if picture.is_file()
            else ""
        )
    except (OSError, UnicodeDecodeError) as error:
        raise RasterError(f"{folder}/{NAME}.md: cannot be read ({error}); run sunbreak evaluate again") from error
    first, *rest = re.split(r"(?m)^## ", text)
    notes = [line.removeprefix("- ") for line in first.splitlines()[1:] if line.strip()]
    sections = [(heading, _tables(body)) for heading, _, body in (part.partition("\n") for part in rest)]
    lead = ". ".join(" ".join(note.split()) for note in notes)
    return page("Scores", lead, [("Plots", drawn), *sections])


def _tables(body: str) -> str:
    """Tables and lines of text of a section of a report, which are all that it holds."""
    parts: list[str] = []
    lines = [line.strip() for line in body.splitlines()]
    while lines:
        block: list[str] = []
        while lines and lines[0].startswith("|"):
            block.append(lines.pop(0))
        if len(block) > 1:
            numeric = [cell.endswith(":") for cell in _cells(block[1])]
            parts.append(table(_cells(block[0]), [_cells(line) for line in block[2:]], numeric))
            continue
        line = lines.pop(0) if lines else ""
        if line:
            parts.append(f"<p>{line}</p>")  # the Markdown is escaped already
    return "".join(parts)


def _cells(line: str) -> list[str]:
    inside = line.strip().removeprefix("|").removesuffix("|")
    return [unescape(cell.strip().replace("\\|", "|")) for cell in re.split(r"(?<!\\)\|", inside)]
