"""SEN12MS-CR-TS: 30 dates of every patch, level 1C with radar, split by exact region."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from sunbreak.bands import L1C_BANDS
from sunbreak.data.file_kinds import read_kind
from sunbreak.data.image import image_sample
from sunbreak.data.patch import backscatter
from sunbreak.data.regions import canonical
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet, Skipped
from sunbreak.data.sen12ms import scan
from sunbreak.data.series import cloud_share, detected, nearest, series_sample, unclear_share
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.data.splits import read_splits
from sunbreak.errors import OptionError

EXACT: Final = ("train", "val", "test")
ALL: Final = "all"
FORM: Final = SpecForm(
    path="the folder of SEN12MS-CR-TS",
    options={
        "split": Option("test", "regions to take", (*EXACT, ALL)),
        "radar": Option("required", "take only samples with radar, or all, or hide it", ("required", "any", "none")),
        "n": Option(0, "take at most so many samples, spread over the list; 0 takes all", low=0),
    },
)
"""Options of `sen12ms-cr-ts:PATH`."""
DATES: Final = 30
"""Dates of every patch, numbered from 0."""
MIN_CLOUD: Final = 0.1
"""Smallest share of cloud of an input."""
UNLISTED: Final = "region is in no list of SEN12MS-CR-TS"

_NAME: Final = re.compile(
    r"s([12])_(ROIs[0-9]+_[0-9]+)_ImgNo_([0-9]+)_([0-9]{4}-[0-9]{2}-[0-9]{2})_patch_([0-9]+)\.tif"
)


class _File(NamedTuple):
    path: str
    day: date


@dataclass
class _Patch:
    """Files of one patch by number of the date."""

    name: str
    region: str
    optical: dict[int, _File] = field(default_factory=dict)
    radar: dict[int, _File] = field(default_factory=dict)

    def lacks(self, radar: bool) -> str:
        """What is missing, in words, or nothing."""
        parts = [("optical", self.optical), *([("radar", self.radar)] if radar else [])]
        for kind, files in parts:
            missing = [str(number) for number in range(DATES) if number not in files]
            if missing:
                few = ", ".join(missing[:5]) + (" and others" if len(missing) > 5 else "")
                return f"{len(missing)} of {DATES} {kind} dates are missing: {few}"
        return ""

    def load(self, detector: Detector | None) -> Sample:
        """Read all dates, and choose among them."""
        dates = sorted((file.day, number, file.path) for number, file in self.optical.items())
        days = [day for day, _, _ in dates]
        images: list[Sample] = []
        for _, _, path in dates:
            patch = read_kind(Path(path), "optical", images[0].quality.shape if images else None)
            image = image_sample(patch, name=self.name, region=self.region, bands=L1C_BANDS)
            images.append(detected(image, detector))
        target = min(range(len(images)), key=lambda index: unclear_share(images[index].quality))
        cloud = {index: cloud_share(image.quality) for index, image in enumerate(images) if days[index] != days[target]}
        if not cloud:
            raise OptionError(f"sample {self.name}: all its dates are {days[target]}; correct the names of the files")
        least = min(MIN_CLOUD, max(cloud.values()))
        observed = nearest(days, days[target], [index for index, share in cloud.items() if share >= least])
        sample = series_sample(self.name, images, days, observed=observed, target=target)
        file = self.radar.get(dates[observed][1])
        if file is None:
            return sample
        return replace(sample, radar=backscatter(read_kind(Path(file.path), "radar", sample.quality.shape)))


def open_sen12ms_cr_ts(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List the samples of SEN12MS-CR-TS, one a patch.

    Target is the date that shows most of the ground; input is the date nearest in time to it with at least 10 % of
    cloud, or, where none has so much, the cloudiest; the series holds all other dates. Radar is that of the input's
    number. A sample holds 30 dates, about 100 MB for patches of 256 x 256 pixels, while it is in use.

    The files lie in `ROIs1868/73/S2/14/s2_ROIs1868_73_ImgNo_14_2018-06-21_patch_171.tif` and the like, directly in the
    folder or one or two folders below it, as the archives extract. Patches that lack a date are left out: which date is
    the clearest would depend on what is there.

    Args:
        spec: `sen12ms-cr-ts:PATH` with the options of `FORM`.
        detector: Finds cloud and shadow on every date; without it all dates count as clear, the first is the target
            and the second the input.

    Returns:
        The samples by region and patch, unread, and what was skipped with the reason.

    Raises:
        OptionError: A folder cannot be listed, an image lies there twice, or nothing is selected.

    Source: Ebel et al. 2022, SEN12MS-CR-TS, doi:10.1109/TGRS.2022.3146246; level 1C without the offset of -1000, radar
    in dB.
    """
    splits = read_splits("sen12ms-cr-ts").regions
    known = {region for split in EXACT for region in splits[split]}
    wanted = known if spec["split"] == ALL else splits[spec["split"]]
    skipped: dict[str, str] = {}
    patches: dict[tuple[str, int], _Patch] = {}
    for region, folder in _region_folders(Path(spec.path)):
        if region not in known:
            skipped[region] = UNLISTED
        if region in wanted:
            _add(patches, region, folder, spec["radar"] != "none", skipped)
    chosen = []
    for _, patch in sorted(patches.items()):
        lacking = patch.lacks(spec["radar"] == "required")
        if lacking:
            skipped[patch.name] = lacking
        else:
            chosen.append(patch)
    if spec["split"] != ALL:
        there = {region for region, _ in patches}
        skipped.update((region, "no file of this region") for region in wanted if region not in there)
    if not chosen:
        reasons = [f"{name}: {reason}" for name, reason in skipped.items()][:3] or ["no such files"]
        raise OptionError(
            f"data {spec.text!r}: selects no sample ({'; '.join(reasons)}); the folder, or one in it, must hold"
            " ROIs1868/73/S2/14 and the like"
        )
    if spec["n"]:
        count = min(spec["n"], len(chosen))
        chosen = [chosen[index * len(chosen) // count] for index in range(count)]
    entries = tuple(Entry(one.name, one.region, partial(one.load, detector)) for one in chosen)
    return SampleSet(spec, spec["split"], entries, tuple(Skipped(*one) for one in skipped.items()))


def _region_folders(root: Path) -> Iterator[tuple[str, Path]]:
    """Folders such as ROIs1868/73, with the canonical name of the region."""
    if not root.is_dir():
        raise OptionError(f"{root}: is no folder; give the one that holds SEN12MS-CR-TS")
    for pattern in ("ROIs*/*", "*/ROIs*/*", "*/*/ROIs*/*"):
        for folder in sorted(root.glob(pattern)):
            if folder.name.isdecimal() and folder.is_dir():
                yield canonical(f"{folder.parent.name}_{folder.name}"), folder


def _add(
    patches: dict[tuple[str, int], _Patch],
    region: str,
    folder: Path,
    radar: bool,
    skipped: dict[str, str],
) -> None:
    """Enter the files of a region; note those whose name does not fit."""
    for sensor in ("S2", "S1") if radar else ("S2",):
        dates = scan(folder / sensor, "") if (folder / sensor).is_dir() else []
        for entry in (entry for number in dates if number.is_dir() for entry in scan(number.path)):
            match = _NAME.fullmatch(entry.name)
            day = _day(match[4]) if match else None
            if match is None or day is None or (f"S{match[1]}", canonical(match[2])) != (sensor, region):
                skipped[entry.name] = f"not named like the images of {folder / sensor}"
                continue
            number = int(match[5])
            patch = patches.setdefault((region, number), _Patch(f"{region}_patch_{number}", region))
            files = patch.optical if sensor == "S2" else patch.radar
            if files.setdefault(int(match[3]), _File(entry.path, day)).path != entry.path:
                raise OptionError(f"{entry.path}: is the same date as {files[int(match[3])].path}; remove one of them")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
