"""The verb `report`: one self-contained page on a product or an evaluation."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser


def report_parser() -> ArgumentParser:
    """Build the parser of `sunbreak report`.

    Returns:
        The parser.
    """
    parser = new_parser("Write one self-contained HTML page on a product, or on what `sunbreak evaluate -o` wrote.")
    parser.add_argument("folder", type=Path, metavar="OUT", help="folder of the product or of the evaluation")
    parser.add_argument("-o", "--out", type=Path, required=True, metavar="HTML", help="file to write")
    return parser


def run_report(given: Namespace) -> None:
    """Run `sunbreak report`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.report import write_page

    print(write_page(given.folder, given.out))
