"""Archives in STAC items."""

import json
import pickle

import numpy as np
import pytest
from affine import Affine

from archive_layouts import NAMES, SIZE, day, dn, item, write_items
from conftest import UTM, radar_db, write_raster
from servers import files_over_http
from sunbreak.bands import L1C_BANDS
from sunbreak.data.archive import open_archive
from sunbreak.errors import GeometryError, OptionError, RasterError
from sunbreak.tiles import Window

ORDERED = tuple(name for name in L1C_BANDS if name in NAMES)


def changed(path, change):
    """The same items after a change."""
    content = json.loads(path.read_text())
    for one in content["features"]:
        change(one)
    path.write_text(json.dumps(content))
    return path


def test_items_with_files_beside_them(tmp_path):
    archive = open_archive(f"archive:{write_items(tmp_path, (0.0, 0.5))}")
    assert [image.day for image in archive.images] == [day(0), day(1)]
    assert [image.radar_apart for image in archive.images] == [1, -4]
    assert not archive.skipped
    sample = archive.images[1].load()
    assert (sample.level, sample.bands) == ("L2A", ORDERED)
    fine = dn(1, 0.5)
    assert np.allclose(sample.cloudy[0], fine[0] / 10_000)
    red_edge = sample.cloudy[ORDERED.index("B05")]
    assert np.allclose(red_edge[::2, ::2], fine[4, ::2, ::2] / 10_000)
    assert (red_edge[::2] == red_edge[1::2]).all()
    assert (sample.quality[: SIZE // 2] == 3).all()
    assert (sample.quality[SIZE // 2 :] == 1).all()
    assert np.allclose(sample.radar, radar_db(SIZE, SIZE, 1), atol=1e-4)


def test_a_window_is_the_part_of_the_whole(tmp_path):
    (image,) = pickle.loads(pickle.dumps(open_archive(f"archive:{write_items(tmp_path, (0.3,))}"))).images
    whole, part = image.load(), image.load(Window(5, 3, 9, 20))
    inside = np.s_[5:14, 3:23]
    assert np.array_equal(part.cloudy, whole.cloudy[:, *inside])
    assert np.array_equal(part.quality, whole.quality[inside])
    assert np.array_equal(part.radar, whole.radar[:, *inside])


@pytest.mark.parametrize(
    ("properties", "offset"),
    [
        ({"s2:processing_baseline": "05.09"}, -1000),
        ({"s2:processing_baseline": "02.14"}, 0),
        ({"s2:processing_baseline": "05.09", "earthsearch:boa_offset_applied": True}, 0),
    ],
)
def test_the_offset_follows_the_metadata(tmp_path, properties, offset):
    (image,) = open_archive(f"archive:{write_items(tmp_path, (0.0,), offset=-offset, **properties)}").images
    assert np.allclose(image.load().cloudy[0], dn(0)[0] / 10_000, atol=1e-6)


def test_the_offset_follows_raster_bands(tmp_path):
    path = write_items(tmp_path, (0.0,), offset=1000, **{"s2:processing_baseline": None})

    def add_scaling(one):
        for key, asset in one["assets"].items():
            if key in NAMES:
                asset["raster:bands"] = [{"scale": 0.0001, "offset": -0.1}]

    (image,) = open_archive(f"archive:{changed(path, add_scaling)}").images
    assert np.allclose(image.load().cloudy[0], dn(0)[0] / 10_000, atol=1e-6)


def test_an_unknown_offset_is_to_be_given(tmp_path):
    path = write_items(tmp_path, (0.0,), **{"s2:processing_baseline": None})
    with pytest.raises(OptionError, match="does not tell its offset; give offset="):
        open_archive(f"archive:{path}")
    assert len(open_archive(f"archive:{path},offset=0").images) == 1
    known = write_items(tmp_path / "known", (0.0,))
    with pytest.raises(OptionError, match="offset is 0 according to the processing baseline"):
        open_archive(f"archive:{known},offset=-1000")


def test_names_of_other_catalogues(tmp_path):
    common = dict(zip(NAMES, ("blue", "green", "red", "nir", "rededge1", "rededge2", "rededge3", "nir08", "swir16",
                              "swir22"), strict=True))  # fmt: skip

    def as_earth_search(one):
        assets = one["assets"]
        for band, name in common.items():
            if band in assets:
                assets[name] = {**assets.pop(band), "eo:bands": [{"name": name}]}
                assets[f"{name}-jp2"] = {"href": f"s3://sentinel-s2-l2a/{band}.jp2", "eo:bands": [{"name": name}]}
        if "SCL" in assets:
            assets["scl-jp2"] = {"href": "s3://sentinel-s2-l2a/SCL.jp2"}
            assets["scl"] = assets.pop("SCL")

    def as_data_space(one):
        for band in set(NAMES) & one["assets"].keys():
            asset = one["assets"].pop(band)
            one["assets"][f"{band}_60m"] = {"href": "coarse.jp2", "bands": [{"name": band}]}
            one["assets"][f"{band}_{asset.pop('gsd')}m"] = {"href": asset["href"], "bands": [{"name": band}]}

    expected = open_archive(f"archive:{write_items(tmp_path / 'a', (0.2,))}").images[0].load()
    for number, change in enumerate((as_earth_search, as_data_space)):
        path = changed(write_items(tmp_path / str(number), (0.2,)), change)
        sample = open_archive(f"archive:{path}").images[0].load()
        assert np.array_equal(sample.cloudy, expected.cloudy)
        assert np.array_equal(sample.quality, expected.quality)


def test_the_projection_extension_saves_opening_files(tmp_path):
    path = write_items(tmp_path, (0.0,))

    def add_projection(one):
        one["properties"]["proj:epsg"] = 32633
        for key, asset in one["assets"].items():
            if key in ("B02", "B03", "B04", "B08"):
                asset |= {"proj:shape": [SIZE, SIZE], "proj:transform": [*UTM[:6], 0, 0, 1]}

    archive = open_archive(f"archive:{changed(path, add_projection)}")
    expected = archive.images[0].load()
    for file in tmp_path.glob("*.tif"):
        file.rename(file.with_suffix(".gone"))
    assert open_archive(f"archive:{path}").images[0].shape == (SIZE, SIZE)
    with pytest.raises(RasterError, match="no such file"):
        archive.images[0].load()
    for file in tmp_path.glob("*.gone"):
        file.rename(file.with_suffix(".tif"))
    assert np.array_equal(archive.images[0].load().cloudy, expected.cloudy)


def test_bbox_and_the_common_area_cut_the_grid(tmp_path):
    path = write_items(tmp_path, (0.0, 0.0))
    west, south, east, north = 15.0010, 52.3483, 15.0030, 52.3495
    (image, _) = open_archive(f"archive:{path},bbox={west}:{south}:{east}:{north}").images
    assert 10 <= image.shape[1] <= 16
    sample = image.load()
    left, top = (sample.geobox.affine.c - 500_000) / 10, (5_800_000 - sample.geobox.affine.f) / 10
    rows, cols = (slice(int(start), int(start) + size) for start, size in zip((top, left), image.shape, strict=True))
    assert np.allclose(sample.cloudy[0], dn(0)[0, rows, cols] / 10_000)
    boxes = iter([[14.9, 52.3, 15.003, 52.4], [15.001, 52.3, 15.1, 52.4]])

    def narrow(one):
        if one["id"].startswith("s2"):
            one["bbox"] = next(boxes)

    assert 10 <= open_archive(f"archive:{changed(path, narrow)}").images[0].shape[1] <= 16
    boxes = iter([[14.9, 52.3, 15.001, 52.4], [15.002, 52.3, 15.1, 52.4]])
    with pytest.raises(GeometryError, match="no area in common; give bbox"):
        open_archive(f"archive:{changed(path, narrow)}")
    for wrong in ("1:2:3", "a:b:c:d", "15.1:52.3:15.0:52.4"):
        with pytest.raises(OptionError, match="bbox"):
            open_archive(f"archive:{path},bbox={wrong}")


def test_radar_in_decibels_is_recognised(tmp_path):
    path = write_items(tmp_path, (0.0,))
    for name, plane in zip(("vv", "vh"), radar_db(SIZE, SIZE, 1), strict=True):
        write_raster(tmp_path / f"s1_1_{name}.tif", plane[np.newaxis], nodata=-32768)
    assert np.allclose(open_archive(f"archive:{path}").images[0].load().radar, radar_db(SIZE, SIZE, 1), atol=1e-5)


def test_radar_whose_pixels_do_not_reach_the_area_gives_way_to_the_next(tmp_path):
    path = write_items(tmp_path, (0.0,))
    for name in ("vv", "vh"):
        far = Affine(10, 0, 600_000, 0, -10, 5_800_000)
        write_raster(tmp_path / f"s1_1_{name}.tif", np.ones((1, SIZE, SIZE), "float32"), transform=far)
    assert open_archive(f"archive:{path}").images[0].load().radar is None
    (image,) = open_archive(f"archive:{path},radar_days=20").images
    assert np.allclose(image.load().radar, radar_db(SIZE, SIZE, 13), atol=1e-4)


def test_other_items_are_skipped_with_the_reason(tmp_path):
    path = write_items(tmp_path, (0.0,))
    content = json.loads(path.read_text())
    landsat = item("s2", 3, {"blue": {"href": "blue.tif"}}, constellation="landsat")
    landsat |= {"id": "LC09", "collection": "landsat-c2-l2"}
    polar = item("s1", 3, {"hh": {"href": "hh.tif"}, "hv": {"href": "hv.tif"}})
    far = {**content["features"][0], "id": "S2A_far", "bbox": [50, 50, 51, 51]}
    undated = {**content["features"][0], "id": "undated", "properties": {}}
    content["features"] += [landsat, polar, far, undated]
    path.write_text(json.dumps(content))
    archive = open_archive(f"archive:{path},bbox=14.99:52.3:15.1:52.4")
    told = {one.name: one.reason for one in archive.skipped}
    assert "has no bands of Sentinel-2" in told["LC09"]
    assert "VV and VH" in told[polar["id"]]
    assert told["S2A_far"] == "does not show the area"
    assert "tells no day" in told["undated"]
    assert len(archive.images) == 1


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"type": "Catalog", "links": []}', '{"features": 3}'])
def test_files_that_hold_no_items(tmp_path, text):
    (tmp_path / "items.json").write_text(text)
    with pytest.raises(OptionError) as caught:
        open_archive(f"archive:{tmp_path / 'items.json'}")
    assert "\n" not in str(caught.value)


@pytest.fixture
def address(tmp_path):
    """Address of a web server that hands out the files of the test's folder."""
    with files_over_http(tmp_path) as found:
        yield found


def test_files_behind_http_give_the_same(tmp_path, address):
    expected = open_archive(f"archive:{write_items(tmp_path, (0.3,))}").images[0].load()
    path = write_items(tmp_path, (0.3,), href=address + "/{name}")
    (image,) = open_archive(f"archive:{path}").images
    sample = pickle.loads(pickle.dumps(image)).load()
    assert np.array_equal(sample.cloudy, expected.cloudy)
    assert np.array_equal(sample.quality, expected.quality)
    assert np.allclose(sample.radar, expected.radar, atol=1e-4)


def test_an_address_that_is_refused_is_told_without_its_secret(tmp_path, address):
    path = write_items(tmp_path, (0.0,), href=address + "/missing/{name}?sig=secret")
    with pytest.raises(OptionError) as caught:
        open_archive(f"archive:{path}")
    assert "cannot be fetched" in str(caught.value)
    assert "sign the addresses" in str(caught.value)
    assert "secret" not in str(caught.value)
    bucket = write_items(tmp_path, (0.0,), href="gs://bucket/{name}")
    with pytest.raises(OptionError, match="only files, http, https and s3 are read"):
        open_archive(f"archive:{bucket}")
