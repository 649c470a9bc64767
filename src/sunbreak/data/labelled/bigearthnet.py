"""BigEarthNet v2 (reBEN): level 2A with radar and CORINE labels, and its separate cloudy patches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from sunbreak.bands import L2A_BANDS, OPTICAL_BANDS, RADAR_BANDS
from sunbreak.data.image import image_sample
from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, clouded
from sunbreak.data.labelled.files import library, without_clouds
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.patch import Patch, backscatter, read_patch
from sunbreak.data.sample import Sample, Skipped
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import GeometryError, OptionError, RasterError

SIZE: Final = 120
"""Height and width of every patch, at 10 m."""
CLASSES: Final = (
    "Urban fabric",
    "Industrial or commercial units",
    "Arable land",
    "Permanent crops",
    "Pastures",
    "Complex cultivation patterns",
    "Land principally occupied by agriculture, with significant areas of natural vegetation",
    "Agro-forestry areas",
    "Broad-leaved forest",
    "Coniferous forest",
    "Mixed forest",
    "Natural grassland and sparsely vegetated areas",
    "Moors, heathland and sclerophyllous vegetation",
    "Transitional woodland, shrub",
    "Beaches, dunes, sands",
    "Inland wetlands",
    "Coastal wetlands",
    "Inland waters",
    "Marine waters",
)
"""The 19 classes, in the order of their nomenclature, spelled as in the metadata.

Source: Sumbul et al. 2021, doi:10.1109/MGRS.2021.3089174, table 2.
"""
CLOUDY: Final = "cloudy"
OPTICAL_FOLDER: Final = "BigEarthNet-S2"
RADAR_FOLDER: Final = "BigEarthNet-S1"
METADATA: Final = "metadata.parquet"
CLOUDY_METADATA: Final = "metadata_for_patches_with_snow_cloud_or_shadow.parquet"
"""Lists the patches that the splits leave out."""
COLUMNS: Final = ("patch_id", "labels", "split", "s1_name")
CLOUDY_COLUMN: Final = "contains_cloud_or_shadow"
"""Tells cloud and shadow from snow."""
FORM: Final = SpecForm(
    path="the folder of BigEarthNet v2",
    options={
        "split": Option("test", "patches to take", ("train", "validation", "test", CLOUDY)),
        "labels": Option("single", "patches of one class only, or all, unlabelled where not of one", ("single", "any")),
        **CLOUD_OPTIONS,
    },
)
"""Options of `bigearthnet:PATH`."""


class _Row(NamedTuple):
    """A line of the metadata."""

    name: str
    labels: Sequence[str]
    split: str
    radar: str


@dataclass(frozen=True)
class _Files:
    """Folders of one patch."""

    name: str
    region: str
    optical: Path
    radar: Path | None
    clear: bool

    def load(self) -> Sample:
        """Read them."""
        bands = [_read_band(self.optical / f"{self.name}_{band}.tif", band) for band in L2A_BANDS]
        grid = bands[L2A_BANDS.index("B02")]
        patch = grid._replace(values=np.concatenate([band.values for band in bands]))
        sample = image_sample(patch, name=self.name, region=self.region, bands=L2A_BANDS, level="L2A")
        if self.clear:
            sample = without_clouds(sample)
        if self.radar is None:
            return sample
        pols = (read_patch(self.radar / f"{self.radar.name}_{pol}.tif", bands=1) for pol in RADAR_BANDS)
        return replace(sample, radar=np.concatenate([backscatter(_checked(pol, self.radar)) for pol in pols]))


@dataclass
class _Reasons:
    """What was left out: thousands of patches have the same few reasons, each of which becomes one line."""

    counts: Counter[str] = field(default_factory=Counter)
    first: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, reason: str) -> None:
        """Note a patch."""
        self.counts[reason] += 1
        self.first.setdefault(reason, name)

    def skipped(self) -> tuple[Skipped, ...]:
        """One line a reason."""
        return tuple(
            Skipped(f"{count:,} patches, the first {self.first[reason]}", reason)
            for reason, count in self.counts.items()
        )


def open_bigearthnet(spec: Spec) -> PatchSet:
    """List the patches of a split of BigEarthNet v2, or with `split=cloudy` those under real cloud or shadow.

    Labels are sets of classes. A patch of exactly one class is a labelled patch; `labels=any` takes the others too, as
    unlabelled ones. Bands of 20 m and 60 m are repeated onto the 10 m grid. Radar comes along where the folder
    `BigEarthNet-S1` is there. The DN need no offset: the images were taken before processing baseline 04.00.

    The published split divides every Sentinel-2 tile by place. A region is the part of a tile that lies in one split,
    for the cloudy patches too, which the metadata assign to the same splits.

    Args:
        spec: `bigearthnet:PATH` with the options of `FORM`; PATH holds `metadata.parquet`, `BigEarthNet-S2` and, where
            radar is wanted, `BigEarthNet-S1`; for `split=cloudy` the list of patches with snow, cloud or shadow too.

    Returns:
        The patches in the order of the metadata, unread. Of the cloudy ones nobody has drawn the clouds. Skipped are
        patches that are not in the folders or not of one class: one line a reason.

    Raises:
        OptionError: The metadata are not there, pyarrow is not installed, `clouds` is given with `split=cloudy`, or
            nothing is selected.
        RasterError: The metadata are damaged or of another data set.

    Source: Clasen et al. 2024, reBEN, arXiv:2407.03653; layout and columns from its description at bigearth.net.
    """
    cloudy = spec["split"] == CLOUDY
    if cloudy and spec["clouds"] != "none":
        raise OptionError(f"data {spec.text!r}: clouds goes with clear splits only; drop it or split={CLOUDY}")
    root, reasons = Path(spec.path), _Reasons()
    rows = _rows(spec, root / (CLOUDY_METADATA if cloudy else METADATA))
    radar = (root / RADAR_FOLDER).is_dir()
    optical_there, radar_there = _Listing(root / OPTICAL_FOLDER), _Listing(root / RADAR_FOLDER)
    entries = []
    for row in rows:
        label = CLASSES.index(row.labels[0]) if len(row.labels) == 1 and row.labels[0] in CLASSES else None
        product = row.name.rsplit("_", 2)[0]
        optical = optical_there.find(row.name, product)
        partner = radar_there.find(row.radar, row.radar.rsplit("_", 3)[0]) if radar else None
        if label is None and spec["labels"] == "single":
            reasons.add(row.name, "not of one class; labels=any takes them, unlabelled")
        elif optical is None:
            reasons.add(row.name, f"no folder in {root / OPTICAL_FOLDER}")
        elif radar and partner is None:
            reasons.add(row.name, f"no folder of the radar patch in {root / RADAR_FOLDER}")
        else:
            region = f"BEN_{product.rpartition('_')[2]}_{row.split}"
            files = _Files(row.name, region, optical, partner, clear=not cloudy)
            entries.append(LabelledEntry(row.name, region, label, files.load))
    return PatchSet(
        spec=spec,
        split=spec["split"],
        classes=CLASSES,
        bands=L2A_BANDS,
        level="L2A",
        size=SIZE,
        has_radar=radar,
        knows_cloud=not cloudy,
        entries=clouded(entries, spec),
        skipped=reasons.skipped(),
    )


class _Listing:
    """Names of the patches in a folder of folders by product, each listed once."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._names: dict[str, frozenset[str]] = {}

    def find(self, name: str, product: str) -> Path | None:
        """Folder of a patch, if it is there."""
        if product not in self._names:
            folder = self._root / product
            there = folder.iterdir() if folder.is_dir() else ()
            self._names[product] = frozenset(path.name for path in there)
        return self._root / product / name if name in self._names[product] else None


def _rows(spec: Spec, path: Path) -> Iterator[_Row]:
    """The lines of a split."""
    parquet = library("pyarrow.parquet", spec)
    if not path.is_file():
        raise OptionError(
            f"data {spec.text!r}: no file {path}; give the folder that holds {path.name}, {OPTICAL_FOLDER} and"
            f" {RADAR_FOLDER}"
        )
    cloudy = spec["split"] == CLOUDY
    wanted = [*COLUMNS, CLOUDY_COLUMN] if cloudy else list(COLUMNS)
    missing = [name for name in wanted if name not in _parquet(path, parquet.read_schema).names]
    if missing:
        raise RasterError(f"{path}: has no column {', '.join(missing)}; download the metadata of BigEarthNet v2 again")
    table = _parquet(path, lambda path: parquet.read_table(path, columns=wanted).to_pydict())
    chosen = table[CLOUDY_COLUMN] if cloudy else [split == spec["split"] for split in table["split"]]
    for keep, *values in zip(chosen, *(table[name] for name in COLUMNS), strict=True):
        if keep:
            name, labels, split, radar = values
            yield _Row(str(name), labels or (), str(split), str(radar))


def _parquet(path: Path, read: Any) -> Any:
    try:
        return read(path)
    except (OSError, ValueError) as error:  # pyarrow's own errors are ValueErrors
        reason = str(error).splitlines()[0]
        raise RasterError(f"{path}: is no readable Parquet file ({reason}); download it again") from error


def _read_band(path: Path, band: str) -> Patch:
    """A band on the 10 m grid."""
    stored = read_patch(path, bands=1)
    if stored.values.dtype.kind != "u" or stored.values.dtype.itemsize != 2:
        raise RasterError(f"{path}: holds {stored.values.dtype}, expected DN in uint16; download the patch again")
    times = OPTICAL_BANDS[band].resolution // 10
    height, width = stored.values.shape[1:]
    if (height * times, width * times) != (SIZE, SIZE):
        side = SIZE // times
        raise GeometryError(f"{path}: is {width} x {height} pixels, expected {side} x {side}; download the patch again")
    return stored._replace(values=stored.values.repeat(times, axis=1).repeat(times, axis=2))


def _checked(pol: Patch, folder: Path) -> Patch:
    height, width = pol.values.shape[1:]
    if (height, width) != (SIZE, SIZE) or pol.values.dtype.kind != "f":
        raise GeometryError(
            f"{folder}: its radar is {width} x {height} pixels of {pol.values.dtype}, expected {SIZE} x {SIZE} of"
            " float32; download the patch again"
        )
    return pol
