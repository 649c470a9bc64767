"""What the manifest of a collection says of an archive that lies inside it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from sunbreak.data.manifest import MANIFEST, read_manifest
from sunbreak.errors import OptionError

LEVELS_UP: Final = 4
"""Folders above an archive that are looked into for a manifest."""


class Place(NamedTuple):
    """Where an archive lies on Earth, and under what terms."""

    region: str
    """Place on Earth, as leak checks know it."""
    licence: str = ""
    """Licence, in words; empty when unknown."""
    dn_offset: int = 0
    """Number that is still inside the DN; the negative of `offset=`."""


def place_of(path: Path) -> Place:
    """Find an archive in the manifest of a folder above it.

    Args:
        path: The archive.

    Returns:
        Region, licence and offset as the manifest says; without one, the archive's name as its region.
    """
    whole = path.resolve()
    for folder in whole.parents[:LEVELS_UP]:
        if not (folder / MANIFEST).is_file():
            continue
        try:
            row = next((row for row in read_manifest(folder) if row.path == folder / whole.relative_to(folder)), None)
        except OptionError:  # some other table of this name
            continue
        if row is not None:
            return Place(row.region, row.licence, row.dn_offset)
    return Place(whole.stem if whole.is_file() else whole.name)
