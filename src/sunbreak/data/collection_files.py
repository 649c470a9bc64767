"""The files of a sample of a collection: which there are, whether they will do, and what they hold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date
from typing import Final

from sunbreak.bands import RADAR_BANDS
from sunbreak.data.image import image_sample
from sunbreak.data.manifest import FileRow
from sunbreak.data.patch import backscatter, read_patch
from sunbreak.data.sample import FloatArray, Sample
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError

UNFIT: Final = "do_not_use_as_cloud_removal_target"
"""Remark of clear images that are no target, such as snow on one of the two dates."""
NO_RADAR: Final = "s1"
"""Last word of the reason for which a sample without radar is not taken."""


def with_role(files: Sequence[FileRow], role: str) -> list[FileRow]:
    """The files of one role.

    Args:
        files: Files of a sample.
        role: As the manifest calls it.

    Returns:
        Those files, in the order of the manifest.
    """
    return [file for file in files if file.role == role]


def why_not(files: Sequence[FileRow], roles: Sequence[str], spec: Spec, *, target: bool = True) -> str:
    """Why a sample cannot be used.

    Args:
        files: Files of the sample.
        roles: Roles that it must have, beside radar where the SPEC requires it.
        spec: The SPEC.
        target: The clear image must do as the target of a cloudy image of another day.

    Returns:
        The reason, or nothing.
    """
    series = next((file.path.suffix for file in files if file.path.suffix not in (".tif", ".tiff", ".json")), "")
    if series:
        return f"{series} series are not read"
    missing = [role for role in roles if not with_role(files, role)]
    if spec["radar"] == "required" and not with_role(files, "s1"):
        missing.append(NO_RADAR)
    if missing:
        return f"no file with the role {' or '.join(missing)}"
    return "unfit as a target" if target and any(UNFIT in file.remark for file in files) else ""


def radar_file(files: Sequence[FileRow], spec: Spec, day: date | None = None) -> FileRow | None:
    """Choose the radar; of several the nearest in time, as far as the days are known.

    Args:
        files: Files of a sample.
        spec: The SPEC, which may hide radar.
        day: When the optical input was taken.

    Returns:
        The file, or None.
    """
    if spec["radar"] == "none":
        return None

    def apart(file: FileRow) -> float:
        return abs((file.day - day).days) if file.day and day else math.inf

    return min(with_role(files, "s1"), key=apart, default=None)


def read_image(file: FileRow, shape: Sequence[int] | None = None) -> Sample:
    """Read an optical file.

    Args:
        file: The file.
        shape: Height and width that it must have.

    Returns:
        A sample that knows of no cloud and has neither radar nor target.

    Raises:
        RasterError: The file is missing or damaged.
        GeometryError: It has another size than the rest of its sample.
    """
    patch = read_patch(file.path, bands=len(file.bands), shape=shape)
    level = file.level or "L1C"
    dn_offset = file.dn_offset
    return image_sample(patch, name=file.sample, region=file.region, bands=file.bands, level=level, dn_offset=dn_offset)


def read_radar(file: FileRow | None, shape: Sequence[int]) -> FloatArray | None:
    """Read a radar file.

    Args:
        file: The file, if there is one.
        shape: Height and width that it must have.

    Returns:
        (pol, y, x), VV and VH, float32, dB, NaN = invalid; None without a file.

    Raises:
        OptionError: The manifest calls it something other than VV and VH in dB; correct it.
        RasterError: The file is missing or damaged.
        GeometryError: It has another size than the rest of its sample.
    """
    if file is None:
        return None
    if file.bands != RADAR_BANDS or file.units != "dB":
        raise OptionError(f"{file.path}: holds {' '.join(file.bands)} in {file.units!r}; expected VV VH in dB")
    return backscatter(read_patch(file.path, bands=len(RADAR_BANDS), shape=shape))
