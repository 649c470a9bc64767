"""Surfaces under a sky, before the networks see them: simulated, real under simulated clouds, or real pairs.

A surface is a pure function of the options, the generator and, for pairs, the number of the scene. No torch.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.bands import L1C_BANDS, LEVELS, OPTICAL_BANDS, Level
from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.metrics.matching import match_to_input
from sunbreak.simulate import CloudKind, CloudSpec, SceneSpec, lay_clouds, simulate
from sunbreak.simulate.likely_radar import likely_radar
from sunbreak.train.real_images import real_images
from sunbreak.train.sources import OWN, Sources, pair_set
from sunbreak.train.windows import own_windows

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

KINDS: Final[dict[CloudKind, float]] = {
    "mixed": 0.35, "broken": 0.2, "thick": 0.2, "thin": 0.15, "overcast": 0.05, "fog": 0.05,
}  # fmt: skip
"""Kinds of sky and their shares of the scenes."""
_STRIDE: Final = 7919
"""Steps from a pair without cloud to the one that takes its place; prime, so that it is another one."""
LIKELY_RADAR: Final = 0.85
"""Share of real images without radar that are given radar they might have been taken with."""
RGBN: Final = ("B02", "B03", "B04", "B08")
SUBSETS: Final[tuple[tuple[str, ...], ...]] = (
    tuple(name for name in L1C_BANDS if name != "B10"),
    tuple(band.name for band in OPTICAL_BANDS.values() if band.resolution <= 20),
    RGBN,
    (*RGBN, "B11", "B12"),
)
"""Band subsets of common products, of which a scene that loses bands keeps one."""


@dataclass(frozen=True)
class SceneOptions:
    """What the scenes of a training are drawn from."""

    seed: int = 0
    """Seed of everything."""
    size: int = 512
    """Side in pixels of simulated scenes, and of the largest crop of a real image."""
    collection: str | None = None
    """Folder of a collection; the clear images of its train split that weights may be trained on are used."""
    pairs: tuple[str, ...] = ()
    """Data SPECs of real pairs, see `sources.Sources`."""
    windows: str | None = None
    """List of windows of somebody's own images, see `sources.Sources`."""
    real_share: float = 0.0
    """Share of scenes that are not simulated, 0..1."""
    pair_share: float = 0.5
    """Share of pairs among these, where there are clear images too; 0..1."""
    with_prior: bool = True
    """Work out the scene prior."""
    radar_dropout: float = 0.15
    """Share of scenes that lose radar: half of them all of it, half the part beyond the edge of a swath."""
    band_dropout: float = 0.25
    """Share of scenes that keep one of `SUBSETS` only."""
    smallest: int = 128
    """Real images with a side below this are left out; `samples.SampleStream` sets it to the crops' side."""

    clear_share: float = 0.0
    """Share of scenes without any cloud, for the mask network; real ones may then be snowy, too."""

    def __post_init__(self) -> None:
        for name in ("real_share", "pair_share", "radar_dropout", "band_dropout", "clear_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        if self.real_share and self.collection is None and not self.pairs and self.windows is None:
            raise OptionError(f"real_share {self.real_share}: needs a collection or pairs to take real images from")
        if self.seed < 0 or self.size < 64:
            raise OptionError(f"seed {self.seed}, size {self.size}: must be at least 0 and 64")


class Surface(NamedTuple):
    """A surface under a sky; NaN = no data."""

    level: Level
    bands: tuple[str, ...]
    truth: Floats
    optical: Floats
    sky: Codes
    radar: Floats | None
    land_cover: Codes | None
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
    is_real = rng.random() < options.real_share
    source = _source(options, rng) if is_real else None
    if source == OWN:
        surface = _own(options, rng, index, attempt)
    elif source:
        surface = _pair(source, options, index, attempt)
    else:
        surface = _simulated(options, rng) if source is None else _real(options, rng)
    return _with_less(surface, options, rng)


def _source(options: SceneOptions, rng: np.random.Generator) -> str:
    """The SPEC of a pair, `OWN`, or nothing for the collection under simulated clouds."""
    real = Sources(collection=options.collection, pairs=options.pairs, windows=options.windows).real
    others = [source for source in real if source not in options.pairs]
    takes_pair = bool(options.pairs) and (not others or rng.random() < options.pair_share)
    chosen = list(options.pairs) if takes_pair else others
    return chosen[rng.integers(len(chosen))] if len(chosen) > 1 else chosen[0]


def _pair(spec: str, options: SceneOptions, index: int, attempt: int) -> Surface:
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
    return Surface(sample.level, sample.bands, clear, cloudy, sample.quality, radar, sample.land_cover)


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


def _simulated(options: SceneOptions, rng: np.random.Generator) -> Surface:
    spec = SceneSpec(
        size=options.size,
        seed=int(rng.integers(1 << 31)),
        level=LEVELS[rng.integers(len(LEVELS))],
        season=int(rng.integers(1, 366)),
        clouds=_clouds(options, rng),
    )
    window = simulate(spec)
    return Surface(
        spec.level, spec.bands, window.truth, window.optical, window.quality, window.radar, window.land_cover,
        window.optical_depth,
    )  # fmt: skip


def _real(options: SceneOptions, rng: np.random.Generator) -> Surface:
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
    window = lay_clouds(truth, bands=sample.bands, level=sample.level, clouds=_clouds(options, rng))
    radar = _radar(sample, sample.cloudy, rng)
    radar = None if radar is None else np.asarray(radar[place], np.float32, order="C")
    return Surface(sample.level, sample.bands, truth, window.optical, window.quality, radar, None, window.optical_depth)


def _radar(sample: Sample, clear: Floats, rng: np.random.Generator) -> Floats | None:
    """The radar of a real image, or mostly one that it might have been taken with."""
    seed, made_up = int(rng.integers(1 << 31)), rng.random() < LIKELY_RADAR
    if sample.radar is not None:
        return sample.radar.astype(np.float32)
    return likely_radar(clear.astype(np.float32), sample.bands, seed) if made_up else None


def _own(options: SceneOptions, rng: np.random.Generator, index: int, attempt: int) -> Surface:
    """A window of somebody's own image under a simulated sky; what is not clear in it keeps its cloud, untold."""
    windows = own_windows(str(options.windows))
    turn, place = divmod(index + attempt * _STRIDE, len(windows))
    window = windows[_order(options.seed, turn, len(windows))[place]].load()
    laid = lay_clouds(window.image, bands=window.bands, level=window.level, clouds=_clouds(options, rng))
    keeps_sky = (window.quality != Quality.CLEAR) & (
        (laid.quality != Quality.THICK_CLOUD) | (window.quality == Quality.NODATA)
    )
    sky = np.where(keeps_sky, window.quality, laid.quality)
    # of its own clouds no depth is known, and no mask is to miss them
    depth = np.where(window.quality == Quality.CLEAR, laid.optical_depth, np.float32(np.inf))
    return Surface(window.level, window.bands, window.truth, laid.optical, sky, window.radar, None, depth)


def _with_less(surface: Surface, options: SceneOptions, rng: np.random.Generator) -> Surface:
    """The scene without what is dropped of its radar and its bands."""
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
