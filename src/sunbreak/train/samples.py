"""Samples to learn from: batches of crops of training scenes, each a pure function of the options and the step."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.train.crops import UNKNOWN, Batch, crop_of
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.scenes import TrainingScene, training_scene
from sunbreak.train.skies import SPAN, OpenGround, crop_under_sky, open_ground

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
    own_skies: bool = False
    """Every crop lies under a part of its own of the scene's sky, laid by `laying.laid`; without the scene prior."""

    def __post_init__(self) -> None:
        for name in ("batch", "reuse", "lanes"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}: must be at least 1")
        if self.crop < 2 or self.crop % 2 or self.crop > self.scenes.size:
            raise OptionError(f"crop {self.crop}: must be even, and at most the scene's size of {self.scenes.size}")
        if self.own_skies and self.crop > SPAN:
            raise OptionError(f"own_skies: skies are {SPAN} pixels wide, crops of {self.crop} are too large for them")
        if self.own_skies and self.scenes.with_prior:
            raise OptionError(
                "own_skies: the scene prior is fitted on a whole scene under one sky; leave out one of them"
            )


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
        self._kept: dict[tuple[int, int], tuple[int, TrainingScene | OpenGround]] = {}

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
            codes of the legend, 255 unknown; `sky` (n, y, x) int64, true classes. With `own_skies` the parts that
            `laying.laid` makes `optical` of in its place, see `skies.crop_under_sky`.
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

    def _scene(self, step: int, slot: int) -> TrainingScene | OpenGround:
        index, key = self.scene_index(step, slot), (step % self.options.lanes, slot)
        kept = self._kept.pop(key, None)
        if kept is None or kept[0] != index:
            kept = None  # let go of it before the next one is made
            make = open_ground if self.options.own_skies else training_scene
            kept = index, make(self._scene_options, index)
        self._kept[key] = kept
        return kept[1]

    def _crop(self, step: int, slot: int) -> Batch:
        rng = np.random.default_rng([self.options.scenes.seed, 1, step, slot])
        kept = self._scene(step, slot)
        if isinstance(kept, OpenGround):
            return crop_under_sky(kept, self.options.crop, rng)
        return crop_of(kept, self.options.crop, rng)


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
