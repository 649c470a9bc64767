"""Weights that a training goes on from: found by name, checked against their card, and put into a network."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from sunbreak.errors import OptionError
from sunbreak.models import locate, regions_seen
from sunbreak.weights import Architecture, Card, read_card

LAND_COVER: Final = "land_cover"
"""The part that phase 2 attaches: it waits in the file until then."""


@dataclass(frozen=True)
class Start:
    """Given weights."""

    card: Card
    """What they are."""
    sha256: str
    """Of their file."""
    weights: Mapping[str, Tensor]
    """By name."""

    @property
    def told(self) -> dict[str, str]:
        """What a run and its card say of them: `name` and `sha256`."""
        return {"name": self.card.name, "sha256": self.sha256}

    @property
    def regions(self) -> frozenset[str] | None:
        """Regions they have seen; None where their card does not say."""
        return regions_seen(self.card.onnx)

    def joined(self, seen: Iterable[str]) -> dict[str, list[str]]:
        """Regions that weights have seen that go on from these.

        Args:
            seen: Those that they see besides.

        Returns:
            `regions_seen` for a card; nothing where it is not known of these.
        """
        return {} if self.regions is None else {"regions_seen": sorted({*self.regions, *seen})}

    def architecture(self) -> Architecture:
        """How their network is built.

        Returns:
            Network and settings.

        Raises:
            OptionError: The card does not say, or they are not of a network that restores.
        """
        if self.card.architecture is None or self.card.kind != "restoration":
            raise OptionError(
                f"{self.card.path}: weights to adapt are those of a network that restores, whose card states its "
                "`architecture`; take another --model"
            )
        return self.card.architecture


def read_start(model: str | Path) -> Start:
    """Find and read weights to go on from.

    Args:
        model: Name of a model, folder of a run, or path of an .onnx file with its .safetensors and card.

    Returns:
        The weights.

    Raises:
        OptionError: There is no such model, it has no weights, or its files are missing or damaged.
    """
    path = locate(model)
    if path is None:
        raise OptionError(f"model {str(model)!r}: has no weights to go on from; name a network (`sunbreak models`)")
    card = read_card(path.with_suffix(".json"))
    digest = card.verify("safetensors")
    try:
        return Start(card, digest, load_file(card.safetensors))
    except (SafetensorError, OSError) as error:
        raise OptionError(f"{card.safetensors}: cannot be read ({error}); copy the files again, together") from error


def begin_with(network: nn.Module, start: Start, *, only: str | None = None) -> None:
    """Put given weights into a network.

    A part of the network that the file lacks altogether keeps its initial values; so does, in the file, the land cover
    decoder until the network has one.

    Args:
        network: The network; changed.
        start: The weights.
        only: Take over this part alone; None takes all.

    Raises:
        OptionError: The file holds another network: names or shapes differ.
    """
    own, given = network.state_dict(), start.weights
    file = start.card.safetensors
    parts = {name.partition(".")[0] for name in given}
    lacking = [name for name in own if name not in given and name.partition(".")[0] in parts]
    unknown = [name for name in given if name not in own and (name.partition(".")[0] != LAND_COVER or _maps(network))]
    if lacking or unknown or not parts & {name.partition(".")[0] for name in own}:
        which = f"lacks {lacking[0]}" if lacking else f"holds {(unknown or list(given))[0]}, which this one lacks"
        raise OptionError(f"{file}: is of another network than {type(network).__name__} as set: it {which}")
    for name, weight in given.items():
        if name in own and own[name].shape != weight.shape:
            raise OptionError(
                f"{file}: {name} is {tuple(weight.shape)}, the network as set has {tuple(own[name].shape)}; take the "
                "weights' own settings (--network-options), or others"
            )
    wanted = {name for name in own if only in (None, name.partition(".")[0])}
    network.load_state_dict({**own, **{name: given[name] for name in given if name in wanted}})


def _maps(network: nn.Module) -> bool:
    return getattr(network, LAND_COVER, None) is not None
