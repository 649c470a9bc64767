"""Evaluate: restore the samples of a data set with several models and score them side by side.

The module is not called `evaluate`, as importing it would hide the function `sunbreak.evaluate`.
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from sunbreak._version import __version__
from sunbreak.data import Sample, open_data
from sunbreak.data.sample import SampleSet
from sunbreak.errors import OptionError, QualityError, SunbreakWarning
from sunbreak.legend import Quality, Source
from sunbreak.metrics import coverage, get_protocol, match_to_input, region_mask, score
from sunbreak.metrics.calibration import Coverage
from sunbreak.metrics.protocols import Protocol
from sunbreak.metrics.regions import REGIONS, Region
from sunbreak.metrics.report import Patch, Report, Row, Target
from sunbreak.models import regions_seen
from sunbreak.prior.smooth_fill import smooth_fill
from sunbreak.scene import make_scene
from sunbreak.steps.mask import MaskOptions, grow, mask
from sunbreak.steps.restore import restore

CLOUDY: Final = "cloudy"
"""The row of the input as it is."""
SMOOTH_FILL: Final = "smooth-fill"
"""The row of the clear pixels, smoothly continued, and nothing else."""
ALWAYS: Final = (CLOUDY, SMOOTH_FILL, "scene-prior")
"""Rows that stand in every table: what a model must beat."""

Restorer = Callable[[xr.Dataset, str], xr.Dataset]
"""Restores a scene by the name of a model; returns what `sunbreak.restore` returns."""


@dataclass(frozen=True)
class EvaluationOptions:
    """How models are run and what is scored."""

    regions: tuple[Region, ...] | None = None
    """Parts of the image to score; None takes those of the protocol."""
    buffer: int = 4
    """Pixels by which cloud and shadow grow before restoring, as in `sunbreak restore`."""
    restorer: Restorer | None = None
    """Restores instead of `sunbreak.restore`, for models outside this package; never the rows `cloudy` and
    `smooth-fill`."""

    def __post_init__(self) -> None:
        unknown = [region for region in self.regions or () if region not in REGIONS]
        if unknown:
            raise OptionError(f"region {unknown[0]!r} is unknown; choose from {', '.join(REGIONS)}")
        if self.buffer < 0:
            raise OptionError(f"buffer {self.buffer}: must be 0 or more pixels")


class _Answer(NamedTuple):
    """What a model made of a sample."""

    reflectance: npt.NDArray[np.floating]
    uncertainty: npt.NDArray[np.floating] | None
    restored: npt.NDArray[np.bool_]
    remark: str


def evaluate(
    models: Sequence[str],
    data: str,
    *,
    protocol: str = "sunbreak",
    per_patch: bool = False,
    options: EvaluationOptions | None = None,
    progress: bool = False,
) -> Report:
    """Restore every sample with every model, and score the results beside the trivial ones.

    The rows `cloudy` (the input as it is), `smooth-fill` and `scene-prior` are always there. All models are scored on
    the same pixels: those of the mask before growing. What a model leaves open is scored as its input, and noted.

    Args:
        models: Names of models, as for `sunbreak restore --model`, beside those that are always there.
        data: A data SPEC, `kind:path[,option=value]`.
        protocol: Name of a protocol, see `sunbreak.metrics.PROTOCOLS`.
        per_patch: Show one row per patch as well.
        options: Regions, buffer, and what restores.
        progress: Show a progress bar on a terminal.

    Returns:
        The report; print its `text()`.

    Raises:
        OptionError: The SPEC, the protocol or a model is unknown, no sample has a target, or a model was trained on a
            region of the data.
        RasterError: A file of the data is missing or damaged.

    Example:
        >>> report = evaluate([], "simulated:n=1,size=64,cover=0.3", protocol="uncrtaints")
        >>> report.models
        ('cloudy', 'smooth-fill', 'scene-prior')
        >>> report.summary("cloudy", "raw", "all").scores.images
        1
    """
    options, rules = options or EvaluationOptions(), get_protocol(protocol)
    samples = open_data(data, detector=_detect)
    names = tuple(dict.fromkeys((*ALWAYS, *map(str, models))))
    regions = options.regions or rules.regions
    if options.restorer is None:
        _refuse_leaks(names, samples)
    patches: list[Patch] = []
    rows: list[Row] = []
    remarks: dict[str, list[str]] = defaultdict(list)
    for sample in tqdm(samples, "evaluating", len(samples), disable=None if progress else True):
        patch, scene = _scene(sample, options.buffer)
        patches.append(patch)
        targets = dict(_targets(sample))
        if "matched" not in targets and not sample.same_date:
            remarks["matched: too few pixels clear in both dates in {}"].append(sample.name)
        for name in names:
            answer = _answer(name, sample, scene, options.restorer or _restore)
            if answer.remark:
                remarks[f"{name}: {answer.remark} in {{}}"].append(sample.name)
            rows += [_row(name, answer, sample, (kind, target), rules, regions) for kind, target in targets.items()]
    return Report(
        protocol=rules,
        data=data,
        split=samples.split,
        split_hash=samples.split_hash,
        version=__version__,
        buffer=options.buffer,
        patches=tuple(patches),
        models=names,
        regions=regions,
        rows=tuple(rows),
        notes=tuple(remark.format(", ".join(where)) for remark, where in remarks.items()),
        per_patch=per_patch,
    )


def _restore(scene: xr.Dataset, model: str) -> xr.Dataset:
    return restore(scene, model=model)


def _detect(sample: Sample) -> npt.NDArray[np.uint8]:
    """Sunbreak's own mask of a sample, not grown."""
    scene = _to_scene(sample, None)
    return np.asarray(mask(scene, options=MaskOptions(buffer=0))["quality"].data, dtype=np.uint8)


def _to_scene(sample: Sample, quality: npt.NDArray[np.uint8] | None) -> xr.Dataset:
    return make_scene(
        sample.cloudy,
        bands=sample.bands,
        level=sample.level,
        radar=sample.radar,
        quality=quality,
        geobox=sample.geobox,
        encoding=dict(sample.encoding),
    )


def _refuse_leaks(names: Sequence[str], samples: SampleSet) -> None:
    """No score on land that the weights have seen."""
    for name in names:
        seen = sorted(regions_seen(name) & set(samples.regions))
        if seen:
            raise OptionError(
                f"{name}: was trained on {len(seen)} regions of this data ({', '.join(seen[:3])}...); score it on a "
                "split that its weights have not seen"
            )


def _scene(sample: Sample, buffer: int) -> tuple[Patch, xr.Dataset]:
    grown = grow(sample.quality, buffer)
    usable = (grown == Quality.CLEAR) & np.isfinite(sample.cloudy).all(axis=0)
    if sample.radar is not None:
        usable &= np.isfinite(sample.radar).all(axis=0)
    known = int((sample.quality != Quality.NODATA).sum())
    share = float(region_mask(sample.quality, "cloud").sum()) / max(known, 1)
    return Patch(sample.name, sample.region, share, int(usable.sum())), _to_scene(sample, grown)


def _targets(sample: Sample) -> Iterator[tuple[Target, npt.NDArray[np.floating]]]:
    if sample.clear is None:
        raise OptionError(f"sample {sample.name} has no clear image to score against; choose other data")
    yield "raw", sample.clear
    if not sample.same_date:
        matched = match_to_input(sample.clear, sample.cloudy, sample.quality == Quality.CLEAR)
        if matched is not None:
            yield "matched", matched


def _answer(name: str, sample: Sample, scene: xr.Dataset, restorer: Restorer) -> _Answer:
    """Run one model on one sample; what it leaves open is the input, and remarked on."""
    nothing = np.zeros(sample.quality.shape, dtype=bool)
    failed = _Answer(sample.cloudy, None, nothing, "could not restore, scored as the input,")
    if name == CLOUDY:
        return failed._replace(remark="")
    if name == SMOOTH_FILL:
        clear = np.asarray(scene["quality"].data) == Quality.CLEAR
        filled = smooth_fill(sample.cloudy, clear)
        return _Answer(filled, None, ~clear, "") if np.isfinite(filled).all() else failed
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SunbreakWarning)  # the remark below says the same once for all patches
            product = restorer(scene, name)
    except QualityError:
        return failed
    reflectance, source = np.asarray(product["reflectance"].data), np.asarray(product["source"].data)
    expected = np.isfinite(sample.cloudy) & (sample.quality != Quality.NODATA)
    left_open = bool((~np.isfinite(reflectance) & expected).any())
    parts = []
    if (source == Source.GLOBAL_REGRESSION).any():
        parts.append("global regression, too few clear pixels to fit on,")
    if left_open:
        parts.append("pixels left open, scored as the input,")
    return _Answer(
        np.where(np.isfinite(reflectance), reflectance, sample.cloudy),
        np.asarray(product["uncertainty"].data) if "uncertainty" in product else None,
        ~np.isin(source, (Source.NONE, Source.MEASURED)),
        " and ".join(parts),
    )


def _row(
    name: str,
    answer: _Answer,
    sample: Sample,
    against: tuple[Target, npt.NDArray[np.floating]],
    protocol: Protocol,
    regions: Sequence[Region],
) -> Row:
    kind, target = against
    known = np.isfinite(target).all(axis=0) & np.isfinite(sample.cloudy).all(axis=0)
    quality = np.where(known, sample.quality, Quality.NODATA)
    covered: dict[Region, Coverage] = {}
    if answer.uncertainty is not None and answer.restored.any():
        for region in regions:
            where = region_mask(quality, region) & answer.restored
            covered[region] = coverage(answer.reflectance, target, answer.uncertainty, where)
    return Row(name, sample.name, kind, score(answer.reflectance, target, quality, protocol, regions), covered)
