"""How weights are adapted to the user's own area: every setting of `sunbreak adapt`, with its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, get_args

from sunbreak.errors import OptionError
from sunbreak.train.options import TrainOptions

Parts = Literal["head", "decoder", "all"]
"""What moves: the last stage of the decoder with the image head; all of the decoder; everything."""
WITHOUT_END: Final = 10**9
"""Steps of a training that ends with its time."""


@dataclass(frozen=True)
class AdaptOptions:
    """Settings of an adaptation."""

    parts: Parts = "head"
    """What moves: `head`, the last stage of the decoder with the image head; `decoder`, all of it; or `all`."""
    steps: int = 0
    """Steps in the place of a time, for runs that can be repeated; 0 takes as many as the time allows."""
    learning_rate: float = 1e-4
    """Highest rate of AdamW, a fifteenth of that of a training; it rises shortly and falls along a cosine to 0."""
    weight_decay: float = 1e-3
    """Of AdamW."""
    batch: int = 2
    """Crops in a step."""
    crop: int = 256
    """Largest side of the crops in pixels, a multiple of 16; smaller where the images are."""
    window: int = 512
    """Largest side of the windows that are cut from the images, in pixels."""
    reuse: int = 16
    """Crops taken from a window under one sky before the next takes its place."""
    buffer: int = 4
    """Pixels by which cloud and shadow of the images grow before the rest counts as clear."""
    held: float = 0.15
    """Share of the dates, the last ones, that nothing is learnt from: the outcome is checked on them."""
    skies: int = 32
    """Simulated skies over the held dates that the outcome is checked under."""
    ema: float = 0.0
    """Share of the running mean of the weights that every step keeps; 0 takes the last."""
    seed: int = 0
    """Seed of the skies and crops."""
    checkpoint: int = 50
    """Steps between checkpoints."""
    workers: int = 1
    """Processes that make samples."""

    def __post_init__(self) -> None:
        if self.parts not in get_args(Parts):
            raise OptionError(f"parts {self.parts!r}: one of {', '.join(get_args(Parts))}")
        if self.window < 64:
            raise OptionError(f"window {self.window}: must be at least 64")
        if self.crop < 64 or self.crop % 16:
            raise OptionError(f"crop {self.crop}: must be a multiple of 16, at least 64")
        if not 0.0 < self.held < 1.0:
            raise OptionError(f"held {self.held}: must lie between 0 and 1")
        if self.steps < 0 or self.skies < 1 or not 0 <= self.buffer <= 500:
            raise OptionError(
                f"steps {self.steps}, skies {self.skies}, buffer {self.buffer}: must be at least 0, 1, and 0 to 500"
            )
        self.training(64)  # checks the others

    def training(self, smallest: int) -> TrainOptions:
        """The same as settings of a training.

        Args:
            smallest: Shortest side in pixels of the windows.

        Returns:
            Settings; nothing is dropped from the images, which are as those that will be restored.
        """
        crop = min(self.crop, smallest // 16 * 16)
        return TrainOptions(
            steps=self.steps or WITHOUT_END,
            semantic_steps=0,
            # where images are smaller, more crops make up for it
            batch=max(1, self.batch * self.crop**2 // crop**2) if crop >= 128 else self.batch * 4,
            crop=crop,
            final_crop=crop,
            final_share=0.0,
            real_share=1.0,
            scene_size=max(self.window, crop),
            reuse=self.reuse,
            radar_dropout=0.0,
            band_dropout=0.0,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            ema=self.ema,
            seed=self.seed,
            checkpoint=self.checkpoint,
            workers=self.workers,
        )
