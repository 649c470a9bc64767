"""Lay simulated clouds on a clear image, real or simulated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunbreak.bands import BANDS_BY_LEVEL, LEVELS, Level
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate.atmosphere import air_of
from sunbreak.simulate.cloud_layers import tune
from sunbreak.simulate.light import View
from sunbreak.simulate.noise import Floats, Grid
from sunbreak.simulate.overlay import HALO, apply, classify, veil
from sunbreak.simulate.sampling import COARSEST, aligned, reduce_mean
from sunbreak.simulate.spec import CloudSpec

BLOCK: Final = 516
"""Side in pixels of the blocks an image is worked through in; a multiple of 60 m keeps margins small."""
FILL: Final = 0.15
"""Reflectance that stands in for missing pixels in the light of the surroundings."""


@dataclass(frozen=True)
class CloudyWindow:
    """An image, or a window of one, under clouds."""

    optical: Floats
    """(band, y, x) float32 reflectance, 1.0 = 100 %, NaN = no data."""
    quality: NDArray[np.uint8]
    """(y, x) `legend.Quality`: 0 nodata, 1 clear, 2 thin cloud, 3 thick cloud, 4 shadow."""
    optical_depth: Floats
    """(y, x) float32 optical depth at 550 nm, the largest that any of the bands sees; 0 without cloud."""


def lay_clouds(
    reflectance: Floats,
    *,
    bands: Sequence[str],
    level: Level,
    clouds: CloudSpec,
    origin: tuple[int, int] = (0, 0),
    resolution: float = 10.0,
    scene_shape: tuple[int, int] | None = None,
) -> CloudyWindow:
    """Lay clouds and their shadows on a clear image.

    The share of thin and thick cloud meets `clouds.cover` over the whole scene. Windows of a scene join exactly in
    `quality` and `optical_depth`; in `optical` they join except within 420 m of a window's edge, where the light that
    clouds scatter in from beyond the edge is taken to be that of the edge.

    Args:
        reflectance: (band, y, x) clear reflectance, 1.0 = 100 %, NaN = no data. Not changed.
        bands: Names of its bands, as in `bands.OPTICAL_BANDS`; any of the level's bands in any order.
        level: Processing level of the reflectance.
        clouds: The clouds and the sun.
        origin: Row and column of the image's first pixel in its scene; clouds belong to absolute positions.
        resolution: Pixel size in m: 10, 20, 30 or 60, within 10 %.
        scene_shape: Rows and columns of the scene that this image is a window of; None: the image is all of it.

    Returns:
        The cloudy image with its quality and optical depth. Pixels without cloud and shadow keep their bits.

    Raises:
        OptionError: Unknown level, bands that do not fit the array or the level, or an impossible resolution.

    Example:
        >>> import numpy as np
        >>> clear = np.full((2, 64, 64), 0.1, np.float32)
        >>> cloudy = lay_clouds(clear, bands=["B02", "B08"], level="L2A", clouds=CloudSpec(cover=0.5))
        >>> bool((cloudy.optical[:, cloudy.quality == 3] > 0.1).all())
        True
    """
    pixel = _checked(reflectance, bands, level, resolution)
    height, width = reflectance.shape[1:]
    top, left, rows, cols = (*origin, height, width) if scene_shape is None else (0, 0, *scene_shape)
    sky = tune(clouds, (top * pixel, (top + rows) * pixel), (left * pixel, (left + cols) * pixel))
    view = View(tuple(bands), level, sky, air_of(clouds.seed, clouds.sun_elevation), pixel)
    optical = np.empty(reflectance.shape, np.float32)
    quality = np.empty((height, width), np.uint8)
    depth = np.empty((height, width), np.float32)
    for row in range(0, height, BLOCK):
        for col in range(0, width, BLOCK):
            block = Grid(row, col, min(BLOCK, height - row), min(BLOCK, width - col))
            part = _lay_block(reflectance, view, block, origin)
            place = np.s_[row : row + block.height, col : col + block.width]
            optical[:, *place], quality[place], depth[place] = part.optical, part.quality, part.optical_depth
    return CloudyWindow(optical, quality, depth)


def _checked(reflectance: Floats, bands: Sequence[str], level: Level, resolution: float) -> int:
    """Check the arguments; returns the side of a pixel in pixels of 10 m."""
    if level not in LEVELS:
        raise OptionError(f"level {level!r} is unknown; choose one of {', '.join(LEVELS)}")
    if [name for name in bands if name not in BANDS_BY_LEVEL[level]] or len(set(bands)) != len(bands):
        raise OptionError(f"bands {list(bands)}: each must be one of {list(BANDS_BY_LEVEL[level])}, named once")
    if reflectance.ndim != 3 or reflectance.shape[0] != len(bands):
        raise OptionError(f"reflectance has shape {reflectance.shape}; expected ({len(bands)}, rows, columns)")
    pixel = max(1, round(resolution / 10.0))
    if COARSEST % pixel or abs(resolution / 10.0 - pixel) > 0.1 * pixel:
        raise OptionError(f"resolution is {resolution:g} m; clouds can be laid at 10, 20, 30 or 60 m: resample first")
    return pixel


def _lay_block(reflectance: Floats, view: View, block: Grid, origin: tuple[int, int]) -> CloudyWindow:
    """Lay clouds on one block of the image, with the surroundings that the image has."""
    pixel = view.pixel
    inner = block.shifted(*origin)
    fine = Grid(inner.row * pixel, inner.col * pixel, inner.height * pixel, inner.width * pixel)
    wide = aligned(fine, HALO)
    first_row, first_col = wide.row // pixel - origin[0], wide.col // pixel - origin[1]
    rows = np.clip(np.arange(first_row, first_row + wide.height // pixel), 0, reflectance.shape[1] - 1)
    cols = np.clip(np.arange(first_col, first_col + wide.width // pixel), 0, reflectance.shape[2] - 1)
    clear = reflectance[:, rows[0] : rows[-1] + 1, cols[0] : cols[-1] + 1][:, rows - rows[0]][:, :, cols - cols[0]]
    clear = clear.astype(np.float32)
    missing = np.isnan(clear)
    clear[missing] = FILL
    cover = veil(view.sky, wide, view.bands)
    cut = Grid(wide.row // pixel, wide.col // pixel, wide.height // pixel, wide.width // pixel)
    optical = cut.cut(apply(view, clear, cover, wide), inner).copy()
    gaps = cut.cut(missing, inner)
    optical[gaps] = np.nan
    quality = cut.cut(classify(cover, pixel), inner).copy()
    quality[gaps.all(axis=0)] = Quality.NODATA
    return CloudyWindow(optical, quality, cut.cut(reduce_mean(cover.seen, pixel), inner).copy())
