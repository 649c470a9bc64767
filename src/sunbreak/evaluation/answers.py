"""What models make of a sample, and the trivial answers beside them."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr

from sunbreak.baselines.composites import COMPOSITES
from sunbreak.data import Sample
from sunbreak.data.regions import canonical
from sunbreak.data.series import cloud_share
from sunbreak.errors import OptionError, QualityError, SunbreakWarning
from sunbreak.evaluation.options import Restorer
from sunbreak.legend import Quality, Source
from sunbreak.metrics.groups import Patch
from sunbreak.metrics.matching import match_to_input
from sunbreak.metrics.report import REFERENCE, Target
from sunbreak.prior.smooth_fill import smooth_fill
from sunbreak.steps.detect import scene_of
from sunbreak.steps.mask import grow

CLOUDY: Final = "cloudy"
"""The row of the input as it is."""
SMOOTH_FILL: Final = "smooth-fill"
"""The row of the clear pixels, smoothly continued, and nothing else."""
ALWAYS: Final = (CLOUDY, SMOOTH_FILL, REFERENCE)
"""Rows that stand in every table: what a model must beat."""
LEFT_OPEN: Final = "pixels left open, scored as the input,"


class Answer(NamedTuple):
    """What a model made of a sample."""

    reflectance: npt.NDArray[np.floating]
    """(band, y, x), complete wherever the input is."""
    uncertainty: npt.NDArray[np.floating] | None
    """1-sigma error, (band, y, x); None for models without."""
    restored: npt.NDArray[np.bool_]
    """Pixels that the model restored, (y, x)."""
    remark: str = ""
    """What to know of it, for a note that ends in `in NAME`; empty for nothing."""


def prepare(sample: Sample, buffer: int) -> tuple[Patch, xr.Dataset]:
    """Make the scene that models restore.

    Args:
        sample: The sample.
        buffer: Pixels by which cloud and shadow grow.

    Returns:
        What is known of the patch, its region under the one name that all spellings share, and the scene.
    """
    grown = grow(sample.quality, buffer)
    usable = (grown == Quality.CLEAR) & np.isfinite(sample.cloudy).all(axis=0)
    if sample.radar is not None:
        usable &= np.isfinite(sample.radar).all(axis=0)
    patch = Patch(sample.name, canonical(sample.region), cloud_share(sample.quality), int(usable.sum()))
    return patch, scene_of(sample, grown)


def targets(sample: Sample) -> Iterator[tuple[Target, npt.NDArray[np.floating]]]:
    """The images that a sample is scored against.

    Args:
        sample: The sample.

    Yields:
        The clear image as it is; and matched to the input, where it is of another date and enough is clear in both.

    Raises:
        OptionError: There is no clear image.
    """
    if sample.clear is None:
        raise OptionError(f"sample {sample.name} has no clear image to score against; choose other data")
    yield "raw", sample.clear
    if not sample.same_date:
        matched = match_to_input(sample.clear, sample.cloudy, sample.quality == Quality.CLEAR)
        if matched is not None:
            yield "matched", matched


def answer(name: str, sample: Sample, scene: xr.Dataset, restorer: Restorer) -> Answer:
    """Run one model on one sample; what it leaves open is the input, and remarked on.

    Args:
        name: Name of a model, of a composite, or of a trivial row.
        sample: The sample; a composite needs its series.
        scene: Its scene, from `prepare`.
        restorer: Runs the model.

    Returns:
        Its answer.
    """
    nothing = np.zeros(sample.quality.shape, dtype=bool)
    failed = Answer(sample.cloudy, None, nothing, "could not restore, scored as the input,")
    if name == CLOUDY:
        return failed._replace(remark="")
    if name == SMOOTH_FILL:
        clear = np.asarray(scene["quality"].data) == Quality.CLEAR
        filled = smooth_fill(sample.cloudy, clear)
        return Answer(filled, None, ~clear) if np.isfinite(filled).all() else failed
    if name in COMPOSITES:
        composed = COMPOSITES[name](sample)
        return Answer(_completed(composed, sample), None, ~nothing, _gaps(composed, sample))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SunbreakWarning)  # the remark below says the same once for all patches
            product = restorer(scene, name)
    except QualityError:
        return failed
    return _of_product(product, sample)


def _of_product(product: xr.Dataset, sample: Sample) -> Answer:
    reflectance, source = np.asarray(product["reflectance"].data), np.asarray(product["source"].data)
    parts = [_gaps(reflectance, sample)]
    if (source == Source.GLOBAL_REGRESSION).any():
        parts.insert(0, "global regression, too few clear pixels to fit on,")
    return Answer(
        _completed(reflectance, sample),
        np.asarray(product["uncertainty"].data) if "uncertainty" in product else None,
        ~np.isin(source, (Source.NONE, Source.MEASURED)),
        " and ".join(filter(None, parts)),
    )


def _completed(reflectance: npt.NDArray[np.floating], sample: Sample) -> npt.NDArray[np.floating]:
    return np.where(np.isfinite(reflectance), reflectance, sample.cloudy)


def _gaps(reflectance: npt.NDArray[np.floating], sample: Sample) -> str:
    expected = np.isfinite(sample.cloudy) & (sample.quality != Quality.NODATA)
    return LEFT_OPEN if (~np.isfinite(reflectance) & expected).any() else ""
