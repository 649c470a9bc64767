"""What the names of Sentinel product files say.

Source: naming conventions of the Sentinel-2 Products Specification Document 14.9 and of the Sentinel-1 Product
Specification; the names of terrain-corrected radar follow ASF's convention.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal

from sunbreak.radiometry.metadata import Metadata, offset_from_baseline, parse_datetime, parse_level

_SENTINEL_2: Final = re.compile(r"(S2[A-D])_(?:OPER_)?MSIL(1C|2A)_(\d{8}(?:T\d{6})?)(?:_N(\d{4})(?=_|$))?")
_SENTINEL_1: Final = re.compile(r"(S1[A-D])_(?:IW|EW|SM|S[1-6])_.*?(\d{8}T\d{6})")
_POLARISATION: Final = re.compile(r"S1[A-D]_(?:IW|EW|SM|S[1-6])_.*?_(?:[12]S([SD][VH])_|([SD][VH])[PRO]_)")


def from_name(path: str | Path, mission: Literal["sentinel-1", "sentinel-2"]) -> list[Metadata]:
    """Read the name of a file in the pattern of Sentinel products.

    Args:
        path: Only its name is looked at.
        mission: Names of other missions say nothing: archives name both files of a pair after one of them.

    Returns:
        At most one statement.

    Example:
        >>> from_name("S2A_MSIL1C_20170527T102031_N0205_R065_T33UUB.tif", "sentinel-2")[0].level
        'L1C'
    """
    name = Path(path).name
    if mission == "sentinel-2" and (match := _SENTINEL_2.search(name)):
        platform, level, date, baseline = match.groups()
        return [
            Metadata(
                level=parse_level(level),
                offset=offset_from_baseline(baseline),
                datetime=parse_datetime(date),
                platform=f"sentinel-{platform[1:].lower()}",
                source=f"the file name {name}",
            )
        ]
    if mission == "sentinel-1" and (match := _SENTINEL_1.search(name)):
        platform, date = match.groups()
        name_of = f"sentinel-{platform[1:].lower()}"
        return [Metadata(datetime=parse_datetime(date), platform=name_of, source=f"the file name {name}")]
    return []


def polarisations_from_name(path: str | Path) -> tuple[str, ...] | None:
    """Polarisations of a Sentinel-1 product, from its name.

    Args:
        path: Only its name is looked at.

    Returns:
        `("VV", "VH")`, `("VV",)`, `("HH", "HV")`, `("HH",)`, or None for other names.
    """
    match = _POLARISATION.search(Path(path).name)
    code = (match[1] or match[2]) if match else None
    return {"DV": ("VV", "VH"), "SV": ("VV",), "DH": ("HH", "HV"), "SH": ("HH",)}.get(code or "")
