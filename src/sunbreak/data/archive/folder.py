"""Archives in a folder: optical/, radar/ and quality/ with one file a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple, TypeVar

import numpy as np

from sunbreak.bands import RADAR_BANDS, Level
from sunbreak.data.archive.dates import day_in_name, day_of, near
from sunbreak.data.archive.images import AUTO, Archive, DatedImage, assemble
from sunbreak.data.archive.pixels import Radar, geobox_of, grid_of, key_of, nearest, radar_on, way_to
from sunbreak.data.archive.places import place_of
from sunbreak.data.archive.quality import SCL, classes_of
from sunbreak.data.sample import Detector, Sample, Skipped
from sunbreak.data.spec import Spec
from sunbreak.errors import InputError, OptionError, RadiometryError
from sunbreak.legend import Quality
from sunbreak.radiometry.backscatter import RadarStorage, understand_radar
from sunbreak.radiometry.metadata import from_tags, merge
from sunbreak.radiometry.optical import OpticalWindows, understand_optical
from sunbreak.radiometry.product_names import from_name
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.pixelmap import Grid
from sunbreak.rasters.raster import RasterFile
from sunbreak.tiles import Window

OPTICAL: Final = "optical"
RADAR: Final = "radar"
QUALITY: Final = "quality"
File = TypeVar("File")
SUFFIXES: Final = (".tif", ".tiff", ".jp2")
FALLBACKS: Final = 3
"""Radar images of a day that are tried until one covers the window."""
NO_DAY: Final = "tells no day; put one into its name, as in fields_2021-06-30.tif"


class OpticalFile(NamedTuple):
    """An optical file, understood and closed again."""

    path: Path
    """The file."""
    day: date
    """When it was taken."""
    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of its bands."""
    encoding: Mapping[str, Any]
    """How it stores reflectance."""
    grid: Grid
    """Its grid."""


class RadarImage(NamedTuple):
    """A radar file, understood and closed again."""

    path: Path
    """The file."""
    day: date
    """When it was taken."""
    storage: RadarStorage
    """How it holds backscatter."""


class QualityFile(NamedTuple):
    """A class raster."""

    path: Path
    """The file."""
    day: date
    """The day of its optical file."""
    meaning: str
    """What its codes mean, a key of `quality.MEANINGS`."""


@dataclass(frozen=True)
class FolderReader:
    """Reads windows of one day; files are opened for every window, since there may be thousands."""

    name: str
    """Name of the samples."""
    region: str
    """Region of the samples."""
    optical: OpticalFile
    """The optical file."""
    radar: tuple[RadarImage, ...]
    """Radar files, the nearest in time first."""
    quality: QualityFile | None
    """The class raster of the day."""

    def __call__(self, window: Window) -> Sample:
        """Read a window.

        Args:
            window: Pixels inside the image.

        Returns:
            The sample, with the classes of the quality file or clear wherever there is data.

        Raises:
            QualityError: The quality file holds codes without meaning.
            RasterError: A file is missing or damaged.
        """
        path, _, level, bands, encoding, grid = self.optical
        windows = OpticalWindows(RasterFile(path), dict(encoding), 0, 0)
        optical = windows(range(len(bands)), window.rows, window.cols).astype(np.float32, copy=False)
        has_data = np.isfinite(optical).any(axis=0)
        quality = np.where(has_data, Quality.CLEAR, Quality.NODATA).astype(np.uint8)
        if self.quality is not None:
            mask = RasterFile(self.quality.path)
            codes, inside = nearest(mask, way_to(mask, grid), window, (1,))
            known = has_data & inside & ((codes[0] != mask.nodata) | (mask.nodata is None))
            quality = classes_of(np.where(known, codes[0], 0), known, self.quality.meaning, mask.path)
        candidates = (Radar(((RasterFile(one.path), one.storage),)) for one in self.radar)
        return Sample(
            name=self.name,
            region=self.region,
            level=level,
            bands=bands,
            cloudy=optical,
            quality=quality,
            radar=radar_on(candidates, grid, window),
            geobox=geobox_of(grid, window),
            encoding=encoding,
        )


def open_folder(spec: Spec, detector: Detector | None) -> Archive:
    """List the days of a folder.

    Args:
        spec: `archive:FOLDER`.
        detector: Finds cloud and shadow on days without quality file.

    Returns:
        The archive; files that cannot be used are skipped with the reason.

    Raises:
        OptionError: There is no folder `optical` in it, or no file of it can be used.
    """
    root = Path(spec.path)
    if not (root / OPTICAL).is_dir():
        raise OptionError(f"{spec.path}: has no folder {OPTICAL}; put the optical files there, see docs/data.md")
    if spec["bbox"]:
        raise OptionError(f"{spec.path}: bbox goes with STAC items only; cut the files, or leave it out")
    skipped: list[Skipped] = []
    optical = _on_one_grid(_understood(root / OPTICAL, lambda path: _optical(path, spec), skipped), skipped)
    if not optical:
        return assemble(spec, "", [], skipped)
    grid = optical[0].grid
    radar = _understood(root / RADAR, lambda path: _radar(path, grid), skipped)
    masks = {mask.day: mask for mask in _understood(root / QUALITY, lambda path: _quality(path, grid, spec), skipped)}
    place = place_of(root)
    images = [_image(file, radar, masks.get(file.day), spec, place.region, detector) for file in optical]
    return assemble(spec, place.region, images, skipped)


def _image(
    file: OpticalFile,
    radar: Sequence[RadarImage],
    mask: QualityFile | None,
    spec: Spec,
    region: str,
    detector: Detector | None,
) -> DatedImage:
    beside = near(file.day, [one.day for one in radar], spec["radar_days"])[:FALLBACKS]
    candidates = tuple(radar[index] for index in beside)
    name = f"{region}-{file.day}"
    return DatedImage(
        name=name,
        region=region,
        day=file.day,
        licence="",
        level=file.level,
        bands=file.bands,
        shape=file.grid.shape,
        read=FolderReader(name, region, file, candidates, mask),
        has_mask=mask is not None,
        radar_apart=(candidates[0].day - file.day).days if candidates else None,
        detector=detector,
    )


def _understood(folder: Path, read: Callable[[Path], File], skipped: list[Skipped]) -> list[File]:
    """What the files of a folder are; those that cannot be used are noted with the reason."""
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    out = []
    for path in paths:
        if path.suffix.lower() not in SUFFIXES or path.name[0] == ".":
            continue
        try:
            out.append(read(path))
        except InputError as error:
            skipped.append(Skipped(f"{folder.name}/{path.name}", str(error).removeprefix(f"{path}: ")))
    return out


def _day(file: RasterFile, mission: Literal["sentinel-1", "sentinel-2"]) -> date:
    told = merge([*from_tags(file.tags | file.imagery_tags, file.path), *from_name(file.path, mission)], file.path)
    day = day_of(told.datetime) or day_in_name(file.path.name)
    if day is None:
        raise OptionError(f"{file.path}: {NO_DAY}")
    return day


def _optical(path: Path, spec: Spec) -> OpticalFile:
    options = ReadOptions(
        level=None if spec["level"] == AUTO else spec["level"],
        offset=None if spec["offset"] == AUTO else int(spec["offset"]),
        bands=spec["bands"].split("+") if spec["bands"] else None,
    )
    file = RasterFile(path)
    try:
        image = understand_optical(file, options)
    except RadiometryError as error:
        raise RadiometryError(f"{error} (as options of the SPEC: level=, offset=, bands=B02+B03+...)") from error
    day = day_of(image.told.datetime) or day_in_name(path.name)
    if day is None:
        raise OptionError(f"{path}: {NO_DAY}")
    return OpticalFile(path, day, image.level, image.bands, image.encoding, grid_of(file))


def _radar(path: Path, grid: Grid) -> RadarImage:
    file = RasterFile(path)
    storage = understand_radar(file)
    if storage.pols != RADAR_BANDS:
        raise RadiometryError(f"{path}: holds {' and '.join(storage.pols)}; expected {' and '.join(RADAR_BANDS)}")
    way_to(file, grid)
    return RadarImage(path, _day(file, "sentinel-1"), storage)


def _quality(path: Path, grid: Grid, spec: Spec) -> QualityFile:
    file = RasterFile(path)
    if file.dtype.kind not in "iu":
        raise RadiometryError(f"{path}: holds {file.dtype}, expected integer class codes")
    way_to(file, grid)
    named = (file.descriptions[0] or "").strip().lower() == SCL
    meaning = SCL if named and "quality_map" not in spec.given else spec["quality_map"]
    return QualityFile(path, _day(file, "sentinel-2"), meaning)


def _on_one_grid(files: Sequence[OpticalFile], skipped: list[Skipped]) -> list[OpticalFile]:
    """The files on the grid that most have; an optical image is not resampled."""
    keys = [key_of(file.grid) for file in files]
    counted = Counter(keys)
    usual = max(counted, key=lambda key: counted[key], default=())
    out = []
    for file, key in zip(files, keys, strict=True):
        if key == usual:
            out.append(file)
        else:
            reason = f"does not lie on the grid of the {counted[usual]} other files; warp it with rio warp --like"
            skipped.append(Skipped(f"{OPTICAL}/{file.path.name}", reason))
    return out
