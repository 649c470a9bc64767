"""How well the cloud and shadow rule agrees with what others marked.

    python bench/mask_agreement.py ../shared/data

Prints Markdown tables: hand labels of one 512 x 512 image (cloud and shadow), heuristic cloud masks of the real pairs,
and false alarms on clear images. No sun angles are known for any of them, so shadows are looked for on all sides.
"""

import csv
import sys
from pathlib import Path

import numpy as np

from sunbreak.cloud_rule import USED
from sunbreak.legend import Quality
from sunbreak.rasters.raster import open_raster
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, mask

CLOUD = (Quality.THIN_CLOUD, Quality.THICK_CLOUD)


def read(path):
    with open_raster(path) as file:
        return file.read()


def detect(reflectance, bands, level):
    scene = make_scene(reflectance.astype(np.float32), bands=bands, level=level)
    return mask(scene, options=MaskOptions(buffer=0)).quality.values


def scores(found, label):
    hit = float((found & label).sum())
    recall, precision = hit / max(label.sum(), 1), hit / max(found.sum(), 1)
    return f"{recall:.2f} | {precision:.2f} | {hit / max((found | label).sum(), 1):.2f}"


def main(root):
    with np.load(root / "ukis_cloud_labels/sentinel2_512.npz") as file:
        reflectance = np.moveaxis(file["s2"], -1, 0) / 10000
        quality, label = detect(reflectance, list(file["s2_bands"]), "L1C"), file["label"]
    print("| against | recall | precision | IoU |\n|---|---|---|---|")
    print(f"| hand labels, cloud | {scores(np.isin(quality, CLOUD), label == 4)} |")
    print(f"| hand labels, shadow | {scores(quality == Quality.SHADOW, label == 0)} |")
    rows = list(csv.DictReader((root / "manifest.csv").open()))
    samples = {}
    for row in rows:
        samples.setdefault(row["sample_id"], {})[row["role"]] = row
    found, labels = [], []
    for parts in samples.values():
        if {"mask", "s2_cloudy"} <= parts.keys() and parts["s2_cloudy"]["level"] == "L1C":
            quality = detect(
                read(root / parts["s2_cloudy"]["path"]) / 10000, parts["s2_cloudy"]["bands"].split(), "L1C"
            )
            found.append(np.isin(quality, CLOUD).ravel())
            labels.append(read(root / parts["mask"]["path"])[0].ravel() == 1)
    print(
        f"| heuristic masks of {len(found)} cloudy images | {scores(np.concatenate(found), np.concatenate(labels))} |"
    )
    shares = []
    for row in rows:
        bands = row["bands"].split()
        if row["role"] == "s2_clear" and row["path"].endswith(".tif") and len(set(bands) & set(USED)) >= 5:
            reflectance = (read(root / row["path"]).astype(float) - float(row["dn_offset"])) / 10000
            quality = detect(reflectance, bands, row["level"][:3])
            shares.append((float(np.isin(quality, CLOUD).mean()), float((quality == Quality.SHADOW).mean())))
    cloud, shadow = np.array(shares).T
    cirrus = int((cloud > 0.5).sum())
    print(f"\nMarked in {len(shares)} clear images: cloud in {100 * np.median(cloud):.1f} % of the median image,")
    print(f"{100 * cloud.mean():.1f} % of all pixels ({cirrus} images lie under cirrus, B10 above 0.02);")
    print(f"shadow in {100 * shadow.mean():.1f} %.")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
