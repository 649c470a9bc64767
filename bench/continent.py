"""What a continent for a year takes, on paper: from what one scene takes here, times tiles and dates.

    python bench/continent.py [--size 2046] [--name value ...]

Restores one simulated scene of SIZE pixels behind a web server that counts requests and bytes, scales both and the
product by area to a whole tile, pairs as many scenes as a year of the continent has, and reckons with the seconds of a
tile of docs/performance.md. Every other number is an assumption; each has an option.
"""

import argparse
import math
import runpy
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from shapely.geometry import box

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import servers
from sunbreak.cli import main as sunbreak
from sunbreak.scale.pair import Image, pair

EXAMPLE = Path(__file__).parents[1] / "examples" / "a_month_of_two_tiles.py"
TILE = 10_980
TOUCHED = {0: 76.9, 30: 192.0, 100: 396.0}
"""Seconds of a tile on two cores by the percentage of it that is touched: docs/performance.md, "A whole tile"."""
CORES = 2
ASSUMED = {
    "area": (10.2e6, "land area in km2 (Europe)"),
    "edges": (1.2, "tiles for each 100 km x 100 km of it: coasts and overlaps of zones"),
    "dates": (102, "optical scenes of a tile and year: every 5 days, 1.4 times for overlapping orbits"),
    "kept": (0.6, "share of them that --max-cloud 80 leaves"),
    "touched": (60, "percentage of a scene that is touched, on average"),
    "busy": (0.8, "share of the paid time in which cores work: waiting for the network, ends of runs"),
    "core_hour": (0.04, "price of a core hour"),
    "gb_month": (0.023, "price of a GB stored for a month"),
    "gets": (0.0004, "price of 1,000 GET"),
    "puts": (0.005, "price of 1,000 PUT"),
    "gb_out": (0.0, "price of a GB read: 0 in the region of the archive, about 0.09 from elsewhere"),
    "days": (7, "days in which it is to be done"),
}


def measure(size):
    """Requests, bytes read, bytes and files written of one scene of a size, with radar."""
    seen = {"requests": 0, "read": 0}

    class Counted(servers.Ranged):
        def admits(self):
            seen["requests"] += self.path.endswith(".tif")
            return True

        def send_header(self, name, value):
            if name == "Content-Length" and self.path.endswith(".tif") and self.command == "GET":
                seen["read"] += int(value)
            super().send_header(name, value)

    month = runpy.run_path(str(EXAMPLE))["simulate_month"]
    month.__globals__.update(TILES=("33TWL",), OPTICAL_DAYS=(3,), RADAR_DAYS=(2,), COVER=(0.6,))
    with tempfile.TemporaryDirectory() as folder:
        root, out = Path(folder, "archive"), Path(folder, "out")
        root.mkdir()
        month(root, size)
        servers.Ranged = Counted
        with servers.files_over_http(root) as address:
            area = ["--bbox", "14", "44", "18", "47", "--dates", "2024-05-01/2024-05-31"]
            plan = str(Path(folder, "plan.csv"))
            if sunbreak(["plan", "--stac", f"{address}/catalog.json", *area, "-o", plan]) or sunbreak(
                ["run", plan, "-o", str(out)]
            ):
                sys.exit("the scene failed")
        files = [path for path in out.glob("*/*/*") if path.is_file()]
        return seen | {"written": sum(path.stat().st_size for path in files), "files": len(files)}


def pairing(tiles, dates):
    """Seconds in which the scenes of a continent and year find their radar: a frame of 3.6 x 1.8 degrees a pass."""
    start, side = datetime(2024, 1, 1, tzinfo=UTC), math.isqrt(tiles) + 1
    optical = [
        Image(
            f"S2-{tile}-{number}",
            "-",
            start + timedelta(days=number * 365 / dates),
            box(x, y, x + 1.4, y + 1),
            f"{tile}",
        )
        for tile in range(tiles)
        for x, y in [(-10 + 1.4 * (tile % side), 36 + tile // side)]
        for number in range(dates)
    ]
    west, south = np.arange(-10, -10 + 1.4 * side + 3.5, 3.5), np.arange(36, 36 + side + 1.7, 1.7)
    radar = [
        Image(f"S1-{x}-{y}-{day}", "-", start + timedelta(days=day), box(x, y, x + 3.6, y + 1.8), orbit=orbit)
        for x in west
        for y in south
        for orbit, first in (("ascending", 0), ("descending", 5))
        for day in range(first, 365, 12)
    ]
    begin = time.monotonic()
    paired = sum(bool(row.radar) for row in pair(optical, radar))
    passed = time.monotonic() - begin
    return f"pairing: {paired:,} of {len(optical):,} scenes with {len(radar):,} radar images in {passed:.0f} s"


def seconds(touched):
    """Of a tile on CORES cores, between the measured ones in straight lines."""
    low, high = (0, 30) if touched < 30 else (30, 100)
    return TOUCHED[low] + (touched - low) / (high - low) * (TOUCHED[high] - TOUCHED[low])


def reckon(given, seen, size):
    """Lines of (what, how, number, unit)."""
    by_area = (TILE / size) ** 2
    tiles = given.area / 1e4 * given.edges
    scenes = tiles * given.dates * given.kept
    hours = seconds(given.touched) * CORES / 3600 / given.busy
    read, written = (seen[name] * by_area / 1e9 for name in ("read", "written"))
    gets = seen["requests"] * by_area
    yield "tiles", "area / 10,000 km2 x edges", tiles, ""
    yield "scenes", "tiles x dates x kept", scenes, ""
    yield "core hours a scene", f"{seconds(given.touched):.0f} s x {CORES} cores / busy", hours, "h"
    yield "core hours", "scenes x core hours a scene", scenes * hours, "h"
    yield "cores", "core hours / (24 h x days)", scenes * hours / 24 / given.days, ""
    yield "read a scene", f"{seen['read'] / 1e6:.0f} MB x ({TILE} / {size})^2", read, "GB"
    yield "requests a scene", f"{seen['requests']} x ({TILE} / {size})^2", gets, ""
    yield "written a scene", f"{seen['written'] / 1e6:.0f} MB x ({TILE} / {size})^2", written, "GB"
    yield "written", "scenes x written a scene", scenes * written / 1e3, "TB"
    yield "network, whole cluster", "scenes x (read + written) / days", (
        scenes * (read + written) * 8 / (given.days * 86_400)
    ), "Gbit/s"  # fmt: skip
    yield "cost: cores", "core hours x core_hour", scenes * hours * given.core_hour, ""
    yield "cost: requests", "scenes x (requests x gets + files x puts) / 1,000", (
        scenes * (gets * given.gets + seen["files"] * given.puts) / 1000
    ), ""  # fmt: skip
    yield "cost: reading", "scenes x read a scene x gb_out", scenes * read * given.gb_out, ""
    yield "cost: keeping it a month", "written x gb_month", scenes * written * given.gb_month, ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=2046, help="side of the scene that is measured; a multiple of 6")
    for name, (value, text) in ASSUMED.items():
        parser.add_argument(f"--{name}", type=float, default=value, help=f"{text} ({value:g})")
    given = parser.parse_args()
    seen = measure(given.size)
    print(f"measured on one scene of {given.size} x {given.size}: {seen}")
    print(pairing(round(given.area / 1e4 * given.edges), round(given.dates * given.kept)))
    print("\n| assumed | | |\n|---|---|---|")
    for name, (_, text) in ASSUMED.items():
        print(f"| `--{name}` | {getattr(given, name):,g} | {text} |")
    print("\n| what | how | |\n|---|---|---|")
    for what, how, number, unit in reckon(given, seen, given.size):
        print(f"| {what} | {how} | {number:,.{0 if number >= 100 else 2}f} {unit} |")


if __name__ == "__main__":
    main()
