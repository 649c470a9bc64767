"""Scenes to learn from: a surface under a sky, either of them simulated or real, with what the networks see of it.

A scene is a pure function of its options and its number. No torch.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np

from sunbreak.bands import L1C_BANDS, RADAR_DB_RANGE, Level
from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError, SunbreakWarning
from sunbreak.legend import LAND_COVER_NODATA, Quality, Source
from sunbreak.prior.cells import touching
from sunbreak.prior.estimators import SceneEstimator, is_wanted
from sunbreak.prior.packed import unpack
from sunbreak.scene import make_scene
from sunbreak.steps.fit import fit_estimator
from sunbreak.steps.mask import grow
from sunbreak.tiles import Window
from sunbreak.train.grounds import Codes, Floats, Mask
from sunbreak.train.mask_errors import masked
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.surfaces import Surface, draw_surface
from sunbreak.work import one_blas_thread

MOST_ATTEMPTS: Final = 1000
"""Draws after which a source is held to have nothing to restore."""
NOTHING: Final = f"scene {{index}}: in {MOST_ATTEMPTS} draws nothing was to be restored; are there clouds in the data?"
BUFFERS: Final = (2, 6)
"""Fewest and most pixels that cloud and shadow are grown by; `sunbreak restore` grows by 4."""


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
    """(y, x) `legend.Quality` as the networks see it: with a mask's errors, cloud and shadow grown by a buffer."""
    sky: Codes
    """(y, x) `legend.Quality` as it is."""
    prior: Floats | None
    """(13, y, x) the scene prior's estimate on pixels to restore, `optical` elsewhere; None if not asked for."""
    prior_sigma: Floats | None
    """(13, y, x) its 1-sigma error, 0 where not restored; None if not asked for."""
    regression: Floats | None
    """(13, y, x) what it says of every pixel without looking at it; None if not asked for."""
    kriging: Floats | None
    """(13, y, x) what its errors at clear pixels add to that; None if not asked for."""
    land_cover: Codes
    """(y, x) WorldCover codes, 255 unknown."""
    known: Mask
    """(y, x) pixels whose truth has data in all present bands."""


def training_scene(options: SceneOptions, index: int) -> TrainingScene:
    """Make a scene.

    Args:
        options: What it is drawn from.
        index: Number of the scene, from 0.

    Returns:
        The scene; the same for the same arguments, whatever was made before.

    Raises:
        OptionError: The data hold no image to train on, or nothing to restore.
        RasterError: A file of the collection is missing or damaged.
    """
    for scene in islice(_attempts(options, index), MOST_ATTEMPTS):
        if scene is not None:
            return scene
    raise OptionError(NOTHING.format(index=index))


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
    surface = Surface(sample.level, sample.bands, clear, cloudy, sample.quality, radar, None)
    return _finished(surface, surface.sky, buffer, SceneOptions())


def _attempts(options: SceneOptions, index: int) -> Iterator[TrainingScene | None]:
    """Draws of the scene; None for one that nobody could restore, or that needs no restoring."""
    attempt = 0
    while True:
        rng = np.random.default_rng([options.seed, 0, index, attempt])
        surface = draw_surface(options, rng, index, attempt)
        buffer = int(rng.integers(BUFFERS[0], BUFFERS[1] + 1))
        yield _finished(surface, masked(surface.sky, surface.depth, rng), buffer, options)
        attempt += 1


def _finished(surface: Surface, mask: Codes, buffer: int, options: SceneOptions) -> TrainingScene | None:
    """What the networks see of a scene under a mask; None if nothing or nobody restores it."""
    shape = surface.sky.shape
    finite = np.isfinite(surface.optical)
    sky = np.where(finite.any(axis=0), surface.sky, np.uint8(Quality.NODATA)).astype(np.uint8)
    quality = grow(np.where(sky == Quality.NODATA, sky, mask), buffer)
    wanted, clear = is_wanted(quality), quality == Quality.CLEAR
    radar, valid = radar_of(surface.radar, shape)
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

    found = _prior(surface, quality) if options.with_prior else (None,) * 4
    prior, sigma, regression, kriging = (None if planes is None else scattered(planes) for planes in found)
    return TrainingScene(
        optical=scattered(surface.optical),
        truth=scattered(surface.truth),
        present=np.isin(L1C_BANDS, surface.bands),
        level=surface.level,
        radar=radar,
        radar_valid=valid,
        quality=quality,
        sky=sky,
        prior=prior,
        prior_sigma=sigma,
        regression=regression,
        kriging=kriging,
        land_cover=np.full(shape, LAND_COVER_NODATA, np.uint8) if surface.land_cover is None else surface.land_cover,
        known=np.isfinite(surface.truth).all(axis=0) & (quality != Quality.NODATA),
    )


def radar_of(given: Floats | None, shape: tuple[int, ...]) -> tuple[Floats, Mask]:
    """Radar as networks take it.

    Args:
        given: (2, y, x) dB, NaN = invalid; None without radar.
        shape: Height and width.

    Returns:
        (2, y, x) dB, the lower end of `bands.RADAR_DB_RANGE` where invalid; and (y, x), where it is valid.
    """
    radar = np.full((2, *shape), RADAR_DB_RANGE[0], np.float32)
    if given is None:
        return radar, np.zeros(shape, np.bool_)
    valid: Mask = np.asarray(np.isfinite(given).all(axis=0))
    return np.where(valid, given, radar), valid


def _prior(surface: Surface, quality: Codes) -> tuple[Floats, Floats, Floats, Floats]:
    """The scene prior as `NetworkEstimator` hands it to networks, in the bands of the scene."""
    optical = surface.optical
    scene = make_scene(optical, bands=surface.bands, level=surface.level, radar=surface.radar, quality=quality)
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore", SunbreakWarning)
        estimator, _ = fit_estimator(scene)
        if not isinstance(estimator, SceneEstimator):
            raise ValueError("nothing is to be restored")
        whole = Window(0, 0, *quality.shape)
        estimate = estimator.estimate(whole, optical, quality)
        regression, kriging = np.zeros(optical.shape, np.float32), np.zeros(optical.shape, np.float32)
        for cell in touching(whole, quality.shape):
            packed, kriging[:, cell.rows, cell.cols] = estimator.unlooked(cell)
            regression[:, cell.rows, cell.cols] = unpack(packed)
    restored = estimate.source != Source.NONE
    mean, sigma = np.where(restored, estimate.mean, optical), np.where(restored, estimate.sigma, np.float32(0.0))
    return mean, sigma, regression, kriging
