"""The networks of `sunbreak.registry`, in PyTorch (`sunbreak[train]`); normalisation lives inside each."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import torch
from torch import nn

from sunbreak.errors import OptionError
from sunbreak.registry import CLASSIFIERS, NETWORKS

MOST: Final = 2048
"""What the numbers of one option may add up to: widths and numbers of blocks of real networks stay far below."""
MOST_PARAMETERS: Final = 500_000_000
"""Some twenty-five times those of the largest network here."""
WRONG: Final = (TypeError, ValueError, RuntimeError, ArithmeticError, LookupError, AttributeError)
"""How builders fail that are given what they cannot use."""


def build(name: str, config: Mapping[str, Any] | None = None) -> nn.Module:
    """Build a network with random weights.

    Args:
        name: One of `registry.NETWORKS` or `registry.CLASSIFIERS`.
        config: Fields of its options that differ from the defaults.

    Returns:
        The network: `forward` takes and returns tensors by the names in `sunbreak.engine`; its `inputs` lists what it
        takes.

    Raises:
        OptionError: No network of that name, it has no such option, the options do not go together, or what they
            describe is larger than any network.

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
    options = dict(config or {})
    try:
        _check_size(builder, options)
        network: nn.Module = builder(**options)
    except WRONG as error:
        raise OptionError(f"network {name!r}: {error}") from error
    return network


def _check_size(builder: Callable[..., nn.Module], options: dict[str, Any]) -> None:
    """Build without memory for the weights first: options of a card may come from anywhere."""
    for option, value in options.items():
        if not _amount(value) <= MOST:  # NaN is not
            raise ValueError(f"{option} is {str(value)[:60]}; its numbers may add up to {MOST}")
    with torch.device("meta"):
        count = sum(weight.numel() for weight in builder(**options).parameters())
    if count > MOST_PARAMETERS:
        raise ValueError(f"its options describe {count:,} parameters, the limit is {MOST_PARAMETERS:,}")


def _amount(value: Any) -> float:
    """What the numbers of an option add up to, whatever their sign; entries that are none count one."""
    if isinstance(value, list | tuple):
        return sum(max(_amount(one), 1.0) for one in value)
    return float(min(abs(value), MOST + 1)) if isinstance(value, int | float) else 0.0
