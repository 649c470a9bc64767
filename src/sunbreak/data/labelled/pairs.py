"""Pairs of optical and radar files of one's own, cut into cells: the target of a transfer, usually without labels."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from affine import Affine
from odc.geo.geobox import GeoBox

from sunbreak.bands import LEVELS, OFFSETS, RADAR_BANDS, Level
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.sample import Sample
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import GeometryError, OptionError, RadiometryError
from sunbreak.legend import Quality
from sunbreak.radiometry.backscatter import RadarStorage, decode_backscatter, understand_radar
from sunbreak.radiometry.optical import OpticalImage, OpticalWindows, understand_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.raster import RasterFile

OPTICAL: Final = "optical"
RADAR: Final = "radar"
LABELS: Final = "labels.csv"
"""Table of the classes of cells, with the columns `name` and `class`."""
SUFFIXES: Final = (".tif", ".tiff")
SHIFT: Final = 0.05
"""Shift between the grids of a pair, in pixels, that rounding may leave."""
AUTO: Final = "auto"
SPLIT: Final = "all"
FORM: Final = SpecForm(
    path=f"a folder that holds {OPTICAL}/NAME.tif and {RADAR}/NAME.tif",
    options={
        "cell": Option(64, "height and width of the cells in pixels", low=8, high=1024),
        "level": Option(AUTO, "processing level of the optical files, where they do not tell", (AUTO, *LEVELS)),
        "offset": Option(AUTO, "number to add to the DN, where the files do not tell", (AUTO, *map(str, OFFSETS))),
        "bands": Option("", "names of the optical bands, joined by +, where the files do not tell"),
    },
)
"""Options of `pairs:PATH`."""


@dataclass(frozen=True)
class _Pair:
    """Two files that have been understood; opened for every cell, since there may be thousands."""

    optical: Path
    radar: Path
    level: Level
    bands: tuple[str, ...]
    encoding: Mapping[str, Any]
    storage: RadarStorage
    shape: tuple[int, int]
    crs: Any
    transform: Affine

    def load(self, name: str, cell: int, row: int, col: int) -> Sample:
        """Read a cell."""
        window = slice(row * cell, (row + 1) * cell), slice(col * cell, (col + 1) * cell)
        windows = OpticalWindows(RasterFile(self.optical), dict(self.encoding), window[0].start, window[1].start)
        optical = windows(range(len(self.bands)), slice(0, cell), slice(0, cell)).astype(np.float32)
        stored = RasterFile(self.radar).read(*window, self.storage.indexes)
        corner = self.transform @ Affine.translation(window[1].start, window[0].start)
        return Sample(
            name=name,
            region=self.optical.stem,
            level=self.level,
            bands=self.bands,
            cloudy=optical,
            quality=np.where(np.isfinite(optical).any(axis=0), Quality.CLEAR, Quality.NODATA).astype(np.uint8),
            radar=decode_backscatter(stored, self.storage),
            geobox=None if self.crs is None else GeoBox((cell, cell), corner, self.crs),
            encoding=self.encoding,
        )


def open_pairs(spec: Spec) -> PatchSet:
    """List the cells of pairs of files: `PATH/optical/NAME.tif` with `PATH/radar/NAME.tif` on the same grid.

    A file is a patch or a larger scene, understood as `sunbreak restore` understands it; all are of one level and have
    the same bands. It is cut into cells from its upper left corner; what is left at the right and the lower edge is
    not taken. A file of one cell gives its name to it, the cells of larger ones are called NAME_rROW_cCOLUMN, counted
    from 0. Each file is a region.

    For an evaluation, `PATH/labels.csv` with the columns `name` and `class` gives the class of some or all cells;
    without it no cell has one, and the set has no classes.

    Args:
        spec: `pairs:PATH` with the options of `FORM`.

    Returns:
        The cells by file, row and column, unread. Clouds have to be found.

    Raises:
        OptionError: There are no files, one lacks its partner, or the labels are no such table or name no cell.
        RasterError: A file is damaged.
        RadiometryError: What a file holds is unknown, or differs from the others; the message says what to give.
        GeometryError: Radar is not on the grid of its partner, or a file is smaller than a cell.
    """
    root = Path(spec.path)
    optical, radar = (_files(spec, root / name) for name in (OPTICAL, RADAR))
    for ours, theirs, other in ((optical, radar, RADAR), (radar, optical, OPTICAL)):
        for stem in sorted(ours.keys() - theirs.keys()):
            raise OptionError(
                f"{ours[stem]}: has no partner {root / other / stem}.tif; add it, or take this file out of the folder"
            )
    pairs = [_understand(spec, optical[stem], radar[stem]) for stem in sorted(optical)]
    _check_alike(pairs)
    cells = [(name, pair, row, col) for pair in pairs for name, row, col in _cells(pair, spec["cell"])]
    labels = _read_labels(root / LABELS, {name for name, *_ in cells})
    classes = tuple(sorted(set(labels.values())))
    entries = tuple(
        LabelledEntry(
            name,
            pair.optical.stem,
            classes.index(labels[name]) if name in labels else None,
            partial(pair.load, name, spec["cell"], row, col),
        )
        for name, pair, row, col in cells
    )
    return PatchSet(
        spec=spec,
        split=SPLIT,
        classes=classes,
        bands=pairs[0].bands,
        level=pairs[0].level,
        size=spec["cell"],
        has_radar=True,
        knows_cloud=False,
        entries=entries,
    )


def _files(spec: Spec, folder: Path) -> dict[str, Path]:
    """The GeoTIFFs of a folder by name."""
    if not folder.is_dir():
        raise OptionError(f"data {spec.text!r}: no folder {folder}; give the folder that holds {OPTICAL} and {RADAR}")
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and path.name[0] != ".")
    if not paths:
        raise OptionError(f"data {spec.text!r}: {folder} holds no GeoTIFF; put NAME.tif there")
    return {path.stem: path for path in paths}


def _understand(spec: Spec, optical: Path, radar: Path) -> _Pair:
    options = ReadOptions(
        level=None if spec["level"] == AUTO else spec["level"],
        offset=None if spec["offset"] == AUTO else int(spec["offset"]),
        bands=spec["bands"].split("+") if spec["bands"] else None,
    )
    file, partner = RasterFile(optical), RasterFile(radar)
    try:
        image = understand_optical(file, options)
    except RadiometryError as error:
        raise RadiometryError(f"{error} (as options of the SPEC: level=, offset=, bands=B02+B03+...)") from error
    try:
        storage = understand_radar(partner)
    except RadiometryError as error:
        raise RadiometryError(f"{error} (not from a SPEC: name the bands VV and VH in the file, store dB)") from error
    if storage.pols != RADAR_BANDS:
        raise RadiometryError(f"{radar}: holds {' and '.join(storage.pols)}; give {' and '.join(RADAR_BANDS)}")
    _check_grid(file, partner)
    return _pair(image, partner, storage)


def _pair(image: OpticalImage, radar: RasterFile, storage: RadarStorage) -> _Pair:
    file = image.file
    return _Pair(
        optical=file.path,
        radar=radar.path,
        level=image.level,
        bands=image.bands,
        encoding=image.encoding,
        storage=storage,
        shape=file.shape,
        crs=file.crs,
        transform=file.transform,
    )


def _check_grid(optical: RasterFile, radar: RasterFile) -> None:
    """Radar must lie on the pixels of the optical file; without georeferencing the size decides."""
    remedy = f"align it, for example with rio warp {radar.path} OUT.tif --like {optical.path} --resampling bilinear"
    if radar.shape != optical.shape:
        sizes = [f"{width} x {height}" for height, width in (radar.shape, optical.shape)]
        raise GeometryError(f"{radar.path}: is {sizes[0]} pixels, {optical.path} {sizes[1]}; {remedy}")
    if optical.crs is None or radar.crs is None:
        return
    height, width = optical.shape
    corners = ((0, 0), (width, 0), (0, height), (width, height))
    there = [~optical.transform @ (radar.transform @ corner) for corner in corners]
    if radar.crs != optical.crs or np.max(np.abs(np.subtract(there, corners))) > SHIFT:
        raise GeometryError(f"{radar.path}: is not on the grid of {optical.path}; {remedy}")


def _check_alike(pairs: Sequence[_Pair]) -> None:
    first = pairs[0]
    for pair in pairs[1:]:
        if (pair.level, pair.bands) != (first.level, first.bands):
            raise RadiometryError(
                f"{pair.optical}: holds {' '.join(pair.bands)} of level {pair.level}, but {first.optical}"
                f" {' '.join(first.bands)} of level {first.level}; give files that are alike, or each sort by itself"
            )


def _cells(pair: _Pair, cell: int) -> list[tuple[str, int, int]]:
    """Name, row and column of the whole cells of a file."""
    rows, cols = (side // cell for side in pair.shape)
    if not rows or not cols:
        height, width = pair.shape
        raise GeometryError(
            f"{pair.optical}: is {width} x {height} pixels, smaller than cell={cell}; give a smaller cell, or larger"
            " files"
        )
    stem = pair.optical.stem
    if (rows, cols) == (1, 1):
        return [(stem, 0, 0)]
    return [(f"{stem}_r{row}_c{col}", row, col) for row in range(rows) for col in range(cols)]


def _read_labels(path: Path, names: set[str]) -> dict[str, str]:
    """Class of every cell in the table; empty without one."""
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            table = csv.DictReader(file, skipinitialspace=True)
            if not {"name", "class"} <= set(table.fieldnames or ()):
                raise OptionError(f"{path}: has no columns name and class; begin it with the line name,class")
            rows = [((row["name"] or "").strip(), (row["class"] or "").strip()) for row in table]
    except (UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"{path}: is no table of comma-separated values ({error}); write it as name,class") from error
    labels: dict[str, str] = {}
    for name, label in rows:
        cell = Path(name).stem if name.lower().endswith(SUFFIXES) else name
        if cell not in names:
            raise OptionError(f"{path}: names {name!r}, which is no cell here; a cell is called like {min(names)}")
        if not label or labels.get(cell, label) != label:
            raise OptionError(f"{path}: gives {name!r} {'two classes' if label else 'no class'}; give it one")
        labels[cell] = label
    if not labels:
        raise OptionError(f"{path}: lists no cell; fill it, or take it away")
    return labels
