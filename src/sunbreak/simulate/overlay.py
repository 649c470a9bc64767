"""Clouds and their shadows over a window of clear reflectance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from sunbreak.legend import Quality
from sunbreak.simulate.cloud_layers import Layer, Sky
from sunbreak.simulate.cloud_optics import THICK_DEPTH, THIN_DEPTH, beam
from sunbreak.simulate.light import LayerInSight, Shade, View, band_optics, sample_of, seen_through
from sunbreak.simulate.noise import Floats, Grid
from sunbreak.simulate.parallax import band_shift, offsets
from sunbreak.simulate.sampling import reduce_mean

HALO: Final = 42
"""Pixels around a window that its light may come from: twice `sampling.surroundings`, once a layer, and one sample."""
MARGIN: Final = 4
"""Pixels of optical depth beyond the furthest that a band looks: relief looks on towards the sun."""
SLABS: Final = (0.1, 0.5, 0.9)
"""Heights inside a cloud, as shares of its thickness, from which its shadow is cast."""
SHADOW_LOSS: Final = 0.15
"""Loss of direct light from which a pixel counts as shadow."""


@dataclass(frozen=True)
class Veil:
    """What the clouds do to one window, before it is known what lies below."""

    depths: tuple[Floats, ...]
    """Optical depth of each layer on the window grown by `reach` pixels, in the frame of the green band."""
    reach: int
    """Pixels by which the depths extend beyond the window."""
    lost: Floats
    """(y, x) share of direct sunlight lost on the ground."""
    seen: Floats
    """(y, x) optical depth, the largest that any band sees."""


def veil(sky: Sky, grid: Grid, bands: Sequence[str]) -> Veil:
    """Work out clouds and shadows over a window.

    Args:
        sky: The sky.
        grid: The window.
        bands: Names of the bands that will look at it.

    Returns:
        Clouds in the line of sight and light lost on the ground.
    """
    cosine = math.sin(math.radians(sky.spec.sun_elevation))
    shifts = [[band_shift(band, layer.base) for band in bands] for layer in sky.layers]
    reach = max((max(abs(r), abs(c)) for own in shifts for r, c in own), default=0) + MARGIN
    wide = grid.grown(reach)
    depths = []
    seen = np.zeros((grid.height, grid.width), np.float32)
    light = np.ones((grid.height, grid.width), np.float32)
    for index, layer in enumerate(sky.layers):
        depth = sky.depth(index, wide)
        depths.append(depth)
        most = np.zeros_like(seen)
        for rows, cols in set(shifts[index]):
            np.maximum(most, _moved(depth, reach, rows, cols, grid), out=most)
        seen += most
        light *= beam(_slant(sky, index, layer, grid), cosine)
    return Veil(tuple(depths), reach, np.float32(1.0) - light, seen)


def _moved(depth: Floats, reach: int, rows: int, cols: int, grid: Grid) -> Floats:
    """Cut the window out of a larger one, with its content displaced."""
    top, left = reach - rows, reach - cols
    return depth[top : top + grid.height, left : left + grid.width]


def _slant(sky: Sky, index: int, layer: Layer, grid: Grid) -> Floats:
    """Optical depth between ground and sun: the cloud's slabs, each displaced by its height; soft at the edges."""
    moves = []
    for slab in SLABS:
        height = layer.base + slab * layer.thickness
        view, _ = offsets(sky.spec, layer.base)
        _, shadow = offsets(sky.spec, height)
        moves.append((shadow[0] - view[0], shadow[1] - view[1]))
    soft = grid.grown(1)
    top, bottom = max(m[0] for m in moves), min(m[0] for m in moves)
    left, right = max(m[1] for m in moves), min(m[1] for m in moves)
    span = Grid(soft.row - top, soft.col - left, soft.height + top - bottom, soft.width + left - right)
    if span.height * span.width < len(SLABS) * soft.height * soft.width:
        whole = sky.depth(index, span)
        parts = [span.cut(whole, soft.shifted(-r, -c)) for r, c in moves]
    else:
        parts = [sky.depth(index, soft.shifted(-r, -c)) for r, c in moves]
    # low slabs are as wide as the cloud, high ones only where it is deep
    total = np.float32(0.4) * parts[0] + np.float32(0.35) * parts[1] + np.float32(0.25) * parts[2]
    rows = np.float32(0.25) * (total[:-2] + total[2:]) + np.float32(0.5) * total[1:-1]
    result: Floats = np.float32(0.25) * (rows[:, :-2] + rows[:, 2:]) + np.float32(0.5) * rows[:, 1:-1]
    return result


def apply(view: View, reflectance: Floats, cover: Veil, grid: Grid) -> Floats:
    """See a clear image through the clouds.

    Args:
        view: How the image was taken, and the sky.
        reflectance: (band, y, x) clear reflectance on the window, aligned to 60 m.
        cover: The sky's veil over the window.
        grid: The window at 10 m.

    Returns:
        (band, y, x) cloudy reflectance; bit-identical to the input where there is neither cloud nor shadow.
    """
    out = np.empty(reflectance.shape, np.float32)
    shade = Shade(cover.lost, *(reduce_mean(field, view.pixel) > 0.0 for field in (cover.lost, cover.seen)))
    for index, band in enumerate(view.bands):
        optics = band_optics(view, band)
        layers = []
        for number, layer in enumerate(optics.layers):
            (rows, cols), (up, left) = layer.shift, layer.ahead
            here = _moved(cover.depths[number], cover.reach, rows, cols, grid)
            ahead = _moved(cover.depths[number], cover.reach, rows - up, cols - left, grid)
            if here.any():
                layers.append(LayerInSight(here, ahead, layer))
        factor = max(sample_of(band), view.pixel)
        out[index] = seen_through(reflectance[index], shade, layers, optics, (factor, view.pixel))
    return out


def classify(cover: Veil, pixel: int = 1) -> NDArray[np.uint8]:
    """Tell clear, thin, thick and shadow apart.

    Args:
        cover: What the clouds do to the window.
        pixel: Side of the image's pixels in pixels of 10 m.

    Returns:
        (y, x) `legend.Quality`: thick from optical depth 4, thin from 0.14, shadow where more than 15 % of the direct
        light is lost outside clouds, else clear.
    """
    seen, lost = reduce_mean(cover.seen, pixel), reduce_mean(cover.lost, pixel)
    out = np.full(seen.shape, Quality.CLEAR, np.uint8)
    out[lost > np.float32(SHADOW_LOSS)] = Quality.SHADOW
    out[seen >= np.float32(THIN_DEPTH)] = Quality.THIN_CLOUD
    out[seen >= np.float32(THICK_DEPTH)] = Quality.THICK_CLOUD
    return out
