"""EuroSAT and EuroSAT-SAR: ten classes of land use over Europe, level 1C with radar, split by longitude."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Final

import numpy as np
from pyproj import Transformer

from sunbreak.bands import L1C_BANDS
from sunbreak.data.file_kinds import FILE_KINDS, FileKind, read_kind
from sunbreak.data.image import image_sample
from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, clouded
from sunbreak.data.labelled.files import ClassFolders, class_folders, largest, without_clouds
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.patch import Patch, backscatter
from sunbreak.data.sample import Sample, Skipped
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.rasters.raster import RasterFile

SIZE: Final = 64
"""Height and width of every patch."""
STORED_BANDS: Final = (*(name for name in L1C_BANDS if name != "B8A"), "B8A")
"""Order of the bands in the files: B8A stands last.

Source: torchgeo.datasets.EuroSAT and the statistics of the published files (the 9th band is as dark as water vapour).
"""
SHARES: Final[dict[str, float]] = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Shares of the splits by longitude, from west to east, as in the published spatial split.

Source: the lists eurosat-spatial-*.txt of torchgeo/eurosat, by C. Robinson.
"""
HALVES: Final[dict[str, float]] = {"west": 0.5, "east": 0.5}
"""Shares of the two halves."""
LISTS: Final[dict[str, str]] = {"spatial": "eurosat-spatial-{}.txt", "random": "eurosat-{}.txt"}
"""Published lists of patches, by what they are; the first that is complete is used."""
ALL: Final = "all"
FORM: Final = SpecForm(
    path="the folder of EuroSAT with all bands",
    options={
        "radar": Option("", "folder of EuroSAT-SAR, whose patches join those of the same name"),
        "split": Option("test", "patches to take", (*SHARES, ALL)),
        "half": Option(ALL, "take one half by longitude, and split inside it", (ALL, *HALVES)),
        **CLOUD_OPTIONS,
    },
)
"""Options of `eurosat:PATH`."""
FEW: Final = 3
"""Names quoted in a message."""

_ORDER: Final = [STORED_BANDS.index(name) for name in L1C_BANDS]


@dataclass(frozen=True)
class _Image:
    """Files of one patch."""

    name: str
    label: int
    optical: Path
    radar: Path | None

    def load(self, region: str) -> Sample:
        """Read them."""
        stored = _read(self.optical, "optical")
        patch = stored._replace(values=stored.values[_ORDER])
        sample = without_clouds(image_sample(patch, name=self.name, region=region, bands=L1C_BANDS))
        return sample if self.radar is None else replace(sample, radar=backscatter(_read(self.radar, "radar")))


def open_eurosat(spec: Spec) -> PatchSet:
    """List the patches of EuroSAT with all bands, and with `radar=PATH` those of EuroSAT-SAR beside them.

    The files keep their bands in an order of their own, B8A last; samples have them in the order of `bands.L1C_BANDS`,
    like every other set. The DN need no offset: the images were taken before processing baseline 04.00.

    The published lists of a split are used where they lie beside the images: `eurosat-spatial-{train,val,test}.txt` by
    longitude, or else `eurosat-{train,val,test}.txt`, which are drawn at random, so that neighbours lie on both sides.
    Without lists, and always inside a half, a recipe of our own in the manner of the spatial lists is computed from
    the georeferencing: patches go into bands of one degree of longitude, and whole bands into train (60 %), val and
    test (20 % each) from west to east; it depends on which patches are in the folder. `half=west` and `half=east` are
    cut likewise. The name of the split says which of these it is.

    Regions are the bands of longitude. No band lies in two splits by longitude; of those that the spatial lists cut,
    each side is a region of its own.

    Args:
        spec: `eurosat:PATH` with the options of `FORM`. Class folders are found at or below the paths.

    Returns:
        The patches by class and name, unread; skipped are those without partner in the radar folder, which do not move
        the splits, and images that cannot be opened or do not say where they lie.

    Raises:
        OptionError: A folder holds no class folders, or nothing is selected.
        RasterError: The images do not hold 13 bands, or those of the radar folder not 2; give the right folder.

    Source: Helber et al. 2019, doi:10.1109/JSTARS.2019.2918242; EuroSAT-SAR: Wang et al. 2024,
    doi:10.1109/JSTARS.2024.3493237.
    """
    skipped: list[Skipped] = []
    found = _folders(spec, spec.path, "optical")
    radar = _folders(spec, spec["radar"], "radar") if spec["radar"] else None
    images = _images(found, radar)
    recipe, lists = ("longitude", {}) if spec["half"] != ALL else _lists(Path(spec.path), found.folder)
    if lists:
        _note_absent(lists, {image.name for image in images}, recipe, skipped)
    if lists and spec["split"] != ALL:
        images = [image for image in images if lists.get(image.name) == spec["split"]]
    bands = _chosen(spec, _longitude_bands(images, skipped), split_by_longitude=not lists)
    sides = lists if recipe == "spatial" else {}
    regions = {name: _region(band, sides.get(name, "")) for name, band in bands.items()}
    entries = []
    for image in (image for image in images if image.name in regions):
        if radar is not None and image.radar is None:
            partner = radar.folder / found.classes[image.label] / image.optical.name
            skipped.append(Skipped(image.name, f"no file {partner}"))
            continue
        region = regions[image.name]
        entries.append(LabelledEntry(image.name, region, image.label, partial(image.load, region)))
    return PatchSet(
        spec=spec,
        split=_split_name(spec, recipe),
        classes=found.classes,
        bands=L1C_BANDS,
        level="L1C",
        size=SIZE,
        has_radar=radar is not None,
        knows_cloud=True,
        entries=clouded(entries, spec),
        skipped=tuple(skipped),
    )


def _chosen(spec: Spec, bands: dict[str, int], *, split_by_longitude: bool) -> dict[str, int]:
    """The patches of the half and of the split."""
    for option, shares in (("half", HALVES), ("split", SHARES)):
        if spec[option] != ALL and (option == "half" or split_by_longitude):
            parts = _cut(bands.values(), shares)
            bands = {name: band for name, band in bands.items() if parts[band] == spec[option]}
    return bands


def _split_name(spec: Spec, recipe: str) -> str:
    """For example `spatial/test`, `longitude/train/west`, `all/east` or `all`."""
    split = ALL if spec["split"] == ALL else f"{recipe}/{spec['split']}"
    return split if spec["half"] == ALL else f"{split}/{spec['half']}"


def _folders(spec: Spec, root: str, kind: FileKind) -> ClassFolders:
    """The class folders whose first image holds as many bands as the kind."""
    found = class_folders(root, _is_image)
    wanted, counts = FILE_KINDS[kind], [_count(one) for one in found]
    fitting = [one for one, count in zip(found, counts, strict=True) if count == wanted.bands]
    if found and not fitting:
        first = _first(found[0])
        raise RasterError(
            f"{first}: holds {counts[0] or 'no readable'} bands, expected {wanted}; give the folder of "
            + ("EuroSAT with all bands (EuroSAT_MS)" if kind == "optical" else "EuroSAT-SAR as radar=")
        )
    return largest(spec, fitting, root, "<Class>/<Class>_N.tif, as in Forest/Forest_1.tif")


def _is_image(folder: str, name: str) -> bool:
    number = name.removeprefix(f"{folder}_").removesuffix(".tif")
    return number.isdecimal() and name == f"{folder}_{number}.tif"


def _first(found: ClassFolders) -> Path:
    name = found.classes[0]
    return found.folder / name / found.images[name][0]


def _count(found: ClassFolders) -> int:
    """Number of bands of the first image that can be opened; 0 if none can."""
    for name, images in found.images.items():
        for image in images[:FEW]:
            try:
                return RasterFile(found.folder / name / image).count
            except RasterError:
                continue
    return 0


def _images(found: ClassFolders, radar: ClassFolders | None) -> list[_Image]:
    """The patches in the folders, with their partners as far as they are there."""
    images = []
    for label, (name, files) in enumerate(found.images.items()):
        partners = set(radar.images.get(name, ())) if radar else set()
        for file in files:
            partner = radar.folder / name / file if radar and file in partners else None
            images.append(_Image(Path(file).stem, label, found.folder / name / file, partner))
    return images


def _lists(root: Path, folder: Path) -> tuple[str, dict[str, str]]:
    """Name of the recipe, and the split of every patch where there are lists."""
    between = [folder, *folder.parents][: len(folder.relative_to(root).parts) + 1]
    for recipe, pattern in LISTS.items():
        for place in between:
            paths = {split: place / pattern.format(split) for split in SHARES}
            if all(path.is_file() for path in paths.values()):
                return recipe, {name: split for split, path in paths.items() for name in _names(path)}
    return "longitude", {}


def _names(path: Path) -> list[str]:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{path}: is no list of file names ({error}); fetch it again, or take it away") from error
    return [Path(line.strip()).stem for line in lines if line.strip()]


def _note_absent(lists: Mapping[str, str], there: set[str], recipe: str, skipped: list[Skipped]) -> None:
    absent = sorted(lists.keys() - there)
    if absent:
        named = ", ".join(absent[:FEW]) + (", ..." if len(absent) > FEW else "")
        skipped.append(Skipped(f"{recipe} lists", f"{len(absent)} of {len(lists)} patches are not here: {named}"))


def _longitude_bands(images: Sequence[_Image], skipped: list[Skipped]) -> dict[str, int]:
    """Degree of longitude of every patch, west being negative; notes those that do not say where they lie."""
    bands = {}
    for image in images:
        try:
            file = RasterFile(image.optical)
        except RasterError as error:
            skipped.append(Skipped(image.name, str(error)))
            continue
        if file.crs is None:
            skipped.append(
                Skipped(image.name, f"{image.optical}: is not georeferenced, so that nobody knows its region")
            )
            continue
        height, width = file.shape
        x, y = file.transform @ (width / 2, height / 2)
        bands[image.name] = math.floor(_to_degrees(file.crs.to_wkt()).transform(x, y)[0])
    return bands


@lru_cache(maxsize=256)
def _to_degrees(crs: str) -> Transformer:
    return Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)


def _cut(bands: Iterable[int], shares: Mapping[str, float]) -> dict[int, str]:
    """Share out whole bands from west to east, each by where the middle of its patches falls."""
    degrees, counts = np.unique(list(bands), return_counts=True)
    middles = (np.cumsum(counts) - counts / 2) / max(counts.sum(), 1)
    ends = np.cumsum(list(shares.values()))[:-1]
    names = list(shares)
    return {int(one): names[int(part)] for one, part in zip(degrees, np.searchsorted(ends, middles), strict=True)}


def _region(band: int, side: str) -> str:
    place = f"EuroSAT_{'W' if band < 0 else 'E'}{abs(band):03d}"
    return f"{place}_{side}" if side else place


def _read(path: Path, kind: FileKind) -> Patch:
    patch = read_kind(path, kind)
    height, width = patch.values.shape[1:]
    if (height, width) != (SIZE, SIZE):
        raise GeometryError(f"{path}: is {width} x {height} pixels, expected {SIZE} x {SIZE}; fetch the file again")
    return patch
