"""What the numbers of a radar file mean: polarisations, decibel or linear power, and which are valid."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np

from sunbreak.bands import RADAR_BANDS, REFUSED_POLARISATIONS
from sunbreak.errors import RadiometryError, SunbreakWarning
from sunbreak.radiometry.names import polarisation_from_name
from sunbreak.radiometry.product_names import polarisations_from_name
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.sampling import sample_valid

RadarUnits = Literal["dB", "power"]
"""Decibel, or linear power (intensity) of sigma0 or gamma0."""

ZERO_FILL_SHARE: Final = 0.05
"""Share of pixels of exactly 0 dB in all bands from which on they are a fill value, not clipped bright returns."""
NEGATIVE_POWER: Final = 0.05
"""Share of negative values above which a radar file cannot be in linear power; noise removal leaves a few."""
MAX_ABS_DB: Final = 100.0
"""Beyond this, decibels are a fill value such as -9999; real backscatter stays within -60 to 40."""
MAX_POWER: Final = 1e5
"""Beyond this, linear power is a fill value."""
MEDIAN_POWER: Final = 3.0
"""Medians of real linear power stay far below this; those of uncalibrated amplitudes far above."""
NEGATIVE_SHARE: Final = 0.001
"""Noise removal leaves at most about so many slightly negative powers."""


@dataclass(frozen=True)
class RadarStorage:
    """How a radar file holds its backscatter."""

    indexes: tuple[int, ...]
    """Bands to read, counted from 1, in the order of `pols`."""
    pols: tuple[str, ...]
    """Polarisations, in the order of `bands.RADAR_BANDS`."""
    units: RadarUnits
    """Units of the scaled values."""
    nodata: float | None
    """The file's nodata value, as stored."""
    scales: tuple[float, ...]
    """GDAL's scale, one a read band."""
    offsets: tuple[float, ...]
    """GDAL's offset, one a read band."""
    zero_is_nodata: bool = False
    """Whether exactly 0 dB in all bands means no data."""


def decode_backscatter(stored: np.ndarray, storage: RadarStorage) -> np.ndarray:
    """Turn stored values into decibels.

    Args:
        stored: (pol, ...), as in the file.
        storage: How they are stored.

    Returns:
        Backscatter in dB, float32, NaN = invalid. Values stored as float32 dB are kept bit for bit.

    Example:
        >>> storage = RadarStorage((1,), ("VV",), "power", None, (1.0,), (0.0,))
        >>> decode_backscatter(np.array([[0.1, 0.0]]), storage).tolist()
        [[-10.0, nan]]
    """
    values, valid = _scaled(stored, storage)
    if storage.units == "power":
        valid &= (values > 0) & (values < MAX_POWER)
        decibels = 10.0 * np.log10(np.where(valid, values, 1.0).astype(np.float64))
        return np.where(valid, decibels, np.nan).astype(np.float32)
    with np.errstate(invalid="ignore"):
        valid &= np.abs(values) <= MAX_ABS_DB
    if storage.zero_is_nodata:
        valid &= ~np.all(values == 0, axis=0)
    return np.where(valid, values, np.float32(np.nan)).astype(np.float32)


def _scaled(stored: np.ndarray, storage: RadarStorage) -> tuple[np.ndarray, np.ndarray]:
    valid = np.isfinite(stored)
    if storage.nodata is not None and not np.isnan(storage.nodata):
        valid &= stored != storage.nodata
    if all(scale == 1 for scale in storage.scales) and not any(storage.offsets):
        return stored, valid
    shape = (-1,) + (1,) * (stored.ndim - 1)
    return stored * np.reshape(storage.scales, shape) + np.reshape(storage.offsets, shape), valid


def understand_radar(
    file: Raster, *, units: RadarUnits | None = None, pols: Sequence[str] | None = None
) -> RadarStorage:
    """Find out how a radar file holds its backscatter.

    Args:
        file: The radar file.
        units: The user's option; None detects them.
        pols: The user's option: the polarisation of each band of the file; None takes band descriptions or the order.

    Returns:
        How it is stored.

    Raises:
        RadiometryError: Polarisations or units are unknown or unusable, or nothing is valid; the message says which
            option to pass.

    Warns:
        SunbreakWarning: Pixels of exactly 0 dB are taken as no data.
    """
    found = _find_bands(file, pols)
    names = [name for name in RADAR_BANDS if name in found] if found else list(RADAR_BANDS)
    indexes = tuple(found[name] for name in names) if found else (1, 2)
    scales, offsets = ([values[index - 1] for index in indexes] for values in (file.scales, file.offsets))
    draft = RadarStorage(indexes, tuple(names), "dB", file.nodata, tuple(scales), tuple(offsets))
    if file.dtype.kind in "iu" and set(scales) == {1.0}:
        raise RadiometryError(
            f"{file.path}: holds integers ({file.dtype}), likely uncalibrated amplitudes; calibrate to sigma0 or gamma0"
        )
    raw = sample_valid(file, indexes, lambda stored: _plausible(stored, draft))
    if raw is None:
        raise RadiometryError(f"{file.path}: holds no valid pixel; check the file, or leave the radar out")
    values, valid = _scaled(raw, draft)
    valid = valid & _plausible(raw, draft)
    if units == "power" and (values[valid] < 0).mean() > NEGATIVE_POWER:
        raise RadiometryError(
            f"{file.path}: holds negative values, so it is in dB and not in power; drop --radar-units"
        )
    units = units or _detect_units(file.path, values[valid])
    zero = units == "dB" and bool(np.all(raw == 0, axis=0).mean() >= ZERO_FILL_SHARE)
    storage = RadarStorage(indexes, tuple(names), units, file.nodata, tuple(scales), tuple(offsets), zero)
    raw = sample_valid(file, indexes, lambda stored: np.isfinite(decode_backscatter(stored, storage)))
    if raw is None:
        raise RadiometryError(
            f"{file.path}: holds no valid pixel in {units}; check --radar-units, or leave the radar out"
        )
    if zero:
        message = f"{file.path}: many pixels are exactly 0 dB in all bands; they are taken as no data"
        warnings.warn(message, SunbreakWarning, stacklevel=2)
    if not found:
        _check_order(file.path, decode_backscatter(raw, storage))
    return storage


def _plausible(stored: np.ndarray, draft: RadarStorage) -> np.ndarray:
    values, valid = _scaled(stored, draft)
    with np.errstate(invalid="ignore"):
        return np.asarray(valid & (values != 0) & (np.abs(values) < MAX_POWER) & (values > -MAX_ABS_DB))


def _find_bands(file: Raster, pols: Sequence[str] | None) -> dict[str, int]:
    """Positions of the polarisations, counted from 1; empty if two bands stand in the usual order without names."""
    told: list[str | None] = [polarisation_from_name(text) for text in file.descriptions]
    if pols is not None:
        if len(pols) != file.count:
            raise RadiometryError(f"{file.path}: has {file.count} bands, --radar-bands names {len(pols)}; name each")
        for index, (name, other) in enumerate(zip(pols, told, strict=True), start=1):
            if other is not None and name != other:
                raise RadiometryError(
                    f"{file.path}: conflicting metadata: band {index} is {name} according to --radar-bands, but {other}"
                    " according to its description; correct one of them"
                )
        told = list(pols)
    names = [name for name in told if name is not None]
    by_name = polarisations_from_name(file.path) or ()
    if not names and by_name and (file.count == 1 or by_name[0] in REFUSED_POLARISATIONS):
        told, names = [*by_name[: file.count]], [*by_name[: file.count]]
    if any(names.count(name) > 1 for name in names):
        raise RadiometryError(f"{file.path}: a polarisation appears twice ({', '.join(names)}); pass --radar-bands")
    found = {name: told.index(name) + 1 for name in names if name in RADAR_BANDS}
    if names and "VV" not in found:
        reason = "polar acquisitions are not supported" if set(names) & set(REFUSED_POLARISATIONS) else "VV is missing"
        raise RadiometryError(
            f"{file.path}: holds {' and '.join(names)}; {reason}, give VV with VH, or leave the radar out"
        )
    if not names and file.count != len(RADAR_BANDS):
        raise RadiometryError(
            f"{file.path}: has {file.count} band(s) without polarisation names, expected 2 (VV, VH); pass"
            " --radar-bands, for example --radar-bands VV"
        )
    return found


def _detect_units(path: Path, values: np.ndarray) -> RadarUnits:
    median, negative = float(np.median(values)), float((values < 0).mean())
    if median < 0 and values.min() >= -MAX_ABS_DB:
        return "dB"
    if negative <= NEGATIVE_SHARE and 0 < median < MEDIAN_POWER:
        return "power"
    raise RadiometryError(
        f"{path}: cannot tell decibels from linear power (median {median:.3g}, {negative:.0%} negative); pass"
        " --radar-units dB or power, or calibrate to sigma0 or gamma0"
    )


def _check_order(path: Path, decibels: np.ndarray) -> None:
    first, second = (np.median(band[np.isfinite(band)]) if np.isfinite(band).any() else np.nan for band in decibels)
    if not first > second:
        raise RadiometryError(
            f"{path}: two bands without names, and the first is not brighter, so they may not be VV, VH; pass"
            " --radar-bands"
        )
