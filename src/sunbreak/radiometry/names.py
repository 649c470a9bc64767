"""Recognise the names that archives give to bands and polarisations."""

from __future__ import annotations

import re
from typing import Final

from sunbreak.bands import OPTICAL_BANDS, RADAR_BANDS, REFUSED_POLARISATIONS

_BY_NAME: Final[dict[str, str]] = {
    alias: band.name for band in OPTICAL_BANDS.values() for alias in (band.name.lower(), *band.aliases)
}
# `B04`, `B4, central wavelength 665 nm`, `B04_10m`, `band 4`, `S2_B8A`; not `SR_B4`, which is Landsat's
_NUMBERED: Final = re.compile(r"^(?:s2[_ -]?)?b(?:and)?[ _-]?0?(\d{1,2}a?)(?:[,_ (:-].*)?$")
_POLARISATION: Final = re.compile(r"(?<![a-z])([vh][vh])(?![a-z])")


def band_from_name(text: str | None) -> str | None:
    """The band that a description means.

    Args:
        text: A band description, asset key or column name.

    Returns:
        A key of `bands.OPTICAL_BANDS`, or None.

    Example:
        >>> band_from_name("B4, central wavelength 665 nm"), band_from_name("nir08"), band_from_name("SCL")
        ('B04', 'B8A', None)
    """
    cleaned = (text or "").strip().lower()
    if cleaned in _BY_NAME:
        return _BY_NAME[cleaned]
    match = _NUMBERED.match(cleaned)
    return _BY_NAME.get(f"b{match[1]}") if match else None


def polarisation_from_name(text: str | None) -> str | None:
    """The polarisation that a description means.

    Args:
        text: A band description.

    Returns:
        `VV`, `VH`, `HH`, `HV`, or None.

    Example:
        >>> polarisation_from_name("Sigma0_VV_db"), polarisation_from_name("angle")
        ('VV', None)
    """
    found = {match.upper() for match in _POLARISATION.findall((text or "").lower())}
    known = found.intersection((*RADAR_BANDS, *REFUSED_POLARISATIONS))
    return known.pop() if len(known) == 1 else None
