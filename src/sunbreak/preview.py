"""Preview pictures: cloudy, restored, quality, uncertainty, land cover and observations side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import rasterio
import xarray as xr

from sunbreak.bands import RADAR_BANDS, UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.combinations import TRUE_COLOUR
from sunbreak.inputs.product_files import open_reflectance
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND, LegendEntry
from sunbreak.radiometry.dn import decode
from sunbreak.rasters.pooled import Raster
from sunbreak.rasters.raster import RasterFile, georeferencing_optional
from sunbreak.tiles import Window

PANEL: Final = 640
"""Longest side of one picture in pixels."""
GAP: Final = 8
"""White pixels between pictures."""
GAMMA: Final = 1.0 / 1.4
UNKNOWN_GREY: Final = 96
"""Shown where the uncertainty cannot be told, as in medians of several dates."""
UNCERTAINTY_TOP: Final = 0.08
"""Uncertainty, in reflectance, shown as the brightest colour."""
UNCERTAINTY_COLOURS: Final = np.array(
    [(0, 0, 0), (62, 18, 84), (150, 44, 78), (226, 98, 40), (250, 200, 90), (255, 250, 220)], np.float64
)
PNG_LEVEL: Final = 2
"""Level of zlib for pictures made on demand; 6 takes five times the time for a tenth of the size."""
RADAR_SHOWN: Final = ((-22.0, -2.0), (-28.0, -9.0), (4.0, 14.0))
"""Range in dB shown as red (VV), green (VH) and blue (VV - VH)."""


def colour_bands(bands: list[str]) -> list[int]:
    """Positions of the bands shown as red, green and blue.

    Args:
        bands: Names of the bands present.

    Returns:
        Three positions; true colour where possible, otherwise the last band as grey.

    Example:
        >>> colour_bands(["B02", "B03", "B04", "B08"])
        [2, 1, 0]
    """
    if all(name in bands for name in TRUE_COLOUR):
        return [bands.index(name) for name in TRUE_COLOUR]
    return [len(bands) - 1] * 3


def stretch_of(reflectance: np.ndarray) -> np.ndarray:
    """Range of reflectance shown in each colour, from dark to bright.

    Args:
        reflectance: The restored picture, (3, y, x), NaN = no data.

    Returns:
        (3, 2): the 1st and 99th percentile of each colour, a little widened; the same width for all three, so that
        haze of the air is taken away and colours stay.
    """
    limits = np.zeros((3, 2))
    for index, plane in enumerate(reflectance):
        values = plane[np.isfinite(plane)]
        limits[index] = np.percentile(values, [1, 99]) if values.size else (0.0, 0.3)
    limits[:, 0] -= 0.01
    width = max(float((limits[:, 1] - limits[:, 0]).max()), 0.06)
    return np.stack([limits[:, 0], limits[:, 0] + width], axis=1)


def to_picture(reflectance: np.ndarray, stretch: np.ndarray) -> np.ndarray:
    """Stretch reflectance to a picture.

    Args:
        reflectance: (3, y, x), NaN = no data.
        stretch: Reflectance shown as black and as white, (3, 2).

    Returns:
        (3, y, x), uint8; no data is black.
    """
    low, high = stretch.T[:, :, np.newaxis, np.newaxis]
    scaled = np.clip((np.where(np.isnan(reflectance), low, reflectance) - low) / (high - low), 0.0, 1.0) ** GAMMA
    picture: np.ndarray = np.rint(scaled * 255).astype(np.uint8)
    return picture


def colour_classes(codes: np.ndarray, legend: Mapping[int, LegendEntry]) -> np.ndarray:
    """Colour a class raster.

    Args:
        codes: (y, x), uint8.
        legend: Colours of the codes; others are black.

    Returns:
        (3, y, x), uint8.
    """
    table = np.zeros((256, 3), np.uint8)
    for code, entry in legend.items():
        table[code] = entry.color
    picture: np.ndarray = np.moveaxis(table[codes], -1, 0)
    return picture


def colour_uncertainty(sigma: np.ndarray) -> np.ndarray:
    """Colour the uncertainty from black (measured) to white; grey where nobody can tell it.

    Args:
        sigma: 1-sigma error in reflectance, (y, x), NaN = unknown.

    Returns:
        (3, y, x), uint8.
    """
    place = np.clip(np.nan_to_num(sigma) / UNCERTAINTY_TOP, 0, 1) * (len(UNCERTAINTY_COLOURS) - 1)
    stops = np.arange(len(UNCERTAINTY_COLOURS))
    planes = [np.interp(place, stops, UNCERTAINTY_COLOURS[:, channel]) for channel in range(3)]
    picture: np.ndarray = np.rint(np.stack(planes)).astype(np.uint8)
    picture[:, np.isnan(sigma)] = UNKNOWN_GREY
    return picture


def colour_counts(counts: np.ndarray) -> np.ndarray:
    """Colour numbers of observations from black (none) to white (the most there are).

    Args:
        counts: (y, x), whole numbers.

    Returns:
        (3, y, x), uint8.
    """
    grey = np.rint(255 * (counts / max(int(counts.max(initial=0)), 1))).astype(np.uint8)
    return np.stack([grey] * 3)


def colour_radar(radar: np.ndarray) -> np.ndarray:
    """Colour backscatter: red VV, green VH, blue VV - VH; VV alone is grey.

    Args:
        radar: dB, (pol, y, x) in the order of `RADAR_BANDS`, NaN = invalid.

    Returns:
        (3, y, x), uint8; invalid is black.
    """
    single = len(radar) < len(RADAR_BANDS)
    planes = np.stack([radar[0]] * 3 if single else [radar[0], radar[1], radar[0] - radar[1]])
    low, high = np.array([RADAR_SHOWN[0]] * 3 if single else RADAR_SHOWN).T[:, :, np.newaxis, np.newaxis]
    picture: np.ndarray = np.rint(255 * np.clip(np.nan_to_num((planes - low) / (high - low)), 0, 1)).astype(np.uint8)
    return picture


def side_by_side(pictures: list[np.ndarray]) -> np.ndarray:
    """Join pictures of the same size with white gaps.

    Args:
        pictures: (3, y, x), uint8.

    Returns:
        (3, y, x), uint8.
    """
    gap = np.full((3, pictures[0].shape[1], GAP), 255, np.uint8)
    parts = [part for picture in pictures for part in (picture, gap)][:-1]
    return np.concatenate(parts, axis=2)


def write_png(picture: np.ndarray, path: Path) -> None:
    """Write a picture.

    Args:
        picture: (3, y, x), uint8.
        path: The file.
    """
    _, height, width = picture.shape
    with georeferencing_optional():
        file = rasterio.open(path, "w", driver="PNG", width=width, height=height, count=3, dtype="uint8")
        with file:
            file.write(picture)


def png_bytes(picture: np.ndarray, opaque: np.ndarray | None = None) -> bytes:
    """Encode a picture as PNG.

    Args:
        picture: (3, y, x), uint8.
        opaque: Where it is to be seen, (y, x), bool; None means everywhere.

    Returns:
        The content of a PNG file.
    """
    planes = picture if opaque is None else np.concatenate([picture, np.uint8(255) * opaque[np.newaxis]])
    count, height, width = planes.shape
    with rasterio.MemoryFile() as memory:
        with georeferencing_optional():
            file = memory.open(driver="PNG", width=width, height=height, count=count, dtype="uint8", ZLEVEL=PNG_LEVEL)
        with file:
            file.write(planes)
        content: bytes = memory.read()
    return content


class Sketch:
    """The cloudy picture of a scene, gathered while its blocks pass by, so that it is not read once more."""

    def __init__(self, shape: tuple[int, int], bands: Sequence[str]) -> None:
        """Begin with nothing.

        Args:
            shape: Height and width of the scene in pixels.
            bands: Names of its bands.
        """
        self._step, self._bands = thinning(shape), colour_bands(list(bands))
        self.planes = np.full((3, *(-(-size // self._step) for size in shape)), np.nan, np.float32)
        """Reflectance of three bands, (3, y, x), thinned to the size of a panel; NaN where nothing was added."""

    def add(self, window: Window, optical: np.ndarray) -> None:
        """Add a block.

        Args:
            window: Its place in the scene.
            optical: Reflectance, (band, y, x).
        """
        rows, cols = (slice(-start % self._step, None, self._step) for start in (window.top, window.left))
        part = optical[self._bands, rows, cols]
        top, left = -(-window.top // self._step), -(-window.left // self._step)
        self.planes[:, top : top + part.shape[1], left : left + part.shape[2]] = part


def scene_colours(scene: xr.Dataset) -> np.ndarray:
    """The cloudy picture of a scene, thinned to the size of a panel.

    Args:
        scene: A scene.

    Returns:
        Reflectance of three bands, (3, y, x).
    """
    step = thinning((scene.sizes["y"], scene.sizes["x"]))
    bands = colour_bands([str(name) for name in scene["band"].values])
    planes = [np.asarray(scene["optical"][band, ::step, ::step].data) for band in bands]
    return np.stack(planes)


def thinning(shape: tuple[int, int]) -> int:
    """Every how many pixels a panel takes one.

    Args:
        shape: Height and width in pixels.

    Returns:
        1 or more.
    """
    return max(1, -(-max(shape) // PANEL))


def render_product(
    folder: Path, bands: list[str], encoding: Mapping[str, Any], cloudy: np.ndarray | None
) -> np.ndarray:
    """Render the pictures of a product's files.

    Args:
        folder: Folder that holds the reflectance, `quality.tif`, `uncertainty.tif` and, if there, `land_cover.tif` and
            `observations.tif`.
        bands: Names of its bands.
        encoding: How it stores reflectance, see `radiometry.decode`.
        cloudy: The cloudy picture as reflectance, (3, y, x), thinned alike, or None.

    Returns:
        Cloudy (if given), restored, quality, uncertainty, land cover (if mapped) and how often a pixel was
        seen clear (of composites) side by side, (3, y, x), uint8.

    Raises:
        RasterError: A file is missing or unreadable.
    """
    index = colour_bands(bands)
    stored = thinned(open_reflectance(folder), [position + 1 for position in index])
    restored = decode(stored, encoding)
    quality = thinned(RasterFile(folder / "quality.tif"), [1])[0]
    sigma = thinned(RasterFile(folder / "uncertainty.tif"), [index[0] + 1])[0].astype(np.float32)
    sigma[sigma == UNCERTAINTY_NODATA] = np.nan
    stretch = stretch_of(restored)
    pictures = [] if cloudy is None else [to_picture(cloudy, stretch)]
    pictures += [to_picture(restored, stretch), colour_classes(quality, QUALITY_LEGEND)]
    pictures.append(colour_uncertainty(sigma * UNCERTAINTY_SCALE))
    if (folder / "land_cover.tif").exists():
        pictures.append(colour_classes(thinned(RasterFile(folder / "land_cover.tif"), [1])[0], LAND_COVER_LEGEND))
    if (folder / "observations.tif").exists():
        pictures.append(colour_counts(thinned(RasterFile(folder / "observations.tif"), [1])[0]))
    return side_by_side(pictures)


def thinned(file: Raster, indexes: list[int]) -> np.ndarray:
    """Read a raster at the size of a panel, from its overviews.

    Args:
        file: A raster.
        indexes: Bands, counted from 1.

    Returns:
        Stored values, (band, y, x).

    Raises:
        RasterError: The file is missing or unreadable.
    """
    step = thinning(file.shape)
    return file.overview((-(-file.shape[0] // step), -(-file.shape[1] // step)), indexes)
