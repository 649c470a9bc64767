"""Write a report to a folder in every format, and texts so that a file is whole or not there."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.metrics.evaluated import Evaluated
from sunbreak.metrics.land_cover_report import LandCoverReport
from sunbreak.metrics.plot import draw
from sunbreak.metrics.report import Report
from sunbreak.metrics.scene_class_report import SceneClassReport
from sunbreak.replacing import replaced

FORMATS: Final[dict[str, Callable[[Evaluated], str]]] = {
    "md": Evaluated.markdown,
    "csv": Evaluated.csv,
    "json": Evaluated.json,
    "tex": Evaluated.latex,
}
"""Text formats, by the ending of the file."""
NAME: Final = "report"
"""Name of all files, before the ending."""


def write_report(report: Report | LandCoverReport | SceneClassReport, folder: Path) -> list[Path]:
    """Write a report as Markdown, CSV, JSON and LaTeX, and draw it.

    Files of an earlier report in the folder are replaced. Without matplotlib, the picture is left out with a warning.

    Args:
        report: The report.
        folder: The folder; made if it does not exist.

    Returns:
        The files: `report.md`, `report.csv`, `report.json`, `report.tex` and `report.png`.

    Raises:
        OptionError: The folder cannot be made; choose another one.
        OutputError: Writing failed.
    """
    make_folder(folder)
    files = [folder / f"{NAME}.{ending}" for ending in FORMATS]
    for file, form in zip(files, FORMATS.values(), strict=True):
        write_text(file, form(report))
    picture = folder / f"{NAME}.png"
    try:
        with replaced(picture) as path:
            draw(report, path)
    except OptionError as error:
        picture.unlink(missing_ok=True)  # of an earlier report, which the other files no longer show
        warnings.warn(f"{picture} is not there: {error}", SunbreakWarning, stacklevel=2)
        return files
    return [*files, picture]


def make_folder(folder: Path) -> None:
    """Make a folder for files, so that hours of work do not end with a folder that cannot be written to.

    Args:
        folder: The folder; nothing happens where it exists.

    Raises:
        OptionError: It cannot be made; choose another one.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"{folder}: cannot be made ({error.strerror}); choose another -o/--out") from error


def write_text(file: Path, text: str) -> None:
    """Write a text file; what it held before stays until all is written.

    Args:
        file: The file; a pipe or a device is written to as it is.
        text: What it holds then, in UTF-8.

    Raises:
        OutputError: Writing failed.
    """
    with replaced(file) as path:
        path.write_text(text, encoding="utf-8")
