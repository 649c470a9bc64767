"""Samples to learn from: batches of crops of training scenes, each a pure function of the options and the step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.bands import LEVELS
from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, Quality
from sunbreak.prior.estimators import is_wanted
from sunbreak.train.scenes import TrainingScene, training_scene
from sunbreak.train.surfaces import SceneOptions

Batch = dict[str, npt.NDArray[Any]]
"""Arrays by name, the number of the crop first."""

TRIES: Final = 4
"""Places tried for a crop."""
ENOUGH: Final = 0.05
"""Share of pixels to restore that ends the search."""
UNKNOWN: Final = 255
"""Label of pixels that nothing is known of."""
_LABELS: Final = {Quality.CLEAR: 0, Quality.THIN_CLOUD: 1, Quality.THICK_CLOUD: 2, Quality.SHADOW: 3}
_RANKS: Final = (Quality.THICK_CLOUD, Quality.SHADOW, Quality.THIN_CLOUD, Quality.CLEAR, Quality.NODATA)
"""Which class a pixel of 20 m takes when several are equally frequent in it."""


@dataclass(frozen=True)
class SampleOptions:
    """How crops are taken from scenes."""

    scenes: SceneOptions = field(default_factory=SceneOptions)
    """The scenes; `smallest` is set to `crop`."""
    batch: int = 8
    """Crops a step."""
    crop: int = 128
    """Side of a crop in pixels; even, at most the side of a scene."""
    reuse: int = 16
    """Crops taken from a scene before the next one takes its place."""
    lanes: int = 1
    """Independent sequences of scenes; step s belongs to lane s % lanes, so that each process keeps its own scenes."""

    def __post_init__(self) -> None:
        for name in ("batch", "reuse", "lanes"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}: must be at least 1")
        if self.crop < 2 or self.crop % 2 or self.crop > self.scenes.size:
            raise OptionError(f"crop {self.crop}: must be even, and at most the scene's size of {self.scenes.size}")


class SampleStream:
    """Batches by the number of their step.

    Example:
        >>> stream = SampleStream(SampleOptions(SceneOptions(size=64, with_prior=False), batch=1, crop=32))
        >>> stream.batch(5)["optical"].shape
        (1, 13, 32, 32)
    """

    def __init__(self, options: SampleOptions) -> None:
        self.options = options
        self._scene_options = replace(options.scenes, smallest=options.crop)
        self._kept: dict[tuple[int, int], tuple[int, TrainingScene]] = {}

    def batch(self, step: int) -> Batch:
        """The batch of a step.

        Args:
            step: Number of the step, from 0.

        Returns:
            Float32 arrays unless said otherwise: `optical`, `truth` (n, 13, y, x) reflectance, 0 where unknown;
            `present` (n, 13, 1, 1); `level` (n, 2, 1, 1); `radar` (n, 2, y, x) dB; `radar_valid` (n, 1, y, x);
            `quality` (n, 5, y, x), a plane for each class of `legend.Quality`; `prior`, `prior_sigma`, `regression`,
            `kriging` (n, 13, y, x) unless left out; `weight` (n, 1, y, x), 1 where the truth is known; `restore`
            (n, 1, y, x), 1 where it is known and to be restored; `land_cover` (n, y, x) int64, index into the sorted
            codes of the legend, 255 unknown; `sky` (n, y, x) int64, true classes.
        """
        crops = [self._crop(step, slot) for slot in range(self.options.batch)]
        return {name: np.stack([crop[name] for crop in crops]) for name in crops[0]}

    def scene_index(self, step: int, slot: int) -> int:
        """Number of the scene that a crop is taken from.

        Args:
            step: Number of the step.
            slot: Number of the crop in its batch.

        Returns:
            Index for `scenes.training_scene`; no two lanes or slots share one.
        """
        options = self.options
        # staggered, so that scenes are not all replaced at the same step
        turn = (step // options.lanes + slot * options.reuse // options.batch) // options.reuse
        return (turn * options.lanes + step % options.lanes) * options.batch + slot

    def _scene(self, step: int, slot: int) -> TrainingScene:
        index, key = self.scene_index(step, slot), (step % self.options.lanes, slot)
        kept = self._kept.pop(key, None)
        if kept is None or kept[0] != index:
            kept = None  # let go of it before the next one is made
            kept = index, training_scene(self._scene_options, index)
        self._kept[key] = kept
        return kept[1]

    def _crop(self, step: int, slot: int) -> Batch:
        scene, side = self._scene(step, slot), self.options.crop
        rng = np.random.default_rng([self.options.scenes.seed, 1, step, slot])
        turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
        wanted = is_wanted(scene.quality) & scene.known
        best, place = -1.0, (..., slice(0, side), slice(0, side))
        for _ in range(TRIES):
            top, left = (int(rng.integers(length - side + 1)) for length in wanted.shape)
            here = (..., slice(top, top + side), slice(left, left + side))
            share = float(wanted[here].mean())
            if share > best:
                best, place = share, here
            if share >= ENOUGH:
                break
        arrays = arrays_of(scene, place)
        return {name: _turned(array, turns, mirrored) for name, array in arrays.items()}


def at_20m(batch: Batch) -> Batch:
    """The inputs and labels of the mask network, on pixels of 20 m.

    Args:
        batch: From `SampleStream.batch`.

    Returns:
        `optical` (n, 13, y/2, x/2), means of 2 x 2 pixels; `present`, `level`; and `labels` (n, y/2, x/2) int64: 0
        clear, 1 thin cloud, 2 thick cloud, 3 shadow, 255 no data, the most frequent of 2 x 2 pixels.
    """
    optical, sky = batch["optical"], batch["sky"]
    quarters = [np.s_[..., row::2, col::2] for row in (0, 1) for col in (0, 1)]
    mean = sum((optical[quarter] for quarter in quarters[1:]), optical[quarters[0]]) * np.float32(0.25)
    votes = np.stack([sum((sky[quarter] == code).astype(np.int8) for quarter in quarters) for code in _RANKS])
    labels = np.array([_LABELS.get(code, UNKNOWN) for code in _RANKS], np.int64)[votes.argmax(axis=0)]
    return {"optical": mean, "present": batch["present"], "level": batch["level"], "labels": labels}


def arrays_of(scene: TrainingScene, place: Any) -> Batch:
    """A crop of a scene, as networks and losses take it.

    Args:
        scene: The scene.
        place: Index of its pixels, such as `np.s_[..., :128, :128]`.

    Returns:
        The arrays of `SampleStream.batch`, without their first axis.
    """
    quality, known = scene.quality[place], scene.known[place]
    codes = np.full(256, UNKNOWN, np.int64)
    codes[sorted(LAND_COVER_LEGEND)] = np.arange(len(LAND_COVER_LEGEND))
    codes[LAND_COVER_NODATA] = UNKNOWN
    arrays: Batch = {
        "optical": scene.optical[place],
        "present": scene.present[:, np.newaxis, np.newaxis].astype(np.float32),
        "level": np.array([name == scene.level for name in LEVELS], np.float32)[:, np.newaxis, np.newaxis],
        "radar": scene.radar[place],
        "radar_valid": scene.radar_valid[place][np.newaxis].astype(np.float32),
        "quality": np.stack([quality == code for code in Quality]).astype(np.float32),
        "truth": np.where(known, scene.truth[place], np.float32(0.0)),
        "weight": known[np.newaxis].astype(np.float32),
        "restore": (known & is_wanted(quality))[np.newaxis].astype(np.float32),
        "land_cover": codes[scene.land_cover[place]],
        "sky": scene.sky[place].astype(np.int64),
    }
    for name in ("prior", "prior_sigma", "regression", "kriging"):
        planes: npt.NDArray[np.float32] | None = getattr(scene, name)
        if planes is not None:
            arrays[name] = planes[place]
    return arrays


def _turned(array: npt.NDArray[Any], turns: int, mirrored: bool) -> npt.NDArray[Any]:
    turned = np.rot90(array, turns, axes=(-2, -1))
    return turned[..., ::-1] if mirrored else turned
