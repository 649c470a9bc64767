"""The verb `plan`: a search of a catalogue in, a table of scenes and their radar out."""

from __future__ import annotations

from pathlib import Path

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import days, listed, new_parser
from sunbreak.errors import OptionError


def plan_parser() -> ArgumentParser:
    """Build the parser of `sunbreak plan`.

    Returns:
        The parser.
    """
    parser = new_parser("Find Sentinel-2 items in a STAC catalogue and give each the best Sentinel-1 item: a table.")
    parser.add_argument(
        "--stac", required=True, metavar="URL|FILE", help="STAC API, or a static catalogue that ends in .json"
    )
    parser.add_argument(
        "--bbox", type=float, nargs=4, required=True, metavar=("W", "S", "E", "N"), help="area in degrees"
    )
    parser.add_argument(
        "--dates", required=True, metavar="FROM/UNTIL", help="days, both included: 2024-05-01/2024-05-31"
    )
    parser.add_argument("--max-cloud", type=float, default=100.0, metavar="P", help="most cloud in percent")
    parser.add_argument(
        "--collection", default="sentinel-2-l2a", metavar="LIST", help="optical collections (sentinel-2-l2a)"
    )
    parser.add_argument(
        "--radar-collection", default="sentinel-1-rtc", metavar="LIST",
        help="radar collections, terrain-corrected (sentinel-1-rtc)",
    )  # fmt: skip
    parser.add_argument("--radar-days", type=float, default=12.0, metavar="N", help="most days to the radar image (12)")
    parser.add_argument(
        "--sign", default="", metavar="MODULE:FUNCTION",
        help="will sign the addresses inside the items when the plan runs; noted in it by name",
    )  # fmt: skip
    parser.add_argument(
        "-o", "--out", type=Path, required=True, metavar="FILE", help="the plan: .csv, or .parquet; replaced if there"
    )
    return parser


def run_plan(given: Namespace) -> None:
    """Run `sunbreak plan`.

    Args:
        given: What the parser has found.

    Raises:
        OptionError: An option is impossible, or nothing is found.
        InputError: The catalogue cannot be read.
    """
    from sunbreak.inputs.signing import sign_hook
    from sunbreak.rasters.crop import check_bounds
    from sunbreak.scale.find import find
    from sunbreak.scale.pair import pair
    from sunbreak.scale.table import write_plan

    west, south, east, north = given.bbox
    sign_hook(given.sign or None)
    if given.radar_days < 0:
        raise OptionError(f"--radar-days {given.radar_days:g}: expected 0 or more")
    optical, radar = find(
        given.stac, check_bounds((west, south, east, north), "--bbox"), days(given.dates), max_cloud=given.max_cloud,
        collections=listed(given.collection) or (), radar_collections=listed(given.radar_collection) or (),
        radar_days=given.radar_days,
    )  # fmt: skip
    rows = pair(optical, radar, days=given.radar_days, sign=given.sign)
    write_plan(rows, given.out)
    alone = [row for row in rows if not row.radar]
    tiles = len({row.tile for row in rows})
    print(f"{given.out}: {len(rows)} scenes on {tiles} tiles, {len(rows) - len(alone)} with radar")
    for row in alone:
        print(f"  {row.id}: {row.reason}")
