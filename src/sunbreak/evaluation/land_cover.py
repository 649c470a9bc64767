"""Map the land cover of the samples of a data set with several models and score the maps side by side."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from sunbreak._version import __version__
from sunbreak.data import Sample, open_data
from sunbreak.errors import OptionError, QualityError, SunbreakWarning
from sunbreak.evaluation.answers import prepare
from sunbreak.evaluation.notes import Remarks, left_out, told
from sunbreak.evaluation.options import EvaluationOptions, Restorer
from sunbreak.evaluation.seen import seen_regions, unknown
from sunbreak.legend import LAND_COVER_NODATA
from sunbreak.metrics.groups import Patch
from sunbreak.metrics.land_cover import confusion
from sunbreak.metrics.land_cover_report import MAJORITY, Cell, LandCoverReport, Matrix, cell_of
from sunbreak.metrics.regions import Region, region_mask
from sunbreak.models import mapping_land_cover, maps_land_cover
from sunbreak.steps.detect import detect
from sunbreak.steps.restore import RestoreOptions, restore

PARTS: Final[tuple[Region, ...]] = ("all", "cloud", "shadow", "clear")
"""Parts of the image that are scored if nobody asks for others."""


def evaluate_land_cover(
    models: Sequence[str], data: str, *, options: EvaluationOptions | None = None, progress: bool = False
) -> LandCoverReport:
    """Map the land cover of every sample with every model, and score the maps.

    Pixels of all samples are pooled in one confusion matrix a model and part of the image, on the mask before growing.
    The row `majority`, the commonest class of the data everywhere, is always there.

    Args:
        models: Names of models that map land cover, at least one.
        data: A data SPEC whose samples have land cover.
        options: Parts of the image, groups of patches, buffer, and what restores; bands play no part here.
        progress: Show a progress bar on a terminal.

    Returns:
        The report; print its `text()`.

    Raises:
        OptionError: The SPEC or a model is unknown, a model maps no land cover, no model is named, a sample has no land
            cover, or a model was trained on a region of the data.
        RasterError: A file of the data is missing or damaged.

    Example:
        >>> report = evaluate_land_cover(["tdp-cr-prior"], "simulated:n=1,size=64")
        >>> report.models, int(report.matrix("tdp-cr-prior", "all").sum())
        (('majority', 'tdp-cr-prior'), 4096)
    """
    options = options or EvaluationOptions()
    samples = open_data(data, detector=detect)
    names = tuple(dict.fromkeys(map(str, models)))
    if not names:
        raise OptionError(
            f"land cover: name at least one model that maps it, such as {' or '.join(mapping_land_cover())}"
        )
    if options.restorer is None:
        _refuse_without(names)
    seen = seen_regions(names, samples, allowed=options.allow_seen) if options.restorer is None else {}
    regions = options.regions or PARTS
    patches: list[Patch] = []
    matrices: dict[tuple[str, Region, Cell], Matrix] = {}
    remarks: Remarks = defaultdict(list)
    for sample in tqdm(samples, "evaluating", len(samples), disable=None if progress else True):
        truth = _truth(sample)
        patch, scene = prepare(sample, options.buffer)
        patches.append(patch)
        for name in names:
            mapped = _mapped(scene, name, options.restorer or _everywhere)
            if mapped is None:
                remarks[name, "could not map, scored as unmapped, in"].append(sample.name)
                mapped = np.full_like(truth, LAND_COVER_NODATA)
            for region in regions:
                where = region_mask(sample.quality, region)
                key = (name, region, cell_of(patch.region, patch.cloud))
                matrices[key] = matrices.get(key, 0) + confusion(mapped[where], truth[where])
    return LandCoverReport(
        data=data,
        split=samples.split,
        split_hash=samples.split_hash,
        version=__version__,
        buffer=options.buffer,
        patches=tuple(patches),
        models=(MAJORITY, *names),
        regions=regions,
        by=options.by,
        seen=seen,
        matrices=matrices,
        notes=(*told(remarks, names), *(unknown(names) if options.restorer is None else ()), *left_out(samples)),
    )


def _refuse_without(models: Sequence[str]) -> None:
    """Before hours of work, refuse models that map no land cover."""
    for model in models:
        if not maps_land_cover(model):
            raise OptionError(
                f"{model}: maps no land cover; of the shipped models (`sunbreak models`), "
                f"{', '.join(mapping_land_cover())} can be scored with --task landcover"
            )


def _truth(sample: Sample) -> npt.NDArray[np.uint8]:
    if sample.land_cover is None:
        raise OptionError(f"sample {sample.name} has no land cover to score against; choose other data")
    return sample.land_cover


def _mapped(scene: xr.Dataset, model: str, restorer: Restorer) -> npt.NDArray[np.uint8] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SunbreakWarning)  # on reflectance, which is not scored here
            product = restorer(scene, model)
    except QualityError:
        return None
    if "land_cover" not in product:
        raise OptionError(f"{model}: maps no land cover; choose a model that does (`sunbreak models`)")
    return np.asarray(product["land_cover"].data, dtype=np.uint8)


def _everywhere(scene: xr.Dataset, model: str) -> xr.Dataset:
    return restore(scene, options=RestoreOptions(model, everywhere=True))
