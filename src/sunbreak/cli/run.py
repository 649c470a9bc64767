"""The verb `run`: a plan in, a folder of products and their STAC collection out."""

from __future__ import annotations

import sys

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser
from sunbreak.cli.scene_options import add_masking, add_reading, add_running, mask_options, read_options
from sunbreak.errors import SunbreakError
from sunbreak.models import DEFAULT
from sunbreak.terminal import one_line


def run_parser() -> ArgumentParser:
    """Build the parser of `sunbreak run`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Restore every scene of a plan. Finished scenes are skipped: after a stop, the same command completes the plan."
    )
    parser.add_argument("plan", metavar="PLAN", help="table of `sunbreak plan`, .csv or .parquet")
    parser.add_argument(
        "-o", "--out", required=True, metavar="DEST",
        help="folder, or s3://BUCKET/PREFIX (needs sunbreak[store]); products go to DEST/TILE/ID, and"
        " DEST/collection.json lists them",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes on this machine")
    parser.add_argument(
        "--scheduler", metavar="tcp://HOST:PORT",
        help="existing Dask cluster whose workers see the same folders; needs sunbreak[cluster]",
    )  # fmt: skip
    parser.add_argument(
        "--model", default=DEFAULT, metavar="NAME",
        help=f"see `sunbreak models`; or MODEL.onnx, or the folder of a `sunbreak train` ({DEFAULT})",
    )  # fmt: skip
    parser.add_argument(
        "--everywhere", action="store_true", help="map land cover wherever there is data, not only around clouds"
    )
    add_reading(parser)
    add_masking(parser, buffer=4)
    add_running(parser)
    return parser


def run_run(given: Namespace) -> None:
    """Run `sunbreak run`.

    Args:
        given: What the parser has found.

    Raises:
        SunbreakError: Scenes have failed; each is listed with its reason first.
    """
    from sunbreak.scale.jobs import Options
    from sunbreak.scale.run import run
    from sunbreak.steps.restore import RestoreOptions

    restore = RestoreOptions(given.model, given.runtime, given.precision, given.everywhere)
    report = run(
        given.plan, given.out, Options(read_options(given), mask_options(given), restore),
        workers=given.workers, scheduler=given.scheduler, progress=True,
    )  # fmt: skip
    for outcome in report.made:
        for text in outcome.warnings:
            print(f"warning: {outcome.job.name}: {one_line(text)}", file=sys.stderr)
    print(
        f"{given.out}: {len(report.made)} scenes restored, {report.skipped} were finished, {len(report.failed)} failed"
    )
    for outcome in report.failed:
        print(f"  {outcome.job.name}: {one_line(outcome.error)}")
    print(f"{given.out.rstrip('/')}/collection.json: lists {report.listed} products", flush=True)
    if report.failed:
        raise SunbreakError(f"{len(report.failed)} scenes of {given.plan} failed; the same command tries them again")
