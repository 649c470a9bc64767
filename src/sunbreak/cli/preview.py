"""The verb `preview`: a picture of a product or of a simulated scene."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import new_parser


def preview_parser() -> ArgumentParser:
    """Build the parser of `sunbreak preview`.

    Returns:
        The parser.
    """
    parser = new_parser(
        "Draw a product (cloudy, restored, quality, uncertainty, land cover) or a simulated scene (cloudy, radar, "
        "quality, truth)."
    )
    parser.add_argument("product", type=Path, metavar="OUT", help="folder of the product")
    parser.add_argument("-o", "--out", type=Path, metavar="PNG", help="file to write (OUT-preview.png beside it)")
    return parser


def run_preview(given: Namespace) -> None:
    """Run `sunbreak preview`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.steps.preview import preview

    print(preview(given.product, given.out))
