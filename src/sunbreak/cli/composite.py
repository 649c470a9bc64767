"""The verb `composite`: several dates in, one product out."""

from __future__ import annotations

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import add_out, days, new_parser
from sunbreak.cli.scene_options import add_masking, add_reading, add_running, mask_options, read_options


def composite_parser() -> ArgumentParser:
    """Build the parser of `sunbreak composite`.

    Returns:
        The parser.
    """
    parser = new_parser("Compose one image from several dates of a place: restored products, or scenes as they come.")
    parser.add_argument(
        "dates", nargs="+", metavar="SCENE",
        help="product of `sunbreak restore`, DEST of `sunbreak run`, or Sentinel-2: GeoTIFF, .SAFE, STAC item",
    )  # fmt: skip
    add_out(parser, "folder of the composite")
    parser.add_argument(
        "--method", choices=("least-cloudy", "median", "inverse-variance"), default="median",
        help="median of every band; least-cloudy: spectrum of the least cloudy date that is clear there; "
        "inverse-variance: mean weighted by uncertainty (median)",
    )  # fmt: skip
    parser.add_argument(
        "--clear-only", action="store_true", help="measured pixels alone: leave out what products have restored"
    )
    parser.add_argument("--dates", dest="days", metavar="FROM/UNTIL", help="days, both included: 2024-05-01/2024-05-31")
    parser.add_argument("--tile", metavar="TILE", help="of folders of products those of this MGRS tile, as 33UUT")
    add_reading(parser, radar=False)
    add_masking(parser, buffer=4, file=False)
    add_running(parser)
    return parser


def run_composite(given: Namespace) -> None:
    """Run `sunbreak composite`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.pipeline import compose
    from sunbreak.steps.compose_block import CompositeOptions

    item = compose(
        given.dates, given.out, days=days(given.days) if given.days else None, tile=given.tile,
        read_options=read_options(given), mask_options=mask_options(given),
        composite_options=CompositeOptions(given.method, given.clear_only), overwrite=given.overwrite, progress=True,
    )  # fmt: skip
    told = item.properties
    restored = "".join(f", {share} % by {name}" for name, share in told["sunbreak:restored_by"].items())
    print(
        f"{given.out}: {len(told['sunbreak:dates'])} dates, {told['sunbreak:composite']}; "
        f"{told['sunbreak:measured_percent']} % measured{restored}, {told['sunbreak:empty_percent']} % empty; "
        f"look at {given.out / 'preview.png'}"
    )
