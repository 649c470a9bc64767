"""Samples of data sets as scenes: what Sunbreak masks and restores of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xarray as xr

from sunbreak.data.sample import Sample
from sunbreak.errors import QualityError, SunbreakWarning
from sunbreak.models import DEFAULT
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, grow, mask
from sunbreak.steps.restore import restore


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


def uncovered(
    sample: Sample,
    quality: npt.NDArray[np.uint8],
    buffer: int = MaskOptions().buffer,
    restorer: Callable[[xr.Dataset, str], xr.Dataset] | None = None,
) -> npt.NDArray[np.float32] | None:
    """Restore the input of a sample.

    Args:
        sample: The sample.
        quality: Its classes, (y, x), not grown; from `detect`, for example.
        buffer: Pixels by which cloud and shadow grow, as in `sunbreak restore`.
        restorer: Restores a scene by the name of a model; `restore` if None.

    Returns:
        (band, y, x) reflectance, as it was where nothing could be restored; None if there is nothing to restore from.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SunbreakWarning)  # the same for every sample
            scene = scene_of(sample, grow(quality, buffer))
            product = restore(scene) if restorer is None else restorer(scene, DEFAULT)
    except QualityError:
        return None
    found = np.asarray(product["reflectance"].data)
    return np.where(np.isfinite(found), found, sample.cloudy).astype(np.float32)
