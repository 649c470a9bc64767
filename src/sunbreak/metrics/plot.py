"""Draw a report as a picture; needs matplotlib, which only this module imports, and only when it draws."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
import numpy.typing as npt

from sunbreak.errors import OptionError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.metrics.evaluated import Evaluated, words
from sunbreak.metrics.groups import BINS, groups
from sunbreak.metrics.land_cover import iou
from sunbreak.metrics.land_cover_report import LandCoverReport
from sunbreak.metrics.report import Report
from sunbreak.metrics.scene_class_report import SceneClassReport
from sunbreak.metrics.scene_classes import COVERS, class_accuracies
from sunbreak.metrics.sparsification import EXPECTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS: Final = (
    "#7f7f7f", "#bcbd22", "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#ff7f0e", "#17becf", "#8c564b", "#e377c2",
)  # fmt: skip
"""One a model, in the order of the rows; from the eleventh on they start again, with another marker."""
MARKERS: Final = "osD^v"
WIDTH: Final = 13.5
"""Inches."""
PANEL: Final = 3.7
"""Height of the panels with their titles, in inches."""
TICKS: Final = 0.7
"""Height of what is written below the axes."""
LINE: Final = 0.15
"""Height of a line of the caption."""
LEGEND: Final = 0.27
"""Height of a line of the legend."""
PER_LINE: Final = 5
"""Models in a line of the legend."""


def draw(report: Report | LandCoverReport | SceneClassReport, path: Path) -> None:
    """Draw a report.

    Args:
        report: Of restored images: PSNR by cloud cover, calibration and sparsification of the uncertainty, of the first
            protocol, group of bands and part of the image, against the clear image as it is. Of land cover:
            intersection over union by class. Of scene classes: overall accuracy by cloud cover, and accuracy by class.
        path: The PNG file.

    Raises:
        OptionError: matplotlib is not installed.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OptionError(f"drawing needs matplotlib: pip install 'sunbreak[plot]' ({error})") from error
    caption = [*report.document().stamps, _origin(report)]
    rows = report.rows if isinstance(report, SceneClassReport) else report.models
    legend = -(-len(rows) // PER_LINE)
    written = LINE * (len(caption) + 1)
    height = PANEL + TICKS + LEGEND * legend + written
    figure = Figure(figsize=(WIDTH, height), dpi=120)
    FigureCanvasAgg(figure)
    if isinstance(report, Report):
        axes = _restored(report, figure)
    else:
        axes = _mapped(report, figure) if isinstance(report, LandCoverReport) else _classified(report, figure)
    handles, labels = axes.get_legend_handles_labels()
    place = (0.5, written / height)
    figure.legend(handles, labels, loc="lower center", bbox_to_anchor=place, ncols=PER_LINE, frameon=False)
    bottom = (TICKS + LEGEND * legend + written) / height
    figure.subplots_adjust(left=0.05, right=0.985, top=1 - 0.35 / height, bottom=bottom, wspace=0.22)
    figure.text(0.01, 0.5 * LINE / height, "\n".join(caption), fontsize=7, va="bottom")
    figure.savefig(path, format="png", metadata={"Software": f"sunbreak {report.version}"})


def _restored(report: Report, figure: Figure) -> Axes:
    left, middle, right = figure.subplots(1, 3)
    _by_cover(report, left)
    _calibration(report, middle)
    _sparsification(report, right)
    return cast("Axes", left)


def _by_cover(report: Report, axes: Axes) -> None:
    region, bins = report.regions[0], [one for one in groups(report.patches, ["coverage"]) if one.by == "coverage"]
    for index, model in enumerate(report.models):
        found = [report.summary(model, "raw", region, one.patches).scores.psnr for one in bins]
        places = [BINS.index(one.name) for one in bins]
        axes.plot(places, found, label=report.label(model), **_style(index))
    axes.set_xticks(range(len(BINS)), [name.removesuffix(" %") for name in BINS])
    axes.set_xlim(-0.3, len(BINS) - 0.7)
    axes.set(xlabel="cloud cover of the patch in %", ylabel="PSNR in dB, mean over patches")
    bands = "" if report.bands[0] == "all" else f", bands {report.bands[0]}"
    axes.set_title(f"{words(region)}, target raw{bands}", fontsize=10)
    axes.grid(alpha=0.3)


def _calibration(report: Report, axes: Axes) -> None:
    axes.plot([0, 100], [0, 100], color="black", linewidth=0.8, linestyle=":")
    for index, model in enumerate(report.models):
        errors = report.classified(model, "raw", report.regions[0])
        if errors is not None and errors.values:
            axes.plot(100 * np.array(EXPECTED), 100 * errors.calibration(), **_style(index))
    axes.set(xlabel="errors expected in the interval, %", ylabel="errors found in it, %", xlim=(0, 100), ylim=(0, 100))
    axes.set_title("calibration: above the dots, sigma is too large", fontsize=10)
    axes.grid(alpha=0.3)


def _sparsification(report: Report, axes: Axes) -> None:
    for index, model in enumerate(report.models):
        errors = report.classified(model, "raw", report.regions[0])
        if errors is not None and errors.values:
            curve = errors.sparsification()
            style = _style(index)
            axes.plot(100 * curve.rejected, curve.rmse, **style)
            axes.plot(100 * curve.rejected, curve.oracle, color=style["color"], linestyle=":", linewidth=1)
    axes.set(xlabel="least certain values rejected, %", ylabel="RMSE of the values kept, reflectance", xlim=(0, 100))
    axes.set_ylim(bottom=0)
    axes.set_title("sparsification: dotted, the best possible order", fontsize=10)
    axes.grid(alpha=0.3)


def _mapped(report: LandCoverReport, figure: Figure) -> Axes:
    axes, region = figure.subplots(1, 1), report.regions[0]
    truth = report.matrix(report.models[-1], region).sum(axis=1)
    present = np.flatnonzero(truth)
    shares = {model: iou(report.matrix(model, region))[present] for model in report.models}
    _bars(report, axes, shares)
    entries = list(LAND_COVER_LEGEND.values())
    words_of = [entries[one].name.replace(" or ", " or\n") for one in present]
    names = [f"{name}\n{100 * truth[one] / truth.sum():.1f} %" for name, one in zip(words_of, present, strict=True)]
    axes.set_xticks(range(len(present)), names, fontsize=8)
    axes.set(ylabel="intersection over union", ylim=(0, 1))
    axes.set_title(f"{words(region)}; below each class, its share of the pixels", fontsize=10)
    return axes


def _classified(report: SceneClassReport, figure: Figure) -> Axes:
    left, right = figure.subplots(1, 2)
    for index, model in enumerate(report.rows):
        records = [one for one in report.records() if (one["by"], one["model"]) == ("coverage", model)]
        places = [COVERS.index(one["group"]) for one in records]
        left.plot(places, [one["accuracy"] for one in records], label=report.label(model), **_style(index))
    left.set_xticks(range(len(COVERS)), [name.removesuffix(" %") for name in COVERS])
    left.set(xlabel="cloud cover of the patch in %", ylabel="share classified right", ylim=(0, 1.03))
    left.set_xlim(-0.3, len(COVERS) - 0.7)
    left.set_title("overall accuracy by cloud cover", fontsize=10)
    left.grid(alpha=0.3)
    present = np.unique(report.labels)
    _bars(report, right, {model: class_accuracies(report.matrix(model))[present] for model in report.rows})
    right.set_xticks(range(len(present)), [report.classes[one] for one in present], fontsize=8, rotation=20, ha="right")
    right.set(ylim=(0, 1.03))
    right.set_title("accuracy by class", fontsize=10)
    return cast("Axes", left)


def _bars(report: Evaluated, axes: Axes, shares: Mapping[str, npt.NDArray[np.float64]]) -> None:
    """One bar a class and model."""
    width = 0.8 / len(shares)
    for index, (model, values) in enumerate(shares.items()):
        places = np.arange(len(values)) + (index + 0.5) * width - 0.4
        axes.bar(places, values, width, label=report.label(model), color=_style(index)["color"])
    axes.grid(alpha=0.3, axis="y")


def _origin(report: Evaluated) -> str:
    return f"protocol {report.protocol_names[0]}, {report.document().origin}, {report.counted[0]}"


def _style(index: int) -> dict[str, Any]:
    return {
        "color": COLOURS[index % len(COLOURS)],
        "marker": MARKERS[index // len(COLOURS) % len(MARKERS)],
        "markersize": 4,
        "linewidth": 1.5,
    }
