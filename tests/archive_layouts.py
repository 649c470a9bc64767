"""Tiny archives of one place in every layout that is read; the days, clouds and values are known."""

import datetime
import json

import numpy as np
from affine import Affine

from conftest import UTM, l1c_dn, radar_db, write_raster
from sunbreak.bands import L1C_BANDS
from sunbreak.rasters.pixelmap import compose

SIZE = 32
START = datetime.date(2020, 6, 1)
NAMES = ("B02", "B03", "B04", "B08", "B05", "B06", "B07", "B8A", "B11", "B12")
CLOUD = 6000
"""DN of thick cloud."""


def day(number):
    """Every fifth day from `START`."""
    return START + datetime.timedelta(days=5 * number)


def dn(seed, cloud=0.0, size=SIZE, names=NAMES):
    """(band, y, x) DN of a date: fields that change little, the upper share under cloud."""
    whole = l1c_dn(size, size, seed=0)
    rng = np.random.default_rng(seed)
    image = np.stack([whole[L1C_BANDS.index(name)] for name in names]).astype("int32") + rng.integers(0, 9)
    image[:, : round(cloud * size)] = CLOUD
    return image.astype("uint16")


def scl(cloud=0.0, size=SIZE):
    codes = np.full((size, size), 4, "uint8")
    codes[: round(cloud * size)] = 9
    return codes


def write_daily(path, clouds, *, fine=True, radar_every=6, **changes):
    """An array file with daily dates: one a number of `clouds`, its share of cloud."""
    days = [day(number) for number in range(len(clouds))]
    images = np.stack([dn(number, cloud) for number, cloud in enumerate(clouds)])
    radar_days = [START + datetime.timedelta(days=step) for step in range(0, 5 * len(clouds), radar_every)]
    arrays = {
        "s2_20m": images[:, 4:, ::2, ::2],
        "s2_20m_bands": np.array(NAMES[4:]),
        "scl_20m": np.stack([scl(cloud)[::2, ::2] for cloud in clouds]),
        "s2_dates": np.array([str(one) for one in days]),
        "s1_20m": np.stack([radar_db(SIZE // 2, SIZE // 2, seed) for seed in range(len(radar_days))]),
        "s1_dates": np.array([str(one) for one in radar_days]),
        "bounds": np.array([500_000.0, 5_800_000 - 10 * SIZE, 500_000 + 10 * SIZE, 5_800_000]),
        "epsg": np.array(32633),
    }
    if fine:
        arrays |= {"s2_10m": images[:, :4], "s2_10m_bands": np.array(NAMES[:4])}
    arrays |= changes
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})
    return path


def write_folder(root, clouds, *, quality="own", radar=True, size=SIZE, transform=UTM):
    """A folder with one GeoTIFF a day; dates stand in the names."""
    for name in ("optical", "radar", "quality"):
        (root / name).mkdir(parents=True, exist_ok=True)
    tags = {"PROCESSING_LEVEL": "Level-2A", "BOA_ADD_OFFSET": "0"}
    for number, cloud in enumerate(clouds):
        image = dn(number, cloud, size)
        path = root / "optical" / f"fields_{day(number)}.tif"
        write_raster(path, image, descriptions=NAMES, tags=tags, transform=transform)
        if quality == "own":
            codes = np.where(scl(cloud, size) == 9, 3, 1).astype("uint8")
            write_raster(root / "quality" / f"q_{day(number):%Y%m%d}.tif", codes[np.newaxis], transform=transform)
        elif quality == "scl":
            # at 20 m, as products have it
            coarse = compose(transform, Affine.scale(2))
            codes = scl(cloud, size)[np.newaxis, ::2, ::2]
            write_raster(root / "quality" / f"SCL_{day(number)}.tif", codes, transform=coarse)
    if radar:
        for step in (1, 13):
            when = START + datetime.timedelta(days=step)
            names = {"descriptions": ("VV", "VH"), "transform": transform}
            write_raster(root / "radar" / f"s1_{when}.tif", radar_db(size, size, step), **names)
    return root


def item(kind, number, assets, **properties):
    """A STAC item as a search returns it."""
    when = day(number) if kind == "s2" else START + datetime.timedelta(days=number)
    mission = {"s2": "sentinel-2", "s1": "sentinel-1"}[kind]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"{kind}-{when}",
        "collection": {"s2": "sentinel-2-l2a", "s1": "sentinel-1-rtc"}[kind],
        "geometry": None,
        "bbox": [14.99, 52.3, 15.02, 52.4],
        "properties": {"datetime": f"{when}T10:10:31.024Z", "constellation": mission, **properties},
        "links": [],
        "assets": assets,
    }


def write_items(root, clouds, *, href="{name}", offset=0, **properties):
    """An ItemCollection beside its files: bands of 10 m and 20 m in files of their own, radar in linear power."""
    root.mkdir(parents=True, exist_ok=True)
    features = []
    for number, cloud in enumerate(clouds):
        image, assets = dn(number, cloud).astype("int32") + offset, {}
        for band, plane in zip(NAMES, image.astype("uint16"), strict=True):
            fine = band in ("B02", "B03", "B04", "B08")
            name = f"{day(number)}_{band}.tif"
            grid = UTM if fine else compose(UTM, Affine.scale(2))
            write_raster(root / name, (plane if fine else plane[::2, ::2])[np.newaxis], transform=grid)
            assets[band] = {"href": href.format(name=name), "eo:bands": [{"name": band}], "gsd": 10 if fine else 20}
        write_raster(
            root / f"{day(number)}_SCL.tif", scl(cloud)[np.newaxis, ::2, ::2], transform=compose(UTM, Affine.scale(2))
        )
        assets["SCL"] = {"href": href.format(name=f"{day(number)}_SCL.tif")}
        assets["visual"] = {"href": "tci.tif", "eo:bands": [{"name": "B04"}, {"name": "B03"}, {"name": "B02"}]}
        features.append(item("s2", number, assets, **({"s2:processing_baseline": "03.00"} | properties)))
    for step in (1, 13):
        assets = {}
        for name, plane in zip(("vv", "vh"), 10 ** (radar_db(seed=step, height=SIZE, width=SIZE) / 10), strict=True):
            write_raster(root / f"s1_{step}_{name}.tif", plane[np.newaxis], nodata=-32768)
            assets[name] = {"href": href.format(name=f"s1_{step}_{name}.tif")}
        features.append(item("s1", step, assets))
    path = root / "items.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path
