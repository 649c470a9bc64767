"""Which region of a public data set is in train, val or test: exact lists, as data files beside this module."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Final

from sunbreak.data.regions import SEASONS
from sunbreak.errors import OptionError

SPLITS: Final = ("sen12ms-cr", "sen12ms-cr-ts")
"""Data sets whose lists are here."""
NEVER_LEAKED: Final = "never-leaked"
"""Test regions of SEN12MS-CR that no method can have trained on by substring matching."""
LEAKY_TRAIN: Final = "legacy-leaky-train"
"""What substring matching of the list `train` of SEN12MS-CR selects: train and nine regions of test and val."""


@dataclass(frozen=True)
class Splits:
    """The splits of a data set."""

    name: str
    """Name of the data set."""
    source: str
    """Where the lists come from."""
    regions: Mapping[str, Mapping[str, int | None]]
    """Split to region (canonical name) to number of patches; None where nobody counted them."""

    def count(self, split: str) -> int | None:
        """Number of patches of a split.

        Args:
            split: Name of the split.

        Returns:
            Patches of the complete data set; None where a region's number is unknown.

        Raises:
            OptionError: There is no such split; the message names those there are.

        Example:
            >>> read_splits("sen12ms-cr").count("test")
            7899
        """
        if split not in self.regions:
            raise OptionError(f"{self.name} has no split {split!r}; choose from {', '.join(self.regions)}")
        total = 0
        for patches in self.regions[split].values():
            if patches is None:
                return None
            total += patches
        return total


def read_splits(name: str) -> Splits:
    """Read the splits of a data set.

    SEN12MS-CR has two more splits than its lists: `never-leaked` and `legacy-leaky-train`, both worked out by
    `caught_by_substring` from the lists themselves.

    Args:
        name: Name of the data set.

    Returns:
        Its splits.

    Raises:
        OptionError: There are no lists of that name; the message names those there are.

    Source: the field `source` of the data files.

    Example:
        >>> splits = read_splits("sen12ms-cr")
        >>> {name: len(regions) for name, regions in splits.regions.items()}
        {'train': 155, 'val': 10, 'test': 10, 'never-leaked': 4, 'legacy-leaky-train': 164}
    """
    if name not in SPLITS:
        raise OptionError(f"no splits of {name!r} are known; choose from {', '.join(SPLITS)}")
    content = json.loads(files(__name__).joinpath(f"{name}.json").read_text(encoding="utf-8"))
    regions: dict[str, dict[str, int | None]] = content["regions"]
    if name == "sen12ms-cr":
        train, test = regions["train"], regions["test"]
        caught = {region: n for region, n in (test | regions["val"]).items() if caught_by_substring(train, region)}
        regions[NEVER_LEAKED] = {region: n for region, n in test.items() if region not in caught}
        regions[LEAKY_TRAIN] = train | caught
    return Splits(content["name"], content["source"], regions)


def caught_by_substring(listed: Iterable[str], region: str) -> bool:
    """Whether a loader takes a region as listed because it looks for the entries of its list inside paths.

    The widely copied loader keeps a patch if any entry of its list, such as `ROIs1970_fall_s1/s1_1`, occurs in the
    path of the patch. That entry also occurs in `ROIs1970_fall_s1/s1_139/...`, a region of the test.

    Args:
        listed: Regions of the list, canonical names.
        region: Region to look for, canonical name.

    Returns:
        True for every listed region, and for those whose number begins with the number of a listed one.

    Source: the data loader for SEN12MS-CR in PatrickTUM/UnCRtainTS, whose rule this repeats.

    Example:
        >>> caught_by_substring(["ROIs1970_1"], "ROIs1970_139"), caught_by_substring(["ROIs1970_1"], "ROIs1158_139")
        (True, False)
    """
    path = _radar_folder(region)
    return any(_radar_folder(entry) in path for entry in listed)


def _radar_folder(region: str) -> str:
    season, number = region.removeprefix("ROIs").split("_")
    return f"ROIs{season}_{SEASONS[int(season)]}_s1/s1_{number}"
