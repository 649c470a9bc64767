"""The outcome of an evaluation of land cover: confusion matrices, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.metrics.document import Column, Record, Table
from sunbreak.metrics.evaluated import EvaluatedImages, words
from sunbreak.metrics.groups import Group, coverage_bin, groups
from sunbreak.metrics.interval import Interval, bounds, resample
from sunbreak.metrics.land_cover import accuracy, iou, mean_iou_of
from sunbreak.metrics.regions import Region

Matrix = npt.NDArray[np.int64]

LAND_COVER: Final = "land-cover"
"""Name of the one protocol of class maps."""
DEFINITION: Final = (
    "pixels pooled in one confusion matrix over all patches; a pixel that the model leaves unmapped counts as wrong; "
    f"the {len(LAND_COVER_LEGEND)} classes of ESA WorldCover"
)
"""What the protocol says."""
MAJORITY: Final = "majority"
"""The row of the commonest class of the data, everywhere: what a map must beat."""
COLUMNS: Final = (
    Column("label", "model"),
    Column("pixels", "pixels", 0),
    Column("accuracy", "OA", 3),
    Column("miou_all", "mIoU all", 3),
    Column("miou_present", "mIoU present", 3),
    Column("classes", "classes", 0),
    Column("accuracy_interval_95", "OA 95 %", 3, optional=True),
    Column("miou_present_interval_95", "mIoU present 95 %", 3, optional=True),
)
GROUPED: Final = {"coverage": "cloud cover", "region": "region"}


class Cell(NamedTuple):
    """The finest group of patches that pixels are counted for."""

    place: str
    """Place on Earth."""
    coverage: str
    """Bin of cloud cover."""


@dataclass(frozen=True, kw_only=True)
class LandCoverReport(EvaluatedImages):
    """All counts of an evaluation of land cover."""

    matrices: Mapping[tuple[str, Region, Cell], Matrix]
    """Confusion matrix of each model, part of the image and cell, (class, class + 1), see `land_cover.confusion`."""

    @property
    def protocol_names(self) -> tuple[str, ...]:
        """Name of the protocol."""
        return (LAND_COVER,)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups of patches that pixels are pooled over; nothing is fitted here."""
        return tuple(group for group in groups(self.patches, self.by) if group.by != "fitted")

    def matrix(self, model: str, region: Region, group: Group | None = None) -> Matrix:
        """Add up the counts of a group of patches.

        Args:
            model: Name of the model; `majority` for the commonest class everywhere.
            region: Part of the image.
            group: Patches, one of `groups`; None for all.

        Returns:
            Confusion matrix, (class, class + 1).
        """
        return _total(self._by_place(model, region, group))

    def records(self) -> Sequence[Record]:
        """All averages.

        Returns:
            One record a group of patches, part of the image and model.
        """
        return self._records

    @cached_property
    def _records(self) -> Sequence[Record]:
        return [
            self._record(group, region, model)
            for group in self.groups
            for region in self.regions
            for model in self.models
        ]

    def _record(self, group: Group, region: Region, model: str) -> Record:
        parts = self._by_place(model, region, group)
        matrix = _total(parts)
        drawn = resample([part.ravel() for part in parts.values() if part.any()])
        matrices = None if drawn is None else drawn.reshape(-1, *matrix.shape)
        return {
            "protocol": LAND_COVER,
            "by": group.by,
            "group": group.name,
            "region": region,
            "model": model,
            "pixels": int(matrix.sum()),
            "classes": int((matrix.sum(axis=1) > 0).sum()),
            "accuracy": accuracy(matrix),
            "miou_all": mean_iou_of(matrix, absent="zero"),
            "miou_present": mean_iou_of(matrix, absent="left out"),
            "accuracy_interval_95": _interval(matrices, accuracy),
            "miou_present_interval_95": _interval(matrices, mean_iou_of),
            **{f"iou_{code}": float(ratio) for code, ratio in zip(LAND_COVER_LEGEND, iou(matrix), strict=True)},
        }

    def _by_place(self, model: str, region: Region, group: Group | None) -> dict[str, Matrix]:
        """Counts of each place inside a group."""
        counted = self.models[-1] if model == MAJORITY else model  # the truth is the same in all of them
        found: dict[str, Matrix] = {}
        for (name, part, cell), counts in self.matrices.items():
            if (name, part) == (counted, region) and _inside(cell, group):
                found[cell.place] = found.get(cell.place, np.zeros_like(counts)) + counts
        if model != MAJORITY:
            return found
        return {place: _mapped_as(counts, self._commonest) for place, counts in found.items()}

    @cached_property
    def _commonest(self) -> int:
        """Place in the legend of the commonest class of the whole data."""
        first = self.models[-1]
        counts = [matrix for (model, _, _), matrix in self.matrices.items() if model == first]
        return int(np.sum(counts, axis=(0, 2)).argmax())

    def _tables(self) -> Iterator[Table]:
        rows = [{**record, "label": self.label(record["model"])} for record in self.records()]
        for region in self.regions:
            here = [row for row in rows if row["region"] == region and row["pixels"]]
            total = tuple(row for row in here if row["by"] == "all")
            yield Table(f"{words(region)}, all {len(self.patches)} patches", LAND_COVER, COLUMNS, total)
            for by in self.by:
                chosen = tuple(row for row in here if row["by"] == by)
                columns = (Column("group", GROUPED[by]), *COLUMNS)
                yield Table(f"{words(region)}, by {GROUPED[by]}", LAND_COVER, columns, chosen)
        yield self._classes(self.regions[0])

    def _classes(self, region: Region) -> Table:
        """One row a class of the truth, one column a model."""
        truth = self.matrix(self.models[-1], region).sum(axis=1)
        ratios = {model: iou(self.matrix(model, region)) for model in self.models}
        rows = tuple(
            {"class": f"{code} {entry.name}", "share": truth[index] / truth.sum()}
            | {model: float(ratios[model][index]) for model in self.models}
            for index, (code, entry) in enumerate(LAND_COVER_LEGEND.items())
            if truth[index]
        )
        columns = (Column("class", "class"), Column("share", "% of pixels", 1, scale=100))
        return Table(
            f"IoU by class, {words(region)}", LAND_COVER,
            (*columns, *(Column(model, self.label(model), 3) for model in self.models)), rows,
        )  # fmt: skip

    def _legend(self) -> Iterator[str]:
        yield "OA: overall accuracy, the share of pixels mapped right. IoU: intersection over union of a class."
        yield (
            f"mIoU all: its mean over all {len(LAND_COVER_LEGEND)} classes, 0 for a class that is not in the data; "
            "mIoU present: over the classes that the truth holds, as many as stand under `classes`."
        )
        yield f"{MAJORITY}: the commonest class of the data, everywhere."
        yield f"protocol {LAND_COVER}: {DEFINITION}"

    def _details(self) -> dict[str, Any]:
        return {
            **super()._details(),
            "protocol": {"name": LAND_COVER, "notes": DEFINITION},
            "classes": {code: entry.name for code, entry in LAND_COVER_LEGEND.items()},
            "confusion": [
                {"model": model, "region": region, "counts": self.matrix(model, region).tolist()}
                for model in self.models
                for region in self.regions
            ],
        }


def cell_of(place: str, cloud: float) -> Cell:
    """The finest group that a patch belongs to.

    Args:
        place: Its place on Earth.
        cloud: Its share of cloud, 0..1.

    Returns:
        Its cell.

    Example:
        >>> cell_of("here", 0.3)
        Cell(place='here', coverage='20-40 %')
    """
    return Cell(place, coverage_bin(cloud))


def _total(parts: Mapping[str, Matrix]) -> Matrix:
    total: Matrix = np.sum(list(parts.values()), axis=0, dtype=np.int64)
    return total


def _inside(cell: Cell, group: Group | None) -> bool:
    return group is None or group.by == "all" or group.name in cell


def _mapped_as(counts: Matrix, index: int) -> Matrix:
    """The same truth, all of it mapped as one class."""
    mapped = np.zeros_like(counts)
    mapped[:, index] = counts.sum(axis=1)
    return mapped


def _interval(matrices: npt.NDArray[np.float64] | None, metric: Any) -> Interval | None:
    if matrices is None:
        return None
    values = [metric(matrix) for matrix in matrices]
    return bounds(values) if not all(map(math.isnan, values)) else None
