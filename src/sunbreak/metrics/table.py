"""Draw a report as tables of plain text."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from sunbreak.metrics.calibration import NORMAL_COVERAGE
from sunbreak.metrics.interval import MIN_REGIONS
from sunbreak.metrics.matching import MIN_MATCHED_PIXELS
from sunbreak.metrics.regions import Region
from sunbreak.metrics.report import TARGETS, Report, Target
from sunbreak.metrics.score import Scores

MIN_FIT_PIXELS: Final = 500
"""Fewest clear pixels for a model to fit on; patches below it show what stands in, not the fit."""
COLUMNS: Final = ("n", "PSNR", "pooled", "SSIM", "SAM", "MAE", "RMSE")
MISSING: Final = "-"


def render(report: Report) -> str:
    """Draw a report.

    Args:
        report: The report.

    Returns:
        Header, one table per part of the image and set of patches, one row per patch if asked for, and notes.
    """
    lines = list(_header(report))
    fitted = {patch.name for patch in report.patches if patch.fit_pixels >= MIN_FIT_PIXELS}
    sets: list[tuple[str, Collection[str] | None]] = [(f"all {len(report.patches)} patches", None)]
    if 0 < len(fitted) < len(report.patches):
        few = f"the {len(fitted)} patches with at least {MIN_FIT_PIXELS} clear pixels to fit on"
        sets.append((few, fitted))
    for region in report.regions:
        scored = any(row.scores[region].images for row in report.rows)
        for title, names in sets if scored else ():
            lines += ["", f"{_words(region)}, {title}", *_averages(report, region, names)]
        if scored and report.per_patch:
            lines += ["", f"{_words(region)}, patch by patch", *_patches(report, region)]
        if not scored:
            lines += ["", f"{_words(region)}: none in this data"]
    lines += ["", *_legend(report), *(f"note: {note}" for note in report.notes)]
    return "\n".join(lines)


def _header(report: Report) -> Iterator[str]:
    protocol = report.protocol
    yield f"sunbreak {report.version}   protocol {protocol.name}   data {report.data}"
    yield (
        f"split {report.split}   split hash {report.split_hash}   {len(report.patches)} patches in {report.places} "
        f"regions   buffer {report.buffer} px, scored on the mask before growing"
    )
    if report.places < MIN_REGIONS:
        yield f"fewer than {MIN_REGIONS} regions: no confidence intervals"


def _words(region: Region) -> str:
    return "whole image" if region == "all" else f"{region} pixels"


def _averages(report: Report, region: Region, names: Collection[str] | None) -> Iterator[str]:
    table = [["model", "target", *COLUMNS, "<1s", "<2s", "PSNR 95 %"]]
    for model in report.models:
        for target in _targets(report):
            found = report.summary(model, target, region, names)
            if not found.scores.images and target == "matched":
                table.append([model, target, *[MISSING] * (len(COLUMNS) + 3)])
                continue
            shares = [_number(100 * share, 0) for share in found.coverage.shares()]
            low_high = MISSING if found.interval is None else " .. ".join(_number(end, 2) for end in found.interval)
            cells = [str(found.scores.images), *_cells(found.scores)]
            table.append([model, target, *cells, *shares, low_high])
    without = [] if any(row[-1] != MISSING for row in table[1:]) else [-1]
    return _aligned([row[: without[0]] if without else row for row in table])


def _targets(report: Report) -> list[Target]:
    """The targets to show; data of one date have no `matched` one."""
    return [target for target in TARGETS if target == "raw" or any(row.target == target for row in report.rows)]


def _patches(report: Report, region: Region) -> Iterator[str]:
    table = [["patch", "region", "cloud", "model", "target", *COLUMNS[1:2], *COLUMNS[3:]]]
    rows = {(row.patch, row.model, row.target): row for row in report.rows}
    for patch in report.patches:
        for model in report.models:
            for target in TARGETS:
                row = rows.get((patch.name, model, target))
                if row is None or not row.scores[region].images:
                    continue
                psnr, _, *others = _cells(row.scores[region])
                share = f"{100 * patch.cloud:.1f}%"
                table.append([patch.name, patch.region, share, model, target, psnr, *others])
    return _aligned(table)


def _cells(scores: Scores) -> list[str]:
    values = (scores.psnr, scores.psnr_pooled, scores.ssim, scores.sam, scores.mae, scores.rmse)
    return [_number(value, digits) for value, digits in zip(values, (2, 2, 3, 2, 4, 4), strict=True)]


def _number(value: float, digits: int) -> str:
    return MISSING if math.isnan(value) else f"{value:.{digits}f}"


def _aligned(table: Sequence[Sequence[str]]) -> Iterator[str]:
    """Words to the left, numbers to the right."""
    widths = [max(len(row[index]) for row in table) for index in range(len(table[0]))]
    words = {index for index, name in enumerate(table[0]) if name in ("model", "target", "patch", "region")}
    for row in table:
        cells = [
            cell.ljust(width) if index in words else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield "  ".join(cells).rstrip()


def _legend(report: Report) -> Iterator[str]:
    yield (
        "PSNR in dB: mean over patches, and of the error pooled over all values; SAM in degrees; MAE and RMSE in "
        "reflectance."
    )
    one, two = (round(100 * share) for share in NORMAL_COVERAGE)
    yield f"<1s, <2s: percent of errors within one and two sigma, over restored pixels ({one} and {two} expected)."
    if "matched" in _targets(report):
        yield (
            "matched: the clear image brought to the input's mean and standard deviation per band over pixels clear in "
            f"both; - below {MIN_MATCHED_PIXELS} such pixels."
        )
    yield f"protocol {report.protocol.name}: {report.protocol.notes} ({report.protocol.source})"
