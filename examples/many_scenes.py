"""Restore a folder of scenes and list them in a STAC collection: python examples/many_scenes.py SCENES OUT.

SCENES holds one folder a scene with `optical.tif` and `radar.tif`. Run it again after a stop: finished products stay.
"""

import sys
from pathlib import Path

import pystac

from sunbreak import process


def main(scenes: str, out: str) -> None:
    """Restore what is not there yet, then write collection.json."""
    items = []
    for scene in sorted(Path(scenes).iterdir()):
        product = Path(out, scene.name)
        if not (product / "item.json").exists():  # written last: it is there if and only if the product is whole
            process(scene / "optical.tif", scene / "radar.tif", product)
        items.append(pystac.Item.from_file(str(product / "item.json")))
    boxes, times = [item.bbox for item in items if item.bbox], [item.datetime for item in items if item.datetime]
    extent = pystac.Extent(
        pystac.SpatialExtent(boxes or [[-180, -90, 180, 90]]),
        pystac.TemporalExtent([[min(times, default=None), max(times, default=None)]]),
    )
    collection = pystac.Collection("restored", "Restored scenes", extent)
    collection.links += [pystac.Link("item", f"./{item.id}/item.json", "application/geo+json") for item in items]
    collection.save_object(include_self_link=False, dest_href=str(Path(out, "collection.json")))
    print(f"{len(items)} scenes: sunbreak view {out}")


if __name__ == "__main__":
    main(*sys.argv[1:])
