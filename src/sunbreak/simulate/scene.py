"""A simulated scene: landscape, both sensors and clouds, window by window."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.simulate.atmosphere import air_of
from sunbreak.simulate.cloud_layers import Sky, tune
from sunbreak.simulate.cover import landscape
from sunbreak.simulate.ground import ground
from sunbreak.simulate.light import View
from sunbreak.simulate.mesh import between
from sunbreak.simulate.noise import Floats, Grid, key_of
from sunbreak.simulate.overlay import HALO, apply, classify, veil
from sunbreak.simulate.radar import backscatter
from sunbreak.simulate.sampling import aligned
from sunbreak.simulate.spec import SceneSpec
from sunbreak.simulate.surface import clear_reflectance

BLOCK: Final = 512
"""Side in pixels of the blocks a window is computed in: small enough for the processor's cache, whatever the window."""


@dataclass(frozen=True)
class SimulatedWindow:
    """Everything that is known of one window of a simulated scene."""

    truth: Floats
    """(band, y, x) float32 reflectance without clouds, 1.0 = 100 %; complete, also beyond the swath."""
    optical: Floats
    """(band, y, x) float32 reflectance with clouds; NaN beyond the swath."""
    radar: Floats
    """(2, y, x) float32 sigma0 in dB, VV and VH."""
    land_cover: NDArray[np.uint8]
    """(y, x) ESA WorldCover codes."""
    quality: NDArray[np.uint8]
    """(y, x) `legend.Quality`: 0 nodata, 1 clear, 2 thin cloud, 3 thick cloud, 4 shadow."""
    optical_depth: Floats
    """(y, x) float32 optical depth of clouds at 550 nm, the largest that any band sees; 0 without cloud."""


def simulate(spec: SceneSpec, rows: slice | None = None, cols: slice | None = None) -> SimulatedWindow:
    """Simulate a scene, or a window of it.

    A window equals the same part of the whole scene to the last bit, whatever its size and position.

    Args:
        spec: The scene.
        rows: Rows of the window, inside the scene; None: all.
        cols: Columns of the window; None: all.

    Returns:
        The window.

    Raises:
        OptionError: The window is empty, has a step, or leaves the scene.

    Example:
        >>> window = simulate(SceneSpec(size=256), slice(0, 64), slice(100, 228))
        >>> window.optical.shape
        (13, 64, 128)
    """
    top, bottom = _bounds("rows", rows, spec.size)
    left, right = _bounds("cols", cols, spec.size)
    shape = (bottom - top, right - left)
    count = len(spec.bands)
    out = SimulatedWindow(
        truth=np.empty((count, *shape), np.float32),
        optical=np.empty((count, *shape), np.float32),
        radar=np.empty((2, *shape), np.float32),
        land_cover=np.empty(shape, np.uint8),
        quality=np.empty(shape, np.uint8),
        optical_depth=np.empty(shape, np.float32),
    )
    for block in _blocks(top, bottom, left, right):
        _fill(out, spec, block, (top, left))
    return out


def _bounds(name: str, part: slice | None, size: int) -> tuple[int, int]:
    if part is None:
        return 0, size
    start, stop = part.start or 0, size if part.stop is None else part.stop
    if part.step not in (None, 1) or not 0 <= start < stop <= size:
        raise OptionError(f"{name} are {part}; they must be a window of step 1 inside 0..{size}")
    return start, stop


def _blocks(top: int, bottom: int, left: int, right: int) -> Iterator[Grid]:
    for row in range(top, bottom, BLOCK):
        for col in range(left, right, BLOCK):
            yield Grid(row, col, min(BLOCK, bottom - row), min(BLOCK, right - col))


@lru_cache(maxsize=8)
def _sky(spec: SceneSpec) -> Sky:
    """The sky over a whole scene; kept, as every window of the scene needs it."""
    return tune(spec.clouds, (0, spec.size), (0, spec.size))


def _fill(out: SimulatedWindow, spec: SceneSpec, block: Grid, corner: tuple[int, int]) -> None:
    """Compute one block with its surroundings and put it in its place."""
    wide = aligned(block, HALO)
    land = landscape(wide, spec.seed)
    materials = ground(land, float(spec.season))
    air = air_of(spec.seed, spec.clouds.sun_elevation)
    clear = clear_reflectance(land, materials, spec.clouds, spec.level, air)
    view = View(spec.bands, spec.level, _sky(spec), air)
    cover = veil(view.sky, wide, view.bands)
    row, col = block.row - corner[0], block.col - corner[1]
    place = np.s_[..., row : row + block.height, col : col + block.width]
    out.truth[place] = wide.cut(clear, block)
    out.optical[place] = wide.cut(apply(view, clear, cover, wide), block)
    out.radar[place] = wide.cut(backscatter(land, materials), block)
    out.land_cover[place] = wide.cut(land.land_cover, block)
    out.quality[place] = wide.cut(classify(cover), block)
    out.optical_depth[place] = wide.cut(cover.seen, block)
    if spec.nodata_swath:
        beyond = _beyond_swath(spec, block)
        out.optical[place][:, beyond] = np.nan
        out.quality[place][beyond] = Quality.NODATA


def _beyond_swath(spec: SceneSpec, block: Grid) -> NDArray[np.bool_]:
    """The part of a block that the satellite did not see: beyond an edge along its track, east or west."""
    key = key_of(spec.seed, "swath")
    lean = math.tan(math.radians(13.0))
    middle = 0.5 * spec.size
    # the edge leans with the descending orbit; it cuts off between a tenth and two fifths of the scene
    across = block.x[np.newaxis, :] - middle + lean * (block.y[:, np.newaxis] - middle)
    edge = (0.5 - between(0.1, 0.4, key, 1)) * spec.size
    return across > edge if between(0.0, 1.0, key, 2) < 0.5 else across < -edge
