"""The arrays of an archive in one NumPy file, as WorldCereal, openEO and eo-learn hand them out."""

from __future__ import annotations

import tokenize
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from affine import Affine

from sunbreak.bands import OPTICAL_BANDS, RADAR_BANDS, Level
from sunbreak.data.archive.dates import day_of
from sunbreak.errors import OptionError, RasterError
from sunbreak.radiometry.names import band_from_name
from sunbreak.rasters.crs import crs_of_code
from sunbreak.rasters.pixelmap import Grid

Array = npt.NDArray[Any]

UNREADABLE: Final = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, NotImplementedError, OverflowError,
    # arrays of other shapes and types than those of the layouts
    TypeError, IndexError, SyntaxError, tokenize.TokenError,
)  # fmt: skip
"""How reading arrays fails."""
MAX_BYTES: Final = 512 << 20
"""Most bytes of arrays that are held at once; larger archives are folders of files."""


class Layout(NamedTuple):
    """Names of the arrays of one sort of file."""

    optical: Mapping[str, int]
    """Optical stacks, (date, band, y, x), and their pixel size in pixels of the grid; some may be missing.
    `NAME_bands` or `s2_bands` names their bands, `s2_dates` their dates."""
    level: Level
    """Processing level."""
    radar: str = ""
    """Radar stack, (date, pol, y, x), VV and VH in dB, with `s1_dates`."""
    classes: str = ""
    """Scene classification of level 2A, (date, y, x)."""
    bands_last: bool = False
    """Optical stacks are (date, y, x, band)."""


LAYOUTS: Final = (
    Layout({"s2_10m": 1, "s2_20m": 2}, "L2A", "s1_20m", "scl_20m"),
    Layout({"s2": 1}, "L2A", "s1", "scl"),
    # its cloud masks are left alone: they are those of s2cloudless, which know no shadow and are not to teach anything
    Layout({"s2_l1c": 1}, "L1C", bands_last=True),
)
_BESIDE: Final = ("s2_dates", "s2_bands", "s1_dates", "s1_bands", "bounds", "epsg", "x", "y")


@dataclass(frozen=True)
class Stacks:
    """The arrays of a file, as stored; not to be changed."""

    optical: tuple[Array, ...]
    """(date, band, y, x), each; DN, or reflectance if they are floats."""
    names: tuple[tuple[str, ...], ...]
    """Bands of each."""
    level: Level
    """Processing level."""
    days: tuple[date, ...]
    """Days of the optical dates."""
    radar: Array | None
    """(date, pol, y, x), dB."""
    radar_days: tuple[date, ...]
    """Days of the radar dates; those without any valid pixel are left out."""
    classes: Array | None
    """(date, y, x), scene classification."""
    grid: Grid
    """The grid; without CRS where the file knows of none."""

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of all bands, in the order of `bands.OPTICAL_BANDS`."""
        held = {name for names in self.names for name in names}
        return tuple(name for name in OPTICAL_BANDS if name in held)


@lru_cache(maxsize=2)
def read_stacks(path: Path) -> Stacks:
    """Read the arrays of a file; the last two files are kept, since every single date decompresses all of them.

    Args:
        path: An `.npz` file.

    Returns:
        Its arrays.

    Raises:
        OptionError: It is of none of the known layouts, or its arrays do not fit each other.
        RasterError: It is damaged or too large.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            nbytes = sum(part.file_size for part in archive.infolist())
        if nbytes > MAX_BYTES:
            raise RasterError(
                f"{path}: holds {nbytes >> 20} MiB of arrays, the limit is {MAX_BYTES >> 20}; make it a folder of files"
            )
        with np.load(path, allow_pickle=False) as file:
            layout = _layout(path, set(file.files))
            wanted = {*layout.optical, layout.radar, layout.classes, *_BESIDE, *map("{}_bands".format, layout.optical)}
            return _sorted_out(path, layout, {name: file[name] for name in file.files if name in wanted})
    except UNREADABLE as error:
        raise RasterError(f"{path}: cannot be read as NumPy arrays ({error}); fetch or write it again") from error


def _layout(path: Path, names: set[str]) -> Layout:
    layout = next((one for one in LAYOUTS if names & one.optical.keys()), None)
    if layout is None or "s2_dates" not in names:
        what = "monthly composites, which are of no day" if "months" in names else "no dated Sentinel-2 images"
        held = ", ".join(sorted(names)[:6])
        raise OptionError(
            f"{path}: holds {what} ({held}); expected s2_dates with s2_10m or s2_20m, s2, or s2_l1c, see docs/data.md"
        )
    return layout


def _sorted_out(path: Path, layout: Layout, file: dict[str, Array]) -> Stacks:
    stacks = {name: file[name] for name in layout.optical if name in file}
    names = tuple(_bands(path, file, name) for name in stacks)
    days = _days(path, file["s2_dates"])
    if layout.bands_last:
        stacks = {name: np.moveaxis(stack, -1, 1) for name, stack in stacks.items() if stack.ndim == 4}
    for (name, stack), bands in zip(stacks.items(), names, strict=True):
        _check(path, name, stack, (len(days), len(bands)))
    classes = file.get(layout.classes)
    if classes is not None:
        _check(path, layout.classes, classes[:, np.newaxis], (len(days), 1))
    radar, radar_days = _radar(path, layout, file)
    finest, size = next((stacks[name], size) for name, size in layout.optical.items() if name in stacks)
    height, width = (side * size for side in finest.shape[-2:])
    for plane in (*stacks.values(), *(one for one in (radar, classes) if one is not None)):
        if 0 in plane.shape or height % plane.shape[-2] or width % plane.shape[-1]:
            raise OptionError(
                f"{path}: an array of {plane.shape[-2:]} pixels lies on no grid of {(height, width)}; correct it"
            )
    return Stacks(
        optical=tuple(stacks.values()),
        names=names,
        level=layout.level,
        days=days,
        radar=radar,
        radar_days=radar_days,
        classes=classes,
        grid=_grid(path, file, (height, width)),
    )


def _radar(path: Path, layout: Layout, file: dict[str, Array]) -> tuple[Array | None, tuple[date, ...]]:
    if layout.radar not in file or "s1_dates" not in file:
        return None, ()
    radar, days = file[layout.radar], _days(path, file["s1_dates"])
    _check(path, layout.radar, radar, (len(days), len(RADAR_BANDS)))
    pols = tuple(str(name) for name in file.get("s1_bands", RADAR_BANDS))
    if pols != RADAR_BANDS:
        raise OptionError(f"{path}: its radar holds {' '.join(pols)}; expected {' '.join(RADAR_BANDS)} in dB")
    held = [index for index, plane in enumerate(radar) if np.isfinite(plane).any()]
    return (radar[held], tuple(days[index] for index in held)) if held else (None, ())


def _bands(path: Path, file: dict[str, Array], name: str) -> tuple[str, ...]:
    listed = [str(text) for text in file.get(f"{name}_bands", file.get("s2_bands", ()))]
    found = [band for band in map(band_from_name, listed) if band is not None]
    if not found or len(set(found)) < len(listed):
        raise OptionError(f"{path}: {name} holds the bands {listed}; name each band of Sentinel-2 once in {name}_bands")
    return tuple(found)


def _days(path: Path, dates: Array) -> tuple[date, ...]:
    days = [day_of(str(moment)) for moment in dates]
    if None in days:
        raise OptionError(f"{path}: the date {str(dates[days.index(None)])!r} cannot be read; write it as 2020-01-31")
    return tuple(day for day in days if day is not None)


def _check(path: Path, name: str, stack: Array, lead: tuple[int, int]) -> None:
    if stack.ndim != 4 or stack.shape[:2] != lead or stack.dtype.kind not in "iuf":
        raise OptionError(
            f"{path}: {name} is {stack.dtype} {stack.shape}, expected numbers for {lead[0]} dates and {lead[1]} bands"
        )


def _grid(path: Path, file: dict[str, Array], shape: tuple[int, int]) -> Grid:
    height, width = shape
    bare = Grid(None, Affine.identity(), shape)
    if "epsg" not in file:
        return bare
    if "bounds" in file:
        west, south, east, north = (float(value) for value in file["bounds"])
        transform = Affine((east - west) / width, 0, west, 0, (south - north) / height, north)
    elif "x" in file and "y" in file and (len(file["y"]), len(file["x"])) == shape and min(shape) > 1:
        (x, x_step), (y, y_step) = ((float(axis[0]), float(axis[1] - axis[0])) for axis in (file["x"], file["y"]))
        transform = Affine(x_step, 0, x - x_step / 2, 0, y_step, y - y_step / 2)
    else:
        return bare
    return Grid(crs_of_code(f"EPSG:{int(file['epsg'])}", str(path)), transform, shape)
