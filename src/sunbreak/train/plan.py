"""What an adaptation is made of: the network with the given weights, and the plan of its samples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from sunbreak.errors import OptionError
from sunbreak.networks import build
from sunbreak.networks.interface import RestorationNetwork
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.batches import Plan
from sunbreak.train.sources import Sources
from sunbreak.train.start import Start, begin_with


def given_network(start: Start) -> RestorationNetwork[Any]:
    """Build the network of given weights, with them.

    Args:
        start: The weights.

    Returns:
        The network.

    Raises:
        OptionError: They are not of a network that restores, or do not fit it.
    """
    architecture = start.architecture()
    torch.manual_seed(0)
    network = build(architecture.network, dict(architecture.config))
    if not isinstance(network, RestorationNetwork):
        raise OptionError(f"{start.card.path}: {architecture.network} restores nothing; take another --model")
    begin_with(network, start)
    return network


def plan_of(windows: Path, smallest: int, network: RestorationNetwork[Any], options: AdaptOptions) -> Plan:
    """The samples of an adaptation.

    Args:
        windows: List of windows.
        smallest: Shortest side in pixels of any.
        network: What is adapted.
        options: Sizes and seed.

    Returns:
        The plan.
    """
    training = options.training(smallest)
    sources = Sources(simulated=False, windows=str(windows))
    return Plan(training, sources, 0, training.steps, prior="prior" in network.inputs)
