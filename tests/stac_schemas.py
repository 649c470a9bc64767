"""STAC validation without a network: the core schemas of pystac, those of extensions in `schemas/`."""

import copy
import json
from pathlib import Path

import rasterio
from jsonschema import Draft7Validator
from jsonschema_specifications import REGISTRY as SPECIFICATIONS
from pystac.validation.local_validator import get_local_schema_cache
from referencing import Resource

FOLDER = Path(__file__).parent / "schemas"
PROJJSON = Path(rasterio.__file__).parent / "proj_data" / "projjson.schema.json"
KINDS = {"Feature": "item-spec/json-schema/item", "Collection": "collection-spec/json-schema/collection",
         "Catalog": "catalog-spec/json-schema/catalog"}  # fmt: skip


def _schemas():
    """Contents by address; an extension's address is in its name."""
    yield from get_local_schema_cache().items()
    for path in FOLDER.glob("*.json"):
        name, _, version = path.stem.rpartition("-")
        yield f"https://stac-extensions.github.io/{name}/{version}/schema.json", json.loads(path.read_text())
    yield "https://proj.org/schemas/v0.7/projjson.schema.json", json.loads(PROJJSON.read_text())


SCHEMAS = dict(_schemas())
REGISTRY = SPECIFICATIONS.with_resources(
    (address, Resource.from_contents(content)) for address, content in SCHEMAS.items()
)


def validate(content):
    """Check a STAC 1.1 object (a dictionary) against its core schema and those of all its extensions.

    Raises `jsonschema.ValidationError`; KeyError where an extension's schema is not here.
    """
    core = f"https://schemas.stacspec.org/v1.1.0/{KINDS[content['type']]}.json"
    for address in (core, *content.get("stac_extensions", ())):
        Draft7Validator(SCHEMAS[address], registry=REGISTRY).validate(content)
        if "fields" in SCHEMAS[address].get("definitions", {}):
            # some of the published schemas do not look into the bands of assets
            fields = Draft7Validator({"$ref": f"{address}#/definitions/fields"}, registry=REGISTRY)
            for asset in content.get("assets", {}).values():
                for band in asset.get("bands", ()):
                    fields.validate(band)


def validate_file(path):
    """Check the STAC object in a file; returns it."""
    content = json.loads(Path(path).read_text())
    validate(content)
    return content


def broken(content, where, value):
    """A copy of a STAC object in which something else stands at a place."""
    content = copy.deepcopy(content)
    place = content
    for step in where[:-1]:
        place = place[step]
    place[where[-1]] = value
    return content
