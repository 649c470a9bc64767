"""Samples of data sets as scenes, and Sunbreak's own mask of those that come without one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from sunbreak.data.sample import Sample
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, mask


def scene_of(sample: Sample, quality: npt.NDArray[np.uint8] | None) -> xr.Dataset:
    """The input of a sample as the steps of the pipeline take it.

    Args:
        sample: The sample.
        quality: Classes, (y, x), codes of `legend.Quality`; None leaves them open.

    Returns:
        The scene.
    """
    return make_scene(
        sample.cloudy,
        bands=sample.bands,
        level=sample.level,
        radar=sample.radar,
        quality=quality,
        geobox=sample.geobox,
        encoding=dict(sample.encoding),
    )


def detect(sample: Sample) -> npt.NDArray[np.uint8]:
    """Find cloud and shadow in the input of a sample.

    Args:
        sample: The sample; its own quality is not looked at.

    Returns:
        (y, x), codes of `legend.Quality`, not grown by any buffer.
    """
    found = mask(scene_of(sample, None), options=MaskOptions(buffer=0))
    return np.asarray(found["quality"].data, dtype=np.uint8)
