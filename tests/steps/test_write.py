import hashlib
import json

import numpy as np
import pystac
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from model_files import CODES, mapper, node, save
from scenes import cloudy_scene
from stac_schemas import validate, validate_file
from sunbreak.bands import UNCERTAINTY_NODATA
from sunbreak.errors import ProductExistsError
from sunbreak.legend import LAND_COVER_LEGEND
from sunbreak.scene import make_scene
from sunbreak.steps.preview import preview
from sunbreak.steps.read import read
from sunbreak.steps.restore import restore
from sunbreak.steps.write import write

FILES = ["item.json", "preview.png", "quality.tif", "reflectance.tif", "uncertainty.tif"]
"""Those of the scene prior, which has no card and maps no land cover."""


@pytest.fixture
def written(tmp_path):
    scene, _, cloud = cloudy_scene()
    scene.optical.values[:, :9] = np.nan
    scene.quality.values[:9] = 0
    scene = scene.assign_attrs(datetime="2023-07-15T10:30:00Z", platform="sentinel-2a", sun_azimuth=150.0)
    product = restore(scene, model="scene-prior")
    write(product, tmp_path / "out")
    return product, tmp_path / "out", cloud


def test_the_product_is_five_files(written):
    _, out, _ = written
    assert sorted(path.name for path in out.iterdir()) == FILES
    for name in ("reflectance.tif", "quality.tif", "uncertainty.tif"):
        assert cog_validate(out / name, strict=True)[0], name


def test_a_network_adds_its_card_and_land_cover_only_where_it_maps_it(tmp_path):
    plain = save(tmp_path / "plain.onnx", [node("Identity", ["prior"], ["reflectance"])], [("prior", 13)])
    scene, _, _ = cloudy_scene((100, 110))
    for path, more in ((plain, ["model.json"]), (mapper(tmp_path / "maps.onnx"), ["model.json", "land_cover.tif"])):
        out = tmp_path / path.stem
        item = write(restore(scene, model=path), out)
        assert sorted(file.name for file in out.iterdir()) == sorted([*FILES, *more])
        assert ("land_cover" in item.assets) == ("land_cover.tif" in more)
        card = validate_file(out / "model.json")["properties"]["sunbreak:card"]
        assert card == json.loads(path.with_suffix(".json").read_text())


def test_files_hold_what_the_product_holds(written):
    product, out, _ = written
    again = read(out / "reflectance.tif")
    assert again.attrs["level"] == "L1C"
    assert again.attrs["datetime"].startswith("2023-07-15T10:30:00")
    assert again.optical.encoding["offset"] == -1000
    assert again.odc.geobox == product.odc.geobox
    measured = product.source.values == 1
    np.testing.assert_array_equal(again.optical.values[:, measured], product.reflectance.values[:, measured])
    np.testing.assert_allclose(again.optical.values, product.reflectance.values, atol=0.51e-4)
    with rasterio.open(out / "quality.tif") as file:
        quality, source = file.read()
        np.testing.assert_array_equal(quality, product.quality.values)
        np.testing.assert_array_equal(source, product.source.values)
        assert file.descriptions == ("quality", "source")
    with rasterio.open(out / "uncertainty.tif") as file:
        sigma = file.read().astype(float)
        assert (file.nodata, file.scales[0]) == (UNCERTAINTY_NODATA, 0.0001)
        sigma[sigma == file.nodata] = np.nan
        np.testing.assert_allclose(sigma * 0.0001, product.uncertainty.values, atol=0.51e-4)


@pytest.mark.parametrize(
    ("dtype", "offset", "quantification", "nodata"),
    [("uint16", 0, 10000, 0), ("uint16", -1000, 10000, None), ("int16", 0, 10000, -9999), ("float32", 0, 1, None)],
)
def test_the_product_is_stored_like_its_input(tmp_path, dtype, offset, quantification, nodata):
    scene, _, cloud = cloudy_scene()
    encoding = {"dtype": dtype, "offset": offset, "quantification": quantification, "nodata": nodata}
    scene.optical.encoding.update(encoding)
    write(restore(scene, model="scene-prior"), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.dtypes[0] == dtype
        assert file.nodata == nodata
        stored = file.read()
    if dtype == "float32":
        np.testing.assert_array_equal(stored[:, ~cloud], scene.optical.values[:, ~cloud])
    else:
        expected = np.round(scene.optical.values.astype(float) * 10000) - offset
        np.testing.assert_array_equal(stored[:, ~cloud], expected[:, ~cloud])
        assert stored[:, cloud].min() >= 1


def test_dark_restored_values_do_not_become_nodata(tmp_path):
    scene, _, cloud = cloudy_scene(bands=["B02", "B03", "B04", "B11"], level="L2A")
    scene.optical.values[3] = np.where(cloud, 0.8, 0.0001)
    scene.optical.encoding["offset"] = 0
    write(restore(scene, model="scene-prior"), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.read(4)[cloud].min() >= 1


def test_the_item_is_valid_and_tells_where_everything_came_from(written):
    product, out, cloud = written
    validate_file(out / "item.json")
    item = pystac.Item.from_file(str(out / "item.json"))
    told = item.properties
    assert item.stac_extensions
    assert told["proj:code"] == "EPSG:32633"
    assert told["proj:shape"] == list(cloud.shape)
    assert told["proj:transform"][:6] == list(product.odc.geobox.affine)[:6]
    assert told["processing:level"] == "L1C"
    assert told["processing:software"]["sunbreak"]
    assert told["platform"] == "sentinel-2a"
    assert told["sunbreak:model"] == "scene-prior"
    assert item.datetime.isoformat() == "2023-07-15T10:30:00+00:00"
    west, south, east, north = item.bbox
    assert 15.0 <= west < east < 15.1
    assert 45.1 < south < north < 45.2
    for asset in item.assets.values():
        content = (out / asset.href).read_bytes()
        assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
        assert asset.extra_fields["file:size"] == len(content)
    classes = item.assets["quality"].extra_fields["bands"][0]["classification:classes"]
    assert [entry["value"] for entry in classes] == [0, 1, 2, 3, 4]
    bands = item.assets["reflectance"].extra_fields["bands"]
    assert (bands[1]["name"], bands[1]["eo:common_name"], bands[1]["raster:offset"]) == ("B02", "blue", -0.1)
    assert bands[8]["data_type"] == "uint16"


def test_a_product_without_georeferencing_or_date_has_a_valid_item(tmp_path):
    scene, _, _ = cloudy_scene(georeferenced=False)
    write(restore(scene, model="scene-prior"), tmp_path / "out")
    content = json.loads((tmp_path / "out" / "item.json").read_text())
    assert content["geometry"] is None
    assert content["properties"]["datetime"] is None
    validate(content)
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.crs is None


def test_writing_twice_needs_permission(written):
    product, out, _ = written
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    with pytest.raises(ProductExistsError):
        write(product, out)
    write(product, out, overwrite=True)
    for name in FILES[1:]:
        assert (out / name).read_bytes() == before[name], name


def test_the_preview_shows_restored_quality_and_uncertainty(written):
    _, out, cloud = written
    assert preview(out) == out.parent / "out-preview.png"
    with rasterio.open(preview(out, out.parent / "again.png")) as file:
        picture = file.read()
    height, width = cloud.shape
    assert picture.shape == (3, height, 3 * width + 16)
    assert (out.parent / "again.png").read_bytes() == (out / "preview.png").read_bytes()
    uncertainty = picture[:, :, 2 * width + 16 :]
    assert uncertainty[:, cloud].mean() > 10
    clear = ~cloud
    clear[:9] = False
    assert (uncertainty[:, clear] == 0).all()
    assert (uncertainty[:, :9] == 96).all()  # no data: grey


@pytest.fixture
def mapped(tmp_path):
    scene, _, _ = cloudy_scene((600, 640))
    scene.optical.values[:, :9] = np.nan
    scene.quality.values[:9] = 0
    path = mapper(tmp_path / "tiny.onnx", card={"name": "tiny-net"})
    product = restore(scene, model=path)
    write(product, tmp_path / "out")
    return product, tmp_path / "out", path


def test_land_cover_is_a_cog_of_classes_with_colours_and_their_probability(mapped):
    product, out, _ = mapped
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "land_cover.tif", "model.json"])
    assert cog_validate(out / "land_cover.tif", strict=True)[0]
    with rasterio.open(out / "land_cover.tif") as file:
        classes, percent = file.read()
        assert (file.dtypes, file.nodata) == (("uint8", "uint8"), 255)
        assert file.descriptions == ("land_cover", "probability")
        assert file.colorinterp[0].name == "palette"
        assert file.colorinterp[1].name != "alpha"
        colours = file.colormap(1)
        assert all(colours[code][:3] == entry.color for code, entry in LAND_COVER_LEGEND.items())
        np.testing.assert_array_equal(classes, product.land_cover)
        np.testing.assert_array_equal(percent, product.land_cover_probability)
        factor = file.overviews(1)[0]
    with rasterio.open(out / "land_cover.tif", overview_level=0) as file:
        assert factor == 2
        assert set(np.unique(file.read(1))) <= {*CODES, 255}
    with rasterio.open(out / "quality.tif") as file:
        assert file.dtypes == ("uint8", "uint8")


def test_the_item_tells_the_classes_the_model_and_its_card(mapped):
    product, out, path = mapped
    validate_file(out / "item.json")
    item = pystac.Item.from_file(str(out / "item.json"))
    classes, percent = item.assets["land_cover"].extra_fields["bands"]
    assert [entry["value"] for entry in classes["classification:classes"]] == CODES
    assert classes["classification:classes"][0]["color_hint"] == "006400"
    assert (classes["nodata"], classes["data_type"], percent["unit"]) == (255, "uint8", "%")
    card = json.loads(path.with_suffix(".json").read_text())
    told = item.properties
    assert told["sunbreak:model"] == "tiny-net"
    assert (told["sunbreak:runtime"], told["sunbreak:precision"]) == ("openvino", "fp32")
    assert told["sunbreak:weights_sha256"] == card["sha256"]["onnx"]
    assert "sunbreak:model_item" not in told
    model = item.assets["model"]
    assert (model.href, model.roles, model.media_type) == ("./model.json", ["metadata"], "application/geo+json")
    assert json.loads((out / "model.json").read_text())["properties"]["sunbreak:card"] == card
    (link,) = [link for link in item.links if link.rel == "derived_from" and link.title == "model"]
    assert (link.media_type, link.extra_fields) == ("application/geo+json", {"mlm:name": "tiny-net"})
    assert link.resolve_stac_object().target.properties["mlm:name"] == "tiny-net"
    for asset in item.assets.values():
        content = (out / asset.href).read_bytes()
        assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    assert product.attrs["weights_sha256"] == card["sha256"]["onnx"]


def test_the_preview_ends_with_land_cover(mapped):
    product, out, _ = mapped
    with rasterio.open(preview(out)) as file:
        picture = file.read()
    height, width = product.land_cover.shape
    assert picture.shape == (3, height, 4 * width + 24)
    panel = picture[:, :, 3 * width + 24 :]
    for code, entry in LAND_COVER_LEGEND.items():
        shown = panel[:, product.land_cover.values == code].T
        np.testing.assert_array_equal(shown, np.broadcast_to(entry.color, shown.shape))
    assert (panel[:, product.land_cover.values == 255] == 0).all()


def test_another_model_takes_the_files_away_that_it_does_not_write(mapped):
    _, out, _ = mapped
    (out / "notes.txt").write_text("mine")
    scene, _, _ = cloudy_scene((600, 640))
    product = restore(scene, model="scene-prior")
    write(product, out, overwrite=True)
    assert sorted(path.name for path in out.iterdir()) == sorted([*FILES, "notes.txt"])
    (out / "land_cover.tif").write_text("mine, too")
    write(product, out, overwrite=True)
    assert (out / "land_cover.tif").read_text() == "mine, too"


def test_a_single_band_product_is_written(tmp_path):
    scene, _, _ = cloudy_scene(bands=["B08"], level="L2A")
    write(restore(scene, model="scene-prior"), tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == FILES


def test_write_takes_products_that_the_user_built(tmp_path):
    optical = np.full((1, 20, 30), 0.25, np.float32)
    quality = np.ones((20, 30), np.uint8)
    product = restore(make_scene(optical, bands=["B04"], level="L2A", quality=quality))
    write(product, tmp_path / "out")
    assert read(tmp_path / "out" / "reflectance.tif").optical.values.max() == np.float32(0.25)
