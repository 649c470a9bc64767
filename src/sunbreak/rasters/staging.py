"""Output folders that are either whole or not there.

All files are written to a staging folder inside the output folder, one for each run. Only when every raster has been
reopened and read to its last block are they renamed to their final names, the one that says "whole" last.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final

from sunbreak.errors import OptionError, OutputError, ProductExistsError
from sunbreak.rasters.geotiff import RasterSpec, RasterWriter, failing_as

STAGING: Final = ".partial"
"""Beginning of the name of the folder, inside the output folder, that holds everything unfinished of one run."""
PUBLISHING: Final = ".publishing"
"""Stands in the output folder while files are renamed: what it finds there then is this package's own."""
ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]+:/")
"""How an address begins, with its second slash or, as paths drop it, without."""
MARKERS: Final = {"item.json": "a finished product", "optical.tif": "a simulated scene"}
"""Files that say that a folder is whole, and what it then holds."""


class StagedFolder:
    """An output folder whose files appear together, or not at all.

    Example:
        >>> import tempfile
        >>> with StagedFolder(Path(tempfile.mkdtemp()) / "out", marker="item.json") as stage:
        ...     _ = stage.path("item.json").write_text("{}")
        ...     stage.publish()
        ...     (stage.out / "item.json").exists()
        True
    """

    def __init__(self, out: str | Path, *, overwrite: bool = False, marker: str = "item.json") -> None:
        """Prepare the folder; nothing is touched before `with`.

        Args:
            out: The output folder; made if it does not exist.
            overwrite: Replace what is already there under the same names.
            marker: Name of the file that says that the folder is whole; renamed last, removed first. One of `MARKERS`.
        """
        self.out = Path(out)
        self.overwrite, self.marker = overwrite, marker
        self._writers: list[RasterWriter] = []
        self._made: list[Path] = []

    def __enter__(self) -> StagedFolder:
        if ADDRESS.match(str(self.out)):
            raise OptionError(
                f"{self.out}: is an address; -o/--out needs a folder here, `sunbreak run` writes to object stores"
            )
        if self.out.exists() and not self.out.is_dir():
            raise OptionError(f"{self.out}: is a file; -o/--out needs a folder")
        for marker, what in MARKERS.items():
            if marker != self.marker and (self.out / marker).exists():
                raise ProductExistsError(f"{self.out}: holds {what}; choose another -o/--out")
        if not self.overwrite and is_whole(self.out, self.marker):
            raise ProductExistsError(
                f"{self.out}: already holds {MARKERS.get(self.marker, 'files')}; pass --overwrite to replace it"
            )
        try:
            self._made = _make_folders(self.out)
            _clear_dead_staging(self.out)
            self.staging = Path(tempfile.mkdtemp(prefix=f"{STAGING}-{_this_process()}-", dir=self.out))
        except OSError as error:
            self._unmake()
            raise OptionError(f"{self.out}: cannot write there ({error.strerror}); choose another -o/--out") from error
        return self

    def _unmake(self) -> None:
        for folder in self._made:
            with contextlib.suppress(OSError):
                folder.rmdir()

    def _check_free(self, name: str) -> None:
        target = self.out / name
        ours = self.out / PUBLISHING  # left by a run that was killed while it renamed its files
        if target.is_dir():
            raise ProductExistsError(f"{target}: is a folder where a file has to be written; move it away")
        if target.exists() and not self.overwrite and not ours.exists():
            raise ProductExistsError(f"{target}: already exists; choose another -o/--out, or pass --overwrite")

    def create(self, name: str, spec: RasterSpec) -> RasterWriter:
        """Begin a raster; its blocks may then be written in any order.

        Args:
            name: Final file name, for example `reflectance.tif`.
            spec: What the file holds.

        Returns:
            The writer; closed by `finish` or `publish`.

        Raises:
            ProductExistsError: The name is taken.
            OutputError: The file cannot be made.
        """
        self._check_free(name)
        writer = RasterWriter(self.staging / f"stream-{name}", self.out / name, spec)
        self._writers.append(writer)
        return writer

    def path(self, name: str) -> Path:
        """Path under which a further file of the folder is to be written before `publish`.

        Args:
            name: Final file name.

        Returns:
            Path inside the staging folder.

        Raises:
            ProductExistsError: The name is taken.
        """
        self._check_free(name)
        return self.staging / name

    def finish(self) -> dict[str, Path]:
        """Turn all rasters into verified COGs, still in the staging folder.

        Returns:
            Paths of the rasters by their final name, for checksums and previews.

        Raises:
            OutputError: Writing or reading back failed.
        """
        finished = {writer.final.name: writer.to_cog() for writer in self._writers}
        self._writers = []
        return finished

    def publish(self) -> None:
        """Rename all files of the staging folder to their final names, the marker last.

        Raises:
            OutputError: Writing, reading back or renaming failed.
        """
        self.finish()
        names = sorted(path.name for path in self.staging.iterdir())
        for name in names:
            self._check_free(name)
        with failing_as(self.out):
            for name in names:
                _sync(self.staging / name)
            (self.out / PUBLISHING).touch()
            (self.out / self.marker).unlink(missing_ok=True)
            for name in sorted(names, key=lambda name: name == self.marker):
                (self.staging / name).replace(self.out / name)
            (self.out / PUBLISHING).unlink()
            _sync(self.out)
        self._made = []

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer in self._writers:
            with contextlib.suppress(OutputError):
                writer.close()
        shutil.rmtree(self.staging, ignore_errors=True)
        self._unmake()


def is_whole(folder: Path, marker: str = "item.json") -> bool:
    """Whether a folder is whole; what a run that was killed while it finished has left beside the files is removed.

    Args:
        folder: The folder, which may not exist.
        marker: Name of the file that says so.

    Returns:
        True if the marker is there.
    """
    if not (folder / marker).is_file():
        return False
    _clear_dead_staging(folder)
    if not any(folder.glob(f"{STAGING}-*")):
        (folder / PUBLISHING).unlink(missing_ok=True)
    return True


@contextlib.contextmanager
def scratch_folder(inside: Path) -> Iterator[Path]:
    """A folder for files that nobody keeps; what killed processes of this machine have left of theirs is removed.

    Args:
        inside: Where it is made; made if it does not exist.

    Yields:
        The folder; gone afterwards.

    Raises:
        OutputError: It cannot be made.
    """
    with failing_as(inside):
        inside.mkdir(parents=True, exist_ok=True)
        _clear_dead_staging(inside)
        folder = Path(tempfile.mkdtemp(prefix=f"{STAGING}-{_this_process()}-", dir=inside))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and its parents; returns those that were not there, the innermost first."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    return missing


def _this_process() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


def _clear_dead_staging(folder: Path) -> None:
    """Remove what runs on this machine left behind when they were killed; other runs are left alone."""
    host = f"{STAGING}-{socket.gethostname()}-"
    for path in folder.glob(f"{host}*-*"):
        process = path.name.removeprefix(host).split("-")[0]
        if process.isdecimal() and int(process) != os.getpid() and not _is_alive(int(process)):
            shutil.rmtree(path, ignore_errors=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    # a killed process stays listed until its parent has taken note, which nobody does in a container without an init
    with contextlib.suppress(OSError, IndexError):
        told = Path(f"/proc/{process}/stat").read_text(encoding="utf-8", errors="replace")
        return told.rpartition(")")[2].split()[0] not in ("Z", "X")
    return True


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk before another name relies on it."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
