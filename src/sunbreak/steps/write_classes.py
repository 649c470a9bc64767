"""Write the class map of a scene: Cloud Optimized GeoTIFFs with a STAC item and a preview, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
import pystac
import xarray as xr
from odc.geo.geobox import GeoBox

from sunbreak import preview, stac
from sunbreak.errors import OptionError, ProductExistsError
from sunbreak.legend import LegendEntry, Quality, class_legend
from sunbreak.model_item import add_model
from sunbreak.rasters.geotiff import RasterSpec, failing_as
from sunbreak.rasters.staging import StagedFolder
from sunbreak.steps.classify import CLOUD_NODATA, UNCLASSIFIED

FILES: Final = {
    "scene_classes": "scene_classes.tif", "cloud": "cloud.tif", "preview": "preview.png", "model": "model.json"
}  # fmt: skip
"""Files of a class map, by the key of their asset."""
ITEM: Final = "item.json"
"""Written last: it exists if and only if the class map is whole."""
NAMES: Final = "scene_classes.tif.aux.xml"
"""Where GDAL, and with it QGIS, looks for the names of the classes."""
MOSTLY: Final = 50
"""Percent of cloud from which a cell counts as under cloud."""


def class_percent(classes: xr.Dataset) -> dict[str, float]:
    """Share of each class among the cells with data.

    Args:
        classes: From `classify`.

    Returns:
        Percent by name, the commonest first; classes without a cell are left out.
    """
    names = classes.attrs["classes"]
    counts = np.bincount(classes["scene_class"].values.ravel(), minlength=len(names) + 1)[1:]
    order = np.argsort(-counts, kind="stable")
    return {names[index]: round(100 * int(counts[index]) / int(counts.sum()), 2) for index in order if counts[index]}


class ClassMapWriter:
    """Writes one class map to its folder.

    Use as a context manager: leaving it without `publish` leaves nothing behind.
    """

    def __init__(self, out: str | Path, *, overwrite: bool = False) -> None:
        """Prepare the folder; nothing is touched before `with`.

        Args:
            out: Folder of the class map; made if it does not exist.
            overwrite: Replace a finished class map.
        """
        self._stage = StagedFolder(out, overwrite=overwrite, marker=ITEM)

    def __enter__(self) -> ClassMapWriter:
        others = _listed(self._stage.out) - set(FILES)
        if others:
            raise ProductExistsError(
                f"{self._stage.out}: holds another product ({', '.join(sorted(others))}); choose another -o/--out"
            )
        self._stage.__enter__()
        return self

    @property
    def scratch(self) -> Path:
        """Folder for files that nobody keeps, on the disk of the class map."""
        return self._stage.staging

    def publish(self, classes: xr.Dataset, scene: xr.Dataset | None = None) -> pystac.Item:
        """Write all files, verify them, and give them their final names.

        Args:
            classes: From `classify`.
            scene: The scene, for the preview; None leaves it out of the picture.

        Returns:
            The STAC item.

        Raises:
            OutputError: The disk is full, or a file did not survive its verification.
            OptionError: The Dataset is no class map.
        """
        missing = [name for name in ("scene_class", "confidence", "cloud") if name not in classes]
        if missing or "classes" not in classes.attrs:
            raise OptionError("not a class map; write what `sunbreak.classify` returns")
        legend, before = class_legend(classes.attrs["classes"]), _listed(self._stage.out)
        files = self._rasters(classes, legend)
        with failing_as(self._stage.out):
            self._stage.path(NAMES).write_text(_category_names(legend), encoding="utf-8")
            picture = self._stage.path(FILES["preview"])
            preview.write_png(_picture(classes, legend, scene), picture)
            assets = _assets(files, picture, legend)
            item = _item(self._stage.out, classes, assets)
            if classes.attrs.get("model_item"):
                add_model(item, self._stage.path(FILES["model"]), classes.attrs["model_item"])
            item.set_self_href(str(self._stage.out / ITEM))
            item.save_object(include_self_link=False, dest_href=str(self._stage.staging / ITEM))
        self._stage.publish()
        if "model" in before - set(item.assets):  # of an earlier classifier
            (self._stage.out / FILES["model"]).unlink(missing_ok=True)
        return item

    def _rasters(self, classes: xr.Dataset, legend: Mapping[int, LegendEntry]) -> Mapping[str, Path]:
        geobox: GeoBox = classes.odc.geobox
        colours = {code: entry.color for code, entry in legend.items()}
        names = ("scene_class", "confidence")
        # GeoTIFF has one value for no data in all bands, and no cloud at all is 0
        mapped = RasterSpec(geobox, 2, "uint8", nodata=UNCLASSIFIED, descriptions=names, colors=colours)
        cloud = RasterSpec(geobox, 1, "uint8", nodata=CLOUD_NODATA, descriptions=("cloud",), units="%")
        writer = self._stage.create(FILES["scene_classes"], mapped)
        writer.write(np.stack([classes[name].values for name in names]), 0, 0)
        self._stage.create(FILES["cloud"], cloud).write(classes["cloud"].values, 0, 0)
        return self._stage.finish()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage.__exit__(kind, error, trace)


def write_classes(
    classes: xr.Dataset, out: str | Path, *, scene: xr.Dataset | None = None, overwrite: bool = False
) -> pystac.Item:
    """Write a class map.

    Args:
        classes: From `classify`.
        out: Folder to write; made if it does not exist.
        scene: The scene, for the preview; None leaves it out of the picture.
        overwrite: Replace a finished class map.

    Returns:
        The STAC item: `scene_classes.tif` with the class and its confidence in percent, `cloud.tif`, `preview.png`, and
        the classifier as an item of its own.

    Raises:
        ProductExistsError: The folder already holds a finished product.
        OutputError: The disk is full, or a file did not survive its verification; nothing is left half-written.
        OptionError: The Dataset is no class map.
    """
    with ClassMapWriter(out, overwrite=overwrite) as writer:
        return writer.publish(classes, scene)


def _item(out: Path, classes: xr.Dataset, assets: Mapping[str, pystac.Asset]) -> pystac.Item:
    told, cell = classes.attrs, classes.attrs["cell"]
    known = classes["scene_class"].values != UNCLASSIFIED
    cloudy = known & (classes["cloud"].values >= MOSTLY) & (classes["cloud"].values != CLOUD_NODATA)
    item = stac.make_item(out, classes.odc.geobox, told, assets)
    item.properties |= {
        "processing:lineage": f"Cells of {cell} x {cell} pixels classified by Sunbreak ({told['model']}).",
        "sunbreak:cell": cell,
        "sunbreak:class_percent": class_percent(classes),
        "sunbreak:cells_under_cloud_percent": round(100 * int(cloudy.sum()) / max(int(known.sum()), 1), 2),
    }
    return item


def _assets(files: Mapping[str, Path], picture: Path, legend: Mapping[int, LegendEntry]) -> dict[str, pystac.Asset]:
    band = stac.class_band("scene_class", legend, UNCLASSIFIED)
    percent = {"data_type": "uint8", "unit": "%"}
    confidence = {"name": "confidence", "nodata": UNCLASSIFIED, **percent}
    cloud = {"name": "cloud", "nodata": CLOUD_NODATA, **percent}
    described = {
        "scene_classes": ("Scene class and its confidence", ["data", "classification"], [band, confidence]),
        "cloud": ("Share of each cell under cloud", ["data", "cloud"], [cloud]),
    }
    assets = {
        key: stac.file_asset(files[FILES[key]], title, roles, bands) for key, (title, roles, bands) in described.items()
    }
    assets["preview"] = stac.file_asset(
        picture, "Scene, classes, confidence, cloud", ["overview", "thumbnail"], []
    )  # fmt: skip
    return assets


def _category_names(legend: Mapping[int, LegendEntry]) -> str:
    """GDAL's own file beside a raster; a category stands at the place of its code."""
    names = [legend[code].name if code in legend else "" for code in range(max(legend) + 1)]
    lines = [f"      <Category>{escape(name)}</Category>" for name in names]
    band = ["    <CategoryNames>", *lines, "    </CategoryNames>"]
    return "\n".join(["<PAMDataset>", '  <PAMRasterBand band="1">', *band, "  </PAMRasterBand>", "</PAMDataset>", ""])


def _picture(classes: xr.Dataset, legend: Mapping[int, LegendEntry], scene: xr.Dataset | None) -> np.ndarray:
    """Scene (if there is one), classes, confidence and cloud side by side, (3, y, x), uint8."""
    codes, cell = classes["scene_class"].values, classes.attrs["cell"]
    pictures = []
    if scene is None:
        larger = max(1, preview.PANEL // max(codes.shape))
        rows, cols = (np.arange(size * larger) // larger for size in codes.shape)
    else:
        shape = scene.sizes["y"], scene.sizes["x"]
        step = preview.thinning(shape)
        rows, cols = (np.arange(0, size, step) // cell for size in shape)
        colours = preview.scene_colours(scene)
        clear = scene["quality"][::step, ::step].values == Quality.CLEAR if "quality" in scene else True
        pictures.append(preview.to_picture(colours, preview.stretch_of(np.where(clear, colours, np.nan))))
    at = np.ix_(rows, cols)
    pictures.append(preview.colour_classes(codes[at], legend))
    for name, nodata in (("confidence", UNCLASSIFIED), ("cloud", CLOUD_NODATA)):
        values = classes[name].values[at].astype(np.float64)
        grey = np.rint(np.where(values == nodata, 0, values) * 2.55).astype(np.uint8)
        pictures.append(np.stack([grey] * 3))
    return preview.side_by_side(pictures)


def _listed(out: Path) -> set[str]:
    """Assets of the finished product in a folder."""
    try:
        return set(json.loads((out / ITEM).read_text(encoding="utf-8"))["assets"])
    except (OSError, ValueError, KeyError, TypeError):
        return set()
