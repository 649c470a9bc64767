"""Files of the public patch data sets: what each kind holds, checked while reading, since some are mislabelled."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

from sunbreak.data.patch import Patch, read_patch
from sunbreak.errors import RasterError

FileKind = Literal["optical", "radar", "cloud mask", "land cover"]


class Content(NamedTuple):
    """What a file of a kind holds."""

    bands: int
    """Number of bands."""
    dtypes: tuple[str, ...]
    """NumPy names of the data types; the first is the one that is published."""
    words: str
    """What it is, with its article."""

    def fits(self, found: Content) -> bool:
        """Whether a file may be of this kind.

        Args:
            found: What it holds.

        Returns:
            True for the same number of bands and a data type of this kind.
        """
        return found.bands == self.bands and found.dtypes[0] in self.dtypes

    def __str__(self) -> str:
        return f"{self.bands} {'band' if self.bands == 1 else 'bands'} of {self.dtypes[0]}"


FILE_KINDS: Final[dict[FileKind, Content]] = {
    # 8 bits are copies for viewing, fractions copies that were scaled
    "optical": Content(13, ("uint16", "int16"), "an optical image"),
    "radar": Content(2, ("float32", "float64"), "a radar image"),
    "cloud mask": Content(1, ("float32",), "a cloud mask"),
    "land cover": Content(1, ("uint8",), "a land cover map"),
}
"""The kinds, as SEN12MS-CR, SEN12MS-CR-TS and LuojiaSET-OSFCR store them."""


def read_kind(path: Path, kind: FileKind, shape: Sequence[int] | None = None) -> Patch:
    """Read a file that must be of a kind.

    Args:
        path: A local GeoTIFF.
        kind: What it must be.
        shape: Height and width it must have.

    Returns:
        Its content.

    Raises:
        RasterError: It is missing or damaged, or another kind of file under this name; fetch it again.
        GeometryError: It has another size.
    """
    patch = read_patch(path, shape=shape)
    wanted = FILE_KINDS[kind]
    found = Content(len(patch.values), (str(patch.values.dtype),), "")
    if not wanted.fits(found):
        alike = next((one.words for one in FILE_KINDS.values() if one.fits(found)), "")
        seems = f", which seems to be {alike}" if alike else ""
        raise RasterError(
            f"{path}: holds {found}{seems}; expected {wanted.words} ({wanted}): fetch the file again, or take its patch"
            " out of the folder"
        )
    return patch
