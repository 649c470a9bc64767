"""SEN12MS-CR: cloudy and clear level-1C images of one season with radar, split by exact region."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from sunbreak.bands import L1C_BANDS
from sunbreak.data.file_kinds import read_kind
from sunbreak.data.image import image_sample
from sunbreak.data.patch import backscatter, reflectance
from sunbreak.data.regions import SEASONS
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet, Skipped
from sunbreak.data.sen12ms import PatchId, land_cover_files, read_land_cover, region_folders, scan
from sunbreak.data.series import detected
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.data.splits import LEAKY_TRAIN, NEVER_LEAKED, read_splits
from sunbreak.errors import OptionError

EXACT: Final = ("train", "val", "test")
ALL: Final = "all"
FORM: Final = SpecForm(
    path="the folder of SEN12MS-CR",
    options={
        "split": Option("test", "regions to take", (*EXACT, NEVER_LEAKED, LEAKY_TRAIN, ALL)),
        "radar": Option("required", "take only samples with radar, or all, or hide it", ("required", "any", "none")),
        "n": Option(0, "take at most so many samples, spread over the regions; 0 takes all", low=0),
        "land_cover": Option("", "folder of SEN12MS, whose land cover joins the samples"),
        "seed": Option(0, "which samples n takes", low=0),
    },
)
"""Options of `sen12ms-cr:PATH`."""
FLAT_FOLDERS: Final[dict[str, str]] = {"s1": "s1", "s2_cloudfree": "s2", "s2_cloudy": "s2_cloudy"}
"""Folders of the layout by sensor, in lower case, and what the same files are called in folders by region."""
UNLISTED: Final = "region is in no list of SEN12MS-CR"

_FLAT_NAME: Final = re.compile(r"ROIs([0-9]{4})_([a-z]+)_([0-9]+)_p([0-9]+)\.tif")


@dataclass(frozen=True)
class _Triplet:
    """Files of one sample."""

    patch: PatchId
    cloudy: str
    clear: str
    radar: str | None
    land_cover: str | None = None

    def load(self, detector: Detector | None) -> Sample:
        """Read them."""
        stored = read_kind(Path(self.cloudy), "optical")
        image = image_sample(stored, name=self.patch.name, region=self.patch.place, bands=L1C_BANDS)
        height, width = image.quality.shape
        shape = height, width
        sample = replace(
            image,
            radar=None if self.radar is None else backscatter(read_kind(Path(self.radar), "radar", shape)),
            clear=reflectance(read_kind(Path(self.clear), "optical", shape), 0),
            land_cover=None if self.land_cover is None else read_land_cover(self.land_cover, shape, image.geobox),
        )
        return detected(sample, detector)


class _Files:
    """What lies in the folder of the data set, found without opening a file."""

    def __init__(self, folder: str, parts: Collection[str], wanted: Collection[str], known: Collection[str]) -> None:
        self.paths: dict[str, dict[PatchId, str]] = {part: {} for part in parts}
        self.skipped: dict[str, str] = {}
        self.listed: set[PatchId] = set()
        self._wanted, self._known = wanted, known
        for region in region_folders(folder, parts):
            if self._chosen(region.place):
                self._add(region.part, region.patches())
        flat = [entry for entry in scan(folder, "") if entry.name.lower() in FLAT_FOLDERS and entry.is_dir()]
        for entry in flat:
            part = FLAT_FOLDERS[entry.name.lower()]
            if part in parts:
                self._add(part, ((_flat_patch(file.name) or file.name, file.path) for file in scan(entry.path)))
        if flat:
            self.listed.update(patch for patch in _in_tables(folder) if self._chosen(patch.place))

    def _chosen(self, place: str) -> bool:
        if place not in self._known:
            self.skipped[place] = UNLISTED
        return place in self._wanted

    def _add(self, part: str, found: Iterable[tuple[PatchId | str, str]]) -> None:
        paths = self.paths[part]
        for patch, path in found:
            if isinstance(patch, str):
                self.skipped[patch] = f"not named like the files of {Path(path).parent.name}"
            elif self._chosen(patch.place) and paths.setdefault(patch, path) != path:
                raise OptionError(f"{path}: is the same patch as {paths[patch]}; remove one of them")

    def triplets(self, needed: Sequence[str]) -> Iterator[_Triplet]:
        """Put together what belongs together, by season, region and patch; note what lacks a file."""
        for patch in sorted(self.listed.union(*self.paths.values())):
            own = {part: paths[patch] for part, paths in self.paths.items() if patch in paths}
            missing = [part for part in needed if part not in own]
            if missing:
                self.skipped[patch.name] = f"no file {', '.join(_file_name(patch, part, own) for part in missing)}"
            else:
                yield _Triplet(patch, own["s2_cloudy"], own["s2"], own.get("s1"))


def open_sen12ms_cr(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List the samples of SEN12MS-CR.

    Three layouts are told apart by the names of the folders, whose files are listed, never opened:

    - archives as they extract, `ROIs1158_spring_s2_cloudy/s2_cloudy_1/ROIs1158_spring_s2_cloudy_1_p407.tif`;
    - the archives of a season merged, `ROIs1158_spring/s2_cloudy_1/ROIs1158_spring_s2_cloudy_1_p407.tif`;
    - folders by sensor, `s2_cloudy/ROIs1158_spring_1_p407.tif` beside `s1` and `s2_cloudfree`.

    A sample belongs to a split if its season and region are exactly those of a list. A table beside the third layout
    (rows of split, three folders and file name, separated by commas or tabs) decides nothing: its column of splits is
    not read, files it leaves out count, and rows without files are skipped with a reason.

    `n` takes as many samples from every region as the regions allow, and each region's at even distances in the order
    of the patches; where regions share unevenly, and where the first of a region lies, a hash of `seed` and region
    decides.

    Args:
        spec: `sen12ms-cr:PATH` with the options of `FORM`.
        detector: Finds cloud and shadow; the data set has no masks, so that without it all counts as clear.

    Returns:
        The samples by season, region and patch, unread, and what was skipped with the reason.

    Raises:
        OptionError: A folder cannot be listed, a patch lies there twice, or nothing is selected.

    Source: Ebel et al. 2021, Multisensor Data Fusion for Cloud Removal in Global and All-Season Sentinel-2 Imagery,
    doi:10.1109/TGRS.2020.3024744; level 1C without the offset of -1000, radar in dB.
    """
    if "seed" in spec.given and not spec["n"]:
        raise OptionError(f"data {spec.text!r}: seed goes with n only; drop it or give n")
    splits = read_splits("sen12ms-cr").regions
    known = {place for split in EXACT for place in splits[split]}
    wanted = known if spec["split"] == ALL else splits[spec["split"]]
    parts = ("s2_cloudy", "s2") + (("s1",) if spec["radar"] != "none" else ())
    files = _Files(spec.path, parts, wanted, known)
    found = list(files.triplets(parts if spec["radar"] == "required" else parts[:2]))
    if not found:
        reasons = [f"{name}: {reason}" for name, reason in files.skipped.items()][:3]
        raise OptionError(
            f"data {spec.text!r}: selects no sample ({'; '.join(reasons) or 'no patch of these regions'}); the folder "
            "must hold ROIs1158_spring_s1 and the like, or ROIs1158_spring and the like, or s1, s2_cloudfree and "
            "s2_cloudy"
        )
    if spec["land_cover"]:
        found = _join(found, spec)
        # the hash of a set depends on no folder
        spec = replace(spec, options={**spec.options, "land_cover": "joined"})
    if spec["n"]:
        found = _spread(found, spec["n"], spec["seed"])
    entries = tuple(Entry(one.patch.name, one.patch.place, partial(one.load, detector)) for one in found)
    return SampleSet(spec, spec["split"], entries, tuple(Skipped(*one) for one in files.skipped.items()))


def _flat_patch(name: str) -> PatchId | None:
    match = _FLAT_NAME.fullmatch(name)
    if match is None or SEASONS.get(int(match[1])) != match[2]:
        return None
    return PatchId(int(match[1]), int(match[3]), int(match[4]))


def _in_tables(folder: str) -> Iterator[PatchId]:
    """Patches that the rows of CSV files name in their last column."""
    for table in scan(folder, ".csv"):
        try:
            with Path(table.path).open(encoding="utf-8", errors="replace") as rows:
                names = [re.split(r"[,\t]", row)[-1].strip(' "\r\n') for row in rows]
        except OSError as error:
            raise OptionError(f"{table.path}: cannot be read ({error.strerror}); correct or remove it") from error
        yield from (patch for patch in map(_flat_patch, names) if patch is not None)


def _file_name(patch: PatchId, part: str, beside: dict[str, str]) -> str:
    """Name of a missing file, in the layout of those that are there."""
    if any(Path(path).name == patch.file_name(present) for present, path in beside.items()):
        return patch.file_name(part)
    return f"{next(folder for folder, own in FLAT_FOLDERS.items() if own == part)}/{patch.name}.tif"


def _join(found: Sequence[_Triplet], spec: Spec) -> list[_Triplet]:
    covers = land_cover_files(spec["land_cover"], {one.patch.place for one in found})
    if not any(one.patch in covers for one in found):
        raise OptionError(
            f"data {spec.text!r}: {spec['land_cover']} holds land cover for none of the {len(found)} samples; give the "
            "folder of SEN12MS that holds ROIs1158_spring/lc_1 or ROIs1158_spring_lc/lc_1 and the like"
        )
    return [replace(one, land_cover=covers.get(one.patch)) for one in found]


def _spread(found: Sequence[_Triplet], n: int, seed: int) -> list[_Triplet]:
    """At most n of the samples, in their order, as evenly from the regions and from inside them as there are."""
    regions: dict[str, list[_Triplet]] = {}
    for one in found:
        regions.setdefault(one.patch.place, []).append(one)
    share = dict.fromkeys(sorted(regions, key=lambda place: _draw(f"{seed} order {place}")), 0)
    left = min(n, len(found))
    while left:
        for place in share:
            if left and share[place] < len(regions[place]):
                share[place] += 1
                left -= 1
    chosen: list[_Triplet] = []
    for place, own in regions.items():
        step, start = len(own) / max(share[place], 1), _draw(f"{seed} start {place}")
        chosen.extend(own[int((index + start) * step)] for index in range(share[place]))
    return chosen


def _draw(text: str) -> float:
    """A number from 0 to below 1, the same on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") / 2**32
