"""STAC items as the common catalogues publish them, as input of a scene."""

import json
import pickle
from traceback import format_exception

import numpy as np
import pystac
import pytest
import rasterio

import sunbreak
from conftest import refused
from servers import Locked, files_over_http
from stac_layouts import COLLECTIONS, NAMES, SIZE, at_10_m, dn_of, scl, write_item, write_radar_item
from sunbreak.bands import L2A_BANDS
from sunbreak.errors import InputError, RasterError
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.scene import window
from sunbreak.steps.mask import mask
from sunbreak.steps.read_product import read_product


def edited(path, change):
    item = json.loads(path.read_text())
    change(item)
    path.write_text(json.dumps(item))
    return path


@pytest.mark.parametrize("kind", COLLECTIONS)
@pytest.mark.parametrize("offset", [0, -1000])
def test_bands_of_every_catalogue_on_the_grid_of_10_m(kind, offset, tmp_path):
    baseline = "05.10" if offset else "02.14"
    scene = sunbreak.read(write_item(tmp_path, kind, offset=offset, **{"s2:processing_baseline": baseline}))
    assert scene.band.values.tolist() == list(L2A_BANDS)
    assert (scene.attrs["level"], scene.optical.encoding["offset"]) == ("L2A", offset)
    assert scene.odc.geobox.resolution.x == 10
    assert scene.attrs["datetime"] == "2024-05-27T10:20:31Z"
    for band, plane in zip(L2A_BANDS, scene.optical.values, strict=True):
        np.testing.assert_allclose(plane, at_10_m(dn_of(band)) / 10_000, rtol=1e-6)


def test_a_window_is_the_part_of_the_whole_wherever_coarse_pixels_begin(tmp_path):
    scene = sunbreak.read(write_item(tmp_path))
    whole = scene.optical.values
    again = pickle.loads(pickle.dumps(scene))
    for rows, cols in ((slice(1, 8), slice(5, 6)), (slice(7, 60), slice(0, 13)), (slice(59, 60), slice(3, 59))):
        np.testing.assert_array_equal(window(again, "optical", rows, cols), whole[:, rows, cols])


def test_bands_that_start_elsewhere_are_laid_by_the_nearest_pixel(tmp_path):
    path = write_item(tmp_path)
    with rasterio.open(tmp_path / "B05.tif") as file:
        plane, transform, profile = file.read(1), file.transform, file.profile
    # as an export that was cut at a fine pixel leaves it: the coarse grid begins one pixel of 20 m later
    moved = transform * rasterio.Affine.translation(1, 1)
    with rasterio.open(tmp_path / "B05.tif", "w", **{**profile, "transform": moved}) as file:
        file.write(plane, 1)
    stored = sunbreak.read(path).optical.sel(band="B05").values
    assert np.isnan(stored[:2]).all()
    np.testing.assert_allclose(stored[2:, 2:], at_10_m(plane)[:-2, :-2] / 10_000, rtol=1e-6)


def test_the_scene_classification_is_the_mask(tmp_path):
    scene = sunbreak.read(write_item(tmp_path, **{"s2:processing_baseline": "02.14"}))
    found = mask(scene)
    assert found.attrs["quality_from"] == "SCL"
    expected = np.where(at_10_m(scl()) == 9, 3, 1)
    assert (scene.quality.values == expected).all()
    assert (found.quality.values[: SIZE // 3 + 4] == 3).all()


def test_cloud_probability_adds_to_the_classification(tmp_path):
    def add(item):
        item["assets"]["cloud"] = {"href": "CLD.tif"}

    path = edited(write_item(tmp_path), add)
    percent = np.zeros((1, SIZE // 2, SIZE // 2), "uint8")
    percent[0, -2:] = 50
    with rasterio.open(tmp_path / "SCL.tif") as file:
        profile = file.profile
    with rasterio.open(tmp_path / "CLD.tif", "w", **profile) as file:
        file.write(percent)
    quality = sunbreak.read(path).quality.values
    assert (quality[-4:] == 2).all()
    assert (quality[SIZE // 3 : -4] == 1).all()


def test_an_offset_that_was_applied_overrides_what_the_bands_tell(tmp_path):
    def harmonised(item):
        item["properties"] |= {"earthsearch:boa_offset_applied": True, "s2:processing_baseline": "05.10"}
        for asset in item["assets"].values():
            for layer in asset.get("raster:bands", ()):
                layer["offset"] = -0.1

    assert sunbreak.read(edited(write_item(tmp_path), harmonised)).optical.encoding["offset"] == 0
    contradiction = edited(
        write_item(tmp_path / "b", offset=-1000),
        lambda item: item["properties"].update({"s2:processing_baseline": "02.14"}),
    )
    refused(["conflicting metadata", "offset"], contradiction)


def test_radar_of_an_item_and_items_in_memory(tmp_path):
    path = write_item(tmp_path, **{"s2:processing_baseline": "02.14"})
    radar = write_radar_item(tmp_path)
    scene = sunbreak.read(path, radar)
    assert scene.pol.values.tolist() == ["VV", "VH"]
    assert np.isfinite(scene.radar.values).all()
    assert scene.attrs["radar_days"] == pytest.approx(1.208, abs=0.001)
    item = pystac.Item.from_file(str(path))
    for given in (item, item.to_dict()):
        other = sunbreak.read(given, pystac.Item.from_file(str(radar)))
        np.testing.assert_array_equal(other.optical.values, scene.optical.values)
        np.testing.assert_array_equal(other.radar.values, scene.radar.values)


def test_bands_of_an_item_can_be_chosen(tmp_path):
    path = write_item(tmp_path)
    assert sunbreak.read(path, bands=["red", "B02"]).band.values.tolist() == ["B02", "B04"]
    refused(["has no band B10"], path, bands=["B10"])


def test_what_is_wrong_with_an_item_is_told(tmp_path):
    empty = tmp_path / "none.json"
    empty.write_text(json.dumps({"type": "FeatureCollection", "features": []}))
    refused(["none.json", "holds no STAC items"], empty)
    two = tmp_path / "two.json"
    item = json.loads(write_item(tmp_path).read_text())
    two.write_text(json.dumps({"type": "FeatureCollection", "features": [item, item]}))
    refused(["two.json", "2 STAC items", "one item"], two)
    refused(["s1.json", "no bands of Sentinel-2"], write_radar_item(tmp_path))
    refused(["s2.json", "no vv or vh"], tmp_path / "s2.json", radar=tmp_path / "s2.json")
    polar = edited(write_radar_item(tmp_path), lambda item: item["assets"].update(hh=item["assets"].pop("vv")))
    polar = edited(polar, lambda item: item["assets"].pop("vh"))
    refused(["s1.json", "HH", "polar acquisitions"], tmp_path / "s2.json", radar=polar)
    missing = edited(write_item(tmp_path / "m"), lambda item: item["assets"]["red"].update(href="gone.tif"))
    refused(["gone.tif", "no such file"], missing, kind=RasterError)


def test_items_over_http(tmp_path):
    path = write_item(tmp_path, **{"s2:processing_baseline": "02.14"})
    radar = write_radar_item(tmp_path)
    expected = sunbreak.read(path, radar)
    with files_over_http(tmp_path) as address:
        scene = sunbreak.read(f"{address}/s2.json", f"{address}/s1.json")
        assert scene.attrs["optical_path"] == f"{address}/s2.json"
        for name in ("optical", "radar", "quality"):
            np.testing.assert_array_equal(scene[name].values, expected[name].values)
        refused(["cannot be fetched"], f"{address}/nothing.json")
        local = {"red": {"href": f"file://{tmp_path}/B04.tif"}}
        edited(path, lambda item: item.update(assets=local))
        refused(["remote item may not name files"], f"{address}/s2.json")


@pytest.fixture
def locked(tmp_path):
    lock = Locked(tmp_path)
    yield lock
    lock.close()


def test_addresses_are_signed_again_when_they_expire(tmp_path, locked):
    few = {"bands": ("B02", "B03", "B04"), "size": 1200, "s2:processing_baseline": "02.14"}
    path = write_item(tmp_path, href=locked.address + "/{name}", **few)
    refused(["B02.tif", "--sign"], path, kind=RasterError)
    scene = sunbreak.read(path, sign=locked.sign)
    assert locked.signed == 1
    locked.expire()
    # what is read now was not looked at when the scene was opened
    values = scene.optical.values
    assert locked.signed == 2
    np.testing.assert_allclose(values[0], dn_of("B02", size=1200) / 10_000, rtol=1e-6)
    locked.tokens.append("lost")
    locked.sign = lambda item: None
    with pytest.raises(RasterError) as caught:
        sunbreak.read(path, sign=locked.sign)
    assert "secret" not in str(caught.value)


def test_no_secret_reaches_the_product(tmp_path, locked, capfd):
    path = write_item(tmp_path / "in", href=locked.address + "/in/{name}", **{"s2:processing_baseline": "02.14"})
    sunbreak.process(path, None, tmp_path / "out", read_options=ReadOptions(sign=locked.sign))
    for file in (tmp_path / "out").iterdir():
        assert b"secret-" not in file.read_bytes(), file
    # what shows products fetches nothing that they name
    signed = locked.signed
    assert read_product(tmp_path / "out").optical is None
    assert locked.signed == signed
    told = capfd.readouterr()
    assert "secret-" not in told.out + told.err


def test_a_hook_that_is_none_is_told(tmp_path):
    path = write_item(tmp_path, href="http://127.0.0.1:9/{name}")
    refused(["--sign", "nowhere:sign"], path, sign="nowhere:sign")

    def fails(_):
        raise ValueError("secret-key")

    with pytest.raises(InputError) as caught:
        sunbreak.read(path, sign=fails)
    assert "cannot be signed" in str(caught.value)
    assert "secret" not in str(caught.value)


def test_every_name_is_that_of_its_catalogue():
    assert NAMES["earth-search"]["B8A"] == "nir08"
    assert NAMES["cdse"]["B01"] == "B01_60m"


def test_what_gdal_says_is_told_without_its_secret(tmp_path, locked, caplog):
    few = {"bands": ("B02", "B03", "B04"), "size": 1200, "s2:processing_baseline": "02.14"}
    path = write_item(tmp_path, href=locked.address + "/{name}", **few)
    scene = sunbreak.read(path, sign=locked.sign)
    # what signs goes on to give the old token
    locked.closed = True
    with pytest.raises(RasterError) as caught:
        scene.optical.load()
    assert "--sign" in str(caught.value)
    traceback = "".join(format_exception(caught.value))
    for told in (traceback, caplog.text):
        assert locked.tokens[0] not in told
