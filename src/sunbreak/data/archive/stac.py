"""Archives in STAC items: every Sentinel-2 item is an image, its files local or behind http."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import numpy as np
from affine import Affine

from sunbreak.bands import DN_NODATA, QUANTIFICATION, RADAR_BANDS
from sunbreak.data.archive.dates import near
from sunbreak.data.archive.images import Archive, DatedImage, assemble, centre
from sunbreak.data.archive.items import OpticalItem, RadarItem, understand_item
from sunbreak.data.archive.pixels import Radar, geobox_of, key_of, nearest, radar_on, way_to
from sunbreak.data.archive.places import place_of
from sunbreak.data.archive.quality import SCL, classes_of
from sunbreak.data.archive.search import bounds_of, is_api, search
from sunbreak.data.sample import Detector, FloatArray, Sample, Skipped
from sunbreak.data.spec import Spec
from sunbreak.errors import GeometryError, InputError, OptionError
from sunbreak.inputs.assets import open_asset
from sunbreak.inputs.items import read_items
from sunbreak.legend import Quality
from sunbreak.radiometry.backscatter import RadarStorage, RadarUnits
from sunbreak.radiometry.dn import decode
from sunbreak.rasters.crop import Bounds, crop_window
from sunbreak.rasters.pixelmap import WORLD, Grid, PixelMap, compose
from sunbreak.rasters.pooled import Raster
from sunbreak.tiles import Window

FALLBACKS: Final = 3
"""Radar images of a day that are tried until one covers the window."""
ENCODING: Final[dict[str, Any]] = {"dtype": "uint16", "quantification": QUANTIFICATION, "nodata": DN_NODATA}


@dataclass(frozen=True)
class ItemReader:
    """Reads windows of one item; files are opened for every window."""

    name: str
    """Name of the samples."""
    region: str
    """Region of the samples."""
    base: str | Path
    """What relative addresses start from: the folder of the items' file, or the address of the API."""
    grid: Grid
    """Grid of the archive."""
    optical: OpticalItem
    """The Sentinel-2 item."""
    radar: tuple[RadarItem, ...]
    """Sentinel-1 items, the nearest in time first."""

    def __call__(self, window: Window) -> Sample:
        """Read a window.

        Args:
            window: Pixels inside the archive's grid.

        Returns:
            The sample, with the classes of its scene classification or clear wherever there is data.

        Raises:
            RasterError: A file is missing, damaged, or cannot be fetched.
        """
        item = self.optical
        encoding = {**ENCODING, "offset": item.offset}
        optical: FloatArray = np.full((len(item.hrefs), window.height, window.width), np.nan, np.float32)
        for index, href in enumerate(item.hrefs.values()):
            pixels = open_asset(href, self.base)
            stored, inside = nearest(pixels, way_to(pixels, self.grid), window, (1,))
            optical[index] = np.where(inside, decode(stored[0], encoding), np.float32(np.nan))
        has_data = np.asarray(np.isfinite(optical).any(axis=0))
        quality = np.where(has_data, Quality.CLEAR, Quality.NODATA).astype(np.uint8)
        if item.classes is not None:
            pixels = open_asset(item.classes, self.base)
            codes, inside = nearest(pixels, way_to(pixels, self.grid), window, (1,))
            known = has_data & inside
            quality = classes_of(np.where(known, codes[0], 0), known, SCL, pixels.path)
        return Sample(
            name=self.name,
            region=self.region,
            level=item.level,
            bands=tuple(item.hrefs),
            cloudy=optical,
            quality=quality,
            radar=radar_on(self._backscatter(window), self.grid, window),
            geobox=geobox_of(self.grid, window),
            encoding=encoding,
        )

    def _backscatter(self, window: Window) -> Iterator[Radar]:
        for item in self.radar:
            files = [open_asset(href, self.base) for href in item.hrefs]
            try:
                units = _units(files[0], self.grid, window)
            except GeometryError:  # its bounding box reaches the area, its pixels do not
                continue
            storages = [RadarStorage((1,), (pol,), units, one.nodata, (1.0,), (0.0,))
                        for pol, one in zip(RADAR_BANDS, files, strict=True)]  # fmt: skip
            yield Radar(tuple(zip(files, storages, strict=True)))


def _units(pixels: Raster, grid: Grid, window: Window) -> RadarUnits:
    """Terrain-corrected radar comes in linear power; some processors store dB, whose values are mostly negative."""
    middle = centre((window.height, window.width), 256)
    part = Window(window.top + middle.top, window.left + middle.left, middle.height, middle.width)
    stored, inside = nearest(pixels, way_to(pixels, grid), part, (1,))
    valid = inside & np.isfinite(stored[0]) & (stored[0] != pixels.nodata) & (stored[0] != 0)
    return "dB" if valid.any() and float(np.median(stored[0][valid])) < 0 else "power"


def open_items(spec: Spec, detector: Detector | None) -> Archive:
    """List the days of STAC items.

    Args:
        spec: `archive:FILE.json`, or `archive:https://...` of a STAC API.
        detector: Finds cloud and shadow in items without scene classification.

    Returns:
        The archive, on the grid that most Sentinel-2 items have, cut to `bbox` or to the area that all show.

    Raises:
        OptionError: There are no items that can be used.
        InputError: The API cannot be searched.
        GeometryError: The items do not lie on `bbox`, or have no area in common.
    """
    wrong = sorted(spec.given & {"bands", "quality_map"})
    if wrong:
        raise OptionError(f"{spec.path}: STAC items say themselves what they hold; leave out {', '.join(wrong)}")
    base: str | Path
    if is_api(spec.path):
        # places are known by where they lie: the same address shows the whole Earth
        items, base, region = search(spec), spec.path, f"{urlsplit(spec.path).hostname}:{spec['bbox']}"
    else:
        path = Path(spec.path).resolve()
        items, base, region = read_items(path), path.parent, place_of(path).region
    optical: list[OpticalItem] = []
    radar: list[RadarItem] = []
    skipped: list[Skipped] = []
    for item in items:
        try:
            found = understand_item(item, base, spec)
        except InputError as error:
            name = str(item.get("id"))
            skipped.append(Skipped(name, str(error).removeprefix(f"{name}: ")))
            continue
        if isinstance(found, RadarItem):
            radar.append(found)
        else:
            optical.append(found)
    if not optical:
        return assemble(spec, "", [], skipped)
    counted = Counter(key_of(item.grid) for item in optical)
    usual = max(counted, key=lambda key: counted[key])
    whole = next(item.grid for item in optical if key_of(item.grid) == usual)
    bounds = _bounds(spec, optical)
    grid = _cut(whole, bounds, spec) if bounds is not None else whole
    area = _extent(grid)
    radar = [item for item in radar if _touches(item.bbox, area)]
    # of two items of a day the one on the archive's own grid comes first
    optical.sort(key=lambda item: (item.day, key_of(item.grid) != usual, item.name))
    images = []
    for one in optical:
        if _touches(one.bbox, area) and PixelMap(grid, one.grid).overlaps():
            images.append(_image(one, radar, grid, spec, (region, base, detector)))
        else:
            skipped.append(Skipped(one.name, "does not show the area"))
    return assemble(spec, region, images, skipped)


def _image(
    item: OpticalItem,
    radar: Sequence[RadarItem],
    grid: Grid,
    spec: Spec,
    place: tuple[str, str | Path, Detector | None],
) -> DatedImage:
    region, base, detector = place
    candidates = tuple(radar[at] for at in near(item.day, [one.day for one in radar], spec["radar_days"])[:FALLBACKS])
    name = f"{region}-{item.day}"
    return DatedImage(
        name=name,
        region=region,
        day=item.day,
        licence=item.licence,
        level=item.level,
        bands=tuple(item.hrefs),
        shape=grid.shape,
        read=ItemReader(name, region, base, grid, item, candidates),
        has_mask=item.classes is not None,
        radar_apart=(candidates[0].day - item.day).days if candidates else None,
        detector=detector,
    )


def _bounds(spec: Spec, items: Sequence[OpticalItem]) -> Bounds | None:
    """What the user gave; else what all items have in common, as far as they say."""
    given = bounds_of(spec)
    if given is not None:
        return given
    boxes = [item.bbox for item in items if item.bbox is not None]
    if not boxes:
        return None
    edges = [[box[edge] for box in boxes] for edge in range(4)]
    common = max(edges[0]), max(edges[1]), min(edges[2]), min(edges[3])
    if common[0] >= common[2] or common[1] >= common[3]:
        raise GeometryError(
            f"{spec.path}: its Sentinel-2 items have no area in common; give bbox=west:south:east:north"
        )
    return common


def _cut(grid: Grid, bounds: Bounds, spec: Spec) -> Grid:
    rows, cols = crop_window(grid, bounds, spec.path)
    affine = compose(grid.affine, Affine.translation(cols.start, rows.start))
    return dataclasses.replace(grid, affine=affine, shape=(rows.stop - rows.start, cols.stop - cols.start))


def _extent(grid: Grid) -> Bounds:
    height, width = grid.shape
    u, v = np.meshgrid(np.linspace(0, width, 9), np.linspace(0, height, 9))
    lon, lat = PixelMap(grid, WORLD).exact(u.ravel(), v.ravel())
    return float(lon.min()), float(lat.min()), float(lon.max()), float(lat.max())


def _touches(box: Bounds | None, area: Bounds) -> bool:
    return box is None or (box[0] < area[2] and box[2] > area[0] and box[1] < area[3] and box[3] > area[1])
