"""What the package publishes is valid STAC 1.1 with all its extensions, and what is broken is refused."""

import json

import jsonschema
import pytest

from products import make_product
from stac_schemas import SCHEMAS, broken, validate
from sunbreak import stac
from sunbreak.scale.dest import Folder
from sunbreak.scale.publish import write_collection


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """Item and collection of a product."""
    folder = tmp_path_factory.mktemp("dest")
    _, out = make_product(folder / "33UUT")
    write_collection(Folder(folder))
    return json.loads((out / "item.json").read_text()), json.loads((folder / "collection.json").read_text())


def test_every_extension_in_use_has_its_schema():
    assert set(stac.EXTENSIONS.values()) <= SCHEMAS.keys()


def test_item_and_collection_are_valid(published):
    for content in published:
        validate(content)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["stac_version"], "0.9.0"),
        (["properties", "datetime"], 2024),
        (["properties", "proj:code"], 32633),
        (["properties", "proj:shape"], [256]),
        (["properties", "processing:software"], "sunbreak 1"),
        (["properties", "processing:levle"], "L1C"),
        (["assets", "quality", "file:checksum"], "not hexadecimal"),
        (["assets", "quality", "file:size"], "large"),
        (["assets", "quality", "bands", 0, "classification:classes", 0, "value"], "one"),
        (["assets", "reflectance", "bands", 0, "data_type"], "uint17"),
        (["assets", "reflectance", "bands", 0, "raster:scale"], "0.0001"),
        (["assets", "reflectance", "bands", 0, "raster:nodata"], 0),
        (["assets", "reflectance", "bands", 0, "eo:common_name"], "infrablue"),
        (["assets", "reflectance", "bands", 0, "eo:center_wavelength"], -0.49),
    ],
)
def test_what_is_broken_is_refused(published, where, value):
    with pytest.raises(jsonschema.ValidationError):
        validate(broken(published[0], where, value))


def test_a_broken_collection_is_refused(published):
    for field in ("license", "extent", "links"):
        with pytest.raises(jsonschema.ValidationError):
            validate({key: value for key, value in published[1].items() if key != field})


def test_an_extension_without_a_schema_is_refused(published):
    with pytest.raises(KeyError):
        validate({**published[0], "stac_extensions": ["https://example.org/v1.0.0/schema.json"]})
