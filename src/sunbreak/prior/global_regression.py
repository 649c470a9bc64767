"""The global regression: radar to reflectance for scenes with too few clear pixels to be fitted on themselves.

One linear map per level and set of polarisations, fitted once on openly licensed clear scenes and shipped as numbers.
`weights/global_regression.json` says on which scenes, and how large its errors were on scenes it had not seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from importlib import resources
from typing import Any

import numpy as np

from sunbreak.bands import BANDS_BY_LEVEL, RADAR_BANDS, Level
from sunbreak.prior.regression import Regression


@cache
def card() -> dict[str, Any]:
    """The shipped numbers with their provenance.

    Returns:
        Keys `card` (training scenes, licences, command) and one per level.
    """
    text = resources.files("sunbreak.weights").joinpath("global_regression.json").read_text(encoding="utf-8")
    return dict(json.loads(text))


def global_regression(level: Level, bands: Sequence[str], pols: Sequence[str]) -> Regression:
    """The shipped regression for some bands and polarisations.

    Args:
        level: Processing level of the reflectance to estimate.
        bands: Names of the optical bands.
        pols: Polarisations present.

    Returns:
        A regression of one cell, which holds for the whole scene.
    """
    entry = card()[level][" ".join(pol for pol in RADAR_BANDS if pol in pols)]
    known = BANDS_BY_LEVEL[level]
    # a band that the level does not have (B10 in L2A) shows no surface: its neighbour's numbers are as good as any
    index = [known.index(name if name in known else "B09") for name in bands]
    slopes = np.array(entry["slopes"], np.float32)[:, index]
    covariance = np.array(entry["error_covariance"], float)[np.ix_(index, index)]
    return Regression(slopes[np.newaxis, np.newaxis], np.diag(covariance).astype(np.float32)[None, None], covariance)
