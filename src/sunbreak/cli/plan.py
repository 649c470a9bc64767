"""The verb `plan`: a search of a catalogue in, a table of scenes and their radar out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from jsonargparse import ArgumentParser, Namespace

from sunbreak.cli.parsers import days, listed, new_parser
from sunbreak.errors import OptionError
from sunbreak.terminal import one_line

if TYPE_CHECKING:
    from shapely.geometry.base import BaseGeometry


def plan_parser() -> ArgumentParser:
    """Build the parser of `sunbreak plan`.

    Returns:
        The parser.
    """
    parser = new_parser("Find Sentinel-2 items in a STAC catalogue and give each the best Sentinel-1 item: a table.")
    parser.add_argument(
        "--stac", required=True, metavar="URL|FILE", help="STAC API, or a static catalogue that ends in .json"
    )
    parser.add_argument("--bbox", type=float, nargs=4, metavar=("W", "S", "E", "N"), help="area in degrees")
    parser.add_argument("--aoi", metavar="FILE", help="area as GeoJSON, instead of --bbox")
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
    from sunbreak.scale.find import find
    from sunbreak.scale.pair import pair
    from sunbreak.scale.table import write_plan

    sign_hook(given.sign or None)
    if given.radar_days < 0:
        raise OptionError(f"--radar-days {given.radar_days:g}: expected 0 or more")
    optical, radar = find(
        given.stac, _area(given), days(given.dates), max_cloud=given.max_cloud,
        collections=listed(given.collection) or (), radar_collections=listed(given.radar_collection) or (),
        radar_days=given.radar_days,
    )  # fmt: skip
    rows = pair(optical, radar, days=given.radar_days, sign=given.sign)
    write_plan(rows, given.out)
    alone = [row for row in rows if not row.radar]
    tiles = len({row.tile for row in rows})
    print(f"{given.out}: {len(rows)} scenes on {tiles} tiles, {len(rows) - len(alone)} with radar")
    for row in alone:
        print(f"  {one_line(row.id)}: {row.reason}")


def _area(given: Namespace) -> BaseGeometry:
    from shapely.geometry import box

    from sunbreak.rasters.crop import check_bounds
    from sunbreak.scale.find import area_of_geojson

    if (given.bbox is None) == (given.aoi is None):
        raise OptionError("--bbox W S E N or --aoi FILE: give one of them, so that there is an area to search")
    if given.aoi is not None:
        return area_of_geojson(given.aoi)
    west, south, east, north = given.bbox
    return box(*check_bounds((west, south, east, north), "--bbox"))
