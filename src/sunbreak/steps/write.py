"""Write: the product of a scene as Cloud Optimized GeoTIFFs with a STAC item and a preview, whole or not at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import pystac
import xarray as xr
from odc.geo.geobox import GeoBox

from sunbreak import preview, stac
from sunbreak.bands import UNCERTAINTY_NODATA, UNCERTAINTY_SCALE
from sunbreak.clock import spent_on
from sunbreak.errors import OptionError
from sunbreak.inputs.product_files import BAND_FILE, MOSAIC, REFLECTANCE, band_file, write_mosaic
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, QUALITY_LEGEND, LegendEntry, Source
from sunbreak.model_item import add_model
from sunbreak.radiometry.dn import encode, is_reflectance
from sunbreak.radiometry.metadata import Metadata, to_tags
from sunbreak.rasters.geotiff import RasterSpec, failing_as
from sunbreak.rasters.staging import StagedFolder
from sunbreak.steps.gather import OBSERVATIONS, RestoredBlock
from sunbreak.steps.product_assets import picture_asset, product_assets
from sunbreak.tiles import blocks

NAMES: Final = (
    REFLECTANCE, MOSAIC, "quality.tif", "uncertainty.tif", "land_cover.tif", "observations.tif", "preview.png",
    "model.json", "item.json",
)  # fmt: skip
"""The files of a product, beside those of single bands."""
OPTIONAL: Final = {"land_cover": "land_cover.tif", "observations": "observations.tif", "model": "model.json"}
"""Those that not every product has, by the key of their asset."""
INPUTS: Final = ("optical_path", "radar_path", "dem_path", "quality_path")
"""Attributes of a scene that name its inputs."""
LOSSLESS: Final = {"dtype": "float32", "offset": 0, "quantification": 1, "nodata": None}
ITEM: Final = "item.json"
"""Written last: it exists if and only if the product is whole."""


class ProductWriter:
    """Streams the blocks of one product to its folder.

    Use as a context manager: leaving it without `publish` leaves nothing behind.
    """

    def __init__(
        self,
        out: str | Path,
        scene: xr.Dataset,
        *,
        land_cover: bool = False,
        observations: bool = False,
        overwrite: bool = False,
    ) -> None:
        """Prepare the folder; nothing is touched before `with`.

        Args:
            out: Folder of the product.
            scene: The scene or product whose grid, bands and encoding the files take.
            land_cover: Whether the blocks hold land cover.
            observations: Whether they hold observations, as those of composites.
            overwrite: Replace a finished product.
        """
        variable = "optical" if "optical" in scene else "reflectance"
        self._stage = StagedFolder(out, overwrite=overwrite, marker=ITEM)
        self._with_land_cover, self._with_observations = land_cover, observations
        self._geobox: GeoBox = scene.odc.geobox
        self._bands = [str(name) for name in scene["band"].values]
        # xarray forgets the encoding in arithmetic; then reflectance itself is stored, which loses nothing
        self._encoding: Mapping[str, Any] = LOSSLESS | scene[variable].encoding
        self._scene = scene
        self._turn = threading.Lock()
        self.sources = np.zeros(len(Source), np.int64)
        """Number of pixels of each source written so far."""

    def __enter__(self) -> ProductWriter:
        self._spare_the_inputs()
        self._stage.__enter__()
        try:
            self._create()
        except BaseException:
            self._stage.__exit__(None, None, None)
            raise
        return self

    def _spare_the_inputs(self) -> None:
        told = self._scene.attrs
        others = [
            path for key in ("reference_paths", "reference_radar_paths", "date_paths") for path in told.get(key, ())
        ]
        for path in [*(told.get(key) for key in INPUTS), *others]:
            if path and Path(path).resolve().parent == self._stage.out.resolve() and _is_ours(Path(path).name):
                raise OptionError(f"{path}: is an input and would be overwritten; choose another -o/--out")

    def _create(self) -> None:
        spec = self._reflectance_spec()
        names = {REFLECTANCE: self._bands}
        if self._encoding.get("file_per_band"):
            names = {band_file(band): [band] for band in self._bands}
        self._reflectance = {
            name: self._stage.create(name, replace(spec, count=len(bands), descriptions=tuple(bands)))
            for name, bands in names.items()
        }
        self._quality = self._stage.create("quality.tif", self._classes("quality", "source", QUALITY_LEGEND, 0))
        self._uncertainty = self._stage.create(
            "uncertainty.tif",
            RasterSpec(
                self._geobox,
                len(self._bands),
                "uint16",
                nodata=UNCERTAINTY_NODATA,
                descriptions=tuple(self._bands),
                scale=UNCERTAINTY_SCALE,
                offset=0.0,
            ),
        )
        if self._with_land_cover:
            spec = self._classes("land_cover", "probability", LAND_COVER_LEGEND, LAND_COVER_NODATA)
            self._land_cover = self._stage.create(OPTIONAL["land_cover"], spec)
        if self._with_observations:
            spec = RasterSpec(self._geobox, len(OBSERVATIONS), "uint16", descriptions=OBSERVATIONS, nearest=True)
            self._observations = self._stage.create(OPTIONAL["observations"], spec)

    def _classes(self, name: str, second: str, legend: Mapping[int, LegendEntry], nodata: int) -> RasterSpec:
        """A raster of classes in band 1 and something about them in band 2."""
        colors = {code: entry.color for code, entry in legend.items()}
        return RasterSpec(self._geobox, 2, "uint8", nodata=nodata, descriptions=(name, second), colors=colors)

    def _reflectance_spec(self) -> RasterSpec:
        stored = self._encoding
        told = self._scene.attrs
        metadata = Metadata(
            level=told["level"],
            offset=None if is_reflectance(stored) else stored["offset"],
            datetime=told.get("datetime"),
            sun_azimuth=told.get("sun_azimuth"),
            sun_elevation=told.get("sun_elevation"),
            platform=told.get("platform"),
        )
        scales, offsets = stored.get("scales"), stored.get("offsets")
        return RasterSpec(
            self._geobox,
            len(self._bands),
            stored["dtype"],
            nodata=stored["nodata"],
            descriptions=tuple(self._bands),
            scale=scales[0] if scales else None,
            offset=offsets[0] if offsets else None,
            tags={**_kept(stored.get("tags", {})), **to_tags(metadata)},
        )

    @property
    def scratch(self) -> Path:
        """Folder for files that nobody keeps, on the disk of the product."""
        return self._stage.staging

    def write(self, block: RestoredBlock) -> None:
        """Write one block; from any thread, and in any order.

        Args:
            block: From `restore_blocks`.

        Raises:
            OutputError: The disk is full or the write failed.
        """
        with spent_on("encoding"):
            self._write(block)

    def _write(self, block: RestoredBlock) -> None:
        top, left = block.window.top, block.window.left
        changed = block.source > Source.MEASURED
        stored = encode(block.reflectance, self._encoding)
        if changed.any():
            np.copyto(stored, encode(block.reflectance, self._encoding, clip=True), where=changed)
        coded = _coded_sigma(block.uncertainty)
        with self._turn:
            self.sources += np.bincount(block.source.ravel(), minlength=len(Source))
            if len(self._reflectance) == 1:
                self._reflectance[next(iter(self._reflectance))].write(stored, top, left)
            else:
                for writer, plane in zip(self._reflectance.values(), stored, strict=True):
                    writer.write(plane, top, left)
            self._quality.write(np.stack([block.quality, block.source]), top, left)
            self._uncertainty.write(coded, top, left)
            if block.land_cover is not None and block.land_cover_probability is not None:
                self._land_cover.write(np.stack([block.land_cover, block.land_cover_probability]), top, left)
            if block.observations is not None:
                self._observations.write(block.observations, top, left)

    def publish(self, attrs: Mapping[str, Any], cloudy: np.ndarray | None = None) -> pystac.Item:
        """Turn the blocks into COGs, add preview and STAC item, verify all, and give them their final names.

        Args:
            attrs: Attributes of the product for the item, see `steps.facts.facts`; `model_item` becomes a file.
            cloudy: The cloudy picture for the preview, see `preview.scene_colours`.

        Returns:
            The STAC item.

        Raises:
            OutputError: Writing or verifying failed.
        """
        files = self._stage.finish()
        folder = self._stage.staging
        with failing_as(self._stage.out):
            if REFLECTANCE not in self._reflectance:
                kept = self._encoding["dtype"], self._encoding["nodata"]
                write_mosaic(self._stage.path(MOSAIC), self._geobox, self._bands, kept)
                files[MOSAIC] = folder / MOSAIC
            picture = preview.render_product(folder, self._bands, self._encoding, cloudy)
            preview.write_png(picture, folder / "preview.png")
            assets = product_assets(files, self._bands, self._encoding)
            assets["preview"] = picture_asset(folder / "preview.png", files)
            item = stac.make_item(self._stage.out, self._geobox, attrs, assets)
            if attrs.get("model_item"):
                add_model(item, self._stage.path(OPTIONAL["model"]), attrs["model_item"])
            item.set_self_href(str(self._stage.out / ITEM))
            item.save_object(include_self_link=False, dest_href=str(folder / ITEM))
        outdated = _listed(self._stage.out) - {path.name for path in folder.iterdir()}
        self._stage.publish()
        for name in outdated:
            (self._stage.out / name).unlink(missing_ok=True)
        return item

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stage.__exit__(kind, error, trace)


def _coded_sigma(sigma: np.ndarray) -> np.ndarray:
    steps = sigma / np.float32(UNCERTAINTY_SCALE)
    np.rint(steps, out=steps)
    np.clip(steps, 0, UNCERTAINTY_NODATA - 1, out=steps)
    steps[~np.isfinite(sigma)] = UNCERTAINTY_NODATA
    return steps.astype(np.uint16)


def _is_ours(name: str) -> bool:
    return name in NAMES or BAND_FILE.fullmatch(name) is not None


def _listed(out: Path) -> set[str]:
    """Files of the finished product in a folder, which another model or input may not write again."""
    try:
        assets = json.loads((out / ITEM).read_text(encoding="utf-8"))["assets"].values()
        names = {str(asset["href"]).removeprefix("./") for asset in assets}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()
    return {name for name in names if _is_ours(name)}


def _kept(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags of the input that still hold for the product; GDAL writes the others itself."""
    gone = ("AREA_OR_POINT", "TIFFTAG_", "STATISTICS_", "OVR_")
    return {key: value for key, value in tags.items() if not key.startswith(gone)}


def write(product: xr.Dataset, out: str | Path, *, overwrite: bool = False) -> pystac.Item:
    """Write a product that is in memory.

    Args:
        product: From `restore`.
        out: Folder to write; made if it does not exist.
        overwrite: Replace a finished product.

    Returns:
        The STAC item of the product.

    Raises:
        ProductExistsError: The folder already holds a finished product.
        OutputError: The disk is full, or a file did not survive its verification; nothing is left half-written.
        OptionError: The Dataset is not a product.
    """
    names = ["reflectance", "uncertainty", "quality", "source"]
    land_cover, observations = "land_cover" in product, "observations" in product
    names += ["land_cover", "land_cover_probability"] if land_cover else []
    names += ["observations"] if observations else []
    missing = [name for name in names if name not in product]
    if missing:
        raise OptionError(f"not a product: {', '.join(missing)} missing; write what `sunbreak.restore` returns")
    shape = (product.sizes["y"], product.sizes["x"])
    with ProductWriter(out, product, land_cover=land_cover, observations=observations, overwrite=overwrite) as writer:
        for window in blocks(shape):
            parts = [np.asarray(product[name].isel(y=window.rows, x=window.cols).data) for name in names]
            writer.write(RestoredBlock(window, **dict(zip(names, parts, strict=True))))
        return writer.publish(product.attrs)
