"""Products of small simulated scenes, made by the package itself, for the tests of what is done with products."""

import json
from pathlib import Path

import rasterio

from sunbreak.pipeline import process
from sunbreak.simulate import CloudSpec, SceneSpec, write_scene
from sunbreak.steps.mask import MaskOptions
from sunbreak.steps.restore import RestoreOptions

QUICK = {
    "restore_options": RestoreOptions(model="scene-prior"),
    "mask_options": MaskOptions(method="rule"),
}


def make_product(folder, name="product", *, size=256, seed=3, season=196, radar=True, bare=False, network=False):
    """Simulate a scene into `folder/NAME-scene`, restore it into `folder/NAME`; returns both."""
    scene, out = Path(folder) / f"{name}-scene", Path(folder) / name
    write_scene(SceneSpec(size=size, seed=seed, season=season, clouds=CloudSpec(seed=seed)), scene)
    if bare:
        for file in ("optical.tif", "radar.tif"):
            strip(scene / file)
    options = {"restore_options": RestoreOptions(everywhere=True)} if network else QUICK
    process(scene / "optical.tif", scene / "radar.tif" if radar else None, out, **options)
    return scene, out


def strip(path):
    """Take a raster's place on the Earth away."""
    with rasterio.open(path) as file:
        array, tags, names, nodata = file.read(), file.tags(), file.descriptions, file.nodata
    count, height, width = array.shape
    profile = {"driver": "GTiff", "count": count, "height": height, "width": width, "dtype": array.dtype}
    with rasterio.open(path, "w", nodata=nodata, **profile) as file:
        file.write(array)
        file.update_tags(**{key: value for key, value in tags.items() if key != "AREA_OR_POINT"})
        for index, text in enumerate(names, start=1):
            file.set_band_description(index, text or "")


def make_collection(folder, products):
    """Write the STAC collection of some products, as any tool would."""
    links = [{"rel": "item", "href": f"./{Path(one).relative_to(folder)}/item.json"} for one in products]
    content = {
        "type": "Collection", "stac_version": "1.1.0", "id": "season", "description": "Simulated scenes",
        "license": "Apache-2.0", "links": links,
        "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [[None, None]]}},
    }  # fmt: skip
    path = Path(folder) / "collection.json"
    path.write_text(json.dumps(content))
    return path
