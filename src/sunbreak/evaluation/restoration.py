"""Restore the samples of a data set with several models and score them side by side."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import xarray as xr
from tqdm import tqdm

from sunbreak._version import __version__
from sunbreak.baselines.composites import COMPOSITES
from sunbreak.data import Sample, open_data
from sunbreak.errors import OptionError
from sunbreak.evaluation.answers import ALWAYS, Answer, answer, prepare, targets
from sunbreak.evaluation.notes import Remarks, left_out, told
from sunbreak.evaluation.options import EvaluationOptions
from sunbreak.evaluation.referenced import WITH_REFERENCE, has_references, referenced
from sunbreak.evaluation.seen import seen_regions, unknown
from sunbreak.legend import Quality
from sunbreak.metrics.band_groups import BandGroup, band_indexes
from sunbreak.metrics.calibration import Coverage, count, counted_errors
from sunbreak.metrics.groups import Patch
from sunbreak.metrics.protocols import Protocol, get_protocol
from sunbreak.metrics.regions import Region, region_mask
from sunbreak.metrics.report import REFERENCE, Cell, Report, Row, Target, cell_of
from sunbreak.metrics.score import score
from sunbreak.metrics.sparsification import ErrorClasses, classify, merge
from sunbreak.steps.detect import detect
from sunbreak.steps.restore import restore


def evaluate(
    models: Sequence[str],
    data: str,
    *,
    protocol: str | Sequence[str] = "sunbreak",
    per_patch: bool = False,
    options: EvaluationOptions | None = None,
    progress: bool = False,
) -> Report:
    """Restore every sample with every model, and score the results beside the trivial ones.

    The rows `cloudy` (the input as it is), `smooth-fill` and `scene-prior` are always there, and where every sample has
    a series of dates, those of `baselines.COMPOSITES`. All models are scored on the same pixels: those of the mask
    before growing. What a model leaves open is scored as its input, and noted. With `options.references` everything
    that restores has a second row, `NAME+reference`, with the dates that composites are made of as references; samples
    without any are then left out.

    Args:
        models: Names of models, as for `sunbreak restore --model`, beside those that are always there.
        data: A data SPEC, `kind:path[,option=value]`.
        protocol: Name of a protocol, see `sunbreak.metrics.PROTOCOLS`, or several; models run once for all of them.
        per_patch: Show one row per patch as well.
        options: Parts of the image, bands, groups of patches, buffer, and what restores.
        progress: Show a progress bar on a terminal.

    Returns:
        The report; print its `text()`.

    Raises:
        OptionError: The SPEC, the protocol or a model is unknown, no sample has a target, a model was trained on a
            region of the data, or references are asked for and no sample has other dates.
        RasterError: A file of the data is missing or damaged.

    Example:
        >>> report = evaluate([], "simulated:n=1,size=64,cover=0.3", protocol=["sunbreak", "uncrtaints"])
        >>> report.models
        ('cloudy', 'smooth-fill', 'scene-prior')
        >>> report.summary("cloudy", "raw", "all", protocol="uncrtaints").scores.images
        1
    """
    options = options or EvaluationOptions()
    wanted = [protocol] if isinstance(protocol, str) else protocol
    rules = tuple(get_protocol(name) for name in dict.fromkeys(wanted))
    samples = open_data(data, detector=detect)
    given = tuple(dict.fromkeys(str(name) for name in models if name not in ALWAYS))
    learnt = [name for name in given if name not in COMPOSITES]
    seen = seen_regions(learnt, samples, allowed=options.allow_seen) if options.restorer is None else {}
    regions = options.regions or tuple(dict.fromkeys(part for one in rules for part in one.regions))
    tally = _Tally(rules, regions, options)
    for sample in tqdm(samples, "evaluating", len(samples), disable=None if progress else True):
        if options.references and not has_references(sample):
            tally.remarks["data", "left out (no other dates):"].append(sample.name)
            continue
        tally.add(sample, given)
    if not tally.patches:
        raise OptionError(
            f"--references: no sample of {data} has other dates; choose data with a series, such as"
            " collection:PATH,clouds=series, archive:PATH or sen12ms-cr-ts:PATH"
        )
    rows_of = tally.names(learnt)
    seen |= {name + WITH_REFERENCE: regions_of for name, regions_of in seen.items()}
    return Report(
        protocols=rules,
        data=data,
        split=samples.split,
        split_hash=samples.split_hash,
        version=__version__,
        buffer=options.buffer,
        patches=tuple(tally.patches),
        models=rows_of,
        regions=regions,
        bands=options.bands,
        by=options.by,
        seen=seen,
        rows=tuple(row for row in tally.rows if row.model in rows_of),
        errors=tally.errors,
        notes=(
            *told(tally.remarks, rows_of),
            *(unknown(learnt) if options.restorer is None else ()),
            *left_out(samples),
        ),
        per_patch=per_patch,
    )


Key = tuple[str, Target, BandGroup, Region, Cell]


@dataclass
class _Tally:
    """Everything that is counted while samples go by; grows by a few numbers a sample."""

    protocols: tuple[Protocol, ...]
    regions: tuple[Region, ...]
    options: EvaluationOptions
    patches: list[Patch] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    errors: dict[Key, ErrorClasses] = field(default_factory=dict)
    remarks: Remarks = field(default_factory=lambda: defaultdict(list))
    composes: bool = True

    def names(self, given: Sequence[str]) -> tuple[str, ...]:
        """The rows of a table."""
        names = (*ALWAYS, *(COMPOSITES if self.composes else ()), *given)
        if not self.options.references:
            return tuple(dict.fromkeys(names))
        restore = (REFERENCE, *(name for name in given if name not in COMPOSITES))
        pairs = ((name, name + WITH_REFERENCE) if name in restore else (name,) for name in names)
        return tuple(dict.fromkeys(name for pair in pairs for name in pair))

    def add(self, sample: Sample, given: Sequence[str]) -> None:
        """Run every model on a sample."""
        patch, scene = prepare(sample, self.options.buffer)
        self.patches.append(patch)
        against = dict(targets(sample))
        if "matched" not in against and not sample.same_date:
            self.remarks["matched", "too few pixels clear in both dates in"].append(sample.name)
        self.composes &= has_references(sample)
        seen = referenced(sample, scene, self.options.buffer) if self.options.references else scene
        for name in self.names(given):
            model = name.removesuffix(WITH_REFERENCE)
            made = answer(model, sample, scene if name == model else seen, self.options.restorer or _restore)
            if made.remark:
                self.remarks[name, f"{made.remark} in"].append(sample.name)
            for kind, target in against.items():
                self._score(name, made, sample, patch, (kind, target))

    def _score(
        self,
        name: str,
        made: Answer,
        sample: Sample,
        patch: Patch,
        against: tuple[Target, npt.NDArray[np.floating]],
    ) -> None:  # fmt: skip
        kind, target = against
        known = np.isfinite(target).all(axis=0) & np.isfinite(sample.cloudy).all(axis=0)
        quality = np.where(known, sample.quality, Quality.NODATA)
        for bands in self.options.bands:
            chosen = band_indexes(bands, sample.bands)
            if chosen is None:
                where = self.remarks[f"bands {bands}", "not all of them are in"]
                where += [sample.name] if sample.name not in where[-1:] else []
                continue
            covered = self._judge((name, kind, bands), made, target, quality, chosen, patch)
            for rules in self.protocols:
                scores = score(made.reflectance[chosen], target[chosen], quality, rules, self.regions)
                self.rows.append(Row(name, sample.name, kind, scores, covered, rules.name, bands))

    def _judge(
        self,
        line: tuple[str, Target, BandGroup],
        made: Answer,
        target: npt.NDArray[np.floating],
        quality: npt.NDArray[np.uint8],
        chosen: Sequence[int],
        patch: Patch,
    ) -> dict[Region, Coverage]:
        """Count how the stated uncertainty holds over the restored pixels of every part of the image."""
        covered: dict[Region, Coverage] = {}
        if made.uncertainty is None or not made.restored.any():
            return covered
        images = made.reflectance[chosen], target[chosen], made.uncertainty[chosen]
        for region in self.regions:
            error, sigma = counted_errors(*images, region_mask(quality, region) & made.restored)
            covered[region] = count(error, sigma)
            key = (*line, region, cell_of(patch))
            found = classify(error, sigma)
            self.errors[key] = merge([self.errors[key], found]) if key in self.errors else found
        return covered


def _restore(scene: xr.Dataset, model: str) -> xr.Dataset:
    return restore(scene, model=model)
