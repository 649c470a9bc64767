"""SEN12MS: how it names folders and files, which SEN12MS-CR inherits, and its land cover."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from sunbreak.data.patch import read_patch
from sunbreak.data.regions import SEASONS
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.legend import LAND_COVER_NODATA

LAND_COVER: Final = "lc"
"""Part of the names of land cover files."""
LAND_COVER_BANDS: Final = 4
"""IGBP, then LCCS land cover, land use and surface hydrology; only the first is read."""

IGBP_TO_WORLDCOVER: Final[dict[int, int]] = {
    1: 10,  # evergreen needleleaf forest, over 60 % trees
    2: 10,  # evergreen broadleaf forest, over 60 % trees
    3: 10,  # deciduous needleleaf forest, over 60 % trees
    4: 10,  # deciduous broadleaf forest, over 60 % trees
    5: 10,  # mixed forest, over 60 % trees
    6: 20,  # closed shrubland, over 60 % woody plants of 1-2 m
    7: 20,  # open shrubland, 10-60 % woody plants of 1-2 m
    8: 10,  # woody savanna, 30-60 % trees: open woodland, and WorldCover asks for 10 % trees
    9: 30,  # savanna, 10-30 % trees: most of the ground between them is grass
    10: 30,  # grassland
    11: 90,  # permanent wetland, 30-60 % water among plants: WorldCover's wetland, though swamp forest is in it too
    12: 40,  # cropland, over 60 % cultivated
    13: 50,  # urban, over 30 % sealed
    14: 40,  # cropland among natural vegetation, 40-60 % cultivated: fields are the largest single part
    15: 70,  # permanent snow and ice
    16: 60,  # barren, less than 10 % plants
    17: 80,  # permanent water
}
"""Classes of the International Geosphere-Biosphere Programme to codes of `legend.LAND_COVER_LEGEND`.

Every class has a counterpart; mosaics take their largest part. Mangroves (95) and moss and lichen (100) have no class
of their own in IGBP and never come out. Anything else in a file is unknown, 255.

Source: Sulla-Menashe and Friedl 2018, User Guide to Collection 6 MODIS Land Cover (MCD12Q1), table 3; ESA WorldCover
2021 Product User Manual for the definitions of the codes.
"""

_SEASON_FOLDER: Final = re.compile(r"ROIs([0-9]{4})_([a-z]+)(?:_(?:s1|s2|s2_cloudy|lc))?")
_REGION_FOLDER: Final = re.compile(r"(s1|s2|s2_cloudy|lc)_([0-9]+)")


class PatchId(NamedTuple):
    """What names a patch; sorts by season, region and patch."""

    season: int
    """Number of the season, a key of `regions.SEASONS`."""
    region: int
    """Number of the region within its season."""
    patch: int
    """Number of the patch within its region."""

    @property
    def name(self) -> str:
        """Name without the part that tells radar from optical, such as `ROIs1158_spring_1_p407`."""
        return f"ROIs{self.season}_{SEASONS[self.season]}_{self.region}_p{self.patch}"

    @property
    def place(self) -> str:
        """Canonical name of the region, such as `ROIs1158_1`."""
        return f"ROIs{self.season}_{self.region}"

    def file_name(self, part: str) -> str:
        """Name of one of its files in folders by region.

        Args:
            part: `s1`, `s2`, `s2_cloudy` or `lc`.

        Returns:
            The name.

        Example:
            >>> PatchId(1158, 1, 407).file_name("s2_cloudy")
            'ROIs1158_spring_s2_cloudy_1_p407.tif'
        """
        return f"ROIs{self.season}_{SEASONS[self.season]}_{part}_{self.region}_p{self.patch}.tif"


class RegionFolder(NamedTuple):
    """A folder that holds one sort of file of one region."""

    path: str
    """Where it lies."""
    part: str
    """`s1`, `s2`, `s2_cloudy` or `lc`."""
    place: str
    """Canonical name of the region."""

    def patches(self) -> Iterator[tuple[PatchId | str, str]]:
        """List its GeoTIFFs without opening them.

        Returns:
            The patch, or the bare file name where that does not fit the folder; and the path.
        """
        season, region = (int(number) for number in self.place.removeprefix("ROIs").split("_"))
        start = f"ROIs{season}_{SEASONS[season]}_{self.part}_{region}_p"
        for entry in scan(self.path):
            number = entry.name.removeprefix(start).removesuffix(".tif")
            fits = entry.name == f"{start}{number}.tif" and number.isdecimal()
            yield (PatchId(season, region, int(number)) if fits else entry.name), entry.path


def scan(folder: str | Path, suffix: str = ".tif") -> list[os.DirEntry[str]]:
    """List a folder once.

    Args:
        folder: The folder.
        suffix: End of the names that are wanted.

    Returns:
        Entries by name, without hidden ones.

    Raises:
        OptionError: It cannot be listed; correct the path or its permissions.
    """
    try:
        with os.scandir(folder) as entries:
            found = [entry for entry in entries if entry.name.endswith(suffix) and not entry.name.startswith(".")]
    except OSError as error:
        raise OptionError(f"{folder}: cannot be listed ({error.strerror}); give a folder that can be read") from error
    return sorted(found, key=lambda entry: entry.name)


def region_folders(folder: str | Path, parts: Collection[str]) -> Iterator[RegionFolder]:
    """Find the folders by region, as the archives extract and with the archives of a season merged.

    Both `ROIs1158_spring_s1/s1_1` and `ROIs1158_spring/s1_1` are found.

    Args:
        folder: Folder that holds those of the seasons.
        parts: Sorts of files that are wanted, of `s1`, `s2`, `s2_cloudy` and `lc`.

    Returns:
        The folders, by name.

    Raises:
        OptionError: A folder cannot be listed.
    """
    for outer in scan(folder, ""):
        named = _SEASON_FOLDER.fullmatch(outer.name)
        if named is None or SEASONS.get(int(named[1])) != named[2] or not outer.is_dir():
            continue
        for inner in scan(outer.path, ""):
            match = _REGION_FOLDER.fullmatch(inner.name)
            if match is not None and match[1] in parts and inner.is_dir():
                yield RegionFolder(inner.path, match[1], f"ROIs{named[1]}_{int(match[2])}")


def land_cover_files(folder: str | Path, regions: Collection[str]) -> dict[PatchId, str]:
    """Find the land cover files of SEN12MS.

    Args:
        folder: Folder that holds `ROIs1158_spring/lc_1` or `ROIs1158_spring_lc/lc_1` and the like.
        regions: Canonical names of the regions that are wanted.

    Returns:
        Path of every patch's file.

    Raises:
        OptionError: A folder cannot be listed.
    """
    found: dict[PatchId, str] = {}
    for region in region_folders(folder, (LAND_COVER,)):
        if region.place in regions:
            found.update((patch, path) for patch, path in region.patches() if isinstance(patch, PatchId))
    return found


def read_land_cover(path: str | Path, shape: tuple[int, int], geobox: GeoBox | None) -> npt.NDArray[np.uint8]:
    """Read a land cover file of SEN12MS as ESA WorldCover codes.

    MODIS maps land cover in cells of 500 m: take it as the label of a patch, not as the outline of a field.

    Args:
        path: The file, four bands, IGBP first.
        shape: Height and width it must have.
        geobox: Grid of the patch it belongs to; None skips the comparison.

    Returns:
        (y, x), codes of `legend.LAND_COVER_LEGEND`, 255 = unknown.

    Raises:
        RasterError: The file is missing, damaged, or no land cover of SEN12MS; download it again.
        GeometryError: It has another size, or lies more than a pixel away from the patch.

    Source: Schmitt et al. 2019, SEN12MS, doi:10.5194/isprs-annals-IV-2-W7-153-2019.
    """
    patch = read_patch(Path(path), shape=shape)
    if len(patch.values) != LAND_COVER_BANDS or patch.values.dtype.kind not in "ui":
        raise RasterError(
            f"{path}: holds {len(patch.values)} bands of {patch.values.dtype}, expected {LAND_COVER_BANDS} bands of "
            "uint8 with IGBP first; download the land cover of SEN12MS again"
        )
    if geobox is not None and patch.geobox is not None and not _same_place(geobox, patch.geobox):
        raise GeometryError(f"{path}: lies elsewhere than the patch of that name; use the SEN12MS of the same regions")
    table = np.full(256, LAND_COVER_NODATA, dtype=np.uint8)
    table[list(IGBP_TO_WORLDCOVER)] = list(IGBP_TO_WORLDCOVER.values())
    igbp = patch.values[0].astype(np.int64)
    codes: npt.NDArray[np.uint8] = table[np.where((igbp < 0) | (igbp > LAND_COVER_NODATA), LAND_COVER_NODATA, igbp)]
    return codes


def _same_place(one: GeoBox, other: GeoBox) -> bool:
    apart = np.subtract(one.transform[:6], other.transform[:6])
    return one.crs == other.crs and bool(np.max(np.abs(apart)) <= abs(one.transform.a))
