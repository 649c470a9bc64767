"""The verb `models`: what restores, what can be trained, what both are measured against."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser


def models_parser() -> ArgumentParser:
    """Build the parser of `sunbreak models`.

    Returns:
        The parser.
    """
    parser = new_parser("List the models that restore scenes, and the baselines they are measured against.")
    parser.add_argument("name", nargs="?", metavar="NAME", help="tell all about one of them; also MODEL.onnx or a run")
    return parser


def run_models(given: Namespace) -> None:
    """Run `sunbreak models`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.models import describe, table

    print(table() if given.name is None else describe(given.name))
