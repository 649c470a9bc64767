"""The verb `adapt`: weights brought to the user's own area, in a given time."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser, settings
from sunbreak.errors import OptionError
from sunbreak.models import DEFAULT
from sunbreak.train.adapt_options import AdaptOptions


def adapt_parser() -> ArgumentParser:
    """Build the parser of `sunbreak adapt`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Adapt a network to your own area: the clear ground of your dates under simulated clouds; no labels needed. "
        "The same command goes on with a run that was stopped."
    )
    parser.add_argument(
        "--archive", required=True, nargs="+", metavar="SPEC", help="archive:PATH of dated images, or the path alone"
    )
    parser.add_argument(
        "--model", default=DEFAULT, metavar="NAME",
        help=f"what is adapted: see `sunbreak models`; or MODEL.onnx, or the folder of a run ({DEFAULT})",
    )  # fmt: skip
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--minutes", type=float, default=10.0, metavar="N", help="time to adapt in, over all legs (10)")
    parser.add_argument("--stop_after", type=float, metavar="N", help="stop after this many minutes; go on later")
    parser.add_argument("--config", action="config", metavar="YAML", help="settings from a file; flags come on top")
    parser.add_class_arguments(AdaptOptions, as_group=True)
    return parser


def run_adapt(given: Namespace) -> None:
    """Run `sunbreak adapt`.

    Args:
        given: What the parser has found.
    """
    try:
        from sunbreak.train.adapt import adapt
    except ImportError as error:
        raise OptionError(f"adapting needs more packages: pip install 'sunbreak[train]' ({error})") from error
    options = settings(AdaptOptions, given)
    run = adapt(
        given.archive, given.out, model=given.model, minutes=given.minutes, leg=given.stop_after, options=options,
        progress=True,
    )  # fmt: skip
    if run.finished:
        print(f"{run.folder}: {run.done}; use it with `sunbreak restore ... --model {run.folder}`")
    else:
        print(f"{run.folder}: stopped at {run.done}; the same command goes on")
