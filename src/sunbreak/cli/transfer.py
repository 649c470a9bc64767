"""The verb `transfer`: a classifier of clear optical patches taught to work under cloud, without labels."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser, settings
from sunbreak.errors import OptionError
from sunbreak.train.transfer.options import TransferOptions

WORKERS: Final = 2
"""Processes that read patches."""


def transfer_parser() -> ArgumentParser:
    """Build the parser of `sunbreak transfer`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Teach a classifier of clear optical patches to work on cloudy optical and radar ones, without labels."
    )
    parser.add_argument(
        "--source",
        required=True,
        metavar="CLASSIFIER",
        help="a run folder, an .onnx file with card or sidecar, or the SPEC of labelled clear patches to train one on",
    )
    parser.add_argument(
        "--target", required=True, metavar="SPEC", help="cloudy optical and radar patches, pairs:PATH for your own"
    )
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="RUN", help="folder of the run")
    parser.add_argument("--config", action="config", metavar="YAML", help="settings from a file; flags come on top")
    parser.add_class_arguments(TransferOptions, as_group=True)
    return parser


def run_transfer(given: Namespace) -> None:
    """Run `sunbreak transfer`.

    Args:
        given: What the parser has found.
    """
    try:
        from sunbreak.train.transfer.run import transfer
    except ImportError as error:
        raise OptionError(f"training needs more packages: pip install 'sunbreak[train]' ({error})") from error
    options = settings(TransferOptions, given)
    transfer(given.source, given.target, given.out, options=options, progress=True, workers=WORKERS)
    print(f"{given.out}: transferred; use it with `sunbreak classify SCENE --radar S1 --model {given.out} -o OUT`")
