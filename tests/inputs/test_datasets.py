"""Scenes loaded with odc-stac have the numbers of the file engine, window by window; and it opens what `run` makes."""

import numpy as np
import odc.stac
import pystac
import pytest
import xarray as xr
from dask.callbacks import Callback

import sunbreak
from catalogues import BBOX, DATES, write_archive, write_catalogue
from servers import files_over_http
from stac_layouts import COLLECTIONS, placed, write_item, write_radar_item
from sunbreak.cli import main
from sunbreak.errors import OptionError, RasterError
from sunbreak.pipeline import process
from sunbreak.radiometry.dn import decode
from sunbreak.steps.restore import RestoreOptions

SIZE = 300
BASELINE = {"s2:processing_baseline": "05.10"}
KNOWN = {"level": "L2A", "offset": -1000}


def load(path, chunks=None, *, dtype="uint16"):
    """As users do; odc-stac takes what an item does not tell the type of for float32, so they say it."""
    return odc.stac.load([placed(path)], chunks=chunks or {}, dtype=dtype, nodata=0).isel(time=0)


@pytest.fixture(params=sorted(COLLECTIONS))
def item(request, tmp_path):
    return write_item(tmp_path / "s2", request.param, offset=-1000, size=SIZE, **BASELINE)


def same_scene(loaded, read):
    """Everything but the names of the inputs."""
    for name in ("optical", "quality", "radar"):
        assert (name in loaded) == (name in read), name
        if name in loaded:
            np.testing.assert_array_equal(loaded[name].values, read[name].values, err_msg=name)
    assert loaded.band.values.tolist() == read.band.values.tolist()
    assert loaded.odc.geobox == read.odc.geobox
    assert loaded.attrs["datetime"][:19] == read.attrs["datetime"][:19]


@pytest.mark.parametrize("chunks", [{}, {"x": 128, "y": 100}])
def test_a_loaded_item_is_restored_with_the_numbers_of_the_file_engine(item, tmp_path, chunks):
    radar = write_radar_item(tmp_path / "s1", size=SIZE)
    files = sunbreak.read(item, radar)
    loaded = sunbreak.read(load(item, chunks), radar, **KNOWN)
    same_scene(loaded, files)
    made = sunbreak.restore(sunbreak.read(load(item, chunks), radar, **KNOWN), model="scene-prior")
    expected = sunbreak.restore(files, model="scene-prior")
    for name in ("reflectance", "uncertainty", "quality", "source"):
        np.testing.assert_array_equal(made[name].values, expected[name].values, err_msg=name)


class Computed(Callback):
    """Notes what Dask computes: pieces read of files, and the shapes of arrays."""

    def __init__(self):
        self.reads, self.shapes = 0, set()
        super().__init__(posttask=self._note)

    def _note(self, key, result, *_):
        self.reads += str(key).startswith("('open-")
        if isinstance(result, np.ndarray):
            self.shapes.add(result.shape)


def test_it_streams_every_chunk_once_and_never_the_whole(tmp_path):
    item = write_item(tmp_path / "s2", offset=-1000, size=600, **BASELINE)
    dataset = load(item, {"x": 200, "y": 200})
    with Computed() as computed:
        sunbreak.restore(sunbreak.read(dataset, **KNOWN), model="scene-prior")
    assert computed.shapes == {(1, 200, 200)}
    assert computed.reads == 9 * (12 + 1)  # chunks of the bands, and of the scene classification


def test_files_over_http_are_loaded_too(tmp_path):
    with files_over_http(tmp_path) as address:
        item = write_item(tmp_path, offset=-1000, size=SIZE, href=address + "/{name}", **BASELINE)
        loaded = sunbreak.read(load(item), **KNOWN)
        same_scene(loaded, sunbreak.read(item))


def test_radar_may_be_loaded_as_well(tmp_path):
    item = write_item(tmp_path / "s2", offset=-1000, size=SIZE, **BASELINE)
    radar = write_radar_item(tmp_path / "s1", size=SIZE)
    same_scene(sunbreak.read(load(item), load(radar, dtype="float32"), **KNOWN), sunbreak.read(item, radar))


def test_dn_loaded_as_floats_have_the_same_numbers_up_to_rounding(item):
    loaded, files = sunbreak.read(load(item, dtype="float32"), **KNOWN), sunbreak.read(item)
    np.testing.assert_allclose(loaded.optical.values, files.optical.values, atol=1e-7)
    np.testing.assert_array_equal(loaded.quality.values, files.quality.values)


def test_a_loaded_item_becomes_a_product_on_disk(item, tmp_path):
    quick = RestoreOptions(model="scene-prior")
    options = sunbreak.steps.read.ReadOptions(**KNOWN)
    process(load(item), None, tmp_path / "loaded", read_options=options, restore_options=quick)
    process(item, None, tmp_path / "files", restore_options=quick)
    loaded, files = (sunbreak.read_date(tmp_path / name) for name in ("loaded", "files"))
    for name in ("reflectance", "uncertainty", "quality", "source"):
        np.testing.assert_array_equal(loaded[name].values, files[name].values, err_msg=name)


def test_what_the_dataset_does_not_say_the_item_may(item):
    told = sunbreak.read(load(item), level="L2A", metadata=item)
    assert told.optical.encoding["offset"] == -1000


def test_some_bands_without_dask_do_as_well(item):
    dataset = load(item).load()
    scene = sunbreak.read(dataset, bands=["B02", "B8A"], **KNOWN)
    assert scene.band.values.tolist() == ["B02", "B8A"]
    np.testing.assert_array_equal(scene.optical.values, sunbreak.read(item, bands=["B02", "B8A"]).optical.values)


@pytest.mark.parametrize("chunks", [None, {"x": 128, "y": 100}])
def test_the_order_of_the_dimensions_changes_nothing(item, chunks):
    dataset = load(item, chunks) if chunks else load(item).load()
    beside = xr.Variable(("corner", "side"), np.zeros((4, 2), "uint16"))
    turned = dataset.transpose("x", "y").assign(B01=beside)  # no plane of the grid
    scene = sunbreak.read(turned, **KNOWN)
    same_scene(scene, sunbreak.read(dataset.drop_vars("B01", errors="ignore"), **KNOWN))


def test_datasets_that_are_no_scene_are_refused(item):
    dataset = load(item)
    several = xr.concat([dataset, dataset], "time")
    with pytest.raises(OptionError, match="holds 2 dates, expected one; choose it with"):
        sunbreak.read(several, **KNOWN)
    with pytest.raises(OptionError, match="has no bands of Sentinel-2 among vv"):
        sunbreak.read(dataset.rename({next(iter(dataset.data_vars)): "vv"})[["vv"]], **KNOWN)
    with pytest.raises(OptionError, match="no vv or vh"):
        sunbreak.read(dataset, dataset, **KNOWN)
    first = next(name for name in dataset.data_vars if name.lower() != "scl")
    with pytest.raises(RasterError, match="differ in data type"):
        sunbreak.read(dataset.assign({first: dataset[first].astype("int32")}), **KNOWN)


def test_the_collection_of_a_run_opens_in_one_line(tmp_path):
    catalogue = write_catalogue(tmp_path, write_archive(tmp_path, tiles=("33UUT",)))
    assert main(["plan", "--stac", str(catalogue), *BBOX, *DATES, "-o", str(tmp_path / "may.csv")]) == 0
    assert main(["run", str(tmp_path / "may.csv"), "-o", str(tmp_path / "may"), "--model", "scene-prior"]) == 0
    collection = tmp_path / "may" / "collection.json"

    dataset = odc.stac.load(pystac.Collection.from_file(str(collection)).get_items(), chunks={})

    assert dataset.sizes["time"] == 3
    product = sorted((tmp_path / "may" / "33UUT").iterdir())[0]
    item, date = pystac.Item.from_file(str(product / "item.json")), sunbreak.read_date(product)
    for band in date.band.values:
        told = item.assets[band].to_dict()["bands"][0]
        stored = dataset[band].isel(time=0)
        assert stored.attrs["nodata"] == told["nodata"] == 0
        values = stored.astype("float32") * told["raster:scale"] + told["raster:offset"]
        np.testing.assert_allclose(values.where(stored != 0), date.reflectance.sel(band=band), atol=1e-6)
    np.testing.assert_array_equal(dataset["quality.1"].isel(time=0), date.quality)
    np.testing.assert_array_equal(dataset["quality.2"].isel(time=0), date.source)
    assert dataset.odc.geobox == date.odc.geobox
    assert decode(np.array([1500], "uint16"), date.reflectance.encoding) == pytest.approx(0.05)
