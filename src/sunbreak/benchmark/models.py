"""Files to measure on that do not ship: networks with random weights, and a JPEG 2000 copy."""

from __future__ import annotations

import importlib
from pathlib import Path

import rasterio

import sunbreak.weights
from sunbreak.errors import OptionError
from sunbreak.rasters.raster import georeferencing_optional


def model_folder(name: str, into: Path) -> Path:
    """Folder with the model file of a network: the shipped one, or one with random weights.

    Args:
        name: Of the registry.
        into: Folder for files that are made.

    Returns:
        The folder.

    Raises:
        OptionError: There is no such network, or the extra `train` that makes its file is not installed.
    """
    shipped = Path(sunbreak.weights.__file__).parent
    if (shipped / f"{name}.onnx").is_file():
        return shipped
    try:
        networks = importlib.import_module("sunbreak.networks")
        export = importlib.import_module("sunbreak.train.export").export
    except ImportError as error:
        raise OptionError(f"bench: {name} has no shipped weights; pip install 'sunbreak[train]' ({error})") from error
    card = {
        "name": name, "kind": "restoration", "licence": "none", "training": {}, "metrics": [],
        "architecture": {"network": name, "config": {}},
    }  # fmt: skip
    export(networks.build(name), into, card, name=name)
    return into


def jpeg_2000(scene: Path) -> Path:
    """A lossless JPEG 2000 copy of a scene's first bands, as archives of Sentinel-2 hold them.

    Args:
        scene: Folder of a simulated scene.

    Returns:
        Path of the copy.
    """
    path = scene / "optical.jp2"
    if not path.is_file():
        beside = path.with_suffix(".partial")
        with georeferencing_optional(), rasterio.open(scene / "optical.tif") as file:
            bands = file.read([2])
            profile = {
                "width": file.width,
                "height": file.height,
                "count": 1,
                "dtype": "uint16",
            }
            with rasterio.open(beside, "w", driver="JP2OpenJPEG", QUALITY="100", REVERSIBLE="YES", **profile) as copy:
                copy.write(bands)
        beside.replace(path)
    return path
