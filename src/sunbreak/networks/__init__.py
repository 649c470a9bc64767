"""The networks by name, in PyTorch (`pip install 'sunbreak[train]'`); normalisation lives inside each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn

from sunbreak.errors import OptionError
from sunbreak.networks.cloud_mask import cloud_mask
from sunbreak.networks.tdp_cr import tdp_cr, tdp_cr_large, tdp_cr_prior

NETWORKS: Final[dict[str, Callable[..., nn.Module]]] = {
    "tdp-cr": tdp_cr,
    "tdp-cr-large": tdp_cr_large,
    "tdp-cr-prior": tdp_cr_prior,
    "cloud-mask": cloud_mask,
}
"""Builders; each takes the fields of its options by name."""


def build(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: One of `NETWORKS`.
        config: Fields of its options that differ from the defaults.

    Returns:
        The network: `forward` takes and returns tensors by the names in `sunbreak.engine`; its `inputs` lists what it
        takes.

    Raises:
        OptionError: No network of that name, or it has no such option.

    Example:
        >>> network = build("cloud-mask")
        >>> sum(weight.numel() for weight in network.parameters()) < 300_000
        True
    """
    if name not in NETWORKS:
        raise OptionError(f"network {name!r}: unknown; one of {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](**dict(config or {}))
    except TypeError as error:
        raise OptionError(f"network {name!r}: {error}") from error
