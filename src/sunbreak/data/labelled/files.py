"""What the readers of labelled patches share: folders of class folders, and libraries that need not be there."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from sunbreak.data.sample import Sample
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError

MAX_DEPTH: Final = 8
"""Folders below the given one that are looked into; the archive of EuroSAT puts its class folders six below."""
LEFTOVERS: Final = "__MACOSX"
"""Folder that archives made on a Mac bring along; its files look like images and are none."""


class ClassFolders(NamedTuple):
    """A folder that holds one folder a class."""

    folder: Path
    """The folder."""
    images: dict[str, tuple[str, ...]]
    """Names of the images, sorted, by class; the classes are sorted too."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes."""
        return tuple(self.images)


def class_folders(root: str | Path, fits: Callable[[str, str], bool]) -> list[ClassFolders]:
    """Find the folders of class folders at or below a folder.

    Args:
        root: The folder.
        fits: Whether an image may lie in a class folder, given the names of folder and file.

    Returns:
        What was found, those with most classes first, then by path.

    Raises:
        OptionError: There is no such folder, or it cannot be listed; correct the path or its permissions.
    """
    top = Path(root)
    if not top.is_dir():
        raise OptionError(f"{root}: no such folder; give the one that the archive was extracted to")

    def refuse(error: OSError) -> None:
        raise OptionError(f"{error.filename}: cannot be listed ({error.strerror}); correct its permissions") from error

    found: dict[Path, dict[str, tuple[str, ...]]] = {}
    for place, folders, files in os.walk(top, onerror=refuse):
        folder = Path(place)
        deep = len(folder.relative_to(top).parts) >= MAX_DEPTH
        folders[:] = [] if deep else sorted(name for name in folders if name[0] != "." and name != LEFTOVERS)
        images = tuple(sorted(name for name in files if name[0] != "." and fits(folder.name, name)))
        if images and folder != top:
            found.setdefault(folder.parent, {})[folder.name] = images
    sets = [ClassFolders(folder, dict(sorted(images.items()))) for folder, images in found.items()]
    return sorted(sets, key=lambda one: (-len(one.images), one.folder))


def largest(spec: Spec, found: list[ClassFolders], root: str | Path, expected: str) -> ClassFolders:
    """Choose the one folder of class folders that is meant.

    Args:
        spec: The SPEC, for messages.
        found: As `class_folders` found them.
        root: Where they were looked for.
        expected: What a class folder holds, for the message.

    Returns:
        The one with most classes.

    Raises:
        OptionError: There is none, or several have as many classes; give the folder that holds the class folders.
    """
    if not found:
        raise OptionError(f"data {spec.text!r}: {root} holds no class folders; expected {expected}")
    if len(found) > 1 and len(found[0].images) == len(found[1].images):
        raise OptionError(
            f"data {spec.text!r}: both {found[0].folder} and {found[1].folder} hold class folders; give one of them"
        )
    return found[0]


def library(name: str, spec: Spec) -> Any:
    """Import a library that is not part of the default install.

    Args:
        name: Name of its module.
        spec: The SPEC that needs it, for the message.

    Returns:
        The module.

    Raises:
        OptionError: It is not installed; the message says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        needed = name.partition(".")[0]
        raise OptionError(
            f"data {spec.text!r}: {spec.kind} is read with {needed}, which is not installed; run pip install "
            "'sunbreak[data]'"
        ) from error


def without_clouds(sample: Sample) -> Sample:
    """Say of an image that what it shows is known to be free of cloud.

    Args:
        sample: The image.

    Returns:
        The same sample, which is its own clear image.
    """
    return replace(sample, clear=sample.cloudy, same_date=True)
