"""How networks are trained: every setting of `sunbreak train`, with its default."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

from sunbreak.errors import OptionError

Trainable = Literal["head", "decoder", "all"]
"""What phase 2 trains: the land cover decoder; the shared decoder and the image head too; everything."""


@dataclass(frozen=True)
class TrainOptions:
    """Settings of a training; the defaults are those of the shipped restoration network."""

    steps: int = 2200
    """Steps of phase 1, reconstruction (or of the mask network's only phase)."""
    semantic_steps: int = 600
    """Steps of phase 2, land cover; 0 leaves it out."""
    semantic_trainable: Trainable = "head"
    """What phase 2 trains: `head` leaves the restoration as it is; `decoder` trains the shared decoder too; `all`."""
    semantic_reuse: int = 8
    """Like `reuse`, in phase 2: labels are coarse, so it needs more scenes and fewer crops of each."""
    batch: int = 4
    """Crops in a step, at the size of `crop`."""
    crop: int = 128
    """Side in pixels of the crops."""
    final_crop: int = 256
    """Side of the crops at the end of each phase: networks pool over the whole patch, so they finish at the size they
    are run at; the batch shrinks to keep the number of pixels."""
    final_share: float = 0.25
    """Share of the steps of each phase at the final size."""
    real_share: float = 0.3
    """Share of scenes that are not simulated, where other data are given beside `simulated:`."""
    pair_share: float = 0.5
    """Share of real pairs among those, where clear images under simulated clouds are given too."""
    scene_size: int = 512
    """Side in pixels of the simulated scenes that crops are taken from."""
    reuse: int = 32
    """Crops taken from a scene before another takes its place."""
    own_skies: bool = False
    """Lay every crop under another part of its scene's sky, on the device that trains; scenes can then be kept for far
    longer (`reuse`). Not for networks that take the scene prior, nor for the mask network."""
    radar_dropout: float = 0.1
    """Share of scenes that lose their radar, wholly or partly."""
    band_dropout: float = 0.25
    """Share of scenes that keep a subset of their bands."""
    clear_share: float = 0.35
    """Share of scenes without any cloud, for the mask network only."""
    learning_rate: float = 1.5e-3
    """Highest rate of AdamW; phase 2 takes a tenth of it for what phase 1 has trained."""
    weight_decay: float = 1e-3
    """Of AdamW."""
    warmup: int = 100
    """Steps in which the rate rises; then it falls along a cosine to a hundredth."""
    clip: float = 0.5
    """Largest norm of the gradient."""
    land_cover_weight: float = 0.05
    """Weight of land cover in phase 2."""
    clear_weight: float = 0.1
    """Weight of pixels that are not to be restored, beside 1 for those that are."""
    ema: float = 0.0
    """Share of the running mean of the weights that every step keeps, 0.999 for long trainings; 0 takes the last."""
    compile: bool = False
    """Compile the network, which takes about two minutes for each size of crops the first time, and needs a C++
    compiler (on a GPU, Triton): for trainings of hours."""
    devices: int = 1
    """GPUs, or processes on a CPU; each makes `batch` crops a step, so the samples are other ones."""
    seed: int = 0
    """Seed of weights and samples."""
    start_from: str | None = None
    """Go on from these weights: name of a model, folder of a run, or .onnx with .safetensors beside it; None: anew."""
    checkpoint: int = 100
    """Steps between checkpoints."""
    workers: int = 1
    """Processes that make samples; part of the samples' definition, so a resumed training keeps it."""

    def __post_init__(self) -> None:
        if self.semantic_trainable not in get_args(Trainable):
            raise OptionError(
                f"semantic_trainable {self.semantic_trainable!r}: one of {', '.join(get_args(Trainable))}"
            )
        for name in ("steps", "batch", "reuse", "semantic_reuse", "checkpoint", "workers", "devices"):
            if getattr(self, name) < 1:
                raise OptionError(f"{name} {getattr(self, name)}: must be at least 1")
        for name in ("real_share", "pair_share", "final_share", "radar_dropout", "band_dropout", "clear_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise OptionError(f"{name} {getattr(self, name)}: must be between 0 and 1")
        # written so that NaN fails too
        for name in ("semantic_steps", "weight_decay", "warmup", "clip", "land_cover_weight", "clear_weight"):
            if not 0 <= getattr(self, name) < math.inf:
                raise OptionError(f"{name} {getattr(self, name)}: must be 0 or more")
        if not 0 < self.learning_rate < math.inf:
            raise OptionError(f"learning_rate {self.learning_rate}: must be above 0")
        if not 0 <= self.seed < 2**32:
            raise OptionError(f"seed {self.seed}: must be 0 or more, and below 2^32")
        if not 0.0 <= self.ema < 1.0:
            raise OptionError(f"ema {self.ema}: must be at least 0 and below 1")
        for name in ("crop", "final_crop", "scene_size"):
            if getattr(self, name) < 64 or getattr(self, name) % 16:
                raise OptionError(f"{name} {getattr(self, name)}: must be a multiple of 16, at least 64")
        if max(self.crop, self.final_crop) > self.scene_size:
            raise OptionError(f"scene_size {self.scene_size}: smaller than the crops")
