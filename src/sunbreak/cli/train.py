"""The verb `train`: a network into a run folder, in legs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser, settings
from sunbreak.errors import OptionError
from sunbreak.registry import NETWORKS
from sunbreak.train.options import TrainOptions


def train_parser() -> ArgumentParser:
    """Build the parser of `sunbreak train`.

    Returns:
        The parser.
    """
    parser = new_parser("Train a network; the same command goes on with a training that was stopped.")
    parser.add_argument("network", metavar="NETWORK", help=", ".join(NETWORKS))
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        metavar="SPEC",
        help="simulated:, collection:PATH, sen12ms-cr:PATH, ...; mixed",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--minutes", type=float, metavar="N", help="stop after this time; go on later")
    parser.add_argument("--config", action="config", metavar="YAML", help="settings from a file; flags come on top")
    parser.add_argument(
        "--network-options", type=dict[str, Any], default={}, metavar="JSON", help="fields of the network's options"
    )
    parser.add_class_arguments(TrainOptions, as_group=True)
    return parser


def run_train(given: Namespace) -> None:
    """Run `sunbreak train`.

    Args:
        given: What the parser has found.
    """
    try:
        from sunbreak.train.run import train
    except ImportError as error:
        raise OptionError(f"training needs more packages: pip install 'sunbreak[train]' ({error})") from error
    options = settings(TrainOptions, given)
    leg = train(
        given.network, given.data, given.out,
        options=options, config=given.network_options, minutes=given.minutes, progress=True,
    )  # fmt: skip
    if leg.finished:
        print(f"{leg.folder}: trained ({leg.done}); use it with `sunbreak restore ... --model {leg.folder}`")
    else:
        print(f"{leg.folder}: stopped at {leg.done}; the same command goes on")
