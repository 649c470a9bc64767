"""The plan: a table with one scene a row, which a person can read and edit."""

from __future__ import annotations

import csv
import dataclasses
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sunbreak.errors import OptionError
from sunbreak.replacing import replaced

PARQUET: Final = (".parquet", ".pq")
"""Endings of a plan that is Parquet; every other one is CSV."""
REQUIRED: Final = ("tile", "id", "optical")
"""Cells without which a row is no job."""
LONGEST: Final = 200
"""Bytes of the name of a folder; file systems take 255."""
_UNFIT: Final = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class Row:
    """One scene of a plan, every cell a text; empty where there is nothing to say."""

    tile: str
    """MGRS tile, as `33UUT`; the folder of its products."""
    id: str
    """Id of the optical item; the folder of its product."""
    datetime: str
    """When it was taken, ISO 8601."""
    cloud_percent: str
    """Cloud cover as the catalogue has it."""
    optical: str
    """Address or path of the Sentinel-2 item, without anything secret; a path may start from the folder of the plan."""
    radar: str = ""
    """Address or path of the Sentinel-1 item; without one the scene is restored from the optical item alone."""
    radar_datetime: str = ""
    """When the radar image was taken."""
    days_apart: str = ""
    """Days from the optical to the radar image; negative where radar was earlier."""
    cover_percent: str = ""
    """How much of the scene the radar image covers."""
    orbit: str = ""
    """Direction of the radar's orbit: ascending or descending."""
    reason: str = ""
    """Why there is no radar."""
    sign: str = ""
    """What signs the addresses inside both items, as `module:function`."""

    @property
    def folder(self) -> Path:
        """Folder of the product inside the destination."""
        return Path(*(_UNFIT.sub("_", name).lstrip(".") or "_" for name in (self.tile, self.id)))


COLUMNS: Final = tuple(field.name for field in dataclasses.fields(Row))


def write_plan(rows: Sequence[Row], path: str | Path) -> None:
    """Write a plan; the file is whole or as it was before.

    Args:
        rows: Its rows.
        path: CSV, or Parquet by its ending.

    Raises:
        OptionError: The folder is not there, or Parquet needs pyarrow.
        OutputError: Writing failed.
    """
    path = Path(path)
    if not path.resolve().parent.is_dir():
        raise OptionError(f"{path}: its folder does not exist; make it, or choose another -o/--out")
    with replaced(path) as partial:
        if path.suffix.lower() in PARQUET:
            arrow, parquet = _arrow(path)
            parquet.write_table(arrow.table({name: [getattr(row, name) for row in rows] for name in COLUMNS}), partial)
        else:
            with partial.open("w", newline="", encoding="utf-8") as file:
                table = csv.writer(file, lineterminator="\n")
                table.writerow(COLUMNS)
                table.writerows(dataclasses.astuple(row) for row in rows)


def read_plan(path: str | Path) -> list[Row]:
    """Read a plan, as written or as edited; columns that it does not know are left alone.

    Args:
        path: CSV or Parquet.

    Returns:
        Its rows.

    Raises:
        OptionError: It is no plan, a row lacks what a job needs, or two rows would write one product.
    """
    path = Path(path)
    if not path.is_file():
        raise OptionError(f"{path}: no such plan; make one with `sunbreak plan`")
    rows = [_row(path, number, cells) for number, cells in enumerate(_cells(path), start=2)]
    seen: dict[Path, int] = {}
    for number, row in enumerate(rows, start=2):
        if row.folder in seen:
            raise OptionError(
                f"{path}: rows {seen[row.folder]} and {number} both write {row.folder}; keep one, or change an id"
            )
        seen[row.folder] = number
    return rows


def _cells(path: Path) -> Iterable[dict[str, Any]]:
    if path.suffix.lower() in PARQUET:
        arrow, parquet = _arrow(path)
        try:
            return list(parquet.read_table(path).to_pylist())
        except (arrow.ArrowException, OSError, ValueError) as error:  # texts that are none are a ValueError
            raise OptionError(f"{path}: not readable as Parquet ({type(error).__name__}); plan again") from error
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{path}: not readable as CSV ({error}); save it as UTF-8 with commas") from error


def _row(path: Path, number: int, cells: dict[str, Any]) -> Row:
    known = {name: "" if cells.get(name) is None else str(cells[name]).strip() for name in COLUMNS}
    missing = [name for name in REQUIRED if not known[name]]
    if missing:
        raise OptionError(f"{path}: row {number} has no {missing[0]}; fill it in, or delete the row")
    long = next((name for name in ("tile", "id") if len(known[name].encode(errors="replace")) > LONGEST), None)
    if long is not None:
        raise OptionError(
            f"{path}: row {number}: its {long} is longer than {LONGEST} bytes, too long for a folder's name"
        )
    for name in ("optical", "radar"):
        if known[name] and "://" not in known[name]:
            known[name] = str(path.absolute().parent / known[name])  # an absolute path stays what it is
    return Row(**known)


def _arrow(path: Path) -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise OptionError(f"{path}: Parquet needs pyarrow: pip install 'sunbreak[stac]'; or name it .csv") from error
    return pyarrow, pyarrow.parquet
