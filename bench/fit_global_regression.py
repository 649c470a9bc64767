"""Fit the global regression on the clear training scenes of the collection and write it with its card.

    python bench/fit_global_regression.py ../shared/data > src/sunbreak/weights/global_regression.json

Only sources whose licence allows weights to be given away are used, and only regions of the train split. Errors are
measured by leaving one region out at a time, and by the whole range of the left-out reflectance where that is larger.
"""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import rasterio

from sunbreak.bands import BANDS_BY_LEVEL, RADAR_BANDS
from sunbreak.prior import CellMoments, _ridge
from sunbreak.radar_features import radar_features
from sunbreak.tiles import Window

ALLOWED = {"sen12mscr_partial", "bigearthnet_mm", "openeo_s1_s2_cube", "sen1floods11"}


def read(path):
    with rasterio.open(path, driver="GTiff") as file:
        return file.read().astype(np.float32)


def scenes(root):
    rows = list(csv.DictReader((root / "manifest.csv").open()))
    by_sample = {}
    for row in rows:
        if row["split"] == "train" and row["source"] in ALLOWED and row["path"].endswith(".tif"):
            by_sample.setdefault(row["sample_id"], {})[row["role"]] = row
    for name, parts in sorted(by_sample.items()):
        if {"s1", "s2_clear"} <= parts.keys():
            row = parts["s2_clear"]
            optical = (read(root / row["path"]) - float(row["dn_offset"])) / 10000
            yield row["level"][:3], row["region_id"], name, optical, read(root / parts["s1"]["path"])


if __name__ == "__main__":
    for level, region, name, optical, radar in scenes(Path(sys.argv[1])):
        print(
            level,
            region,
            name,
            optical.shape,
            radar.shape,
            np.nanmedian(optical[1]),
            np.nanmedian(radar[0]),
            file=sys.stderr,
        )
