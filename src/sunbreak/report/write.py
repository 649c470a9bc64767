"""Write the page of whatever a folder holds."""

from __future__ import annotations

from pathlib import Path

from sunbreak.errors import OptionError, RasterError
from sunbreak.evaluation.files import NAME, write_text
from sunbreak.report.evaluation import evaluation_page
from sunbreak.report.scene import scene_page


def write_page(folder: Path, out: Path) -> Path:
    """Write a report.

    Args:
        folder: A product, or the folder of an evaluation (`sunbreak evaluate -o`).
        out: The HTML file; replaced if it exists.

    Returns:
        The file.

    Raises:
        RasterError: The folder holds neither.
        OptionError: There is no folder to write to.
        OutputError: Writing failed; what was there stays.
    """
    if not out.resolve().parent.is_dir() or out.is_dir():
        raise OptionError(f"{out}: is a folder, or lies in none; give a file to -o/--out")
    if (folder / "item.json").is_file():
        content = scene_page(folder)
    elif (folder / f"{NAME}.md").is_file():
        content = evaluation_page(folder)
    else:
        raise RasterError(f"{folder}: holds neither a product (item.json) nor an evaluation ({NAME}.md)")
    write_text(out, content)
    return out
