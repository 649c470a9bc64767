"""Writers of tiny data sets in the layouts that are published: real GeoTIFFs under the real names."""

import numpy as np
import rasterio
from affine import Affine

SEASONS = {1158: "spring", 1868: "summer", 1970: "fall", 2017: "winter"}
PARTS = ("s1", "s2", "s2_cloudy")
LAYOUTS = ("archives", "seasons", "flat")


def write_tiff(path, array, *, easting=7e5, **profile):
    """A GeoTIFF as the archives hold them: pixel-interleaved, uncompressed, without a nodata tag."""
    array = np.asarray(array)
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = array.shape
    settings = {"count": count, "height": height, "width": width, "dtype": array.dtype, "interleave": "pixel"}
    place = {"crs": "EPSG:32650", "transform": Affine(10, 0, easting + 0.91, 0, -10, 3_710_139.54)}
    with rasterio.open(path, "w", driver="GTiff", **place, **(settings | profile)) as file:
        file.write(array)
    return path


def sen12ms_path(root, season, region, patch, part, layout="archives"):
    """Where a file of SEN12MS or SEN12MS-CR lies: `part` is s1, s2, s2_cloudy or lc."""
    stem = f"ROIs{season}_{SEASONS[season]}"
    if layout == "flat":
        folder = {"s2": "s2_cloudfree"}.get(part, part)
        return root / folder / f"{stem}_{region}_p{patch}.tif"
    outer = stem if layout == "seasons" else f"{stem}_{part}"
    return root / outer / f"{part}_{region}" / f"{stem}_{part}_{region}_p{patch}.tif"


def sen12ms_cr_arrays(seed=0, size=16):
    """What the three files of a patch hold, by part."""
    rng = np.random.default_rng(seed)
    clear = rng.integers(300, 4000, (13, size, size)).astype("uint16")
    cloudy = clear.copy()
    cloudy[:, : size // 2] = 9000
    radar = rng.normal([[[-11.0]], [[-18.0]]], 2, (2, size, size)).astype("float32")
    return {"s1": radar, "s2": clear, "s2_cloudy": cloudy}


def write_sen12ms_cr(root, patches, *, layout="archives", parts=PARTS, size=16):
    """Patches of SEN12MS-CR, given as (season number, region, patch)."""
    for season, region, patch in patches:
        arrays = sen12ms_cr_arrays((season, region, patch), size)
        for part in parts:
            write_tiff(sen12ms_path(root, season, region, patch, part, layout), arrays[part])
    return root


def write_sen12ms_cr_table(root, patches, *, split=1, separator=",", name="data.csv"):
    """The table that goes with the flat layout; `split` is 1, 2 or 3 for train, val and test."""
    rows = [
        (str(split), "s1", "s2_cloudfree", "s2_cloudy", f"ROIs{season}_{SEASONS[season]}_{region}_p{patch}.tif")
        for season, region, patch in patches
    ]
    (root / name).write_text("\n".join(separator.join(row) for row in rows))


def write_sen12ms_land_cover(root, patches, *, igbp=12, layout="seasons", size=16):
    """Land cover of SEN12MS: IGBP, LCCS land cover, LCCS land use, LCCS surface hydrology."""
    for season, region, patch in patches:
        array = np.full((4, size, size), 30, "uint8")
        array[0] = igbp
        write_tiff(sen12ms_path(root, season, region, patch, "lc", layout), array)
    return root
