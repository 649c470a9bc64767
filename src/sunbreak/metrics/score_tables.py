"""The tables of a report of restored images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

from sunbreak.metrics.calibration import NORMAL_COVERAGE
from sunbreak.metrics.document import Column, Record, Table
from sunbreak.metrics.evaluated import words
from sunbreak.metrics.matching import MIN_MATCHED_PIXELS
from sunbreak.metrics.regions import Region

if TYPE_CHECKING:
    from sunbreak.metrics.report import Report

NAMES: Final = (Column("label", "model"), Column("target", "target"))
SCORES: Final = (
    Column("psnr", "PSNR", 2),
    Column("psnr_pooled", "pooled", 2),
    Column("ssim", "SSIM", 3),
    Column("sam", "SAM", 2),
    Column("mae", "MAE", 4),
    Column("rmse", "RMSE", 4),
)
COLUMNS: Final = (
    Column("images", "n", 0),
    *SCORES,
    Column("within_1_sigma", "<1s", 0, scale=100),
    Column("within_2_sigma", "<2s", 0, scale=100),
    Column("nll", "NLL", 2),
    Column("ause", "AUSE", 3),
    Column("psnr_interval_95", "PSNR 95 %", 2, optional=True),
    Column("gain", "vs scene-prior", 2, signed=True),
    Column("gain_interval_95", "vs scene-prior 95 %", 2, signed=True, optional=True),
)
PATCH: Final = (
    Column("patch", "patch"), Column("place", "region"), Column("cloud", "cloud %", 1, scale=100),
    *NAMES, *(column for column in SCORES if column.key != "psnr_pooled"),
)  # fmt: skip
GROUPED: Final = {"coverage": "cloud cover", "region": "region"}
"""Heading of the column that names the group, by what groups them."""


def tables(report: Report) -> list[Table]:
    """The tables of a report.

    Args:
        report: The report.

    Returns:
        For each protocol and group of bands, and each part of the image: the averages over all patches and over those
        with enough to fit on; by cloud cover and by region, where that is asked for; patch by patch, likewise.
    """
    found: list[Table] = []
    for protocol in report.protocol_names:
        for bands in report.bands:
            several = [f"protocol {protocol}"] * (len(report.protocols) > 1)
            named = [f"bands {bands}"] * (report.bands != ("all",))
            records = [one for one in report.records() if (one["protocol"], one["bands"]) == (protocol, bands)]
            for region in report.regions:
                suffix = "".join(f", {part}" for part in (*several, *named))
                found += _of_part(report, protocol, region, [one for one in records if one["region"] == region], suffix)
    return found


def legend(report: Report) -> Iterator[str]:
    """What the columns mean.

    Args:
        report: The report.

    Yields:
        Lines of text.
    """
    yield (
        "PSNR in dB: mean over patches, and of the error pooled over all values; SAM in degrees; MAE and RMSE in "
        "reflectance."
    )
    one, two = (round(100 * share) for share in NORMAL_COVERAGE)
    yield f"<1s, <2s: percent of errors within one and two sigma, over restored pixels ({one} and {two} expected)."
    yield (
        "NLL: mean Gaussian negative log likelihood in nats, the lower the better. AUSE: area between the curves of "
        "the error kept when the least certain values are rejected and when the largest errors are; 0 is ideal."
    )
    yield "vs scene-prior: PSNR minus that of the scene prior, mean over the same patches."
    if "matched" in report.targets:
        yield (
            "matched: the clear image brought to the input's mean and standard deviation per band over pixels clear in "
            f"both; - below {MIN_MATCHED_PIXELS} such pixels."
        )
    for protocol in report.protocols:
        yield f"protocol {protocol.name}: {protocol.notes} ({protocol.source})"


def _of_part(report: Report, protocol: str, region: Region, records: Sequence[Record], suffix: str) -> Iterator[Table]:
    """All tables of one part of the image, for one protocol and group of bands."""
    if not any(record["images"] for record in records):
        yield Table(words(region) + suffix, protocol, (), ())
        return
    rows = [{**record, "label": report.label(record["model"])} for record in records]
    for group in report.groups:
        if group.by in ("all", "fitted"):
            chosen = tuple(row for row in rows if row["by"] == group.by)
            yield Table(f"{words(region)}, {group.name}{suffix}", protocol, (*NAMES, *COLUMNS), chosen)
    for by in report.by:
        chosen = tuple(row for row in rows if row["by"] == by and row["images"])
        columns = (Column("group", GROUPED[by]), *NAMES, *COLUMNS)
        yield Table(f"{words(region)}, by {GROUPED[by]}{suffix}", protocol, columns, chosen)
    if report.per_patch:
        bands = records[0]["bands"]
        found = tuple(_patches(report, protocol, region, bands))
        yield Table(f"{words(region)}, patch by patch{suffix}", protocol, PATCH, found)


def _patches(report: Report, protocol: str, region: Region, bands: str) -> Iterator[Record]:
    chosen = {
        (row.patch, row.model, row.target): row.scores[region]
        for row in report.rows
        if (row.protocol, row.bands) == (protocol, bands) and row.scores[region].images
    }
    for patch in report.patches:
        for model in report.models:
            for target in report.targets:
                scores = chosen.get((patch.name, model, target))
                if scores is not None:
                    known = {"patch": patch.name, "place": patch.region, "cloud": patch.cloud, "target": target}
                    yield {**known, "label": report.label(model), **vars(scores)}
