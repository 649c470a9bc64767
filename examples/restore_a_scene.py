"""Restore your own scene: python examples/restore_a_scene.py S2.tif S1.tif OUT."""

import sys

import sunbreak


def main(optical: str, radar: str, out: str) -> None:
    """Restore, write, and tell what happened."""
    scene = sunbreak.read(optical, radar=radar)
    product = sunbreak.restore(scene)
    sunbreak.write(product, out, overwrite=True)
    restored = (product["source"] > sunbreak.Source.MEASURED).mean().item()
    print(f"{100 * restored:.1f} % of the pixels were restored; all others are as they were")


if __name__ == "__main__":
    main(*sys.argv[1:])
