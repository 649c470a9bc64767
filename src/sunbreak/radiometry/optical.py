"""What the numbers of an optical file mean, and its pixels as reflectance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.bands import QUANTIFICATION, Level
from sunbreak.errors import RadiometryError
from sunbreak.radiometry.band_order import name_bands, name_by_count
from sunbreak.radiometry.dn import choose_level, choose_offset, decode, is_reflectance, stated_level, valid_stored
from sunbreak.radiometry.metadata import Metadata, from_tags, merge
from sunbreak.radiometry.product_metadata import read_metadata_file
from sunbreak.radiometry.product_names import from_name
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.lazy import WindowedArray
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.sampling import sample_valid
from sunbreak.rasters.stack import BandStack

REFLECTANCE_RANGE: Final = (-0.2, 2.0)
"""Where the values of float files in reflectance lie, bright clouds included."""
FLOAT_DN: Final = 100.0
"""Median from which on the values of float files are DN."""


@dataclass(frozen=True)
class OpticalImage:
    """An optical file, understood."""

    file: Raster
    """The file."""
    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of the bands that are read."""
    encoding: dict[str, Any]
    """How it stores reflectance (see `sunbreak.scene`)."""
    told: Metadata
    """What its metadata says."""


def understand_optical(file: Raster, options: ReadOptions, told: Sequence[Metadata] = ()) -> OpticalImage:
    """Find out what the numbers of an optical file mean.

    Args:
        file: The optical file.
        options: What the user knows better.
        told: What the product that the file belongs to says; its name is then of no interest.

    Returns:
        The file with level, bands and encoding.

    Raises:
        RadiometryError: Something is unknown or contradictory; pass the option it names.
    """
    if file.dtype.itemsize == 1:
        raise RadiometryError(
            f"{file.path}: holds 8-bit values, a picture rather than reflectance; give the original bands"
        )
    named = name_bands(file.path, file.descriptions, options.bands)
    indexes = named[0] if named else tuple(range(1, file.count + 1))
    scales, offsets = ([values[index - 1] for index in indexes] for values in (file.scales, file.offsets))
    statements = read_metadata_file(options.metadata) if options.metadata is not None else []
    statements += from_tags(file.tags | file.imagery_tags, file.path, scales=scales, offsets=offsets)
    facts = merge([*statements, *(told or from_name(file.path, "sentinel-2"))], file.path)
    stated = stated_level(file.path, options.level, facts)
    encoding = _draft_encoding(file, indexes)
    stored = sample_valid(file, indexes, lambda values: valid_stored(values, encoding))
    if stored is None:
        raise RadiometryError(f"{file.path}: holds no valid pixel; check the file")
    valid = valid_stored(stored, encoding)
    bands = named[1] if named else name_by_count(file.path, stated, stored, valid)
    level = choose_level(file.path, options.level, facts, bands)
    if stored.dtype.kind == "f" and _holds_reflectance(file.path, stored[valid], scaled=any(s != 1 for s in scales)):
        if options.offset:
            raise RadiometryError(
                f"{file.path}: holds reflectance, not DN, so --offset {options.offset} is wrong; drop it"
            )
        encoding |= {"offset": 0, "quantification": 1, "nodata": _float_nodata(file, stored)}
    else:
        encoding["offset"] = choose_offset(file.path, options.offset, facts, (stored, valid), (bands, level))
    return OpticalImage(file, level, bands, encoding, facts)


def _draft_encoding(file: Raster, indexes: tuple[int, ...]) -> dict[str, Any]:
    return {
        "dtype": str(file.dtype),
        "offset": None,
        "quantification": QUANTIFICATION,
        "nodata": _usable_nodata(file),
        "indexes": indexes,
        "descriptions": tuple(file.descriptions[index - 1] for index in indexes),
        "scales": tuple(file.scales[index - 1] for index in indexes),
        "offsets": tuple(file.offsets[index - 1] for index in indexes),
        "tags": dict(file.tags),
        "file_per_band": isinstance(file, BandStack),
    }


def _usable_nodata(file: Raster) -> float | None:
    """The file's nodata value if its data type can hold it."""
    if file.nodata is None or file.dtype.kind == "f":
        return file.nodata
    limits = np.iinfo(file.dtype)
    return file.nodata if limits.min <= file.nodata <= limits.max and file.nodata == round(file.nodata) else None


def _holds_reflectance(path: Path, values: np.ndarray, *, scaled: bool) -> bool:
    """Whether valid values of a float file are reflectance, rather than DN."""
    low, high = REFLECTANCE_RANGE
    if not scaled and np.mean((values >= low) & (values <= high)) >= 0.99:
        return True
    median = float(np.median(values))
    if scaled or median >= FLOAT_DN:
        return False
    raise RadiometryError(
        f"{path}: its values (median {median:.3g}) are neither reflectance (1.0 = 100 %) nor DN (10000 = 100 %);"
        " convert them to reflectance, or set the file's nodata tag"
    )


def _float_nodata(file: Raster, stored: np.ndarray) -> float | None:
    """The file's nodata value; 0 where it has none and pads with zeros in all bands."""
    if file.nodata is None and not np.isnan(stored).any() and np.all(stored == 0, axis=0).any():
        return 0.0
    return file.nodata


def optical_array(image: OpticalImage, window: tuple[slice, slice]) -> WindowedArray:
    """Reflectance of a window of an optical file.

    Args:
        image: The file, understood.
        window: Rows and columns of the file.

    Returns:
        (band, y, x), float32, or float64 for float64 files and for DN in float files, NaN = no data; lazy.
    """
    rows, cols = window
    shape = len(image.bands), rows.stop - rows.start, cols.stop - cols.start
    double = image.file.dtype == np.float64 or (image.file.dtype.kind == "f" and not is_reflectance(image.encoding))
    load = OpticalWindows(image.file, image.encoding, rows.start, cols.start)
    return WindowedArray(shape, np.float64 if double else np.float32, load)


@dataclass(frozen=True)
class OpticalWindows:
    """Loads windows of reflectance."""

    file: Raster
    """The optical file."""
    encoding: dict[str, Any]
    """How it stores reflectance."""
    top: int
    """First row of the scene in the file."""
    left: int
    """First column of the scene in the file."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Positions of bands in the scene.
            rows: Rows of the scene.
            cols: Columns of the scene.

        Returns:
            Reflectance, (band, y, x), NaN = no data.
        """
        indexes = [self.encoding["indexes"][position] for position in lead or ()]
        stored = self.file.read(
            slice(rows.start + self.top, rows.stop + self.top),
            slice(cols.start + self.left, cols.stop + self.left),
            indexes,
        )
        try:
            return decode(stored, self.encoding)
        except RadiometryError as error:
            raise RadiometryError(f"{self.file.path}: {error}") from error
