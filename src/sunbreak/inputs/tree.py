"""The files of a product as it was downloaded: a folder, or a zip archive that is read without unpacking it."""

from __future__ import annotations

import os
import zipfile
from abc import ABC, abstractmethod
from pathlib import Path, PurePosixPath
from typing import Final

from sunbreak.errors import InputError, RasterError
from sunbreak.radiometry.product_metadata import MAX_BYTES, read_bounded
from sunbreak.rasters.pooled import PooledRaster
from sunbreak.rasters.raster import RasterFile, check_path
from sunbreak.rasters.zipped import UNREADABLE, ZippedRaster

MOST_FILES: Final = 20_000
"""No product has more files; one of Sentinel-2 has about 120."""

MOST_BYTES: Final = 16 << 30
"""Bytes of an unpacked product; one of Sentinel-1 has about 2 GiB."""
LARGE: Final = 64 << 20
"""Bytes from which a file has to be packed as images are."""
MOST_TIMES: Final = 100
"""How many times smaller a large file may be in the archive."""


class Tree(ABC):
    """Files under one root."""

    path: Path
    """The folder or archive, for messages."""
    names: tuple[str, ...]
    """Names of the files below the root, with `/` between folders, sorted."""

    @abstractmethod
    def read(self, name: str, *, limit: int = MAX_BYTES) -> bytes:
        """Read a small file.

        Args:
            name: One of `names`.
            limit: Longest length in bytes.

        Returns:
            Its content.

        Raises:
            InputError: It cannot be read, or is longer.
        """

    @abstractmethod
    def raster(self, name: str) -> PooledRaster:
        """Open a raster.

        Args:
            name: One of `names`.

        Returns:
            The raster.

        Raises:
            RasterError: It is no GeoTIFF or JPEG 2000.
        """

    def under(self, root: str) -> Tree:
        """The files below one of the folders.

        Args:
            root: Its name; empty for all.

        Returns:
            The same files with shorter names.
        """
        return _Part(self, root) if root else self


class Folder(Tree):
    """A folder."""

    def __init__(self, path: Path) -> None:
        """List the files.

        Args:
            path: The folder.

        Raises:
            InputError: It holds more files than a product.
        """
        self.path = path
        found: list[str] = []
        for folder, _, files in os.walk(path):
            below = PurePosixPath(Path(folder).relative_to(path).as_posix())
            found += [str(below / name) for name in files]
            if len(found) > MOST_FILES:
                raise InputError(f"{path}: holds more than {MOST_FILES} files; give the folder of one product")
        self.names = tuple(sorted(found))

    def read(self, name: str, *, limit: int = MAX_BYTES) -> bytes:
        """Read a small file, see `Tree.read`."""
        if not (self.path / name).is_file():  # nobody may ever write into a pipe
            raise InputError(f"{self.path / name}: is no regular file; download the product again")
        return read_bounded(self.path / name, limit=limit)

    def raster(self, name: str) -> PooledRaster:
        """Open a raster, see `Tree.raster`."""
        return RasterFile(self.path / name)


class Archive(Tree):
    """A zip archive; only what is asked for is decompressed, and nothing is written anywhere."""

    def __init__(self, path: Path) -> None:
        """List the files.

        Args:
            path: The archive.

        Raises:
            RasterError: It is missing, or no zip archive.
            InputError: It holds names that lead out of it, more files or bytes than a product, or files packed in a
                way that no product is.
        """
        self.path, self._file = path, check_path(path)
        try:
            with zipfile.ZipFile(self._file) as archive:
                entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        except UNREADABLE as error:
            raise RasterError(f"{path}: not a readable zip archive ({error}); download it again") from error
        if len(entries) > MOST_FILES:
            raise InputError(f"{path}: holds more than {MOST_FILES} files; give the archive of one product")
        _check_sizes(path, entries)
        listed = [entry.filename for entry in entries]
        for name in listed:
            if name.startswith("/") or "\\" in name or ":" in name or ".." in PurePosixPath(name).parts:
                raise InputError(f"{path}: refused, its file {name!r} leads out of the archive; give the original")
        self.names = tuple(sorted(set(listed)))

    def read(self, name: str, *, limit: int = MAX_BYTES) -> bytes:
        """Read a small file, see `Tree.read`."""
        try:
            with zipfile.ZipFile(self._file) as archive, archive.open(name) as file:
                content = file.read(limit + 1)
        except UNREADABLE as error:
            raise InputError(f"{self.path}/{name}: cannot be read ({error}); download the archive again") from error
        if len(content) > limit:
            raise InputError(f"{self.path}/{name}: is longer than {limit >> 20} MiB, which no metadata file is")
        return content

    def raster(self, name: str) -> PooledRaster:
        """Open a raster, see `Tree.raster`."""
        return ZippedRaster(self.path, name)


def _check_sizes(path: Path, entries: list[zipfile.ZipInfo]) -> None:
    """Bound what would have to be unpacked; images are packed already and hardly become smaller in a zip archive."""
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise InputError(f"{path}: unpacks to more than {MOST_BYTES >> 30} GiB, as no product does; check the download")
    for entry in entries:
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{path}: its file {entry.filename!r} is not packed as products are; pack it again (zip)")
        if entry.file_size > LARGE and entry.file_size > MOST_TIMES * entry.compress_size:
            raise InputError(
                f"{path}: refused, its file {entry.filename!r} grows {entry.file_size // max(entry.compress_size, 1)}"
                " times when unpacked, as no image does; download it again"
            )


class _Part(Tree):
    """The files below a folder of a tree."""

    def __init__(self, whole: Tree, root: str) -> None:
        self._whole, self._root = whole, f"{root}/"
        self.path = whole.path / root
        self.names = tuple(name.removeprefix(self._root) for name in whole.names if name.startswith(self._root))

    def read(self, name: str, *, limit: int = MAX_BYTES) -> bytes:
        return self._whole.read(self._root + name, limit=limit)

    def raster(self, name: str) -> PooledRaster:
        return self._whole.raster(self._root + name)


def open_tree(path: Path) -> Tree:
    """Open the files of a product.

    Args:
        path: A folder, a zip archive, or a file at the root of a folder (`manifest.safe`, `MTD_MSIL2A.xml`).

    Returns:
        The files.

    Raises:
        InputError: It cannot be listed.
    """
    if path.is_dir():
        return Folder(path)
    return Archive(path) if path.suffix.lower() == ".zip" else Folder(path.parent)
