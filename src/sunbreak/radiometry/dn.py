"""Stored numbers to reflectance and back, without losing a bit; and how to find out what the numbers mean.

What metadata says comes first; heuristics speak only where a wrong answer is next to impossible; otherwise the user
is asked. Source: Sentinel-2 Products Specification Document 14.9 (reflectance = (DN + offset) / 10000, DN 0 = no data).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.bands import DN_MAX, DN_MIN, DN_NODATA, OFFSETS, Level
from sunbreak.errors import RadiometryError
from sunbreak.radiometry.metadata import Metadata

DARK_DN: Final = 700
"""DN below this would be reflectance below -0.03 under the offset of -1000."""
DARK_SHARE: Final[dict[Level, float]] = {"L1C": 0.001, "L2A": 0.01}
"""Share of dark DN in a band that proves the offset 0; surface reflectance over-corrects in shadow, hence more."""
CONTRADICTION_SHARE: Final = 0.1
"""Share of dark DN in a band from which on metadata that states -1000 is not believed."""
CIRRUS_FLOOR: Final = (980.0, 1100.0)
"""Where the dark end of B10 lies under the offset of -1000: water vapour leaves next to no light from the surface."""
CIRRUS_SPREAD: Final = 60.0
"""Largest distance in DN from percentile 2 of B10 at its floor to percentiles 0.1 and 25; cirrus spreads wider."""
CIRRUS_DARK: Final = 500.0
"""Percentile 2 of B10 below this proves the offset 0."""
MAX_DN: Final = 1_000_000
"""No DN of Sentinel-2 comes near; beyond, float32 could not give the same DN back."""


def is_reflectance(encoding: Mapping[str, Any]) -> bool:
    """Whether a file stores reflectance itself rather than DN.

    Args:
        encoding: `scene.optical.encoding`.

    Returns:
        True for float files in reflectance.
    """
    return bool(encoding["quantification"] == 1)


def valid_stored(stored: np.ndarray, encoding: Mapping[str, Any]) -> np.ndarray:
    """Where stored values mean something.

    Args:
        stored: Stored values, any shape.
        encoding: `scene.optical.encoding`; `nodata` and `quantification` are used.

    Returns:
        Boolean array of the same shape: not DN 0, not the file's nodata value, finite.
    """
    valid = np.isfinite(stored) if stored.dtype.kind == "f" else np.ones(stored.shape, bool)
    if not is_reflectance(encoding):
        valid &= stored != DN_NODATA
    nodata = encoding["nodata"]
    if nodata is not None and not np.isnan(nodata):
        valid &= stored != nodata
    return valid


def decode(stored: np.ndarray, encoding: Mapping[str, Any]) -> np.ndarray:
    """Turn stored values into reflectance.

    Args:
        stored: Stored values, any shape, of the data type `encoding["dtype"]`.
        encoding: `scene.optical.encoding`: `dtype`, `offset` (DN), `quantification`, `nodata`.

    Returns:
        Reflectance, 1.0 = 100 %, NaN = no data; float32, or float64 for float64 files and for DN in float files.

    Raises:
        RadiometryError: DN so large, or with fractions in float64, that they could not be written back unchanged.

    Source: Sentinel-2 Products Specification Document 14.9.

    Example:
        >>> stored = np.array([0, 1, 1000, 12000], "uint16")
        >>> decode(stored, {"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0}).tolist()[2:]
        [0.0, 1.100000023841858]
    """
    valid = valid_stored(stored, encoding)
    if is_reflectance(encoding):
        return np.where(valid, stored, stored.dtype.type(np.nan))
    if stored.dtype.itemsize > 2 and np.abs(np.where(valid, stored, 0).astype(np.float64)).max(initial=0) > MAX_DN:
        raise RadiometryError(
            f"stored values exceed {MAX_DN}, which no DN of Sentinel-2 does; set the file's nodata tag"
        )
    if stored.dtype == np.float64 and not np.array_equal(stored[valid], np.rint(stored[valid])):
        raise RadiometryError("DN in float64 with fractions cannot be kept bit for bit; convert the file to float32")
    work: np.ndarray = stored.astype(np.float64 if stored.dtype.kind == "f" else np.float32)
    work += encoding["offset"]
    work /= encoding["quantification"]
    work[~valid] = np.nan
    return work


def encode(reflectance: np.ndarray, encoding: Mapping[str, Any], *, clip: bool = False) -> np.ndarray:
    """Turn reflectance into stored values; the exact inverse of `decode`.

    Args:
        reflectance: Reflectance, any shape, NaN = no data.
        encoding: `scene.optical.encoding`: `dtype`, `offset` (DN), `quantification`, `nodata`.
        clip: For restored values: clip DN to 1..65534, away from nodata and saturation. Measured values are never
            clipped, so that negative reflectance stays what it was.

    Returns:
        Stored values of the data type `encoding["dtype"]`; NaN becomes the nodata value (0 if there is none).

    Source: Sentinel-2 Products Specification Document 14.9.

    Example:
        >>> encoding = {"dtype": "uint16", "offset": -1000, "quantification": 10000, "nodata": 0}
        >>> encode(np.array([0.1, -0.05, np.nan, -3.0]), encoding, clip=True).tolist()
        [2000, 500, 0, 1]
    """
    dtype, nodata = np.dtype(encoding["dtype"]), encoding["nodata"]
    missing = np.isnan(reflectance)
    if dtype.kind == "f":
        empty = dtype.type(np.nan if nodata is None else nodata)
        if is_reflectance(encoding):
            values = reflectance.astype(dtype)
            if clip:  # a restored value shall not read as no data
                values = np.where(values == empty, np.nextafter(empty, dtype.type(1)), values)
            unchanged: np.ndarray = np.where(missing, empty, values)
            return unchanged
        stored = reflectance.astype(np.float64) * encoding["quantification"] - encoding["offset"]
        stored = np.rint(stored) if dtype == np.float64 else stored
        stored = np.clip(stored, DN_MIN, DN_MAX) if clip else stored
        unrounded: np.ndarray = np.where(missing, empty, stored.astype(dtype))
        return unrounded
    limits = np.iinfo(dtype)
    # float32 tells DN of 16 bits apart, with 7 bits to spare
    exact = np.float32 if dtype.itemsize <= 2 and reflectance.dtype == np.float32 else np.float64
    stored = np.multiply(reflectance, encoding["quantification"], dtype=exact)
    stored -= encoding["offset"]
    np.rint(stored, out=stored)
    low, high = (DN_MIN, min(DN_MAX, limits.max)) if clip else (limits.min, limits.max)
    np.clip(stored, low, high, out=stored)
    empty = DN_NODATA if nodata is None else nodata
    if clip and empty != DN_NODATA:
        stored = np.where(stored == empty, stored - 1 if empty >= high else stored + 1, stored)
    stored[missing] = empty
    coded: np.ndarray = stored.astype(dtype)
    return coded


def stated_level(path: Path, given: Level | None, told: Metadata) -> Level | None:
    """The processing level as user or metadata state it.

    Args:
        path: The optical file, for messages.
        given: The user's option.
        told: What metadata says.

    Returns:
        The level, or None.

    Raises:
        RadiometryError: The two disagree; drop --level or correct the metadata.
    """
    if given and told.level and given != told.level:
        raise RadiometryError(
            f"{path}: conflicting metadata: --level {given}, but {told.level} according to {told.source}; drop --level"
            " or correct the metadata"
        )
    return given or told.level


def choose_level(path: Path, given: Level | None, told: Metadata, bands: Sequence[str]) -> Level:
    """Settle the processing level.

    Args:
        path: The optical file, for messages.
        given: The user's option.
        told: What metadata says.
        bands: Names of the bands, as far as they are known.

    Returns:
        The level.

    Raises:
        RadiometryError: Unknown, or sources disagree; pass --level.
    """
    level = stated_level(path, given, told)
    if "B10" in bands:
        if level == "L2A":
            source = "--level" if given else told.source
            raise RadiometryError(
                f"{path}: holds the cirrus band B10, which only L1C has, but is L2A according to {source}; correct"
                " --level or --bands"
            )
        return "L1C"
    if level is None:
        raise RadiometryError(
            f"{path}: cannot tell L1C (top of atmosphere) from L2A (surface) without metadata or band B10; pass --level"
            " L1C or --level L2A"
        )
    return level


def _dark_share(sample: np.ndarray, valid: np.ndarray) -> float:
    counted = valid.sum(axis=1)
    dark = ((sample > OFFSETS[1]) & (sample < DARK_DN) & valid).sum(axis=1)  # not -9999 and other fill values
    return float(np.max(dark / np.maximum(counted, 1), initial=0.0))


def _at_cirrus_floor(cirrus: np.ndarray) -> bool:
    lowest, low, quarter = np.percentile(cirrus, [0.1, 2, 25])
    narrow = max(low - lowest, quarter - low) <= CIRRUS_SPREAD
    return bool(CIRRUS_FLOOR[0] <= low <= CIRRUS_FLOOR[1] and narrow)


def guess_offset(sample: np.ndarray, valid: np.ndarray, bands: Sequence[str], level: Level) -> int | None:
    """Conclude the offset from the pixels, where only one is possible.

    Args:
        sample: DN, (band, pixel).
        valid: Which of them are data, of the same shape.
        bands: Names of the bands.
        level: Processing level.

    Returns:
        0 or -1000; None if both are possible (all cloud, bright desert).
    """
    dark = _dark_share(sample, valid) >= DARK_SHARE[level]
    cirrus = sample[bands.index("B10")][valid[bands.index("B10")]] if "B10" in bands else np.empty(0)
    if not cirrus.size:
        return OFFSETS[0] if dark else None
    if np.percentile(cirrus, 2) < CIRRUS_DARK:
        return OFFSETS[0]
    return OFFSETS[1] if _at_cirrus_floor(cirrus) and not dark else None


def choose_offset(
    path: Path,
    given: int | None,
    told: Metadata,
    sample: tuple[np.ndarray, np.ndarray],
    facts: tuple[Sequence[str], Level],
) -> int:
    """Settle the number to add to the DN.

    Args:
        path: The optical file, for messages.
        given: The user's option.
        told: What metadata says.
        sample: DN and their validity, both (band, pixel).
        facts: Names of the bands, and the level.

    Returns:
        0 or -1000.

    Raises:
        RadiometryError: Unknown, or sources disagree; pass --offset.
    """
    if given is not None:
        if told.offset is not None and told.offset != given:
            raise RadiometryError(
                f"{path}: conflicting metadata: --offset {given}, but {told.offset} according to {told.source}; drop"
                " --offset or correct the metadata"
            )
        return given
    seen = guess_offset(*sample, *facts)
    if told.offset is None:
        if seen is None:
            raise RadiometryError(
                f"{path}: cannot tell whether its DN carry the offset of processing baseline 04.00; pass --offset -1000"
                " (from 25 January 2022 on, unless harmonised) or --offset 0"
            )
        return seen
    dark = _dark_share(*sample)
    wrong = dark >= CONTRADICTION_SHARE if told.offset else seen == OFFSETS[1]
    if wrong:
        evidence = (
            f"{dark:.0%} of a band lie below DN {DARK_DN}" if told.offset else "the dark end of B10 lies near DN 1000"
        )
        raise RadiometryError(
            f"{path}: conflicting evidence: offset {told.offset} according to {told.source}, but {evidence}; pass"
            f" --offset {told.offset} to confirm it, or correct the metadata"
        )
    return told.offset
