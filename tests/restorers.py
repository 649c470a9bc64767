"""Models for the tests of evaluations, that cost nothing to run."""

import numpy as np
import xarray as xr

from sunbreak.errors import QualityError
from sunbreak.legend import Source


def stand_in(value=0.2, sigma=0.1, source=Source.SCENE_PRIOR, fails=(), gap=False):
    """A restorer that paints one reflectance over what is not clear."""

    def restorer(scene, model):
        if model in fails:
            raise QualityError("nothing to restore from")
        wanted = scene.quality.values > 1
        reflectance = np.where(wanted, np.float32(value), scene.optical.values)
        if gap:
            reflectance[:, np.argwhere(wanted)[0][0], np.argwhere(wanted)[0][1]] = np.nan
        return xr.Dataset(
            {
                "reflectance": (("band", "y", "x"), reflectance),
                "uncertainty": (("band", "y", "x"), np.where(wanted, sigma, 0.0) * np.ones((len(reflectance), 1, 1))),
                "quality": scene.quality,
                "source": (("y", "x"), np.where(wanted, source, Source.MEASURED).astype(np.uint8)),
            }
        )

    return restorer


def painter(truths, mistakes=0.0, fails=()):
    """A restorer that maps known land cover, scene by scene in turn, with a share of the pixels turned into water."""
    calls = {}

    def restorer(scene, model):
        index = calls[model] = calls.get(model, -1) + 1
        if model in fails:
            raise QualityError("nothing to restore from")
        wrong = np.random.default_rng(index).random(truths[index].shape) < mistakes
        return xr.Dataset({"land_cover": (("y", "x"), np.where(wrong, 80, truths[index]).astype(np.uint8))})

    return restorer
