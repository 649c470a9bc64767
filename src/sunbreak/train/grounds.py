"""Grounds to learn from, before a sky is laid over them: simulated, real clear images, or real pairs as they are.

A ground is a pure function of the options, the generator and, for pairs, the number of the scene. No torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from sunbreak.bands import LEVELS, Level
from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.metrics.matching import match_to_input
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.simulate.atmosphere import Air, air_of
from sunbreak.simulate.likely_radar import likely_radar
from sunbreak.train.real_images import real_images
from sunbreak.train.scene_options import KINDS, SUBSETS, SceneOptions
from sunbreak.train.sources import OWN, Sources, pair_set
from sunbreak.train.windows import own_windows

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

_STRIDE: Final = 7919
"""Steps from a pair without cloud to the one that takes its place; prime, so that it is another one."""
LIKELY_RADAR: Final = 0.85
"""Share of real images without radar that are given radar they might have been taken with."""


class Ground(NamedTuple):
    """A ground that a sky may be laid over; NaN = no data."""

    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of the bands, in the order of the arrays."""
    truth: Floats
    """(band, y, x) reflectance, NaN where it is not known."""
    optical: Floats
    """(band, y, x) what is seen of it before a sky is laid over it; other than the truth where clouds are in it."""
    sky: Codes
    """(y, x) `legend.Quality` of what is seen."""
    radar: Floats | None
    """(2, y, x) dB; None without radar."""
    land_cover: Codes | None
    """(y, x) WorldCover codes; None where they are not known."""
    clouds: CloudSpec | None
    """The sky to be laid over it; None for pairs, which have their own."""
    air: Air | None
    """The air around these clouds."""


Seen = TypeVar("Seen", bound=Any)
"""A ground, or a surface under a sky."""


def draw_source(options: SceneOptions, rng: np.random.Generator) -> str | None:
    """Draw where a scene comes from.

    Args:
        options: What scenes are drawn from.
        rng: Generator of the scene and attempt.

    Returns:
        None for the simulator, `OWN`, the SPEC of a pair, or nothing for the collection under simulated clouds.
    """
    return _source(options, rng) if rng.random() < options.real_share else None


def draw_ground(options: SceneOptions, rng: np.random.Generator, index: int, attempt: int = 0) -> Ground:
    """Draw a ground.

    Args:
        options: What it is drawn from.
        rng: Generator of the scene and attempt.
        index: Number of the scene.
        attempt: Number of the attempt at it.

    Returns:
        The ground, without what is dropped of its radar and bands.
    """
    source = draw_source(options, rng)
    if source is None:
        return with_less(_simulated(draw_scene(options, rng)), options, rng)
    return with_less(draw_real(source, options, rng, index, attempt), options, rng)


def draw_real(source: str, options: SceneOptions, rng: np.random.Generator, index: int, attempt: int) -> Ground:
    """Draw a ground that is not simulated, with all its radar and bands.

    Args:
        source: From `draw_source`.
        options: What scenes are drawn from.
        rng: Generator of the scene and attempt.
        index: Number of the scene.
        attempt: Number of the attempt at it.

    Returns:
        The ground.
    """
    if source == OWN:
        return _own(options, rng, index, attempt)
    return _pair(source, options, index, attempt) if source else _real(options, rng)


def _source(options: SceneOptions, rng: np.random.Generator) -> str:
    """The SPEC of a pair, `OWN`, or nothing for the collection under simulated clouds."""
    real = Sources(collection=options.collection, pairs=options.pairs, windows=options.windows).real
    others = [source for source in real if source not in options.pairs]
    takes_pair = bool(options.pairs) and (not others or rng.random() < options.pair_share)
    chosen = list(options.pairs) if takes_pair else others
    return chosen[rng.integers(len(chosen))] if len(chosen) > 1 else chosen[0]


def _pair(spec: str, options: SceneOptions, index: int, attempt: int) -> Ground:
    """A pair as it is, in an order of its own every time the numbers of scenes have gone round all of them."""
    samples = pair_set(spec)
    turn, place = divmod(index + attempt * _STRIDE, len(samples))
    sample = samples.entries[_order(options.seed, turn, len(samples))[place]].load()
    if sample.clear is None or min(sample.quality.shape) < options.smallest:
        raise OptionError(f"{spec}: {sample.name} has no target, or is smaller than crops of {options.smallest} pixels")
    clear, cloudy = sample.clear.astype(np.float32), sample.cloudy.astype(np.float32)
    radar = _radar(sample, clear, np.random.default_rng([options.seed, 4, index, attempt]))
    if not sample.same_date:
        # of another day: its level and contrast are not those under the clouds
        matched = match_to_input(clear, cloudy, sample.quality == Quality.CLEAR)
        clear = clear if matched is None else matched.astype(np.float32)
    quality = sample.quality
    return Ground(sample.level, sample.bands, clear, cloudy, quality, radar, sample.land_cover, None, None)


@lru_cache(maxsize=4)
def _order(seed: int, turn: int, count: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, 2, turn]).permutation(count)


def _clouds(options: SceneOptions, rng: np.random.Generator) -> CloudSpec:
    is_clear = bool(options.clear_share) and rng.random() < options.clear_share
    northern = rng.random() < 0.75
    return CloudSpec(
        seed=int(rng.integers(1 << 31)),
        cover=0.0 if is_clear else 0.05 + 0.9 * rng.beta(1.1, 1.7),
        kind=rng.choice(list(KINDS), p=list(KINDS.values())).item(),
        sun_azimuth=rng.uniform(100.0, 190.0) if northern else rng.uniform(0.0, 80.0),
        sun_elevation=rng.uniform(18.0, 72.0),
        view_azimuth=(105.0 if rng.random() < 0.5 else 285.0) + rng.uniform(-6.0, 6.0),
        view_zenith=rng.uniform(0.0, 11.0),
    )


def draw_scene(options: SceneOptions, rng: np.random.Generator) -> SceneSpec:
    """Draw a simulated scene.

    Args:
        options: What scenes are drawn from.
        rng: Generator of the scene and attempt.

    Returns:
        What it is.
    """
    return SceneSpec(
        size=options.size,
        seed=int(rng.integers(1 << 31)),
        level=LEVELS[rng.integers(len(LEVELS))],
        season=int(rng.integers(1, 366)),
        clouds=_clouds(options, rng),
    )


def _simulated(spec: SceneSpec) -> Ground:
    window = simulate(replace(spec, clouds=replace(spec.clouds, cover=0.0)))
    air = air_of(spec.seed, spec.clouds.sun_elevation)
    truth, sky = window.truth, window.quality
    return Ground(spec.level, spec.bands, truth, truth, sky, window.radar, window.land_cover, spec.clouds, air)


def _real(options: SceneOptions, rng: np.random.Generator) -> Ground:
    images = real_images(str(options.collection), options.smallest, snowy=options.clear_share > 0)
    # by the root of their number, lest a region with many images of the same land drown the others
    counts = Counter(image.region for image in images)
    weights = np.array([image.contrast * counts[image.region] ** -0.5 for image in images])
    sample = images[rng.choice(len(images), p=weights / weights.sum())].image.load()
    height, width = (min(side, options.size) for side in sample.quality.shape)
    top, left = (
        int(rng.integers(len(sample.quality) - height + 1)),
        int(rng.integers(sample.quality.shape[1] - width + 1)),
    )
    place = np.s_[:, top : top + height, left : left + width]
    truth = np.asarray(sample.cloudy[place], np.float32, order="C")
    clouds = _clouds(options, rng)
    radar = _radar(sample, sample.cloudy, rng)
    radar = None if radar is None else np.asarray(radar[place], np.float32, order="C")
    sky = np.full(truth.shape[1:], Quality.CLEAR, np.uint8)
    return Ground(sample.level, sample.bands, truth, truth, sky, radar, None, clouds, _air(clouds))


def _air(clouds: CloudSpec) -> Air:
    return air_of(clouds.seed, clouds.sun_elevation)


def _radar(sample: Sample, clear: Floats, rng: np.random.Generator) -> Floats | None:
    """The radar of a real image, or mostly one that it might have been taken with."""
    seed, made_up = int(rng.integers(1 << 31)), rng.random() < LIKELY_RADAR
    if sample.radar is not None:
        return sample.radar.astype(np.float32)
    return likely_radar(clear.astype(np.float32), sample.bands, seed) if made_up else None


def _own(options: SceneOptions, rng: np.random.Generator, index: int, attempt: int) -> Ground:
    """A window of somebody's own image."""
    windows = own_windows(str(options.windows))
    turn, place = divmod(index + attempt * _STRIDE, len(windows))
    window = windows[_order(options.seed, turn, len(windows))[place]].load()
    clouds = _clouds(options, rng)
    return Ground(
        window.level, window.bands, window.truth, window.image, window.quality, window.radar, None, clouds,
        _air(clouds),
    )  # fmt: skip


def with_less(surface: Seen, options: SceneOptions, rng: np.random.Generator) -> Seen:
    """Drop some of what is known of a scene.

    Args:
        surface: A ground, or a surface under a sky.
        options: How often something is dropped.
        rng: Generator of the scene and attempt.

    Returns:
        The scene without what is dropped of its radar and its bands.
    """
    lose_radar, all_radar, lose_bands = rng.random(3) < (options.radar_dropout, 0.5, options.band_dropout)
    direction, share, subset = rng.uniform(0.0, 2 * np.pi), rng.uniform(0.1, 0.7), rng.integers(len(SUBSETS))
    if lose_radar and surface.radar is not None:
        beyond = _beyond_edge(surface.sky.shape, direction, share)
        surface = surface._replace(
            radar=None if all_radar else np.where(beyond, np.float32(np.nan), surface.radar).astype(np.float32)
        )
    subsets = [kept for kept in SUBSETS if set(kept) < set(surface.bands)]
    if lose_bands and subsets:
        kept = subsets[subset % len(subsets)]
        places = [surface.bands.index(name) for name in kept]
        surface = surface._replace(bands=kept, truth=surface.truth[places], optical=surface.optical[places])
    return surface


def _beyond_edge(shape: tuple[int, ...], direction: float, share: float) -> Mask:
    """The given share of the pixels, on one side of a straight line."""
    rows, cols = np.ogrid[: shape[0], : shape[1]]
    across = np.cos(direction) * cols + np.sin(direction) * rows
    beyond: Mask = across > np.quantile(across, 1.0 - share)
    return beyond
