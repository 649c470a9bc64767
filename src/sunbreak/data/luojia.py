"""LuojiaSET-OSFCR: cloudy and clear level-1C images with radar and cloud masks, by share of cloud."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.bands import DN_NODATA, L1C_BANDS
from sunbreak.data.file_kinds import read_kind
from sunbreak.data.image import image_sample
from sunbreak.data.patch import Patch, backscatter
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet, Skipped
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import OptionError, RadiometryError, RasterError
from sunbreak.legend import Quality

BUCKETS: Final = ("0-20%", "20%-40%", "40%-60%", "60%-80%", "80%-100%")
"""Folders by share of cloud, in the order in which the random recipes draw."""
FOLDERS: Final[dict[str, tuple[str, ...]]] = {
    "s1": ("s1",),
    "s2": ("s2",),
    "s2_cloudy": ("s2", "s2_cloudy"),
    "cloud_detection_results": ("s2", "s2_cloudy"),
    "land_cover_maps": ("s2",),
}
"""Folders of a bucket, and what may stand between region and patch in the names of their files; the last is taken."""
REGION_SPLITS: Final[dict[str, tuple[str, ...]]] = {"test": ("08", "10"), "val": ("06",)}
"""Our hold-out; every other region is trained on. All three occur in the stored lists of `random-80-10-10` both at
0-20 % and at 40-60 % of cloud."""
RANDOM_RECIPES: Final[dict[str, tuple[float, float]]] = {"random-80-10-10": (0.8, 0.1), "random-70-15-15": (0.7, 0.15)}
"""Shares of train and val; the rest is test.

Source: the loaders for LuojiaSET-OSFCR in zzaiyan/CloudSeg and zzaiyan/ECRformer.
"""
RECIPE_SEED: Final = 42
ALL: Final = "all"
FORM: Final = SpecForm(
    path="the folder of LuojiaSET-OSFCR",
    options={
        "split": Option("test", "patches to take", ("train", "val", "test", ALL)),
        "recipe": Option("regions", "how the patches are split", ("regions", *RANDOM_RECIPES)),
        "dn_offset": Option("1000", "number still inside the DN; 0 keeps it, as its authors do", ("1000", "0")),
    },
)
"""Options of `luojia-osfcr:PATH`."""
CIRRUS_FLOOR: Final = 900
"""Smallest DN of B10 under a pedestal of 1000: published samples reach 1006, and noise stays far above this."""

_CLEAR_NAME: Final = re.compile(r"ROIs_([0-9]+)_s2_p([0-9]+)\.tif")


@dataclass(frozen=True)
class _Patch:
    """Files of one patch."""

    name: str
    region: str
    paths: dict[str, Path]

    def load(self, dn_offset: int) -> Sample:
        """Read them."""
        clear = _optical(self.paths["s2"], dn_offset)
        shape = clear.values.shape[1:]
        cloudy = _optical(self.paths["s2_cloudy"], dn_offset, shape)
        if np.array_equal(cloudy.values, clear.values):
            raise RasterError(
                f"{self.paths['s2_cloudy']}: is the clear image {self.paths['s2']} under another name; fetch it again,"
                " or take the patch out of the folder"
            )
        region = f"LuojiaOSFCR_{self.region}"
        image, target = (
            image_sample(one, name=self.name, region=region, bands=L1C_BANDS, dn_offset=dn_offset)
            for one in (cloudy, clear)
        )
        clouds = _mask(self.paths["cloud_detection_results"], shape) & (image.quality != Quality.NODATA)
        radar = backscatter(read_kind(self.paths["s1"], "radar", shape))
        sample = replace(image, radar=radar, clear=target.cloudy)
        return sample.with_quality(np.where(clouds, Quality.THICK_CLOUD, image.quality))


def open_luojia(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List the samples of LuojiaSET-OSFCR: patches of which all five files are there.

    `recipe=regions` holds whole regions out (`REGION_SPLITS`). The recipes of the published code, `random-80-10-10` and
    `random-70-15-15`, draw patches at random inside every bucket of cloud, so that neighbours in the same region lie in
    train and test: their scores are too good, and serve only to compare with published ones. They are drawn from what
    is in the folder: give all 20,000 patches to get the published lists.

    The published files keep the 1000 that processing baseline 04.00 adds to the DN. `dn_offset=1000` takes it off, so
    that reflectance is physical. `dn_offset=0` follows the authors' code: every value is too high by 0.1, which leaves
    differences as they are but deflates the spectral angle (SAM).

    Published samples are partly mislabelled, so every file is checked when it is read. Land cover maps come as codes
    0 to 6 whose meaning is not published; samples have none. Radar lies some metres beside the optical grid and is
    taken pixel by pixel.

    Args:
        spec: `luojia-osfcr:PATH` with the options of `FORM`.
        detector: Not needed: the patches have cloud masks, which do not tell thin cloud or shadow.

    Returns:
        The samples by bucket, region and patch, unread; the split is named `recipe/split`.

    Raises:
        OptionError: The folder has none of the buckets, or nothing is selected.

    Source: Pan et al. 2024, ISPRS Journal 218, 258-275; layout and numbers from the samples in
    RSIIPAC/LuojiaSET-OSFCR.
    """
    root = Path(spec.path)
    buckets = [bucket for bucket in BUCKETS if (root / bucket / "s2").is_dir()]
    if not buckets:
        raise OptionError(f"data {spec.text!r}: {root} holds none of {', '.join(f'{name}/s2' for name in BUCKETS)}")
    skipped: list[Skipped] = []
    patches = [list(_patches(root, bucket, skipped)) for bucket in buckets]
    if spec["split"] == ALL:
        chosen, split = [patch for bucket in patches for patch in bucket], ALL
    else:
        chosen, split = _split(patches, spec["recipe"], spec["split"]), f"{spec['recipe']}/{spec['split']}"
    if not chosen:
        reasons = [f"{one.name}: {one.reason}" for one in skipped[:3]] or [f"no patch is in {split}"]
        raise OptionError(f"data {spec.text!r}: selects no sample ({'; '.join(reasons)})")
    load = int(spec["dn_offset"])
    entries = tuple(Entry(one.name, f"LuojiaOSFCR_{one.region}", partial(one.load, load)) for one in chosen)
    return SampleSet(spec, split, entries, tuple(skipped))


def _patches(root: Path, bucket: str, skipped: list[Skipped]) -> Iterator[_Patch]:
    """The complete patches of a bucket in the order of their clear images' names; notes what is not complete."""
    there = {folder: _names(root / bucket / folder) for folder in FOLDERS}
    for name in sorted(there["s2"]):
        match = _CLEAR_NAME.fullmatch(name)
        if match is None:
            skipped.append(Skipped(f"{bucket}/s2/{name}", "not named like ROIs_01_s2_p4.tif"))
            continue
        region, patch = match.groups()
        paths: dict[str, Path] = {}
        for folder, parts in FOLDERS.items():
            names = (f"ROIs_{region}_{part}_p{patch}.tif" for part in parts)
            paths.update((folder, root / bucket / folder / file) for file in names if file in there[folder])
        full = f"{bucket}/ROIs_{region}_p{patch}"
        missing = [folder for folder in FOLDERS if folder not in paths]
        if missing:
            skipped.append(Skipped(full, f"no file in {' or '.join(missing)}"))
        else:
            yield _Patch(full, region, paths)


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.tif")} if folder.is_dir() else set()


def _split(buckets: Sequence[Sequence[_Patch]], recipe: str, split: str) -> list[_Patch]:
    """The patches of a split, in their order."""
    if recipe == "regions":
        where = {region: name for name, regions in REGION_SPLITS.items() for region in regions}
        return [patch for bucket in buckets for patch in bucket if where.get(patch.region, "train") == split]
    chance = random.Random(RECIPE_SEED)  # one for all buckets in turn, as in the published recipes
    found = []
    for bucket in buckets:
        drawn = list(range(len(bucket)))
        chance.shuffle(drawn)
        train, val = (int(len(drawn) * share) for share in RANDOM_RECIPES[recipe])
        parts = {"train": drawn[:train], "val": drawn[train : train + val], "test": drawn[train + val :]}
        found += [bucket[index] for index in sorted(parts[split])]
    return found


def _optical(path: Path, dn_offset: int, shape: Sequence[int] | None = None) -> Patch:
    patch = read_kind(path, "optical", shape)
    cirrus = patch.values[L1C_BANDS.index("B10")]
    lowest = int(cirrus[cirrus != DN_NODATA].min(initial=CIRRUS_FLOOR))
    if dn_offset and lowest < CIRRUS_FLOOR:
        raise RadiometryError(
            f"{path}: B10 reaches down to DN {lowest}, so that its DN hold no {dn_offset} to take off; give dn_offset=0"
        )
    return patch


def _mask(path: Path, shape: Sequence[int]) -> np.ndarray:
    values = read_kind(path, "cloud mask", shape).values[0]
    if not np.isin(values, (0, 1)).all():
        raise RasterError(
            f"{path}: holds values other than 0 and 1, so it is no cloud mask; fetch it again, or take its patch out of"
            " the folder"
        )
    clouds: np.ndarray = values == 1
    return clouds
