"""Calibrate the error that a network states for its own values, on scenes it was not trained on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import torch

from sunbreak.bands import L1C_BANDS
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.networks.normalise import Tensors
from sunbreak.train.batches import Plan
from sunbreak.train.laying import laid
from sunbreak.train.samples import SampleStream
from sunbreak.train.sources import Sources

SCENES: Final = 40
"""Scenes under skies, and for the simulated ones on land, that no training with the same seed has seen."""
OTHER_SEED: Final = 1_000_003
"""Added to the seed of the training."""
ONE_SIGMA: Final = 0.6827
"""Share of errors of a Gaussian within one sigma."""
VALUES: Final = 4000
"""Pixels of a scene that are looked at."""


@torch.no_grad()
def sigma_scale(network: RestorationNetwork[Any], plan: Plan) -> list[float] | None:
    """Factors that make 68 % of the errors fall within one sigma, on same-date simulated clouds.

    Args:
        network: A trained network.
        plan: The samples of its training; others are drawn with the same shares. Pairs are left out: another seed would
            only bring the same ones again, and their truth is of another date.

    Returns:
        A factor for each of `bands.L1C_BANDS`; None where the network states no error.
    """
    options = plan.options
    sources = replace(plan.sources, pairs=())
    unpaired = replace(plan, sources=sources if sources.simulated or sources.real else Sources())
    stream = unpaired.stream(options.final_crop).options
    scenes = replace(stream.scenes, seed=options.seed + OTHER_SEED)
    fresh = SampleStream(replace(stream, scenes=scenes, batch=1, reuse=1, lanes=1))
    ratios = Ratios(options.seed)
    for step in range(SCENES):
        batch = laid({name: torch.from_numpy(array.copy()) for name, array in fresh.batch(step).items()})
        found = network.eval()(batch)
        if "log_variance" not in found:
            return None
        ratios.add(found, batch)
    return ratios.scale()


class Ratios:
    """Errors as multiples of the stated one, gathered scene by scene."""

    def __init__(self, seed: int) -> None:
        """Begin with none.

        Args:
            seed: Of the choice of pixels.
        """
        self._generator = torch.Generator().manual_seed(seed)
        self._found: list[list[torch.Tensor]] = [[] for _ in L1C_BANDS]

    def add(self, found: Tensors, batch: Tensors) -> None:
        """Add some pixels of a scene.

        Args:
            found: Outputs of a network; without `log_variance` nothing is added.
            batch: Of one scene, see `samples.SampleStream.batch`.
        """
        if "log_variance" not in found:
            return
        off = (found["reflectance"] - batch["truth"]).abs() * torch.exp(-0.5 * found["log_variance"])
        where = batch["restore"][0, 0].flatten().nonzero()[:, 0]
        where = where[torch.randperm(len(where), generator=self._generator)[:VALUES]]
        for band in batch["present"][0, :, 0, 0].nonzero()[:, 0].tolist():
            self._found[band].append(off[0, band].flatten()[where])

    def scale(self) -> list[float] | None:
        """The factors.

        Returns:
            One for each of `bands.L1C_BANDS`, 1 where nothing is known; None where no error was stated at all.
        """
        if not any(self._found):
            return None
        joined = [torch.cat(found) if found else torch.empty(0) for found in self._found]
        return [round(float(torch.quantile(one, ONE_SIGMA)), 4) if len(one) else 1.0 for one in joined]
