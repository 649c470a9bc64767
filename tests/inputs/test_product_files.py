"""A product of one file per band: what is written, and that everything that reads products reads it."""

import hashlib
import json
import math

import numpy as np
import pystac
import pytest
import rasterio
from rasterio.io import MemoryFile
from rio_cogeo.cogeo import cog_validate

import sunbreak
from stac_layouts import at_10_m, dn_of, write_item, write_radar_item
from stac_schemas import validate_file
from sunbreak.bands import L2A_BANDS
from sunbreak.cli import main
from sunbreak.combinations import COMBINATIONS
from sunbreak.inputs.product_files import band_file
from sunbreak.steps.preview import preview
from sunbreak.steps.read_product import read_product
from sunbreak.view.catalog import find
from sunbreak.view.layers import EMPTY, automatic_stretch, draw
from sunbreak.view.place import bounds, placed

SIZE = 120


@pytest.fixture(scope="module")
def restored(tmp_path_factory):
    """Folder of a product made from items, by the command line."""
    root = tmp_path_factory.mktemp("items")
    item = write_item(root, offset=-1000, size=SIZE, **{"s2:processing_baseline": "05.10"})
    main(["restore", str(item), "--radar", str(write_radar_item(root, size=SIZE)), "-o", str(root / "out")])
    return root / "out"


def test_one_cog_a_band_and_a_vrt_over_them(restored):
    assert not (restored / "reflectance.tif").exists()
    with rasterio.open(restored / "quality.tif") as file:
        clear = file.read(1) == 1
    assert clear.any()
    with rasterio.open(restored / "reflectance.vrt") as mosaic:
        assert mosaic.descriptions == L2A_BANDS
        assert (mosaic.nodata, mosaic.res, mosaic.crs.to_epsg()) == (0, (10, 10), 32633)
        together = mosaic.read()
        assert len(mosaic.files) == 1 + len(L2A_BANDS)
        assert all(str(restored) in name for name in mosaic.files)
    for band, plane in zip(L2A_BANDS, together, strict=True):
        assert cog_validate(restored / band_file(band), quiet=True, strict=True)[0]
        with rasterio.open(restored / band_file(band)) as file:
            assert file.descriptions == (band,)
            assert file.tags()["BOA_ADD_OFFSET"] == "-1000"
            np.testing.assert_array_equal(file.read(1), plane)
        measured = at_10_m(dn_of(band, -1000, SIZE), SIZE)
        np.testing.assert_array_equal(plane[clear], measured[clear])


def test_the_item_lists_every_band(restored):
    validate_file(restored / "item.json")
    item = pystac.Item.from_file(str(restored / "item.json"))
    for asset in item.assets.values():
        content = (restored / asset.href).read_bytes()
        assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()
    assert {*L2A_BANDS, "reflectance", "quality", "uncertainty"} <= item.assets.keys()
    assert item.assets["reflectance"].href.endswith("reflectance.vrt")
    assert [one["name"] for one in item.assets["reflectance"].extra_fields["bands"]] == list(L2A_BANDS)
    assert item.assets["B05"].extra_fields["bands"][0]["raster:offset"] == pytest.approx(-0.1)
    links = {link.title: link.href for link in item.links if link.rel == "derived_from"}
    named = {name: href.rpartition("/")[2] for name, href in links.items()}
    assert named == {"optical": "s2.json", "radar": "s1.json", "model": "model.json"}
    assert item.properties["sunbreak:quality_from"] == "SCL"


def test_everything_that_reads_products_reads_it(restored, tmp_path):
    product = read_product(restored)
    assert product.bands == L2A_BANDS
    assert (product.reflectance.level, product.reflectance.encoding["offset"]) == ("L2A", -1000)
    assert product.optical is not None
    assert product.radar is not None
    drawn = preview(restored, tmp_path / "again.png")
    with rasterio.open(drawn) as again, rasterio.open(restored / "preview.png") as first:
        np.testing.assert_array_equal(again.read(), first.read())
    main(["report", str(restored), "-o", str(tmp_path / "report.html")])
    assert "B8A" in (tmp_path / "report.html").read_text()


def test_the_viewer_draws_it(restored):
    product = find([restored.parent / "out"]).product(restored.name)
    combination = COMBINATIONS["false-colour"]
    stretch = automatic_stretch(product, combination)
    west, south, east, north = bounds(placed(product.grid))
    column = int(((west + east) / 2 + 180) / 360 * 2**14)
    row = int((1 - math.asinh(math.tan(math.radians((south + north) / 2))) / math.pi) / 2 * 2**14)
    for layer in ("cloudy", "restored", "radar"):
        with MemoryFile(draw(product, layer, combination, stretch, (14, column, row))) as memory, memory.open() as file:
            assert 0.02 < (file.read(4) > 0).mean() < 0.9
    assert draw(product, "restored", combination, stretch, (14, 3, 3)) == EMPTY


def test_it_is_a_reference_for_another_date(restored, tmp_path):
    scene = sunbreak.read(write_item(tmp_path, size=SIZE, **{"s2:processing_baseline": "02.14"}))
    reference = sunbreak.read_reference(restored, scene)
    assert set(np.unique(reference.quality.values)) <= {1, 2, 3, 4}
    both = (reference.quality.values == 1) & np.isfinite(scene.optical.values).all(axis=0)
    np.testing.assert_allclose(reference.optical.values[:, both], scene.optical.values[:, both], atol=1e-6)


def test_files_of_another_form_do_not_stay(tmp_path):
    item = write_item(tmp_path, size=SIZE, **{"s2:processing_baseline": "02.14"})
    out = tmp_path / "out"
    sunbreak.process(item, None, out)
    whole = sunbreak.restore(sunbreak.mask(sunbreak.read(item)))
    whole.reflectance.encoding.clear()
    sunbreak.write(whole, out, overwrite=True)
    assert not list(out.glob("reflectance_*")) + list(out.glob("*.vrt"))
    listed = json.loads((out / "item.json").read_text())["assets"].values()
    named = {asset["href"].removeprefix("./") for asset in listed} | {"item.json"}
    assert {path.name for path in out.iterdir()} == named
