"""Scenes with the other dates of their sample as references: what a restoration can do with them."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime, timedelta
from typing import Final

import xarray as xr

from sunbreak.data import Sample
from sunbreak.errors import SunbreakWarning
from sunbreak.scene import make_scene
from sunbreak.steps.mask import grow
from sunbreak.steps.reference import with_references

WITH_REFERENCE: Final = "+reference"
"""Stands behind the name of a model in the row of what it restores with the other dates of the series."""
ANY_DAY: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""Samples know how far their dates are apart, not when they were."""


def has_references(sample: Sample) -> bool:
    """Whether a sample has other dates.

    Args:
        sample: The sample.

    Returns:
        True if it has a series that is not empty.
    """
    return sample.series is not None and bool(sample.series.days)


def referenced(sample: Sample, scene: xr.Dataset, buffer: int) -> xr.Dataset:
    """Give a scene the other dates of its sample, all of those that composites are made of.

    Args:
        sample: The sample.
        scene: Its scene, with quality.
        buffer: Pixels by which cloud and shadow of the other dates grow, as those of the scene have.

    Returns:
        The scene with the clear looks of the series; without, where that shows nothing clear or there is none.
    """
    if sample.series is None:
        return scene
    series = sample.series
    references = [
        make_scene(
            optical,
            bands=sample.bands,
            level=sample.level,
            quality=grow(quality, buffer),
            geobox=sample.geobox,
            datetime=(ANY_DAY + timedelta(days=days)).isoformat(),
        )
        for optical, quality, days in zip(series.optical, series.quality, series.days, strict=True)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SunbreakWarning)  # of dates that show little: there are others
        seen = with_references(scene.assign_attrs(datetime=ANY_DAY.isoformat()), references)
    for name in seen.data_vars.keys() - scene.data_vars.keys():
        seen[name].load()  # once, for all models
    return seen
