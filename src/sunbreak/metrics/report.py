"""The outcome of an evaluation of restored images: every score, and the averages over groups of patches."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Final, Literal, NamedTuple

from sunbreak.metrics import score_tables
from sunbreak.metrics.band_groups import BandGroup
from sunbreak.metrics.calibration import Coverage, add_up
from sunbreak.metrics.document import Record, Table
from sunbreak.metrics.evaluated import EvaluatedImages
from sunbreak.metrics.groups import Group, Patch, coverage_bin
from sunbreak.metrics.interval import Difference, Interval, region_difference, region_interval
from sunbreak.metrics.protocols import Protocol
from sunbreak.metrics.regions import Region
from sunbreak.metrics.score import Scores, average
from sunbreak.metrics.sparsification import ErrorClasses, merge

Target = Literal["raw", "matched"]
"""raw: the clear image as it is; matched: brought to the input's date, see `matching.match_to_input`."""
TARGETS: Final[tuple[Target, ...]] = ("raw", "matched")
REFERENCE: Final = "scene-prior"
"""The row that all others are compared with, patch by patch."""


class Cell(NamedTuple):
    """The finest group of patches that errors are classified for; larger groups are made of these."""

    coverage: str
    """Bin of cloud cover."""
    fitted: bool
    """Enough clear pixels to fit on."""


class Line(NamedTuple):
    """One line of a table, before averaging."""

    model: str
    """Name of the model."""
    target: Target
    """Against what."""
    protocol: str
    """Name of the protocol."""
    bands: BandGroup = "all"
    """Bands that are scored."""


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
    protocol: str = "sunbreak"
    """Name of the protocol."""
    bands: BandGroup = "all"
    """Bands that were scored."""

    @property
    def line(self) -> Line:
        """The line of a table that it belongs to."""
        return Line(self.model, self.target, self.protocol, self.bands)


class Summary(NamedTuple):
    """Average of one model over patches."""

    scores: Scores
    """Means over patches and the pooled PSNR."""
    coverage: Coverage
    """Counts over patches; `values` is 0 for models without uncertainty."""
    interval: Interval | None
    """95 % interval of the mean PSNR over regions; None with too few regions."""
    ssim_interval: Interval | None
    """The same of SSIM."""
    mae_interval: Interval | None
    """The same of the mean absolute error."""
    gain: Difference
    """PSNR above that of the scene prior on the same patches, in dB."""


@dataclass(frozen=True, kw_only=True)
class Report(EvaluatedImages):
    """All scores of an evaluation; its text and files never show one without protocol, split and split hash."""

    protocols: tuple[Protocol, ...]
    """Definitions of the metrics."""
    rows: tuple[Row, ...]
    """One row a model, patch, target, protocol and group of bands."""
    bands: tuple[BandGroup, ...] = ("all",)
    """Groups of bands that are scored apart."""
    per_patch: bool = False
    """Show one row per patch as well."""
    errors: Mapping[tuple[str, Target, BandGroup, Region, Cell], ErrorClasses] = field(default_factory=dict)
    """Errors by stated uncertainty over restored pixels; nothing for models without uncertainty."""

    @property
    def protocol_names(self) -> tuple[str, ...]:
        """Names of the protocols."""
        return tuple(protocol.name for protocol in self.protocols)

    @property
    def targets(self) -> tuple[Target, ...]:
        """The targets there are; data of one date have no `matched` one."""
        found = {row.target for row in self.rows}
        return tuple(target for target in TARGETS if target == "raw" or target in found)

    @cached_property
    def lines(self) -> Mapping[Line, Mapping[str, Row]]:
        """Rows by line of a table and patch."""
        found: dict[Line, dict[str, Row]] = {}
        for row in self.rows:
            found.setdefault(row.line, {})[row.patch] = row
        return found

    def summary(
        self,
        model: str,
        target: Target,
        region: Region,
        patches: Collection[str] | None = None,
        *,
        protocol: str | None = None,
        bands: BandGroup | None = None,
    ) -> Summary:
        """Average one model over patches.

        Args:
            model: Name of the model.
            target: Against what.
            region: Part of the image.
            patches: Names of the patches; None for all.
            protocol: Name of the protocol; None for the first.
            bands: Group of bands; None for the first.

        Returns:
            The averages.
        """
        rules = self.protocols[self.protocol_names.index(protocol) if protocol else 0]
        line = Line(model, target, rules.name, bands or self.bands[0])
        found = self.lines.get(line, {})
        rows = [row for name, row in found.items() if patches is None or name in patches]
        scored = [row for row in rows if row.scores[region].images]
        places = [self._place[row.patch] for row in scored]
        psnr, ssim, mae = ([getattr(row.scores[region], name) for row in scored] for name in ("psnr", "ssim", "mae"))
        reference = self.lines.get(line._replace(model=REFERENCE), {})
        others = [reference[row.patch].scores[region].psnr if row.patch in reference else math.nan for row in scored]
        return Summary(
            average((row.scores[region] for row in rows), rules),
            add_up(row.coverage[region] for row in rows if region in row.coverage),
            region_interval(psnr, places),
            region_interval(ssim, places),
            region_interval(mae, places),
            region_difference(psnr, others, places),
        )

    def classified(
        self, model: str, target: Target, region: Region, group: Group | None = None, *, bands: BandGroup | None = None
    ) -> ErrorClasses | None:
        """Errors by stated uncertainty, for curves.

        Args:
            model: Name of the model.
            target: Against what.
            region: Part of the image.
            group: Patches, one of `groups`; None for all.
            bands: Group of bands; None for the first.

        Returns:
            The counts; None for models without uncertainty, and for single places, which they are not kept for.
        """
        wanted = (model, target, bands or self.bands[0], region)
        parts = [part for (*key, cell), part in self.errors.items() if tuple(key) == wanted and _inside(cell, group)]
        return merge(parts) if parts else None

    def records(self) -> Sequence[Record]:
        """All averages.

        Returns:
            One record a protocol, group of bands, group of patches, part of the image, model and target.
        """
        return self._records

    @cached_property
    def _records(self) -> Sequence[Record]:
        return [
            self._record(group, region, Line(model, target, protocol, bands))
            for protocol in self.protocol_names
            for bands in self.bands
            for group in self.groups
            for region in self.regions
            for model in self.models
            for target in self.targets
        ]

    def _record(self, group: Group, region: Region, line: Line) -> Record:
        model, target, protocol, bands = line
        found = self.summary(model, target, region, group.patches, protocol=protocol, bands=bands)
        within_1_sigma, within_2_sigma = found.coverage.shares()
        errors = self.classified(model, target, region, group, bands=bands)
        compared = model != REFERENCE
        return {
            "protocol": protocol,
            "bands": bands,
            "by": group.by,
            "group": group.name,
            "region": region,
            "model": model,
            "target": target,
            **asdict(found.scores),
            "within_1_sigma": within_1_sigma,
            "within_2_sigma": within_2_sigma,
            "nll": found.coverage.nll(),
            "ause": errors.sparsification().ause() if errors is not None else math.nan,
            "psnr_interval_95": found.interval,
            "ssim_interval_95": found.ssim_interval,
            "mae_interval_95": found.mae_interval,
            "gain": found.gain.mean if compared else math.nan,
            "gain_interval_95": found.gain.interval if compared else None,
        }

    @cached_property
    def _place(self) -> Mapping[str, str]:
        return {patch.name: patch.region for patch in self.patches}

    def _tables(self) -> Iterable[Table]:
        return score_tables.tables(self)

    def _legend(self) -> Iterable[str]:
        return score_tables.legend(self)

    def _details(self) -> dict[str, Any]:
        return {
            **super()._details(),
            "protocol": asdict(self.protocols[0]),
            "protocols": [asdict(protocol) for protocol in self.protocols],
            "rows": [
                {
                    "model": row.model,
                    "patch": row.patch,
                    "target": row.target,
                    "protocol": row.protocol,
                    "bands": row.bands,
                    "scores": {region: asdict(scores) for region, scores in row.scores.items()},
                    "coverage": {region: part._asdict() for region, part in row.coverage.items()},
                }
                for row in self.rows
            ],
        }


def cell_of(patch: Patch) -> Cell:
    """The finest group that a patch belongs to.

    Args:
        patch: The patch.

    Returns:
        Its cell.

    Example:
        >>> cell_of(Patch("a", "here", 0.3, 900))
        Cell(coverage='20-40 %', fitted=True)
    """
    return Cell(coverage_bin(patch.cloud), patch.fitted)


def _inside(cell: Cell, group: Group | None) -> bool:
    if group is None or group.by == "all":
        return True
    return (group.by == "fitted" and cell.fitted) or (group.by == "coverage" and cell.coverage == group.name)
