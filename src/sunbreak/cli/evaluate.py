"""The verb `evaluate`: models side by side against the truth."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser
from sunbreak.errors import OptionError


def evaluate_parser() -> ArgumentParser:
    """Build the parser of `sunbreak evaluate`.

    Returns:
        The parser.
    """
    parser = new_parser("Score models against the truth, beside the trivial answers.")
    parser.add_argument("models", nargs="*", metavar="MODEL", help="models beside the rows that are always there")
    parser.add_argument("--data", required=True, metavar="SPEC", help="kind:path[,option=value]; see docs/evaluate.md")
    parser.add_argument(
        "--task", choices=("restore", "landcover", "scene"), default="restore", help="what is scored (restore)"
    )
    parser.add_argument(
        "--protocol", nargs="+", metavar="NAME", help="definitions of the metrics, one table each (sunbreak)"
    )
    parser.add_argument("--bands", nargs="+", metavar="GROUP", help="all, rgb, no-b10: one table each (all)")
    parser.add_argument(
        "--parts", nargs="+", metavar="PART", help="all, cloud, shadow, clear: parts of the image, one table each"
    )
    parser.add_argument("--by", nargs="+", default=[], metavar="GROUP", help="coverage, region: tables by these, too")
    parser.add_argument("--per-patch", action="store_true", help="one row per patch as well")
    parser.add_argument(
        "--references",
        action="store_true",
        help="a second row for everything that restores, with the other dates of a series as references",
    )
    parser.add_argument(
        "--restored", action="store_true", help="with --task scene: score optical classifiers on restored patches, too"
    )
    parser.add_argument(
        "--allow-seen", action="store_true", help="score models on regions that they have seen, and stamp it"
    )
    parser.add_argument(
        "-o", "--out", type=Path, metavar="DIR", help="write report.md, .csv, .json, .tex and .png into this folder"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything as JSON, too")
    return parser


def run_evaluate(given: Namespace) -> None:
    """Run `sunbreak evaluate`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.evaluation import (
        EvaluationOptions,
        evaluate,
        evaluate_land_cover,
        evaluate_scene_classes,
        write_report,
    )
    from sunbreak.evaluation.files import make_folder, write_text
    from sunbreak.metrics.land_cover_report import LandCoverReport
    from sunbreak.metrics.report import Report
    from sunbreak.metrics.scene_class_report import SceneClassReport

    if given.json is not None and not given.json.parent.is_dir():
        raise OptionError(f"--json {given.json}: no such folder")
    _refuse_unused(given)
    options = EvaluationOptions(
        regions=tuple(given.parts) if given.parts else None,
        bands=tuple(given.bands or ["all"]),
        by=tuple(given.by),
        references=given.references,
        allow_seen=given.allow_seen,
    )
    if given.out is not None:
        make_folder(given.out)
    report: Report | LandCoverReport | SceneClassReport
    if given.task == "scene":
        report = evaluate_scene_classes(
            given.models, given.data, options=options, restored=given.restored, progress=True
        )
    elif given.task == "landcover":
        report = evaluate_land_cover(given.models, given.data, options=options, progress=True)
    else:
        protocols = given.protocol or "sunbreak"
        report = evaluate(
            given.models, given.data, protocol=protocols, per_patch=given.per_patch, options=options, progress=True
        )
    print(report.text())
    if given.json is not None:
        write_text(given.json, report.json())
    if given.out is not None:
        print("\nwritten: " + ", ".join(map(str, write_report(report, given.out))))


def _refuse_unused(given: Namespace) -> None:
    """Refuse options that play no part in the task."""
    if given.restored and given.task != "scene":
        raise OptionError(f"--restored: is for classifiers; leave it out with --task {given.task}")
    reflectance, one_class = "scores reflectance", "a patch has one class"
    dates = "is about restored images"
    reasons: dict[str, dict[str, str]] = {
        "restore": {},
        "landcover": {"protocol": reflectance, "bands": reflectance, "per_patch": reflectance, "references": dates},
        "scene": {
            "protocol": reflectance, "bands": reflectance, "per_patch": "all patches are in the JSON file",
            "references": dates, "parts": one_class, "by": "tables by cloud cover are always there",
        },
    }  # fmt: skip
    for option, reason in reasons[given.task].items():
        if given[option]:
            raise OptionError(f"--{option.replace('_', '-')}: {reason}; leave it out with --task {given.task}")
