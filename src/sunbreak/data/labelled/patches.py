"""Labelled patches: small images of one scene class each, and the sets they come in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from sunbreak.bands import Level
from sunbreak.data.sample import Sample, Skipped, split_hash
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError


@dataclass(frozen=True)
class LabelledEntry:
    """A patch that has not been read yet."""

    name: str
    """Name of the patch, unique in its set."""
    region: str
    """Place on Earth; patches of one region are never split across train and test."""
    label: int | None
    """Place of its class in the classes of its set; None where nobody has labelled it."""
    load: Callable[[], Sample]
    """Reads or makes the patch; the same sample every time. Its `cloudy` is the image to classify, its `clear` the same
    scene without clouds where that is known."""


@dataclass(frozen=True)
class PatchSet:
    """The patches of a SPEC, all of one size and with the same bands, read one by one while iterating."""

    spec: Spec
    """Where they come from."""
    split: str
    """Name of the split."""
    classes: tuple[str, ...]
    """Names of the classes, in the order of the labels; empty where nothing is labelled."""
    bands: tuple[str, ...]
    """Names of the optical bands, in the order of the arrays."""
    level: Level
    """Processing level of the optical images."""
    size: int
    """Height and width of the patches in pixels."""
    has_radar: bool
    """Every patch comes with radar; without it none does."""
    knows_cloud: bool
    """The quality of the patches tells where cloud is; otherwise it is clear wherever there is data, and clouds have to
    be found."""
    entries: tuple[LabelledEntry, ...]
    """The patches, unread."""
    skipped: tuple[Skipped, ...] = ()
    """What was left out, and why."""

    def __post_init__(self) -> None:
        if not self.entries:
            why = f" ({self.skipped[0].name}: {self.skipped[0].reason})" if self.skipped else ""
            raise OptionError(f"data {self.spec.text!r}: selects no patch{why}")

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return (entry.load() for entry in self.entries)

    @property
    def labels(self) -> tuple[int | None, ...]:
        """Label of every patch."""
        return tuple(entry.label for entry in self.entries)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, sorted, each once."""
        return tuple(sorted({entry.region for entry in self.entries}))

    @property
    def split_hash(self) -> str:
        """Tells sets apart, as `sample.split_hash`; classes count too, and whether there is radar, not its place."""
        options = {**self.spec.options, "classes": ",".join(self.classes), "radar": self.has_radar}
        return split_hash(self.spec.kind, options, ((entry.name, entry.region) for entry in self.entries))
