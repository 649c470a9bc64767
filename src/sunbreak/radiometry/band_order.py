"""Find out which band of a file is which."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.bands import L1C_BANDS, L2A_BANDS, OPTICAL_BANDS, Level
from sunbreak.errors import RadiometryError
from sunbreak.radiometry.names import band_from_name

SKIP: Final = "-"
"""Stands in --bands for a band to leave out."""
_LIKELY: Final[dict[int, tuple[str, ...]]] = {
    12: (",".join(L2A_BANDS),),
    10: ("B02,B03,B04,B05,B06,B07,B08,B8A,B11,B12", "B02,B03,B04,B08,B05,B06,B07,B8A,B11,B12"),
    4: ("B02,B03,B04,B08", "B04,B03,B02,B08"),
}


def name_bands(
    path: Path, descriptions: Sequence[str | None], given: Sequence[str] | None
) -> tuple[tuple[int, ...], tuple[str, ...]] | None:
    """Name the bands of a file by the user's word or by its band descriptions.

    Args:
        path: The optical file, for messages.
        descriptions: Band descriptions of the file.
        given: The user's option: one name a band, `-` to leave a band out.

    Returns:
        Bands to read, counted from 1, and their names; None if nothing names them.

    Raises:
        RadiometryError: Names are unknown, missing, doubled or contradictory; pass --bands.

    Example:
        >>> name_bands(Path("s2.tif"), ["nir", "red"], None)
        ((1, 2), ('B08', 'B04'))
    """
    described = [band_from_name(text) for text in descriptions]
    if given is not None:
        return _given(path, described, given)
    if not any(descriptions):
        return None
    numbered = list(enumerate(zip(descriptions, described, strict=True), start=1))
    unknown = [f"{index} ({text!r})" for index, (text, name) in numbered if name is None]
    if unknown:
        raise RadiometryError(
            f"{path}: the description of band {', '.join(unknown)} names no reflectance band; pass --bands with one"
            f" name a band, and {SKIP} for each to leave out"
        )
    _check_single(path, [name for name in described if name], "its band descriptions")
    return tuple(range(1, len(described) + 1)), tuple(name for name in described if name)


def _given(
    path: Path, described: Sequence[str | None], given: Sequence[str]
) -> tuple[tuple[int, ...], tuple[str, ...]]:
    if len(given) != len(described):
        raise RadiometryError(
            f"{path}: has {len(described)} bands, --bands names {len(given)}; name each, {SKIP} to skip"
        )
    names = [SKIP if text == SKIP else band_from_name(text) for text in given]
    if None in names:
        raise RadiometryError(f"--bands: {given[names.index(None)]!r} is no band; known: {', '.join(OPTICAL_BANDS)}")
    for index, (name, told) in enumerate(zip(names, described, strict=True), start=1):
        if name != SKIP and told is not None and name != told:
            raise RadiometryError(
                f"{path}: conflicting metadata: band {index} is {name} according to --bands, but {told} according to"
                " its description; correct one of them"
            )
    kept = [(index, name) for index, name in enumerate(names, start=1) if name and name != SKIP]
    if not kept:
        raise RadiometryError(f"{path}: --bands leaves every band out; name at least one")
    _check_single(path, [name for _, name in kept], "--bands")
    return tuple(index for index, _ in kept), tuple(name for _, name in kept)


def _check_single(path: Path, names: Sequence[str], source: str) -> None:
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise RadiometryError(
            f"{path}: {', '.join(doubled)} appears twice in {source}; pass --bands with each band once"
        )


def name_by_count(path: Path, level: Level | None, sample: np.ndarray, valid: np.ndarray) -> tuple[str, ...]:
    """Name the bands of a file that has no descriptions, where its band count leaves one order.

    Args:
        path: The optical file, for messages.
        level: Processing level, if known.
        sample: Stored values, (band, pixel).
        valid: Which of them are data, of the same shape.

    Returns:
        The canonical names.

    Raises:
        RadiometryError: The count is unusual or leaves several orders, or the pixels speak against it; pass --bands.
    """
    count = sample.shape[0]
    if count == len(L1C_BANDS) and level in (None, "L1C"):
        blue, vapour, cirrus = (
            float(np.median(sample[index][valid[index]])) if valid[index].any() else float("nan")
            for index in (L1C_BANDS.index(name) for name in ("B02", "B09", "B10"))
        )
        if cirrus < blue and cirrus < vapour:
            return L1C_BANDS
        raise RadiometryError(
            f"{path}: has 13 bands without names, and the 11th is too bright to be the cirrus band B10; pass --bands"
        )
    if count == len(L2A_BANDS) and level == "L2A":
        return L2A_BANDS
    if count in _LIKELY:
        likely = " or ".join(_LIKELY[count])
        raise RadiometryError(f"{path}: has {count} bands without names; pass --bands, likely {likely}")
    suffix = f" at level {level}" if level else ""
    raise RadiometryError(
        f"{path}: has {count} bands without names{suffix}, expected 13 (L1C), 12 (L2A), 10 or 4; pass --bands with one"
        f" name a band, and {SKIP} for each to leave out"
    )
