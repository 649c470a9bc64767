"""Small simulated archives: Sentinel-2 and Sentinel-1 items of some dates, their files, and a catalogue over them."""

import json
from pathlib import Path

from stac_layouts import write_item, write_radar_item

SIZE = 256
BOX = [15.0, 52.3, 15.04, 52.35]
BBOX = ["--bbox", "15.0", "52.3", "15.04", "52.35"]
DATES = ["--dates", "2024-05-01/2024-05-31"]
BASELINE = {"s2:processing_baseline": "05.10"}


def scene_item(content, tile, day, **more):
    """A Sentinel-2 item of another tile and day, on the same files."""
    properties = {
        **content["properties"],
        "datetime": f"2024-05-{day:02}T10:20:31Z",
        "grid:code": f"MGRS-{tile}",
        **more,
    }
    return {**content, "id": f"S2A_{tile}_202405{day:02}_0_L2A", "bbox": BOX, "geometry": square(BOX),
            "properties": properties}  # fmt: skip


def radar_item(content, day, orbit="ascending", box=BOX, name=""):
    properties = {**content["properties"], "datetime": f"2024-05-{day:02}T05:20:31Z", "sat:orbit_state": orbit}
    name = name or f"S1A_202405{day:02}_{orbit}_rtc"
    return {**content, "id": name, "bbox": box, "geometry": square(box), "properties": properties}


def square(box):
    west, south, east, north = box
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def write_archive(root, days=(3, 8, 13), tiles=("33UUT", "33UVT"), href="{name}", size=SIZE):
    """Files and items of every day on every tile, and a radar item a week; returns the items."""
    name = href.replace("{name}", "files/{name}") if "://" in href else href
    optical = json.loads(
        write_item(root / "files", "planetary-computer", offset=-1000, size=size, href=name, **BASELINE).read_text()
    )
    radar = json.loads(write_radar_item(root / "files", size=size, href=name).read_text())
    scenes = [scene_item(optical, tile, day) for tile in tiles for day in days]
    return [*scenes, *(radar_item(radar, day) for day in (2, 9))]


def write_catalogue(root, items):
    """A static catalogue over items whose files lie in `files`; returns its path."""
    folder = Path(root) / "files"
    links = []
    for item in items:
        (folder / f"{item['id']}.json").write_text(json.dumps(item))
        links.append({"rel": "item", "href": f"./files/{item['id']}.json", "type": "application/geo+json"})
    path = Path(root) / "catalog.json"
    path.write_text(
        json.dumps({"type": "Catalog", "stac_version": "1.0.0", "id": "may", "description": "May", "links": links})
    )
    return path
