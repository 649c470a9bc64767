"""Surfaces under a sky, before the networks see them.

A surface is a pure function of the options, the generator and, for pairs, the number of the scene. No torch.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from sunbreak.bands import Level
from sunbreak.legend import Quality
from sunbreak.simulate import SceneSpec, lay_clouds, simulate
from sunbreak.train.grounds import (
    Codes,
    Floats,
    Ground,
    Mask,
    draw_real,
    draw_scene,
    draw_source,
    with_less,
)
from sunbreak.train.scene_options import SceneOptions


class Surface(NamedTuple):
    """A surface under a sky; NaN = no data."""

    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of the bands, in the order of the arrays."""
    truth: Floats
    """(band, y, x) reflectance without clouds, NaN where it is not known."""
    optical: Floats
    """(band, y, x) reflectance under clouds."""
    sky: Codes
    """(y, x) `legend.Quality`."""
    radar: Floats | None
    """(2, y, x) dB; None without radar."""
    land_cover: Codes | None
    """(y, x) WorldCover codes; None where they are not known."""
    depth: Floats | None = None
    """(y, x) optical depth of simulated clouds."""


def draw_surface(options: SceneOptions, rng: np.random.Generator, index: int, attempt: int) -> Surface:
    """Draw a surface under a sky.

    Args:
        options: What it is drawn from.
        rng: Generator of the scene and attempt.
        index: Number of the scene.
        attempt: Number of the attempt at it.

    Returns:
        The surface, with what is dropped of its radar and bands.
    """
    source = draw_source(options, rng)
    if source is None:
        surface = _simulated(draw_scene(options, rng))
    else:
        surface = _laid(draw_real(source, options, rng, index, attempt))
    return with_less(surface, options, rng)


def _simulated(spec: SceneSpec) -> Surface:
    window = simulate(spec)
    return Surface(
        spec.level, spec.bands, window.truth, window.optical, window.quality, window.radar, window.land_cover,
        window.optical_depth,
    )  # fmt: skip


def _laid(ground: Ground) -> Surface:
    """A ground under the sky that goes with it."""
    level, bands, truth, optical, sky, radar, land_cover, clouds, _ = ground
    if clouds is None:
        return Surface(level, bands, truth, optical, sky, radar, land_cover)
    window = lay_clouds(optical, bands=bands, level=level, clouds=clouds)
    sky, depth = joined(sky, window.quality, window.optical_depth)
    return Surface(level, bands, truth, window.optical, sky, radar, land_cover, depth)


def joined(own: Codes, laid: Codes, depth: Floats) -> tuple[Codes, Floats]:
    """The classes of a ground that has clouds of its own, untold, under clouds that are laid over it.

    Args:
        own: (y, x) `legend.Quality` of the ground.
        laid: (y, x) `legend.Quality` of what is laid over it.
        depth: (y, x) optical depth of that.

    Returns:
        Classes of both; and the optical depth, infinite where the ground is not clear: of its own clouds none is known,
        and no mask is to miss them.
    """
    keeps: Mask = (own != Quality.CLEAR) & ((laid != Quality.THICK_CLOUD) | (own == Quality.NODATA))
    return np.where(keeps, own, laid), np.where(own == Quality.CLEAR, depth, np.float32(np.inf))
