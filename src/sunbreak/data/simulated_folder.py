"""A simulated scene on disk, as `sunbreak simulate` writes it: score a restoration of it against its truth."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.data.patch import backscatter, read_patch
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet
from sunbreak.data.spec import Spec, SpecForm
from sunbreak.radiometry.dn import decode
from sunbreak.radiometry.optical import OpticalImage, understand_optical
from sunbreak.radiometry.read_options import ReadOptions
from sunbreak.rasters.raster import RasterFile

FORM: Final = SpecForm(options={}, path="a folder written by `sunbreak simulate`")
"""`scene:PATH` has no options."""


def open_folder(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """Open a simulated scene.

    Args:
        spec: `scene:PATH`.
        detector: Not needed: the quality is known.

    Returns:
        A set of one sample.

    Raises:
        RasterError: The folder is not a simulated scene.
    """
    folder = Path(spec.path)
    image = understand_optical(RasterFile(folder / "optical.tif"), ReadOptions())
    # the whole specification of the simulation is in the tags: the same scene has the same name anywhere
    name = image.file.tags.get("SUNBREAK_SIMULATION", folder.resolve().name)
    return SampleSet(spec, "simulated", (Entry(name, name, partial(_load, folder, image)),))


def _load(folder: Path, image: OpticalImage) -> Sample:
    truth = understand_optical(RasterFile(folder / "truth.tif"), ReadOptions())
    shape = image.file.shape
    radar = read_patch(folder / "radar.tif", bands=2, shape=shape)
    quality, land_cover = (
        read_patch(folder / name, bands=1, shape=shape).values[0].astype(np.uint8)
        for name in ("quality.tif", "land_cover.tif")
    )
    return Sample(
        name=folder.name,
        region=folder.name,
        level=image.level,
        bands=image.bands,
        cloudy=_reflectance(image),
        quality=quality,
        radar=backscatter(radar),
        clear=_reflectance(truth),
        land_cover=land_cover,
        same_date=True,
        encoding=image.encoding,
    )


def _reflectance(image: OpticalImage) -> np.ndarray:
    height, width = image.file.shape
    stored = image.file.read(slice(0, height), slice(0, width), image.encoding["indexes"])
    return decode(stored, image.encoding)
