"""What every report holds, whatever was scored: data, split, models, and what makes its numbers comparable."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from sunbreak.metrics import latex, markdown, table
from sunbreak.metrics.csv_lines import render as csv_lines
from sunbreak.metrics.document import Document, Record, Table
from sunbreak.metrics.groups import By, Group, Patch, groups
from sunbreak.metrics.interval import MIN_REGIONS
from sunbreak.metrics.regions import Region

SEEN: Final = " [seen]"
"""Stands behind the name of a model that was trained on regions of the data, in all tables."""
NAMED: Final = 10
"""Most regions that a stamp names."""


@dataclass(frozen=True, kw_only=True)
class Evaluated(ABC):
    """The outcome of an evaluation; no form of it shows a number without protocol, split and split hash."""

    data: str
    """The data SPEC."""
    split: str
    """Name of the split."""
    split_hash: str
    """Hash over sample names, regions and options."""
    version: str
    """Version of sunbreak."""
    models: tuple[str, ...]
    """The models, in the order of the rows."""
    seen: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Regions of the data that a model was trained on, by model; models that saw none are left out."""
    notes: tuple[str, ...] = ()
    """What to know when reading the scores, such as patches that a model could not restore."""

    def label(self, model: str) -> str:
        """Name of a model as tables show it.

        Args:
            model: Name of the model.

        Returns:
            The name, marked where the model has seen regions of the data.
        """
        return model + (SEEN if model in self.seen else "")

    def stamp(self, model: str) -> str:
        """What must be said of the scores of a model.

        Args:
            model: Name of the model.

        Returns:
            Empty for a model that was trained on no region of the data.
        """
        names = self.seen.get(model, ())
        if not names:
            return ""
        few = ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
        return f"TRAINED ON {len(names)} OF {self._tested()} ({few})"

    def document(self) -> Document:
        """The report as tables, before they are drawn.

        Returns:
            The document that all formats are drawn from.
        """
        return Document(
            header=(
                f"sunbreak {self.version}   protocol {', '.join(self.protocol_names)}   data {self.data}",
                "   ".join((f"split {self.split}", f"split hash {self.split_hash}", *self.counted)),
                *self._remarks(),
            ),
            stamps=tuple(f"{model}: {self.stamp(model)}" for model in self.models if self.stamp(model)),
            origin=f"split {self.split}, split hash {self.split_hash}, data {self.data}, sunbreak {self.version}",
            tables=tuple(self._tables()),
            legend=tuple(self._legend()),
            notes=self.notes,
        )

    def text(self) -> str:
        """The report for a terminal.

        Returns:
            Several lines of text.
        """
        return table.render(self.document())

    def markdown(self) -> str:
        """The report as Markdown.

        Returns:
            The text of a file.
        """
        return markdown.render(self.document())

    def latex(self) -> str:
        """The tables as LaTeX, for the package booktabs.

        Returns:
            The text of a file.
        """
        return latex.render(self.document())

    def csv(self) -> str:
        """All averages, one line each, with what makes them comparable in every line.

        Returns:
            The text of a file.
        """
        origin = {"sunbreak": self.version, "data": self.data, "split": self.split, "split_hash": self.split_hash}
        lines = [
            {**origin, **record, "model": self.label(record["model"]), "stamp": self.stamp(record["model"])}
            for record in self.records()
        ]
        return csv_lines(lines)

    def json(self) -> str:
        """All that is known, averages included.

        Returns:
            JSON text; values that are not defined are null.
        """
        content = {
            "sunbreak": self.version,
            "data": self.data,
            "split": self.split,
            "split_hash": self.split_hash,
            "seen_regions": {model: list(self.seen.get(model, ())) for model in self.models},
            "stamps": {model: self.stamp(model) for model in self.models if self.stamp(model)},
            "notes": list(self.notes),
            **self._details(),
            "averages": self.records(),
        }
        return json.dumps(_finite(content), indent=1, allow_nan=False)

    @property
    @abstractmethod
    def protocol_names(self) -> tuple[str, ...]:
        """Names of the definitions of the scores."""

    @property
    @abstractmethod
    def counted(self) -> tuple[str, ...]:
        """How many patches were scored, and what else to say of them."""

    @abstractmethod
    def records(self) -> Sequence[Record]:
        """All averages.

        Returns:
            One record each, with `protocol`, `by`, `group`, `region` (part of the image) and `model`.
        """

    @abstractmethod
    def _remarks(self) -> Iterable[str]: ...

    @abstractmethod
    def _tested(self) -> str: ...

    @abstractmethod
    def _tables(self) -> Iterable[Table]: ...

    @abstractmethod
    def _legend(self) -> Iterable[str]: ...

    @abstractmethod
    def _details(self) -> dict[str, Any]: ...


@dataclass(frozen=True, kw_only=True)
class EvaluatedImages(Evaluated):
    """The outcome of an evaluation of what was made of images, pixel by pixel."""

    buffer: int
    """Pixels by which cloud and shadow grew before restoring; scores are on the mask before growing."""
    patches: tuple[Patch, ...]
    """The patches, in the order of the data."""
    regions: tuple[Region, ...]
    """Scored parts of the image."""
    by: tuple[By, ...] = ()
    """What patches are grouped by, beside the average over all."""

    @property
    def places(self) -> int:
        """Number of places on Earth."""
        return len({patch.region for patch in self.patches})

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of patches that averages are taken over."""
        return groups(self.patches, self.by)

    @property
    def counted(self) -> tuple[str, ...]:
        """Number of patches and of their regions, and the buffer."""
        return (
            f"{len(self.patches)} patches in {self.places} regions",
            f"buffer {self.buffer} px, scored on the mask before growing",
        )

    def _remarks(self) -> Iterator[str]:
        if self.places < MIN_REGIONS:
            yield f"fewer than {MIN_REGIONS} regions: no confidence intervals"

    def _tested(self) -> str:
        return f"{self.places} TEST REGIONS"

    def _details(self) -> dict[str, Any]:
        return {"buffer": self.buffer, "patches": [patch._asdict() for patch in self.patches]}


def words(region: Region) -> str:
    """A part of the image in words.

    Args:
        region: The part.

    Returns:
        For example `cloud pixels`.

    Example:
        >>> words("all"), words("cloud")
        ('whole image', 'cloud pixels')
    """
    return "whole image" if region == "all" else f"{region} pixels"


def _finite(value: Any) -> Any:
    """The same content with null for what JSON cannot say."""
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
