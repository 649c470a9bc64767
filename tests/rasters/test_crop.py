import json

import numpy as np
import pytest
from affine import Affine

from conftest import l1c_dn, radar_db, refused
from sunbreak.errors import OptionError
from sunbreak.radiometry.dn import encode
from sunbreak.steps.read import read


def test_bbox_crops_to_whole_pixels(tiff):
    dn = l1c_dn(100, 100)
    path = tiff("s2.tif", dn, crs="EPSG:4326", transform=Affine(0.001, 0, 13, 0, -0.001, 53))
    radar = tiff("s1.tif", radar_db(100, 100), crs="EPSG:4326", transform=Affine(0.001, 0, 13, 0, -0.001, 53))
    scene = read(path, radar, bbox=(13.0105, 52.95, 13.02, 52.9795))
    assert scene.odc.geobox.affine.almost_equals(Affine(0.001, 0, 13.010, 0, -0.001, 52.98))
    np.testing.assert_array_equal(encode(scene.optical.values, scene.optical.encoding), dn[:, 20:50, 10:20])
    np.testing.assert_array_equal(scene.radar.values, radar_db(100, 100)[:, 20:50, 10:20])


def test_aoi_crops_likewise(tiff, tmp_path):
    path = tiff("s2.tif", l1c_dn(100, 100), crs="EPSG:4326", transform=Affine(0.001, 0, 13, 0, -0.001, 53))
    ring = [[13.0105, 52.95], [13.02, 52.96], [13.015, 52.9795], [13.0105, 52.95]]
    polygon = {"type": "Polygon", "coordinates": [ring]}
    for content in (
        polygon,
        {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": polygon}]},
    ):
        (tmp_path / "aoi.json").write_text(json.dumps(content))
        assert read(path, aoi=tmp_path / "aoi.json").sizes["x"] == 10


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "not readable as GeoJSON"),
        ("[1]", "GeoJSON"),
        ('{"type": "Polygon", "coordinates": []}', "no coordinates"),
        ('{"type": "Point", "coordinates": [5e5, 5.8e6]}', "aoi.json"),
        ('{"type":"Point","coordinates":[13,52]}', "is empty"),
        (
            '{"type":"Polygon","crs":{"properties":{"name":"EPSG:32633"}},"coordinates":[[[1,1],[2,2]]]}',
            "longitude and latitude",
        ),
    ],
)
def test_bad_aoi(content, words, s2, tmp_path):
    (tmp_path / "aoi.json").write_text(content)
    refused(["aoi.json", words], s2, aoi=tmp_path / "aoi.json")


def test_bad_boxes(s2, tiff):
    for bbox in (
        (13.0, 52.0, 13.0, 53.0),
        (14, 52, 13, 53),
        (1, 2, 3),
        (0, 0, float("nan"), 1),
        (500_000, 0, 600_000, 1),
    ):
        refused(["--bbox"], s2, bbox=bbox, kind=OptionError)
    refused(["s2.tif", "does not reach", "longitude 15.0"], s2, bbox=(-3, 1, -2, 2))
    refused(["bare.tif", "not georeferenced", "--bbox"], tiff("bare.tif", l1c_dn(), crs=None), bbox=(13, 52, 14, 53))
