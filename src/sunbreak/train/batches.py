"""What a training sees at which step: batches made in other processes, the same whenever it is resumed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import lightning.pytorch as pl
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from sunbreak.train.laying import laid
from sunbreak.train.options import TrainOptions
from sunbreak.train.samples import SampleOptions, SampleStream, at_20m
from sunbreak.train.scene_options import SceneOptions
from sunbreak.train.sources import Sources


@dataclass(frozen=True)
class Plan:
    """The samples of one phase."""

    options: TrainOptions
    """Sizes, shares and seed."""
    sources: Sources
    """Where scenes come from."""
    first: int
    """Number of the phase's first step in the stream: phase 2 goes on where phase 1 ended."""
    steps: int
    """Steps of the phase."""
    prior: bool = True
    """With the scene prior, for networks that take it."""
    mask: bool = False
    """Samples of the mask network instead of those of restoration."""
    in_process: bool = False
    """Make the samples in the process that trains, not beside it; they are the same."""

    @property
    def real_share(self) -> float:
        """Share of scenes that are not simulated."""
        if not self.sources.real:
            return 0.0
        return self.options.real_share if self.sources.simulated else 1.0

    @property
    def switch(self) -> int:
        """First step at the final size of the crops."""
        return self.steps - round(self.options.final_share * self.steps)

    def stream(self, crop: int) -> SampleStream:
        """The stream of one size of crops, with the same number of pixels a step.

        Args:
            crop: Side in pixels.

        Returns:
            The stream.
        """
        options = self.options
        scenes = SceneOptions(
            seed=options.seed,
            size=options.scene_size,
            collection=self.sources.collection,
            pairs=self.sources.pairs,
            windows=self.sources.windows,
            real_share=self.real_share,
            pair_share=options.pair_share,
            with_prior=self.prior,
            radar_dropout=options.radar_dropout,
            band_dropout=options.band_dropout,
            clear_share=options.clear_share if self.mask else 0.0,
        )
        batch = max(1, options.batch * options.crop**2 // crop**2)
        # every process on every device keeps its own scenes
        lanes = options.workers * options.devices
        reuse = max(1, options.reuse * options.crop**2 // crop**2)
        return SampleStream(
            SampleOptions(scenes, batch=batch, crop=crop, reuse=reuse, lanes=lanes, own_skies=options.own_skies)
        )


class Batches(IterableDataset[dict[str, Tensor]]):
    """The batches of one device, from one step of a phase to its end."""

    def __init__(self, plan: Plan, start: int, rank: int = 0) -> None:
        super().__init__()
        self.plan, self.start, self.rank = plan, start, rank

    def __iter__(self) -> Iterator[dict[str, Tensor]]:
        worker = get_worker_info()
        offset, stride = (worker.id, worker.num_workers) if worker is not None else (0, 1)
        plan = self.plan
        stream = None
        for step in range(self.start + offset, plan.steps, stride):
            crop = plan.options.crop if step < plan.switch else plan.options.final_crop
            if stream is None or stream.options.crop != crop:
                stream = plan.stream(crop)
            arrays = stream.batch((plan.first + step) * plan.options.devices + self.rank)
            yield {name: torch.from_numpy(array) for name, array in (at_20m(arrays) if plan.mask else arrays).items()}


def in_order(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Lay images out pixel by pixel, as the networks are that take them: convolutions are quicker so.

    Args:
        batch: By name.

    Returns:
        The batch, its four-dimensional tensors with the channels last in memory.
    """
    return {
        name: tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
        for name, tensor in batch.items()
    }


class Batched(pl.LightningDataModule):
    """Makes batches in other processes, for every device its own."""

    def __init__(self, plan: Plan, start: int) -> None:
        """Prepare a phase.

        Args:
            plan: The samples.
            start: Step of the phase to start at.
        """
        super().__init__()
        self.plan, self.start = plan, start

    def train_dataloader(self) -> DataLoader[dict[str, Tensor]]:
        """A loader that ends with the phase."""
        rank = self.trainer.global_rank if self.trainer is not None else 0
        batches = Batches(self.plan, self.start, rank)
        workers, ahead = (0, None) if self.plan.in_process else (self.plan.options.workers, 4)
        # from pinned memory they are copied to a GPU without anybody waiting
        pinned = torch.cuda.is_available()
        return DataLoader(batches, batch_size=None, num_workers=workers, prefetch_factor=ahead, pin_memory=pinned)

    def on_after_batch_transfer(self, batch: dict[str, Tensor], dataloader_idx: int) -> dict[str, Tensor]:
        """Lay skies where the training runs, and bring images into the order that suits networks.

        Args:
            batch: On its device.
            dataloader_idx: Unused.

        Returns:
            What the module takes.
        """
        return in_order(laid(batch))
