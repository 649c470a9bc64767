"""Check an adaptation on dates that nothing was learnt from, under skies that are the same before and after."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import torch

from sunbreak.legend import Quality
from sunbreak.metrics.pixelwise import psnr
from sunbreak.metrics.protocols import get_protocol
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.networks.normalise import Tensors
from sunbreak.train.batches import Plan
from sunbreak.train.calibration import OTHER_SEED, Ratios
from sunbreak.train.samples import SampleStream

PROTOCOL: Final = "sunbreak"
"""How the check scores."""


@dataclass(frozen=True)
class Checked:
    """What a check has found."""

    before: float
    """Mean PSNR in dB over cloud pixels of the given weights."""
    after: float
    """The same of the adapted ones."""
    skies: int
    """Skies that both were scored under."""
    sigma_scale: list[float] | None
    """Factors of the adapted weights' error, see `calibration`; None where they state no error."""

    @property
    def helped(self) -> bool:
        """Whether the adapted weights are the better ones."""
        return self.after > self.before

    @property
    def told(self) -> dict[str, Any]:
        """For the card."""
        return {
            "protocol": PROTOCOL,
            "region": "cloud",
            **({"psnr_before": round(self.before, 3), "psnr_after": round(self.after, 3)} if self.skies else {}),
            "skies": self.skies,
        }


@torch.no_grad()
def check(before: RestorationNetwork[Any], after: RestorationNetwork[Any], plan: Plan, skies: int) -> Checked:
    """Score given and adapted weights under the same skies over the same ground.

    Args:
        before: With the given weights.
        after: With the adapted ones.
        plan: Samples of the held dates.
        skies: Number of skies.

    Returns:
        Their scores; NaN where no sky left a cloud over known ground.
    """
    options = plan.options
    stream = plan.stream(options.final_crop).options
    scenes = replace(stream.scenes, seed=options.seed + OTHER_SEED)
    fresh = SampleStream(replace(stream, scenes=scenes, batch=1, reuse=1, lanes=1))
    ratios = Ratios(options.seed)
    scores: list[tuple[float, float]] = []
    for step in range(skies):
        batch = {name: torch.from_numpy(array.copy()) for name, array in fresh.batch(step).items()}
        found = after.eval()(batch)
        ratios.add(found, batch)
        pair = [_psnr(network["reflectance"], batch) for network in (before.eval()(batch), found)]
        if not any(map(math.isnan, pair)):
            scores.append((pair[0], pair[1]))
    first, second = (float(np.mean(column)) if scores else math.nan for column in _columns(scores))
    return Checked(first, second, len(scores), ratios.scale())


def _columns(scores: Sequence[tuple[float, float]]) -> tuple[list[float], list[float]]:
    return [one for one, _ in scores], [other for _, other in scores]


def _psnr(estimate: torch.Tensor, batch: Tensors) -> float:
    sky = batch["sky"][0]
    cloud = (sky == Quality.THIN_CLOUD) | (sky == Quality.THICK_CLOUD)
    # what a mask has missed is left as it is, whatever the network says
    where = cloud.numpy() & (batch["restore"][0, 0].numpy() > 0)
    bands = batch["present"][0, :, 0, 0].numpy() > 0
    floor = get_protocol(PROTOCOL).mse_floor
    return psnr(estimate[0].numpy()[bands], batch["truth"][0].numpy()[bands], where, floor=floor)
