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
    parser.add_argument(
        "--trust", action="store_true",
        help="note the checksums of the files of MODEL.onnx in its card or sidecar: without them it does not run",
    )  # fmt: skip
    return parser


def run_models(given: Namespace) -> None:
    """Run `sunbreak models`.

    Args:
        given: What the parser has found.

    Raises:
        OptionError: There is no such model, or its card is damaged.
    """
    from sunbreak.models import describe, table, trust

    if given.trust:
        for path, digest in trust(given.name).items():
            print(f"{path}: sha256 {digest}, trusted from now on")
        return
    print(table() if given.name is None else describe(given.name))
