"""Anyone's list of training or test data as regions and patches: text, CSV, JSON, folders, data, published splits."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

from sunbreak.data.collection import AUTO, clear_images
from sunbreak.data.kinds import FORMS, KINDS, open_data
from sunbreak.data.regions import canonical
from sunbreak.data.spec import parse_spec
from sunbreak.data.splits import SPLITS, read_splits
from sunbreak.errors import OptionError

COLUMNS: Final = 29
"""Patches in a row of a region of SEN12MS and SEN12MS-CR, whose patch number is 29 x row + column.

Source: coordinates of 32 published patches in 6 regions, all of which fit patches of 256 pixels, 128 pixels apart.
"""
LUOJIA: Final = "LuojiaOSFCR_"
"""Beginning of the names of regions of LuojiaSET-OSFCR, called `ROIs_01` in its files; their grid is not published."""
SHOWN: Final = 3
"""Entries quoted when they are not understood."""
SPELLINGS: Final = (
    "ROIs1158_spring_s2_1_p407.tif, s2_ROIs1868_73_ImgNo_14_2018-06-21_patch_171.tif, ROIs_01_s2_p4.tif, spring:31"
)
_SEASON: Final = "(?:spring|summer|fall|winter)"
_IMAGE: Final = "(?:s2_cloudy|s2_cloudfree|s1|s2|lc)"
_REGION: Final = re.compile(
    rf"(?:(?P<corpus>ROIs|S12CR_|S12TS_|SEN12MS_)(?P<number>1158|1868|1970|2017)(?:_{_SEASON})?"
    rf"|(?<![a-z])(?P<season>{_SEASON}))"
    rf"(?:_{_IMAGE})?[_/\\:](?:{_IMAGE}_)?(?P<region>\d{{1,3}})(?!\d)"
    r"|(?:ROIs|LuojiaOSFCR)_(?P<luojia>\d+)",
    re.IGNORECASE,
)
_PATCH: Final = re.compile(r"(?<![a-z0-9])(?P<word>p|patch_)(?P<number>\d+)(?![a-z0-9])", re.IGNORECASE)


class Patch(NamedTuple):
    """A patch of a region."""

    region: str
    """Canonical name of the region."""
    label: str
    """What tells it from other patches of its region, such as `p407`."""
    cell: tuple[int, int] | None = None
    """Row and column, where the patches' grid is known."""


@dataclass(frozen=True)
class Listing:
    """What somebody trains or tests on."""

    name: str
    """As the user gave it; a SPEC to train on with its split."""
    patches: Mapping[str, frozenset[Patch]]
    """Patches by region, of regions that are listed patch by patch."""
    whole: Mapping[str, int | None]
    """Regions that are listed without patches, all of them being meant; with their number where it is known."""
    entries: int = 0
    """Lines, strings, files or samples looked at."""
    unread: int = 0
    """How many of them name no region."""
    examples: tuple[str, ...] = field(default=())
    """The first of those."""

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of all regions, sorted."""
        return tuple(sorted({*self.patches, *self.whole}))

    def count(self, region: str) -> int | None:
        """Number of patches of a region.

        Args:
            region: Canonical name.

        Returns:
            The number; None if the region is listed whole and nobody knows its patches.
        """
        return self.whole[region] if region in self.whole else len(self.patches[region])


def overlap(one: Patch, other: Patch) -> bool:
    """Whether two patches show common ground.

    Args:
        one: A patch.
        other: Another one, or the same.

    Returns:
        True for the same patch, and for neighbours in row, column or diagonal where the grid is known.

    Source: patches of 256 pixels every 128 pixels, see `COLUMNS`.

    Example:
        >>> first, right, far = (patches_in(f"ROIs1158_spring_1_p{number}")[0] for number in (407, 408, 409))
        >>> overlap(first, right), overlap(first, far)
        (True, False)
    """
    if one.region != other.region:
        return False
    if one.cell is None or other.cell is None:
        return one.label == other.label
    return max(abs(mine - theirs) for mine, theirs in zip(one.cell, other.cell, strict=True)) <= 1


def patches_in(line: str) -> list[Patch]:
    """Find the patches that a line names.

    Args:
        line: A line of a list, a file name or a path, in any spelling of the public data sets.

    Returns:
        Each patch once, in the order of the line; a region that is named without a patch has an empty label.

    Example:
        >>> patches_in("ROIs1158_spring_s1/s1_1/ROIs1158_spring_s1_1_p407.tif")
        [Patch(region='ROIs1158_1', label='p407', cell=(14, 1))]
        >>> patches_in("fall/s1_139")
        [Patch(region='ROIs1970_139', label='', cell=None)]
    """
    found = list(_REGION.finditer(line))
    ends = [*(match.start() for match in found[1:]), len(line)][: len(found)]
    named = [_patch(match, line[match.end() : end]) for match, end in zip(found, ends, strict=True)]
    with_label = {patch.region for patch in named if patch.label}
    return list(dict.fromkeys(patch for patch in named if patch.label or patch.region not in with_label))


def read_listing(text: str, *, training: bool = False) -> Listing:
    """Read a list of training or test data.

    Args:
        text: NAME/SPLIT of a published split, a data SPEC, a folder, or a file: text, CSV, TSV or JSON.
        training: A SPEC means what `sunbreak train` takes of it: the train split unless another is given, and of a
            collection without `clouds=real` or `clouds=series` all clear images, which simulated clouds are laid on.
            Otherwise it means what is scored on.

    Returns:
        Its regions and patches.

    Raises:
        OptionError: There is no such thing, it cannot be read, or nothing in it names a region; write the names as the
            data sets do.
        RasterError: A file of a data SPEC is missing or damaged.
    """
    name, slash, split = text.partition("/")
    if slash and name in SPLITS:
        known = read_splits(name).regions
        if split not in known:
            raise OptionError(f"{text}: {name} has no split {split!r}; choose from {', '.join(known)}")
        return Listing(text, {}, dict(known[split]), len(known[split]))
    if text.partition(":")[0] in KINDS and ":" in text:
        return _to_train_on(text) if training else _from_data(text)
    path = Path(text)
    if path.is_dir():
        return _from_lines(text, _files(path))
    if path.is_file():
        return _from_lines(text, _strings(path))
    raise OptionError(
        f"{text}: no such file or folder; give a list, a folder, a data SPEC, or a split such as {SPLITS[0]}/test"
    )


def _patch(match: re.Match[str], rest: str) -> Patch:
    """The region of a match, with the first patch number behind it."""
    if match["luojia"]:
        region = f"{LUOJIA}{match['luojia']}"
    elif match["number"]:
        region = canonical(f"ROIs{match['number']}_{int(match['region'])}")
    else:
        region = canonical(f"{match['season'].lower()}:{int(match['region'])}")
    found = _PATCH.search(rest)
    if found is None:
        return Patch(region, "")
    number, word = int(found["number"]), found["word"].lower()
    series = word == "patch_" or (match["corpus"] or "").upper() == "S12TS_"
    if series:
        return Patch(region, f"patch_{number}")
    return Patch(region, f"p{number}", None if match["luojia"] else divmod(number, COLUMNS))


def _from_lines(name: str, lines: Iterable[str]) -> Listing:
    patches: dict[str, set[Patch]] = {}
    whole: dict[str, int | None] = {}
    entries, unread, examples = 0, 0, []
    for line in lines:
        entries += 1
        found = patches_in(line)
        if not found:
            unread += 1
            examples += [line[:80]] if unread <= SHOWN else []
        for patch in found:
            if patch.label:
                patches.setdefault(patch.region, set()).add(patch)
            else:
                whole[patch.region] = None
    if unread == entries:
        got = ", ".join(map(repr, examples)) or "it is empty"
        raise OptionError(f"{name}: nothing in it names a region ({got}); names such as {SPELLINGS} are understood")
    listed = {region: frozenset(held) for region, held in patches.items() if region not in whole}
    return Listing(name, listed, whole, entries, unread, tuple(examples))


def _to_train_on(text: str) -> Listing:
    spec = parse_spec(text, FORMS)
    if "split" in spec.options and "split" not in spec.given:
        text = f"{text},split=train"
    if spec.kind != "collection" or ("clouds" in spec.given and spec["clouds"] != "simulated"):
        return _from_data(text)
    split = spec["split"] if "split" in spec.given and spec["split"] != AUTO else "train"
    # also those that are no target for another day: some trainings take them
    images = clear_images(spec.path, split, unfit=True)
    if not images:
        raise OptionError(f"data {text!r}: its split {split} holds no clear image to lay simulated clouds on")
    return _from_samples(text, [(image.optical.sample, image.optical.region) for image in images])


def _from_data(text: str) -> Listing:
    # clouds do not matter here: a sample that its cloud cover leaves out is better listed than missed
    samples = open_data(text, detector=lambda sample: sample.quality)
    return _from_samples(text, [(entry.name, entry.region) for entry in samples.entries])


def _from_samples(text: str, samples: Sequence[tuple[str, str]]) -> Listing:
    """A list of (name, region)."""
    patches: dict[str, set[Patch]] = {}
    for name, place in samples:
        region = canonical(place)
        label, cell = next(((one.label, one.cell) for one in patches_in(name) if one.label), (name, None))
        patches.setdefault(region, set()).add(Patch(region, label, cell))
    return Listing(text, {region: frozenset(held) for region, held in patches.items()}, {}, len(samples))


def _files(folder: Path) -> Iterator[str]:
    """Paths of all files in a folder, from the folder on."""
    for where, _, names in os.walk(folder):
        for name in names:
            yield (Path(where) / name).relative_to(folder).as_posix()


def _strings(path: Path) -> Iterator[str]:
    """Lines of a text file, or strings of a JSON file."""
    try:
        with path.open(encoding="utf-8") as file:
            if path.suffix.lower() == ".json":
                yield from _walk(json.load(file))
            else:
                yield from (line.strip() for line in file if line.strip())
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{path}: cannot be read ({error}); expected text, CSV, TSV or JSON in UTF-8") from error


def _walk(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict):
        for key, value in content.items():
            yield key
            yield from _walk(value)
    elif isinstance(content, list):
        for value in content:
            yield from _walk(value)
