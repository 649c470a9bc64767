"""Write a simulated scene as a folder of GeoTIFFs, block by block, so that a whole tile needs little memory."""

from __future__ import annotations

import dataclasses
import datetime
import json
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np
import rasterio
from affine import Affine
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from sunbreak.bands import DN_MAX, DN_MIN, DN_NODATA, QUANTIFICATION, RADAR_BANDS
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA, QUALITY_LEGEND, LegendEntry, Quality
from sunbreak.rasters.geotiff import BLOCK, RasterSpec, RasterWriter
from sunbreak.rasters.staging import StagedFolder
from sunbreak.simulate.noise import Floats
from sunbreak.simulate.scene import SimulatedWindow, simulate
from sunbreak.simulate.spec import SceneSpec
from sunbreak.tiles import Window
from sunbreak.work import Bar

DN_OFFSET: Final = -1000
"""Offset of products of processing baseline 04.00 and later."""
BASELINE: Final = "05.11"
CRS: Final = "EPSG:32633"
CORNER: Final = (500_000.0, 5_000_040.0)
"""Easting and northing of the upper left corner in m, on the 20 m and 60 m grids alike."""
PIXEL: Final = 10.0
CACHE: Final = 64 << 20
"""GDAL's block cache; its default, a share of the machine's memory, would grow with the machine."""
MARKER: Final = "optical.tif"
"""The file that appears last: where it is, the scene is whole."""


def write_scene(spec: SceneSpec, out: Path, *, overwrite: bool = False, progress: bool = False) -> Path:
    """Simulate a scene into a folder.

    Writes `optical.tif` (cloudy; DN = round(reflectance * 10000) + 1000, 0 = nodata), `truth.tif` (clear, the same
    encoding), `radar.tif` (dB), `land_cover.tif`, `quality.tif` and `optical_depth.tif`, tagged like real products.

    Args:
        spec: The scene.
        out: The folder; made if it does not exist.
        overwrite: Replace a scene that is already there.
        progress: Show a progress bar.

    Returns:
        The folder.

    Raises:
        OptionError: The folder cannot be written to.
        ProductExistsError: It already holds a scene and `overwrite` is not set.
        OutputError: Writing failed; nothing is left half-written.
    """
    with rasterio.Env(GDAL_CACHEMAX=CACHE), StagedFolder(out, overwrite=overwrite, marker=MARKER) as stage:
        writers = {name: stage.create(name, raster) for name, raster in _rasters(spec).items()}
        corners = [(r, c) for r in range(0, spec.size, BLOCK) for c in range(0, spec.size, BLOCK)]
        with Bar((spec.size, spec.size), "simulate", shown=progress) as bar:
            for (row, col), window in _windows(spec, corners):
                _write(writers, window, row, col)
                bar.advance(Window(row, col, *window.quality.shape))
        stage.publish()
    return Path(out)


def _windows(spec: SceneSpec, corners: list[tuple[int, int]]) -> Iterator[tuple[tuple[int, int], SimulatedWindow]]:
    """Simulate blocks on all cores, a few ahead of the writer, in order."""
    workers = max(1, min(8, os.cpu_count() or 1))

    def block(corner: tuple[int, int]) -> SimulatedWindow:
        (row, col), size = corner, spec.size
        return simulate(spec, slice(row, min(row + BLOCK, size)), slice(col, min(col + BLOCK, size)))

    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[tuple[tuple[int, int], Future[SimulatedWindow]]] = deque()
        for corner in corners:
            ahead.append((corner, pool.submit(block, corner)))
            if len(ahead) > workers:
                done, future = ahead.popleft()
                yield done, future.result()
        for done, future in ahead:
            yield done, future.result()


def to_dn(reflectance: Floats) -> NDArray[np.uint16]:
    """Encode reflectance as products of baseline 04.00 and later do.

    Args:
        reflectance: Reflectance, any shape, NaN = no data.

    Returns:
        DN = round(reflectance * 10000) + 1000, clipped to 1..65534; 0 = no data.
    """
    stored = np.clip(np.rint(reflectance * QUANTIFICATION) - DN_OFFSET, DN_MIN, DN_MAX)
    return np.where(np.isnan(reflectance), DN_NODATA, stored).astype(np.uint16)


def _write(writers: dict[str, RasterWriter], window: SimulatedWindow, row: int, col: int) -> None:
    writers["optical.tif"].write(to_dn(window.optical), row, col)
    writers["truth.tif"].write(to_dn(window.truth), row, col)
    writers["radar.tif"].write(window.radar, row, col)
    writers["land_cover.tif"].write(window.land_cover, row, col)
    writers["quality.tif"].write(window.quality, row, col)
    writers["optical_depth.tif"].write(window.optical_depth, row, col)


def _rasters(spec: SceneSpec) -> dict[str, RasterSpec]:
    """What each file of the folder holds."""
    affine = Affine(PIXEL, 0.0, CORNER[0], 0.0, -PIXEL, CORNER[1])
    geobox = GeoBox((spec.size, spec.size), affine, CRS)
    optical = RasterSpec(
        geobox=geobox, count=len(spec.bands), dtype="uint16", nodata=DN_NODATA, descriptions=spec.bands,
        scale=1.0 / QUANTIFICATION, offset=DN_OFFSET / QUANTIFICATION, tags=_optical_tags(spec),
    )  # fmt: skip
    yesterday = spec.date - datetime.timedelta(days=1)
    radar = RasterSpec(
        geobox=geobox, count=len(RADAR_BANDS), dtype="float32", nodata=float("nan"), descriptions=RADAR_BANDS,
        units="dB", tags={"ACQUISITION_START_TIME": f"{yesterday}T16:58:20Z", **_own_tag(spec)},
    )  # fmt: skip
    depth = RasterSpec(geobox=geobox, count=1, dtype="float32", descriptions=("optical depth at 550 nm",))
    return {
        "optical.tif": optical,
        "truth.tif": optical,
        "radar.tif": radar,
        "land_cover.tif": _classes(geobox, "land cover", LAND_COVER_LEGEND, LAND_COVER_NODATA),
        "quality.tif": _classes(geobox, "quality", QUALITY_LEGEND, int(Quality.NODATA)),
        "optical_depth.tif": depth,
    }


def _classes(geobox: GeoBox, name: str, legend: dict[int, LegendEntry], nodata: int) -> RasterSpec:
    colors = {int(code): entry.color for code, entry in legend.items()}
    return RasterSpec(geobox=geobox, count=1, dtype="uint8", nodata=nodata, descriptions=(name,), colors=colors)


def _optical_tags(spec: SceneSpec) -> dict[str, str]:
    return {
        "PROCESSING_LEVEL": f"Level-{spec.level[1:]}",
        "PROCESSING_BASELINE": BASELINE,
        "PRODUCT_START_TIME": f"{spec.date}T10:05:31.024Z",
        "MEAN_SOLAR_ZENITH_ANGLE": f"{90.0 - spec.clouds.sun_elevation:g}",
        "MEAN_SOLAR_AZIMUTH_ANGLE": f"{spec.clouds.sun_azimuth:g}",
        **_own_tag(spec),
    }


def _own_tag(spec: SceneSpec) -> dict[str, str]:
    return {"SUNBREAK_SIMULATION": json.dumps(dataclasses.asdict(spec), sort_keys=True)}
