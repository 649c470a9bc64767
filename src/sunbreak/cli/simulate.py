"""The verb `simulate`: a scene with known truth."""

from __future__ import annotations

from typing import Final

from jsonargparse import ArgumentParser, Namespace

from sunbreak.bands import LEVELS
from sunbreak.cli.parsers import add_out, new_parser

KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")


def simulate_parser() -> ArgumentParser:
    """Build the parser of `sunbreak simulate`.

    Returns:
        The parser.
    """
    parser = new_parser("Simulate a scene with known truth: radar, cloudy optical, land cover, quality, optical depth.")
    add_out(parser, "folder of the simulated scene")
    parser.add_argument("--size", type=int, default=1024, metavar="PX", help="side in pixels of 10 m (1024)")
    parser.add_argument("--cover", type=float, default=0.4, metavar="SHARE", help="share under cloud, 0 to 1 (0.4)")
    parser.add_argument("--kind", choices=KINDS, default="mixed", help="kind of cloud (mixed)")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same scene (0)")
    parser.add_argument("--level", choices=LEVELS, default="L1C", help="processing level (L1C)")
    parser.add_argument("--season", type=int, default=196, metavar="DAY", help="day of the year (196)")
    return parser


def run_simulate(given: Namespace) -> None:
    """Run `sunbreak simulate`.

    Args:
        given: What the parser has found.
    """
    from sunbreak.simulate import CloudSpec, SceneSpec, write_scene

    clouds = CloudSpec(seed=given.seed, cover=given.cover, kind=given.kind)
    spec = SceneSpec(size=given.size, seed=given.seed, level=given.level, season=given.season, clouds=clouds)
    write_scene(spec, given.out, overwrite=given.overwrite, progress=True)
    print(f"{given.out}: optical.tif (cloudy), radar.tif, truth.tif, land_cover.tif, quality.tif, optical_depth.tif")
