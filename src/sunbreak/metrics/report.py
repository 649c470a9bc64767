"""The outcome of an evaluation: every score with what it takes to compare it with another."""

from __future__ import annotations

import json
import math
from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal, NamedTuple

from sunbreak.metrics.calibration import Coverage
from sunbreak.metrics.interval import region_interval
from sunbreak.metrics.protocols import Protocol
from sunbreak.metrics.regions import Region
from sunbreak.metrics.score import Scores, average

Target = Literal["raw", "matched"]
"""raw: the clear image as it is; matched: brought to the input's date, see `matching.match_to_input`."""
TARGETS: Final[tuple[Target, ...]] = ("raw", "matched")


class Patch(NamedTuple):
    """What is known of one scored patch, whatever the model."""

    name: str
    """Name of the sample."""
    region: str
    """Place on Earth."""
    cloud: float
    """Share of cloud, thin and thick, in the mask before growing, 0..1."""
    fit_pixels: int
    """Pixels that a model can fit on: clear after growing, complete in optical and, if there is any, radar."""


@dataclass(frozen=True)
class Row:
    """Scores of one model on one patch against one target."""

    model: str
    """Name of the model."""
    patch: str
    """Name of the patch."""
    target: Target
    """Against what."""
    scores: dict[Region, Scores]
    """Scores by region of the image."""
    coverage: dict[Region, Coverage]
    """Calibration of the uncertainty over restored pixels; empty for models without uncertainty."""


class Summary(NamedTuple):
    """Average of one model over patches."""

    scores: Scores
    """Means over patches and the pooled PSNR."""
    coverage: Coverage
    """Counts over patches; `values` is 0 for models without uncertainty."""
    interval: tuple[float, float] | None
    """95 % interval of the mean PSNR over regions; None with too few regions."""


@dataclass(frozen=True)
class Report:
    """All scores of an evaluation; `text` and `json` never show one without protocol, split and split hash."""

    protocol: Protocol
    """Definition of the metrics."""
    data: str
    """The data SPEC."""
    split: str
    """Name of the split."""
    split_hash: str
    """Hash over sample names, regions and options."""
    version: str
    """Version of sunbreak."""
    buffer: int
    """Pixels by which cloud and shadow grew before restoring; scores are on the mask before growing."""
    patches: tuple[Patch, ...]
    """The patches, in the order of the data."""
    models: tuple[str, ...]
    """The models, in the order of the rows."""
    regions: tuple[Region, ...]
    """Scored parts of the image."""
    rows: tuple[Row, ...]
    """One row a model, patch and target."""
    notes: tuple[str, ...] = ()
    """What to know when reading the scores, such as patches that a model could not restore."""
    per_patch: bool = False
    """Show one row per patch as well."""

    @property
    def places(self) -> int:
        """Number of places on Earth."""
        return len({patch.region for patch in self.patches})

    def summary(self, model: str, target: Target, region: Region, patches: Collection[str] | None = None) -> Summary:
        """Average one model over patches.

        Args:
            model: Name of the model.
            target: Against what.
            region: Part of the image.
            patches: Names of the patches; None for all.

        Returns:
            The averages.
        """
        rows = [
            row
            for row in self.rows
            if row.model == model and row.target == target and (patches is None or row.patch in patches)
        ]
        place = {patch.name: patch.region for patch in self.patches}
        parts = [row.coverage[region] for row in rows if region in row.coverage]
        counts = [sum(part[index] for part in parts) for index in range(3)]
        scored = [row for row in rows if row.scores[region].images]
        interval = region_interval([row.scores[region].psnr for row in scored], [place[row.patch] for row in scored])
        return Summary(average((row.scores[region] for row in rows), self.protocol), Coverage(*counts), interval)

    def text(self) -> str:
        """The report as tables for a terminal.

        Returns:
            Several lines of text.
        """
        from sunbreak.metrics.table import render

        return render(self)

    def json(self) -> str:
        """The report as JSON, with one entry a model, patch and target, and the averages.

        Returns:
            JSON text; values that are not defined are null.
        """
        content = {
            "sunbreak": self.version,
            "protocol": asdict(self.protocol),
            "data": self.data,
            "split": self.split,
            "split_hash": self.split_hash,
            "buffer": self.buffer,
            "notes": list(self.notes),
            "patches": [patch._asdict() for patch in self.patches],
            "rows": [
                {
                    "model": row.model,
                    "patch": row.patch,
                    "target": row.target,
                    "scores": {region: asdict(scores) for region, scores in row.scores.items()},
                    "coverage": {region: part._asdict() for region, part in row.coverage.items()},
                }
                for row in self.rows
            ],
            "averages": [
                _flat(model, target, region, self.summary(model, target, region))
                for region in self.regions
                for model in self.models
                for target in TARGETS
            ],
        }
        return json.dumps(_finite(content), indent=1, allow_nan=False)


def _flat(model: str, target: Target, region: Region, summary: Summary) -> dict[str, Any]:
    within_1_sigma, within_2_sigma = summary.coverage.shares()
    return {
        "model": model,
        "target": target,
        "region": region,
        **asdict(summary.scores),
        "within_1_sigma": within_1_sigma,
        "within_2_sigma": within_2_sigma,
        "psnr_interval_95": summary.interval,
    }


def _finite(value: Any) -> Any:
    """The same content with null for what JSON cannot say."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
