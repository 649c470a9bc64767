"""A month of two adjacent tiles, from a catalogue to a collection: python examples/a_month_of_two_tiles.py DIR [SIZE].

Simulates six dates of two tiles with three radar images, serves them over HTTP as an archive does (a STAC catalogue,
one file a band, byte ranges), plans, restores, and opens the collection. Needs sunbreak[stac,view].
"""

import contextlib
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import numpy as np
import pystac
import rasterio
import uvicorn
from affine import Affine
from rasterio.warp import transform_bounds
from starlette.staticfiles import StaticFiles

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.cli import main as sunbreak
from sunbreak.simulate import CloudSpec, SceneSpec, simulate

CRS = "EPSG:32633"
BORDER, NORTH = 600_000, 5_050_020  # in m: the tiles meet in the middle of the area
TILES = ("33TWL", "33TXL")
OPTICAL_DAYS, RADAR_DAYS = (3, 8, 13, 18, 23, 28), (2, 14, 26)
COVER = (0.3, 0.7, 0.5, 0.9, 0.4, 0.6)
SCL = {0: 0, 1: 4, 2: 10, 3: 9, 4: 3}  # our quality as the scene classification of Sen2Cor


def write_band(path: Path, plane: np.ndarray, west: float, resolution: int, nodata: float) -> dict:
    """One band as a COG; returns its asset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    profile = {"driver": "COG", "count": 1, "height": plane.shape[0], "width": plane.shape[1], "dtype": plane.dtype}
    place = Affine(resolution, 0, west, 0, -resolution, NORTH)
    with rasterio.open(path, "w", crs=CRS, transform=place, nodata=nodata, **profile) as file:
        file.write(plane, 1)
    return {"href": f"./{path.name}", "type": "image/tiff; application=geotiff", "roles": ["data"]}


def coarser(plane: np.ndarray, factor: int) -> np.ndarray:
    """Means of blocks of pixels."""
    height, width = plane.shape
    return plane.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))


def write_item(folder: Path, west: float, size: tuple[int, int], collection: str, day: int, told: dict) -> str:
    """The item of what lies in a folder, `told` being its assets and properties; returns its path."""
    height, width = (10 * side for side in size)
    box = transform_bounds(CRS, "EPSG:4326", west, NORTH - height, west + width, NORTH)
    ring = [[box[0], box[1]], [box[2], box[1]], [box[2], box[3]], [box[0], box[3]], [box[0], box[1]]]
    item = {
        "type": "Feature", "stac_version": "1.1.0", "id": folder.name, "collection": collection, "bbox": list(box),
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "links": [], "assets": told["assets"],
        "properties": {"datetime": f"2024-05-{day:02}T10:10:31Z", **told["properties"]},
    }  # fmt: skip
    (folder / "item.json").write_text(json.dumps(item))
    return f"./{folder.parent.name}/{folder.name}/item.json"


def simulate_month(root: Path, size: int) -> None:
    """Six dates of both tiles, three radar images over both, and a catalogue of all."""
    land = {"size": 2 * size, "seed": 5, "level": "L2A", "year": 2024}
    links = []
    for day, cover in zip(OPTICAL_DAYS, COVER, strict=True):
        season = date(2024, 5, day).timetuple().tm_yday
        spec = SceneSpec(season=season, clouds=CloudSpec(seed=day, cover=cover), **land)
        for number, tile in enumerate(TILES):
            west, cols = BORDER + 10 * size * (number - 1), slice(number * size, (number + 1) * size)
            seen, folder = simulate(spec, slice(0, size), cols), root / tile / f"S2A_{tile}_202405{day:02}_0_L2A"
            assets = {}
            for band, plane in zip(spec.bands, seen.optical, strict=True):
                resolution = OPTICAL_BANDS[band].resolution
                dn = np.rint(coarser(plane, resolution // 10) * 10_000 + 1000).clip(1, 65_535).astype("uint16")
                about = {"eo:bands": [{"name": band}], "raster:bands": [{"scale": 1e-4, "offset": -0.1}]}
                assets[band] = write_band(folder / f"{band}.tif", dn, west, resolution, 0) | about
            classes = np.array([SCL[code] for code in range(5)], "uint8")[seen.quality[::2, ::2]]
            assets["SCL"] = write_band(folder / "SCL.tif", classes, west, 20, 0)
            told = {"grid:code": f"MGRS-{tile}", "s2:processing_baseline": "05.10", "platform": "sentinel-2a"}
            told["eo:cloud_cover"] = float(round(100 * np.isin(seen.quality, (2, 3)).mean(), 1))
            told = {"assets": assets, "properties": told}
            links.append(write_item(folder, west, (size, size), "sentinel-2-l2a", day, told))
    for day in RADAR_DAYS:
        spec = SceneSpec(season=date(2024, 5, day).timetuple().tm_yday, **land)
        power = 10 ** (simulate(spec, slice(0, size)).radar / 10)
        folder, west = root / "radar" / f"S1A_IW_202405{day:02}_rtc", BORDER - 10 * size
        assets = {
            name: write_band(folder / f"{name}.tif", plane.astype("float32"), west, 10, -32768)
            for name, plane in zip(("vv", "vh"), power, strict=True)
        }
        told = {"assets": assets, "properties": {"sat:orbit_state": "ascending", "platform": "sentinel-1a"}}
        links.append(write_item(folder, west, (size, 2 * size), "sentinel-1-rtc", day, told))
    items = [{"rel": "item", "href": href, "type": "application/geo+json"} for href in links]
    content = {
        "type": "Catalog",
        "stac_version": "1.1.0",
        "id": "may",
        "description": "A simulated May",
        "links": items,
    }
    (root / "catalog.json").write_text(json.dumps(content))


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """Address of a web server over a folder; it answers to byte ranges, as object stores do."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(StaticFiles(directory=root), port=port, log_level="error"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


def main(folder: str, size: str = "510", *options: str) -> int:
    """Simulate what is not there yet, plan, run, and open the collection; returns the exit code."""
    root, dest = Path(folder) / "archive", Path(folder) / "restored"
    if int(size) % 6:
        sys.exit(f"SIZE {size}: expected a multiple of 6, so that pixels of 60 m fill it")
    if not (root / "catalog.json").exists():
        simulate_month(root, int(size))
    with served(root) as address:
        area = ["--bbox", "15", "45", "17", "46", "--dates", "2024-05-01/2024-05-31"]
        planned = sunbreak(["plan", "--stac", f"{address}/catalog.json", *area, "-o", f"{folder}/plan.csv"])
        failed = planned or sunbreak(["run", f"{folder}/plan.csv", "-o", str(dest), *options])
    if not failed:
        for item in pystac.Collection.from_file(str(dest / "collection.json")).get_items():
            told = item.properties
            print(
                f"{item.id}: {told['sunbreak:cloud_percent']:.0f} % cloud, radar {told['sunbreak:radar_days']:.0f} days"
            )
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
