"""How well land cover is mapped, on simulated scenes: the only labels at hand that are finer than 20 m.

    python bench/land_cover.py MODEL... [--n 16]

Scenes of 512 x 512 that no training has seen, both levels in turn, masks from the simulation. The table gives overall
accuracy and mean intersection over union over the classes present, for pixels that were clear and for those under cloud
or shadow.
"""

import argparse

import numpy as np

from sunbreak import restore
from sunbreak.bands import LEVELS
from sunbreak.data.simulated import sky_seed
from sunbreak.legend import Quality
from sunbreak.metrics.land_cover import confusion, iou
from sunbreak.scene import make_scene
from sunbreak.simulate import CloudSpec, SceneSpec, simulate
from sunbreak.steps.mask import grow
from sunbreak.steps.restore import RestoreOptions

FIRST_SEED = 50_000_000


def line(matrix: np.ndarray) -> str:
    square, ratios = matrix[:, : len(matrix)], iou(matrix)
    present = matrix.sum(axis=1) > 0
    accuracy = np.diag(square).sum() / max(matrix.sum(), 1)
    return f"{accuracy:.3f} | {np.nanmean(ratios[present]):.3f} | {int(present.sum())} | {int(matrix.sum())}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--n", type=int, default=16)
    given = parser.parse_args()
    found = {(model, part): 0 for model in given.models for part in ("clear", "cloud or shadow")}
    for index in range(given.n):
        seed = FIRST_SEED + index
        clouds = CloudSpec(seed=sky_seed(seed, "land cover", 0), cover=0.3)
        spec = SceneSpec(size=512, seed=seed, level=LEVELS[index % 2], season=(37 * index) % 365 + 1, clouds=clouds)
        window = simulate(spec)
        quality = grow(window.quality, 4)
        scene = make_scene(window.optical, bands=spec.bands, level=spec.level, radar=window.radar, quality=quality)
        for model in given.models:
            product = restore(scene, options=RestoreOptions(model, everywhere=True))
            for part in ("clear", "cloud or shadow"):
                where = (quality == Quality.CLEAR) == (part == "clear")
                matrix = confusion(product.land_cover.values[where], window.land_cover[where])
                found[model, part] = found[model, part] + matrix
    print(f"{given.n} simulated scenes, seeds from {FIRST_SEED}")
    print(
        "| model | pixels | overall accuracy | mean IoU | classes present | pixels scored |\n|---|---|---|---|---|---|"
    )
    for (model, part), matrix in found.items():
        print(f"| {model} | {part} | {line(matrix)} |")


if __name__ == "__main__":
    main()
