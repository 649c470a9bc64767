"""Writers of tiny labelled patch sets in the layouts that are published: real files under the real names."""

import warnings

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import rasterio
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning

EUROSAT_ARCHIVE = "ds/images/remote_sensing/otherDatasets/sentinel_2/tif"
BEN_BANDS = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 120),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 60),
    **dict.fromkeys(("B01", "B09"), 20),
}
BEN_PRODUCT = "S2A_MSIL2A_20170613T101031_N9999_R022_T33UUP"
BEN_RADAR_PRODUCT = "S1A_IW_GRDH_1SDV_20170613T165043"


def write_placed(path, array, **place):
    """A GeoTIFF with `crs` and `transform`, without a nodata tag."""
    path.parent.mkdir(parents=True, exist_ok=True)
    count, height, width = array.shape
    settings = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": array.dtype, **place}
    write_raster(path, array, settings)
    return path


def write_raster(path, array, settings):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", **settings) as file:
            file.write(array)


def eurosat_dn(seed=0, size=64):
    """DN of the 13 bands in the order of the files: B10 (place 9) next to nothing, B8A last."""
    rng = np.random.default_rng(seed)
    dn = rng.integers(300, 3000, (13, size, size)).astype("uint16")
    dn[9] = rng.integers(5, 20, (size, size))
    return dn


def radar_db(seed=0, size=64):
    rng = np.random.default_rng((seed, 1))
    return rng.normal([[[-12.0]], [[-20.0]]], 2, (2, size, size)).astype("float32")


def at_degree(longitude, zone=32):
    """Where a file lies whose centre is half a degree east of a whole degree of longitude, at 48 degrees north."""
    meridian = 6 * zone - 183
    easting = 500_000 + (longitude + 0.5 - meridian) * 74_600
    return {"crs": f"EPSG:{32600 + zone}", "transform": Affine(10, 0, easting - 320, 0, -10, 5_316_000)}


def write_eurosat(root, patches, *, folder="EuroSAT_MS", radar=None, without_radar=()):
    """Patches of EuroSAT, given as (class, number, degree of longitude); and of EuroSAT-SAR below `radar`."""
    for index, (name, number, longitude) in enumerate(patches):
        file = f"{name}/{name}_{number}.tif"
        write_placed(root / folder / file, eurosat_dn(index), **at_degree(longitude))
        if radar is not None and f"{name}_{number}" not in without_radar:
            write_placed(radar / "all_imgs" / file, radar_db(index), **at_degree(longitude))
    return root


def so2sat_arrays(count, seed=0):
    """What a file of So2Sat holds for some patches, labels 0, 1, 2, ..."""
    rng = np.random.default_rng(seed)
    radar = rng.normal(0, 0.1, (count, 32, 32, 8))
    radar[..., 4], radar[..., 5] = rng.gamma(4, 0.01, (2, count, 32, 32)) * np.reshape([1, 6], (2, 1, 1, 1))
    labels = np.zeros((count, 17))
    labels[np.arange(count), np.arange(count) % 17] = 1
    return {"sen1": radar, "sen2": rng.uniform(0.02, 0.4, (count, 32, 32, 10)), "label": labels}


def write_so2sat(root, name="testing.h5", count=4, **replaced):
    root.mkdir(parents=True, exist_ok=True)
    with h5py.File(root / name, "w") as file:
        for part, array in {**so2sat_arrays(count), **replaced}.items():
            if array is not None:
                file[part] = array
    return root


def ben_name(row, col):
    return f"{BEN_PRODUCT}_{row}_{col}"


def ben_radar_name(row, col):
    return f"{BEN_RADAR_PRODUCT}_33UUP_{row}_{col}"


def ben_row(row, col, labels, split="test", *, snow=False, cloud=False):
    """A line of the metadata, in the published columns."""
    return {
        "patch_id": ben_name(row, col),
        "labels": labels,
        "split": split,
        "country": "Austria",
        "s1_name": ben_radar_name(row, col),
        "s2v1_name": f"S2A_MSIL2A_20170613T101031_{row}_{col}",
        "contains_seasonal_snow": snow,
        "contains_cloud_or_shadow": cloud,
    }


def write_metadata(root, rows, *, cloudy=False, drop=()):
    name = "metadata_for_patches_with_snow_cloud_or_shadow.parquet" if cloudy else "metadata.parquet"
    root.mkdir(parents=True, exist_ok=True)
    table = pa.Table.from_pylist([{key: value for key, value in row.items() if key not in drop} for row in rows])
    pq.write_table(table, root / name)
    return root / name


def ben_arrays(seed=0):
    rng = np.random.default_rng(seed)
    return {band: rng.integers(200, 4000, (1, size, size)).astype("uint16") for band, size in BEN_BANDS.items()}


def write_ben_patch(root, row, col, *, radar=True, **replaced):
    """The files of a patch: 12 bands of uint16, each at its resolution, and VV and VH in dB."""
    name, grid = ben_name(row, col), {"crs": "EPSG:32633"}
    for band, array in {**ben_arrays((row, col)), **replaced}.items():
        if array is not None:
            place = Affine(1200 / array.shape[2], 0, 3e5, 0, -1200 / array.shape[1], 53e5)
            path = root / "BigEarthNet-S2" / BEN_PRODUCT / name / f"{name}_{band}.tif"
            write_placed(path, array, transform=place, **grid)
    name = ben_radar_name(row, col)
    for pol, array in zip(("VV", "VH"), radar_db(row, 120) if radar else (), strict=False):
        path = root / "BigEarthNet-S1" / BEN_RADAR_PRODUCT / name / f"{name}_{pol}.tif"
        write_placed(path, array[np.newaxis], transform=Affine(10, 0, 3e5, 0, -10, 53e5), **grid)
    return root


def write_picture(path, array):
    """A picture of 8 bits, (y, x, colour), in the format of its name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    driver = {".jpg": "JPEG", ".png": "PNG", ".tif": "GTiff"}[path.suffix]
    array = np.moveaxis(np.asarray(array), -1, 0)
    count, height, width = array.shape
    settings = {"driver": driver, "height": height, "width": width, "count": count, "dtype": array.dtype}
    write_raster(path, array, settings)
    return path
