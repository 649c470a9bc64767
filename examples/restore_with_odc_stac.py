"""Restore a scene that odc-stac loads lazily: python examples/restore_with_odc_stac.py ITEM.json OUT.

Pixels are computed window by window, every chunk once. What odc-stac does not carry over from the item, level and
offset of the DN, Sunbreak reads from the item's file.
"""

import sys

import odc.stac
import pystac

import sunbreak


def main(item: str, out: str) -> None:
    """Load the bands on one grid, restore, write."""
    loaded = odc.stac.load([pystac.Item.from_file(item)], chunks={"x": 2048, "y": 2048}, dtype="uint16", nodata=0)
    scene = sunbreak.read(loaded.isel(time=0), metadata=item)
    product = sunbreak.restore(scene)
    sunbreak.write(product, out)
    print(f"{out}: {dict(product.sizes)}, {100 * float((product.source > 1).mean()):.1f} % restored")


if __name__ == "__main__":
    main(*sys.argv[1:])
