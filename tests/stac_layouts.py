"""One scene as the common catalogues publish it: names of assets, scale and offset, a file for every band."""

import json

import numpy as np
import pystac
import rasterio
from affine import Affine

from conftest import UTM, l1c_dn, radar_db, write_raster
from sunbreak.bands import L1C_BANDS, L2A_BANDS, OPTICAL_BANDS
from sunbreak.rasters.pixelmap import compose

SIZE = 60
NAMES = {
    "earth-search": {band: OPTICAL_BANDS[band].common_name for band in L2A_BANDS} | {
        "B05": "rededge1", "B06": "rededge2", "B07": "rededge3", "SCL": "scl", "CLD": "cloud"},
    "planetary-computer": {band: band for band in (*L2A_BANDS, "SCL")},
    "cdse": {band: f"{band}_{OPTICAL_BANDS[band].resolution}m" for band in L2A_BANDS} | {"SCL": "SCL_20m"},
}  # fmt: skip
"""Keys of the assets."""
COLLECTIONS = {"earth-search": "sentinel-2-c1-l2a", "planetary-computer": "sentinel-2-l2a", "cdse": "sentinel-2-l2a"}


def dn_of(band, offset=0, size=SIZE):
    """DN of a band at its own pixel size, the upper third under cloud; offset is that of the product, 0 or -1000."""
    plane = l1c_dn(size, size)[L1C_BANDS.index(band)].astype("int32")
    plane[: size // 3] = 6000
    step = OPTICAL_BANDS[band].resolution // 10
    return (plane[::step, ::step] - offset).astype("uint16")


def at_10_m(plane, size=SIZE):
    return plane.repeat(size // len(plane), axis=0).repeat(size // len(plane), axis=1)


def scl(size=SIZE):
    codes = np.full((size // 2, size // 2), 4, "uint8")
    codes[: size // 6] = 9
    return codes


def grid(resolution):
    return compose(UTM, Affine.scale(resolution // 10))


def write_item(root, kind="earth-search", *, offset=0, href="{name}", bands=L2A_BANDS, told=True, size=SIZE, **more):
    """A Sentinel-2 item beside its files; returns its path."""
    root.mkdir(parents=True, exist_ok=True)
    assets = {}
    for band in bands:
        name, resolution = f"{band}.tif", OPTICAL_BANDS[band].resolution
        write_raster(root / name, dn_of(band, offset, size)[np.newaxis], transform=grid(resolution), nodata=0)
        asset = {"href": href.format(name=name), "roles": ["data", "reflectance"]}
        scaling = {"scale": 0.0001, "offset": offset / 10_000}
        if kind == "cdse":
            asset |= {"bands": [{"name": band}], "gsd": resolution}
            asset |= {f"raster:{key}": value for key, value in scaling.items()} if told else {}
        else:
            asset["eo:bands"] = [{"name": NAMES[kind][band], "common_name": OPTICAL_BANDS[band].common_name}]
            if kind == "earth-search" and told:
                asset["raster:bands"] = [{"nodata": 0, "spatial_resolution": resolution, **scaling}]
        assets[NAMES[kind][band]] = asset
    if "SCL" in NAMES[kind]:
        write_raster(root / "SCL.tif", scl(size)[np.newaxis], transform=grid(20))
        assets[NAMES[kind]["SCL"]] = {"href": href.format(name="SCL.tif"), "roles": ["data"]}
    assets["visual"] = {"href": "TCI.tif", "eo:bands": [{"name": name} for name in ("B04", "B03", "B02")]}
    assets["thumbnail"] = {"href": "https://example.org/t.jpg", "roles": ["thumbnail"]}
    return save(root / "s2.json", "S2A_33UUT_20240527_0_L2A", COLLECTIONS[kind], assets, "2024-05-27T10:20:31Z", more)


def write_radar_item(root, *, href="{name}", size=SIZE, pols=("vv", "vh")):
    """A Sentinel-1 RTC item beside its files: gamma0 in linear power on a grid of its own."""
    root.mkdir(parents=True, exist_ok=True)
    assets = {}
    wide = compose(UTM, Affine.translation(-5, -5))
    power = 10 ** (radar_db(size + 10, size + 10) / 10)
    for pol, plane in zip(pols, power, strict=False):
        write_raster(root / f"{pol}.tif", plane[np.newaxis].astype("float32"), transform=wide, nodata=-32768)
        assets[pol] = {"href": href.format(name=f"{pol}.tif"), "roles": ["data"]}
    return save(root / "s1.json", "S1A_IW_GRDH_rtc", "sentinel-1-rtc", assets, "2024-05-26T05:20:31Z", {})


def save(path, name, collection, assets, when, more):
    """Write a STAC item."""
    item = {
        "type": "Feature", "stac_version": "1.0.0", "id": name, "collection": collection, "geometry": None,
        "bbox": [15.0, 52.3, 15.01, 52.31], "links": [], "assets": assets,
        "properties": {"datetime": when, "platform": "sentinel-2a" if collection.startswith("sentinel-2") else
                       "sentinel-1a", **more},
    }  # fmt: skip
    path.write_text(json.dumps(item))
    return path


def placed(path):
    """An item that tells the grid of every asset, as the catalogues publish it."""
    content = json.loads(path.read_text())
    for asset in content["assets"].values():
        name = asset["href"].rsplit("/", 1)[-1]
        if (path.parent / name).is_file():
            with rasterio.open(path.parent / name) as file:
                asset |= {"proj:shape": list(file.shape), "proj:transform": list(file.transform), "type": "image/tiff"}
    content["properties"]["proj:epsg"] = 32633
    content["stac_extensions"] = ["https://stac-extensions.github.io/projection/v1.1.0/schema.json"]
    ring = [[15.0, 52.3], [15.05, 52.3], [15.05, 52.35], [15.0, 52.35], [15.0, 52.3]]
    content["geometry"] = {"type": "Polygon", "coordinates": [ring]}
    path.write_text(json.dumps(content))
    return pystac.Item.from_file(str(path))
