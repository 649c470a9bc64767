"""Scenes to learn from: a surface, simulated or real, under a simulated sky, with what the networks see of it.

A scene is a pure function of its options and its number. NumPy only.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.bands import L1C_BANDS, LEVELS, OPTICAL_BANDS, RADAR_DB_RANGE, Level
from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.legend import LAND_COVER_NODATA, Quality, Source
from sunbreak.prior.estimators import is_wanted
from sunbreak.scene import make_scene
from sunbreak.simulate import CloudKind, CloudSpec, SceneSpec, lay_clouds, simulate
from sunbreak.steps.fit import fit_estimator
from sunbreak.steps.mask import grow
from sunbreak.tiles import Window
from sunbreak.train.real_images import real_images
from sunbreak.work import one_blas_thread

Floats = npt.NDArray[np.float32]
Codes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

KINDS: Final[dict[CloudKind, float]] = {
    "mixed": 0.35, "broken": 0.2, "thick": 0.2, "thin": 0.15, "overcast": 0.05, "fog": 0.05,
}  # fmt: skip
"""Kinds of sky and their shares of the scenes."""
BUFFERS: Final = (2, 6)
"""Fewest and most pixels that cloud and shadow are grown by; `sunbreak restore` grows by 4."""
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
    real_share: float = 0.0
    """Share of scenes whose surface is a real image, 0..1; at 1 none is simulated."""
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
        for name in ("real_share", "radar_dropout", "band_dropout", "clear_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        if self.real_share and self.collection is None:
            raise OptionError(f"real_share {self.real_share}: needs a collection to take real images from")
        if self.seed < 0 or self.size < 64:
            raise OptionError(f"seed {self.seed}, size {self.size}: must be at least 0 and 64")


@dataclass(frozen=True)
class TrainingScene:
    """What is known of a scene; bands in the order of `bands.L1C_BANDS`, absent ones 0."""

    optical: Floats
    """(13, y, x) reflectance under clouds, 0 where there is no data."""
    truth: Floats
    """(13, y, x) reflectance without clouds, 0 where there is no data."""
    present: Mask
    """(13,) bands that the scene has."""
    level: Level
    """Processing level."""
    radar: Floats
    """(2, y, x) VV and VH in dB, the lower end of `bands.RADAR_DB_RANGE` where invalid."""
    radar_valid: Mask
    """(y, x)."""
    quality: Codes
    """(y, x) `legend.Quality` as the networks see it, cloud and shadow grown by a buffer."""
    sky: Codes
    """(y, x) `legend.Quality` before growing."""
    prior: Floats | None
    """(13, y, x) the scene prior's estimate on pixels to restore, `optical` elsewhere; None if not asked for."""
    prior_sigma: Floats | None
    """(13, y, x) its 1-sigma error, 0 where not restored; None if not asked for."""
    land_cover: Codes
    """(y, x) WorldCover codes, 255 unknown."""
    known: Mask
    """(y, x) pixels whose truth has data in all present bands."""


class _Surface(NamedTuple):
    """A surface under a sky; NaN = no data."""

    level: Level
    bands: tuple[str, ...]
    truth: Floats
    optical: Floats
    sky: Codes
    radar: Floats | None
    land_cover: Codes | None


def training_scene(options: SceneOptions, index: int) -> TrainingScene:
    """Make a scene.

    Args:
        options: What it is drawn from.
        index: Number of the scene, from 0.

    Returns:
        The scene; the same for the same arguments, whatever was made before.

    Raises:
        OptionError: The collection holds no image to train on.
        RasterError: A file of the collection is missing or damaged.
    """
    return next(scene for scene in _attempts(options, index) if scene is not None)


def scene_of(sample: Sample, buffer: int = 4) -> TrainingScene | None:
    """What the networks see of a sample, for diagnostics.

    Args:
        sample: With its target.
        buffer: Pixels that cloud and shadow are grown by.

    Returns:
        The scene; None if nothing or nobody restores it.

    Raises:
        OptionError: The sample has no target.
    """
    if sample.clear is None:
        raise OptionError(f"sample {sample.name}: has no target")
    clear, cloudy = sample.clear.astype(np.float32), sample.cloudy.astype(np.float32)
    radar = None if sample.radar is None else sample.radar.astype(np.float32)
    surface = _Surface(sample.level, sample.bands, clear, cloudy, sample.quality, radar, None)
    return _finished(surface, buffer, SceneOptions())


def _attempts(options: SceneOptions, index: int) -> Iterator[TrainingScene | None]:
    """Draws of the scene; None for one that nobody could restore, or that needs no restoring."""
    attempt = 0
    while True:
        rng = np.random.default_rng([options.seed, 0, index, attempt])
        is_real = rng.random() < options.real_share
        surface = _real(options, rng) if is_real else _simulated(options, rng)
        yield _finished(_with_less(surface, options, rng), int(rng.integers(BUFFERS[0], BUFFERS[1] + 1)), options)
        attempt += 1


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


def _simulated(options: SceneOptions, rng: np.random.Generator) -> _Surface:
    spec = SceneSpec(
        size=options.size,
        seed=int(rng.integers(1 << 31)),
        level=LEVELS[rng.integers(len(LEVELS))],
        season=int(rng.integers(1, 366)),
        clouds=_clouds(options, rng),
    )
    window = simulate(spec)
    return _Surface(
        spec.level, spec.bands, window.truth, window.optical, window.quality, window.radar, window.land_cover
    )


def _real(options: SceneOptions, rng: np.random.Generator) -> _Surface:
    images = real_images(str(options.collection), options.smallest, snowy=options.clear_share > 0)
    # by the root of their number, lest a region with many images of the same land drown the others
    counts = Counter(image.region for image in images)
    weights = np.array([counts[image.region] ** -0.5 for image in images])
    sample = images[rng.choice(len(images), p=weights / weights.sum())].image.load()
    height, width = (min(side, options.size) for side in sample.quality.shape)
    top, left = (
        int(rng.integers(len(sample.quality) - height + 1)),
        int(rng.integers(sample.quality.shape[1] - width + 1)),
    )
    place = np.s_[:, top : top + height, left : left + width]
    truth = np.asarray(sample.cloudy[place], np.float32, order="C")
    window = lay_clouds(truth, bands=sample.bands, level=sample.level, clouds=_clouds(options, rng))
    radar = None if sample.radar is None else np.asarray(sample.radar[place], np.float32, order="C")
    return _Surface(sample.level, sample.bands, truth, window.optical, window.quality, radar, None)


def _with_less(surface: _Surface, options: SceneOptions, rng: np.random.Generator) -> _Surface:
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


def _finished(surface: _Surface, buffer: int, options: SceneOptions) -> TrainingScene | None:
    """What the networks see of a scene; None if nothing or nobody restores it."""
    shape = surface.sky.shape
    finite = np.isfinite(surface.optical)
    sky = np.where(finite.any(axis=0), surface.sky, np.uint8(Quality.NODATA)).astype(np.uint8)
    quality = grow(sky, buffer)
    wanted, clear = is_wanted(quality), quality == Quality.CLEAR
    valid: Mask = np.zeros(shape, np.bool_)
    radar = np.full((2, *shape), RADAR_DB_RANGE[0], np.float32)
    if surface.radar is not None:
        valid = np.asarray(np.isfinite(surface.radar).all(axis=0))
        radar = np.where(valid, surface.radar, radar)
    complete = bool((clear & finite.all(axis=0)).any())
    if not (wanted.any() or options.clear_share) or not (
        complete or (not clear.any() and bool((wanted & valid).any()))
    ):
        return None
    places = [L1C_BANDS.index(name) for name in surface.bands]

    def scattered(planes: Floats) -> Floats:
        out = np.zeros((len(L1C_BANDS), *shape), np.float32)
        out[places] = np.nan_to_num(planes, nan=0.0)
        return out

    prior, sigma = _prior(surface, quality) if options.with_prior else (None, None)
    return TrainingScene(
        optical=scattered(surface.optical),
        truth=scattered(surface.truth),
        present=np.isin(L1C_BANDS, surface.bands),
        level=surface.level,
        radar=radar,
        radar_valid=valid,
        quality=quality,
        sky=sky,
        prior=None if prior is None else scattered(prior),
        prior_sigma=None if sigma is None else scattered(sigma),
        land_cover=np.full(shape, LAND_COVER_NODATA, np.uint8) if surface.land_cover is None else surface.land_cover,
        known=np.isfinite(surface.truth).all(axis=0) & (quality != Quality.NODATA),
    )


def _prior(surface: _Surface, quality: Codes) -> tuple[Floats, Floats]:
    """The scene prior as `NetworkEstimator` hands it to networks, in the bands of the scene."""
    optical = surface.optical
    scene = make_scene(optical, bands=surface.bands, level=surface.level, radar=surface.radar, quality=quality)
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore", SunbreakWarning)
        estimator, _ = fit_estimator(scene)
        if estimator is None:
            raise ValueError("nothing is to be restored")
        estimate = estimator.estimate(Window(0, 0, *quality.shape), optical, quality)
    restored = estimate.source != Source.NONE
    return np.where(restored, estimate.mean, optical), np.where(restored, estimate.sigma, np.float32(0.0))
