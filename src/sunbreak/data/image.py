"""One optical image of a data set as a sample that knows of no cloud and has no target yet."""

from __future__ import annotations

import numpy as np

from sunbreak.bands import QUANTIFICATION, Level
from sunbreak.data.patch import Patch, reflectance
from sunbreak.data.sample import Sample
from sunbreak.legend import Quality


def image_sample(
    patch: Patch, *, name: str, region: str, bands: tuple[str, ...], level: Level = "L1C", dn_offset: int = 0
) -> Sample:
    """Make a sample of an optical image alone.

    Args:
        patch: Stored numbers, one band a name.
        name: Name of the sample.
        region: Place on Earth.
        bands: Names of the bands.
        level: Processing level.
        dn_offset: Number that is still inside the DN, 0 or 1000; the negative of `--offset`.

    Returns:
        A sample whose quality is clear wherever a band has data; radar and target are open.

    Raises:
        RadiometryError: The numbers are no DN of Sentinel-2.

    Example:
        >>> patch = Patch(np.array([[[0, 500]]], dtype="uint16"), None, None)
        >>> image_sample(patch, name="a", region="a", bands=("B02",)).quality
        array([[0, 1]], dtype=uint8)
    """
    optical = reflectance(patch, dn_offset)
    return Sample(
        name=name,
        region=region,
        level=level,
        bands=bands,
        cloudy=optical,
        quality=np.where(np.isfinite(optical).any(axis=0), Quality.CLEAR, Quality.NODATA).astype(np.uint8),
        geobox=patch.geobox,
        encoding={
            "dtype": str(patch.values.dtype),
            "offset": -dn_offset,
            "quantification": QUANTIFICATION,
            "nodata": patch.nodata,
        },
    )
