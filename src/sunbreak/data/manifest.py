"""The manifest of a collection: one line a file, the files of one sample sharing an id."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Final

from sunbreak.bands import LEVELS, Level
from sunbreak.data.spec import can_be_path
from sunbreak.errors import OptionError

MANIFEST: Final = "manifest.csv"
"""Name of the list inside the folder of a collection."""
COLUMNS: Final = ("path", "sample_id", "region_id", "split", "role", "level", "bands", "units", "dn_offset", "quality")
"""Columns that are read; others may stand beside them."""
OPTICAL_ROLES: Final = ("s2_cloudy", "s2_clear")


@dataclass(frozen=True)
class FileRow:
    """One file of a collection."""

    path: Path
    """Where it lies."""
    sample: str
    """Sample it belongs to."""
    region: str
    """Place on Earth."""
    split: str
    """`train`, `val` or `test`; all samples of a region share it."""
    role: str
    """`s1`, `s2_cloudy`, `s2_clear`, `mask`, or something this package does not read."""
    level: Level | None
    """Processing level of an optical file."""
    bands: tuple[str, ...]
    """Band names in the order of the file."""
    units: str
    """What a stored number means, in words."""
    dn_offset: int
    """Number still inside the DN; the negative of `--offset`."""
    remark: str
    """Remarks on the file, such as `open_water`."""
    source: str = ""
    """Data set that the file comes from."""
    licence: str = ""
    """Licence of its content, in words."""
    pixel_size: float | None = None
    """Side of a pixel in m; None when the manifest does not say."""
    day: date | None = None
    """When it was taken; None when the manifest does not say, or names more than one day."""


def read_manifest(folder: str | Path) -> tuple[FileRow, ...]:
    """Read the manifest of a collection.

    Args:
        folder: Folder of the collection.

    Returns:
        One row a file, in the order of the manifest.

    Raises:
        OptionError: The folder holds no manifest, a column is missing, or a line cannot be used.
    """
    root = Path(folder)
    listing = root / MANIFEST
    try:
        with listing.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
            if missing:
                raise OptionError(f"{listing}: lacks the columns {', '.join(missing)}; it needs {', '.join(COLUMNS)}")
            return tuple(_row(root, f"{listing}, line {reader.line_num}", line) for line in reader)
    except FileNotFoundError:
        raise OptionError(
            f"{listing}: no such file; give the folder of a collection, the one with {MANIFEST}"
        ) from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{listing}: cannot be read ({error}); expected a CSV file in UTF-8") from error


def by_sample(rows: Iterable[FileRow]) -> dict[str, list[FileRow]]:
    """Group files by their sample, in the order of the manifest.

    Args:
        rows: Files.

    Returns:
        Files of every sample.
    """
    groups: dict[str, list[FileRow]] = {}
    for row in rows:
        groups.setdefault(row.sample, []).append(row)
    return groups


def check_splits(rows: Iterable[FileRow], listing: str) -> None:
    """Make sure that no region lies in two splits.

    Args:
        rows: All files of a collection.
        listing: Name of the manifest, for the message.

    Raises:
        OptionError: A region is in two splits: scores would be made on land seen in training.
    """
    seen: dict[str, str] = {}
    for row in rows:
        if seen.setdefault(row.region, row.split) != row.split:
            raise OptionError(
                f"{listing}: region {row.region} is in the splits {seen[row.region]} and {row.split}; put all its "
                "samples in one"
            )


def _row(root: Path, place: str, line: dict[str, str | None]) -> FileRow:
    cells = {name: (line[name] or "").strip() for name in COLUMNS}
    relative = PurePosixPath(cells["path"])
    if not can_be_path(cells["path"]):
        raise OptionError(f"{place}: no file can be called like its path; correct it")
    if not cells["path"] or relative.is_absolute() or ".." in relative.parts:
        raise OptionError(f"{place}: path {cells['path']!r} must lie inside the folder of the collection")
    try:
        offset = int(cells["dn_offset"] or 0)
    except ValueError:
        raise OptionError(f"{place}: dn_offset {cells['dn_offset']!r} is no whole number") from None
    return FileRow(
        path=root / relative,
        sample=cells["sample_id"],
        region=cells["region_id"],
        split=cells["split"],
        role=cells["role"],
        # exports add words to the level, such as `L2A (Sentinel Hub export)`
        level=next((level for level in LEVELS if cells["level"].startswith(level)), None),
        bands=tuple(cells["bands"].split()),
        units=cells["units"],
        dn_offset=offset,
        remark=cells["quality"],
        source=(line.get("source") or "").strip(),
        licence=(line.get("licence") or "").strip(),
        pixel_size=_number(line.get("gsd_m")),
        day=_day(line.get("date")),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "").strip())
    except ValueError:
        return None
