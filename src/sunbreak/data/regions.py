"""One name for a region of SEN12MS, SEN12MS-CR and SEN12MS-CR-TS, whichever data set spells it."""

from __future__ import annotations

import re
from typing import Final

SEASONS: Final[dict[int, str]] = {1158: "spring", 1868: "summer", 1970: "fall", 2017: "winter"}
"""The four seasons in which places were drawn, by the number that stands in the names of the files.

Source: Schmitt et al. 2019, SEN12MS, ISPRS Annals IV-2/W7, doi:10.5194/isprs-annals-IV-2-W7-153-2019.
"""
ALIASES: Final[dict[str, str]] = {"S12CR_T7": "ROIs1970_139"}
"""Names that are given to places elsewhere, where it is known which region they lie in.

Source: patches of the published sample T7 of SEN12MS-CR (Oriolac/cloud-removal) lie in this region of its test list.
"""

_BY_NUMBER: Final = re.compile(
    r"(?:ROIs|S12CR_|S12TS_|SEN12MS_)(?P<number>[0-9]{4})(?:_(?P<season>[a-z]+))?[_/](?P<region>[0-9]+)"
)
_BY_SEASON: Final = re.compile(r"(?P<season>[a-z]+)(?::|/(?:(?:s1|s2|s2_cloudy|lc)_)?)(?P<region>[0-9]+)")


def canonical(region: str) -> str:
    """Give a region the one name that the three data sets share.

    They draw from the same places: a region that one of them trains on must not be another one's test.

    Args:
        region: Name of a region as some data set, list or weights card spells it.

    Returns:
        `ROIs`, the number of the season, `_` and the number of the region without leading zeros, for `ALIASES` too;
        names of other data sets, and names whose season contradicts its number, unchanged.

    Example:
        >>> canonical("S12TS_1158_31"), canonical("ROIs1158_spring_31"), canonical("spring/s2_31")
        ('ROIs1158_31', 'ROIs1158_31', 'ROIs1158_31')
        >>> canonical("S12CR_T7"), canonical("S1F11_Spain")
        ('ROIs1970_139', 'S1F11_Spain')
    """
    if region in ALIASES:
        return ALIASES[region]
    if match := _BY_NUMBER.fullmatch(region):
        number = int(match["number"])
        if number not in SEASONS or match["season"] not in (None, SEASONS[number]):
            return region
    elif match := _BY_SEASON.fullmatch(region):
        number = next((number for number, season in SEASONS.items() if season == match["season"]), 0)
    if match is None or not number:
        return region
    return f"ROIs{number}_{int(match['region'])}"
