"""What trainer, evaluator and exporter know of a restoration network: its inputs, findings and losses."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from torch import Tensor, nn
from torch.nn import functional

from sunbreak.errors import OptionError
from sunbreak.networks import losses
from sunbreak.networks.normalise import Tensors


@dataclass(frozen=True)
class Analysis:
    """What a network finds; networks with more to tell, for losses and diagnostics, have their own."""

    reflectance: Tensor
    """(n, 13, y, x)."""
    log_variance: Tensor | None = None
    """(n, 13, y, x), logarithm of the squared error of the reflectance; None where the network states none."""
    land_cover: Tensor | None = None
    """(n, 11, y, x), scores of the classes; None where the network maps none."""


Found = TypeVar("Found", bound=Analysis)


class RestorationNetwork(nn.Module, ABC, Generic[Found]):
    """A network that restores; inputs and outputs by the names in `sunbreak.engine`, y and x multiples of 16.

    A new network states `inputs` and writes `analyse`; everything else has a default.
    """

    inputs: tuple[str, ...]
    """Names of the inputs it takes."""
    maps_land_cover = False
    """Whether phase 2 of a training can attach a land cover decoder."""

    @abstractmethod
    def analyse(self, inputs: Tensors) -> Found:
        """Run the network.

        Args:
            inputs: By name, see `sunbreak.engine`.

        Returns:
            Everything it finds.
        """

    def losses(self, found: Found, batch: Tensors, progress: float) -> dict[str, Tensor]:
        """What phase 1 minimises: the sum of these.

        Args:
            found: From `analyse`.
            batch: The inputs; `truth` (n, 13, y, x); `counts` and `restore` (n, 13, y, x), 1 where the truth is known,
                and where it is also to be restored; `emphasis` (n, 13, y, x), the weight of every value in means that
                favour what is to be restored; `sky` (n, y, x), `legend.Quality` before growing.
            progress: Share of the phase that is done, 0 to 1, for schedules.

        Returns:
            Losses by name, already weighted; 0.9 x absolute error + 0.1 x (1 - structural similarity) unless a network
            has its own.
        """
        return {"reconstruction": losses.reconstruction(found.reflectance, batch["truth"], batch["emphasis"])}

    def undecayed(self) -> Iterable[nn.Parameter]:
        """Weights that weight decay must leave alone.

        Returns:
            The weights, beside all vectors (biases, norms and scales), which are never decayed.
        """
        return ()

    def attach_land_cover(self) -> None:
        """Begin phase 2: join a land cover decoder.

        Raises:
            OptionError: The network maps no land cover, see `maps_land_cover`.
        """
        raise OptionError(f"{type(self).__name__}: maps no land cover; train it without phase 2")

    def shared_with_land_cover(self) -> list[nn.Module]:
        """The parts between encoder and output that phase 2 may train along with the land cover decoder.

        Returns:
            Parts of the network.
        """
        return []

    def forward(self, inputs: Tensors) -> dict[str, Tensor]:
        """Restore.

        Args:
            inputs: By name, see `sunbreak.engine`.

        Returns:
            `reflectance` (n, 13, y, x); where the network has them, `log_variance` (n, 13, y, x) and `land_cover`
            (n, 11, y, x), probabilities.
        """
        found = self.analyse(inputs)
        outputs = {"reflectance": found.reflectance}
        if found.log_variance is not None:
            outputs["log_variance"] = found.log_variance
        if found.land_cover is not None:
            outputs["land_cover"] = functional.softmax(found.land_cover, dim=1)
        return outputs
