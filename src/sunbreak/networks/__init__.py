"""The networks of `sunbreak.registry`, in PyTorch (`sunbreak[train]`); normalisation lives inside each."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from torch import nn

from sunbreak.errors import OptionError
from sunbreak.registry import CLASSIFIERS, NETWORKS


def build(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: One of `registry.NETWORKS` or `registry.CLASSIFIERS`.
        config: Fields of its options that differ from the defaults.

    Returns:
        The network: `forward` takes and returns tensors by the names in `sunbreak.engine`; its `inputs` lists what it
        takes.

    Raises:
        OptionError: No network of that name, it has no such option, or the options do not go together.

    Example:
        >>> network = build("cloud-mask")
        >>> sum(weight.numel() for weight in network.parameters()) < 300_000
        True
    """
    known = NETWORKS | CLASSIFIERS
    if name not in known:
        raise OptionError(f"network {name!r}: unknown; one of {', '.join(known)}")
    module, function = known[name].builder.split(".")
    builder = getattr(importlib.import_module(f"{__name__}.{module}"), function)
    try:
        network: nn.Module = builder(**dict(config or {}))
    except (TypeError, ValueError, IndexError, RuntimeError) as error:
        raise OptionError(f"network {name!r}: {error}") from error
    return network
