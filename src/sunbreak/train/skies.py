"""Crops of a ground, each under a part of its own of a wide sky; the light is worked out where the training runs.

What costs most of a training scene is its ground, then what clouds do to the light in every band. So a ground is kept
with a sky that is wider than it, of which optical depth and shadow are worked out once; every crop brings another place
on the ground under another place in the sky, and `laying.laid` works out the light, on the device. No torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.bands import L1C_BANDS
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_NODATA, Quality
from sunbreak.prior.estimators import is_wanted
from sunbreak.simulate.cloud_layers import HIGHEST, tune
from sunbreak.simulate.light import View, band_optics
from sunbreak.simulate.noise import Grid
from sunbreak.simulate.overlay import HALO, MARGIN, classify, veil
from sunbreak.simulate.parallax import band_shift
from sunbreak.simulate.sampling import COARSEST, aligned
from sunbreak.steps.mask import grow
from sunbreak.train.crops import ENOUGH, TRIES, Batch, arrays_of, turned
from sunbreak.train.grounds import Codes, Floats, Ground, draw_ground
from sunbreak.train.mask_errors import ALARM_CELLS, masked
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.scenes import BUFFERS, MOST_ATTEMPTS, NOTHING, TrainingScene, radar_of
from sunbreak.train.surfaces import joined

SPAN: Final = 1020
"""Side in pixels of the sky over a ground, a multiple of 60 m; its cover is met over all of it."""
MARGINS: Final = (HALO, HALO + COARSEST - 1)
"""Pixels before and after a ground that repeat its edges: light comes from there, too, and windows are aligned."""
USUAL: Final = 512
"""Side in pixels of the scenes that the cells of false alarms are meant for."""
LAYERS: Final = 2
"""Layers of cloud that a crop has room for."""
OPTICS: Final = ("scale", "bright", "relief", "deep", "square", "rest", "rate")
"""Constants of a layer in a band, see `light.LayerOptics`, in the order of `sky_optics`."""
REACH: Final = MARGIN + max(max(map(abs, band_shift(band, HIGHEST))) for band in L1C_BANDS)
"""Pixels by which optical depths extend beyond a crop's window, so that every band can look past its own side."""


class Overhead(NamedTuple):
    """A sky, and what it does to the light of all bands; on its pixels and those their light may come from."""

    depths: Floats
    """(2, v + 2 r, u + 2 r) optical depth of each layer in the frame of the green band, with `REACH` pixels more."""
    light: Floats
    """(2, v, u) share of direct light lost on the ground, and the largest optical depth that any band sees."""
    classes: Codes
    """(v, u) `legend.Quality`."""


@dataclass(frozen=True)
class OpenGround:
    """A ground, and the sky over it; bands in the order of `bands.L1C_BANDS`."""

    ground: Ground
    """The ground."""
    image: Floats
    """(13, v, u) what is seen of it without the sky, NaN = no data or no such band; with `MARGINS`."""
    own: Codes
    """(v, u) `legend.Quality` of that, with `MARGINS`."""
    overhead: Overhead | None
    """The sky; None for pairs, which have their own."""
    optics: Floats
    """(2 + 2 * 7, 13) constants of the light, see `sky_optics` of `crop_under_sky`."""
    moves: npt.NDArray[np.int64]
    """(2, 14, 2) displacements of the layers in every band, and towards the sun."""


class _Errors(NamedTuple):
    """How a mask errs in a crop: alike wherever it is looked for, lest a search for cloud find more false ones."""

    seed: int
    """Of the draws of `masked`."""
    buffer: int
    """Pixels that cloud and shadow are grown by."""


class _Look(NamedTuple):
    """A place on the ground under a place in the sky, with what lies around it."""

    inner: tuple[slice, slice]
    """The crop, on the ground."""
    around: tuple[slice, slice]
    """It and its surroundings, on the ground with its margins."""
    above: tuple[slice, slice]
    """What is over them, in the sky."""
    sky: Codes
    """(y, x) `legend.Quality` of the crop."""
    quality: Codes
    """(y, x) the same with the errors of a mask, cloud and shadow grown."""
    wanted: float
    """Share of pixels to restore."""


def open_ground(options: SceneOptions, index: int) -> OpenGround:
    """Draw a ground and its sky.

    Args:
        options: What they are drawn from.
        index: Number of the scene.

    Returns:
        The ground, the same for the same arguments.

    Raises:
        OptionError: The data hold no image to train on, or nothing to restore.
        RasterError: A file of the collection is missing or damaged.
    """
    for attempt in range(MOST_ATTEMPTS):
        ground = draw_ground(options, np.random.default_rng([options.seed, 0, index, attempt]), index, attempt)
        if _is_of_use(ground):
            return opened(ground)
    raise OptionError(NOTHING.format(index=index))


def _is_of_use(ground: Ground) -> bool:
    """Whether something is to be restored, and something is there to restore it from."""
    finite = np.isfinite(ground.optical)
    sky = np.where(finite.any(axis=0), ground.sky, np.uint8(Quality.NODATA))
    is_complete = bool(((sky == Quality.CLEAR) & finite.all(axis=0)).any())
    if ground.clouds is not None:
        return is_complete
    wanted = is_wanted(grow(sky, BUFFERS[0]))
    is_seen = ground.radar is not None and bool((wanted & np.isfinite(ground.radar).all(axis=0)).any())
    return bool(wanted.any()) and (is_complete or is_seen)


def opened(ground: Ground) -> OpenGround:
    """Make a ground ready for crops.

    Args:
        ground: The ground, with the clouds over it.

    Returns:
        It, with a wide sky of these clouds.
    """
    view = overhead = None
    if ground.clouds is not None and ground.air is not None:
        view = View(ground.bands, ground.level, tune(ground.clouds, (0, SPAN), (0, SPAN)), ground.air)
        overhead = _overhead(view)
    image = np.full((len(L1C_BANDS), *ground.sky.shape), np.nan, np.float32)
    image[_places(ground)] = ground.optical
    own = np.where(np.isnan(image).all(axis=0), np.uint8(Quality.NODATA), ground.sky)
    image, own = np.pad(image, ((0, 0), MARGINS, MARGINS), "edge"), np.pad(own, (MARGINS, MARGINS), "edge")
    # the image takes the place of what it was made from
    return OpenGround(ground._replace(optical=ground.truth), image, own, overhead, *_constants(view))


def _places(ground: Ground) -> list[int]:
    return [L1C_BANDS.index(name) for name in ground.bands]


def _overhead(view: View) -> Overhead:
    wide = aligned(Grid(0, 0, SPAN, SPAN), HALO)
    cover = veil(view.sky, wide, view.bands)
    depths = np.zeros((LAYERS, wide.height + 2 * REACH, wide.width + 2 * REACH), np.float32)
    spare = REACH - cover.reach
    for number, depth in enumerate(cover.depths):
        depths[number, spare : spare + depth.shape[0], spare : spare + depth.shape[1]] = depth
    return Overhead(depths, np.stack([cover.lost, cover.seen]), classify(cover))


def _constants(view: View | None) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Constants of the light and displacements, see `crop_under_sky`; without cloud, all light passes."""
    optics = np.zeros((2 + LAYERS * len(OPTICS), len(L1C_BANDS)), np.float32)
    moves = np.zeros((LAYERS, len(L1C_BANDS) + 1, 2), np.int64)
    firsts = [2 + number * len(OPTICS) for number in range(LAYERS)]
    optics[[first + OPTICS.index("rest") for first in firsts]] = 1.0
    if view is None:
        return optics, moves
    for band in view.bands:
        place, found = L1C_BANDS.index(band), band_optics(view, band)
        optics[:2, place] = found.direct, found.path
        for first, moved, layer in zip(firsts, moves, found.layers, strict=False):
            moved[place], moved[-1] = layer.shift, layer.ahead
            told = layer._asdict() | ({"rest": 1.0} if layer.absorbed is None else layer.absorbed._asdict())
            optics[first : first + len(OPTICS), place] = [told.get(name, 0.0) for name in OPTICS]
    return optics, moves


def crop_under_sky(kept: OpenGround, side: int, rng: np.random.Generator) -> Batch:
    """A crop of a ground under a part of its sky, turned and mirrored at random.

    Args:
        kept: The ground.
        side: In pixels, even.
        rng: Generator of the crop.

    Returns:
        The arrays of `crops.arrays_of` without `optical`, and what `laying.laid` makes that of, not turned:
        `sky_image` (13, v, u) reflectance on the crop and what its light may come from, NaN = no data; `sky_depths`
        (2, v + 2 r, u + 2 r) optical depth of each layer in the frame of the green band, with `REACH` pixels more;
        `sky_light` (2, v, u) share of direct light lost on the ground, and the largest optical depth that any band
        sees; `sky_optics` (16, 13), constants of the light: what a shadow lacks, light of the air, then those of
        `OPTICS` for each layer; `sky_moves` (2, 14, 2) int64, displacements of each layer in every band, and towards
        the sun; `sky_turn` (2,) int64, quarter turns and whether it is mirrored.
    """
    errors = _Errors(int(rng.integers(1 << 31)), int(rng.integers(BUFFERS[0], BUFFERS[1] + 1)))
    looked = _look(kept, side, rng, errors)
    for _ in range(TRIES - 1):
        if looked.wanted >= ENOUGH:
            break
        looked = max(looked, _look(kept, side, rng, errors), key=lambda look: look.wanted)
    turns, is_mirrored = int(rng.integers(4)), bool(rng.integers(2))
    arrays = arrays_of(_scene(kept.ground, looked), np.s_[...])
    del arrays["optical"]
    depths, light = _planes(kept.overhead, looked)
    return turned(arrays, turns, is_mirrored) | {
        "sky_image": kept.image[:, *looked.around],
        "sky_depths": depths,
        "sky_light": light,
        "sky_optics": kept.optics,
        "sky_moves": kept.moves,
        "sky_turn": np.array([turns, is_mirrored], np.int64),
    }


def _look(kept: OpenGround, side: int, rng: np.random.Generator, errors: _Errors) -> _Look:
    """Draw a place on the ground and one in the sky."""
    # on the samples of 20 m of the ground, and of 60 m of the sky
    top, left = (2 * int(rng.integers((length - side) // 2 + 1)) for length in kept.ground.sky.shape)
    above, before = (COARSEST * int(rng.integers((SPAN - side) // COARSEST + 1)) for _ in range(2))
    wide = aligned(Grid(0, 0, side, side), HALO).height
    around, over = (np.s_[row : row + wide, col : col + wide] for row, col in ((top, left), (above, before)))
    own = kept.own[around]
    if kept.overhead is None:
        sky, depth = own, np.full(own.shape, np.inf, np.float32)
    else:
        sky, depth = joined(own, kept.overhead.classes[over], kept.overhead.light[1][over])
    cells = max(2, round(ALARM_CELLS * wide / USUAL))
    quality = grow(masked(sky, depth, np.random.default_rng(errors.seed), cells), errors.buffer)
    middle, inner = np.s_[HALO : HALO + side, HALO : HALO + side], np.s_[top : top + side, left : left + side]
    wanted = is_wanted(quality[middle]) & _known(kept.ground, inner, quality[middle])
    return _Look(inner, around, over, sky[middle], quality[middle], float(wanted.mean()))


def _known(ground: Ground, place: tuple[slice, slice], quality: Codes) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] = np.isfinite(ground.truth[:, *place]).all(axis=0) & (quality != Quality.NODATA)
    return known


def _scene(ground: Ground, looked: _Look) -> TrainingScene:
    """The crop as a scene of its own, as if it were free of clouds."""
    place, shape = looked.inner, looked.sky.shape
    radar, valid = radar_of(None if ground.radar is None else ground.radar[:, *place], shape)
    unmapped = np.full(shape, LAND_COVER_NODATA, np.uint8)
    truth = np.zeros((len(L1C_BANDS), *shape), np.float32)
    truth[_places(ground)] = np.nan_to_num(ground.truth[:, *place], nan=0.0)
    return TrainingScene(
        optical=truth,
        truth=truth,
        present=np.isin(L1C_BANDS, ground.bands),
        level=ground.level,
        radar=radar,
        radar_valid=valid,
        quality=looked.quality,
        sky=looked.sky,
        prior=None,
        prior_sigma=None,
        regression=None,
        kriging=None,
        land_cover=unmapped if ground.land_cover is None else ground.land_cover[place],
        known=_known(ground, place, looked.quality),
    )


def _planes(overhead: Overhead | None, looked: _Look) -> tuple[Floats, Floats]:
    """Optical depths and lost light over a crop; zeros without a sky."""
    rows, cols = looked.above
    height, width = rows.stop - rows.start, cols.stop - cols.start
    if overhead is None:
        shape = (LAYERS, height + 2 * REACH, width + 2 * REACH)
        return np.zeros(shape, np.float32), np.zeros((2, height, width), np.float32)
    more = slice(rows.start, rows.stop + 2 * REACH), slice(cols.start, cols.stop + 2 * REACH)
    return overhead.depths[:, *more], overhead.light[:, rows, cols]
