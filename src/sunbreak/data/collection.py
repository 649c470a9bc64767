"""A collection: a folder of small real images with a manifest, as triplets, series, or under simulated clouds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

import numpy as np

from sunbreak.data.collection_files import NO_RADAR, radar_file, read_image, read_radar, why_not, with_role
from sunbreak.data.collection_series import series_entries
from sunbreak.data.manifest import MANIFEST, FileRow, by_sample, check_splits, read_manifest
from sunbreak.data.patch import read_patch
from sunbreak.data.sample import Detector, Entry, Sample, SampleSet, Skipped
from sunbreak.data.series import detected
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

SPLITS: Final = ("train", "val", "test", "all")
CLOUDS: Final = ("real", "simulated", "series")
CLOUD_KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")
AUTO: Final = "auto"
FORM: Final = SpecForm(
    path="a collection's folder",
    options={
        "split": Option(AUTO, "regions to take; test for real clouds, train for simulated ones", (AUTO, *SPLITS)),
        "clouds": Option("real", "of another date, laid on the clear image, or in a series of dates", CLOUDS),
        "mask": Option("collection", "where the quality of real clouds comes from", ("collection", "sunbreak")),
        "radar": Option("required", "take only samples with radar, or all, or hide it", ("required", "any", "none")),
        "min_cloud": Option(0.0, "smallest share of cloud in the mask", low=0.0, high=1.0),
        "max_cloud": Option(1.0, "largest share of cloud in the mask", low=0.0, high=1.0),
        "cover": Option(0.3, "share of the sky under simulated cloud", low=0.0, high=1.0),
        "kind": Option("mixed", "sort of simulated sky", CLOUD_KINDS),
        "draws": Option(1, "simulated skies a clear image", low=1, high=1000),
        "seed": Option(0, "seed of the simulated skies", low=0),
    },
)
"""Options of `collection:PATH`."""
GOES_WITH: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys(("cover", "kind", "draws", "seed"), ("simulated",)),
    **dict.fromkeys(("min_cloud", "max_cloud"), ("real", "series")),
    "mask": ("real",),  # a series has no mask files: its clouds are always detected
}
"""Options that mean something under some values of `clouds` only."""


@dataclass(frozen=True)
class ClearImage:
    """A clear image of a collection, unread."""

    name: str
    """Unique in the collection."""
    optical: FileRow
    """Its file."""
    radar: FileRow | None
    """Radar of the same place, if there is any."""

    def load(self) -> Sample:
        """Read it.

        Returns:
            A sample without cloud: `cloudy` and `clear` are the same array, `quality` is clear wherever there is data.

        Raises:
            RasterError: A file is missing or damaged.
        """
        image = read_image(self.optical)
        radar = read_radar(self.radar, image.quality.shape)
        return replace(image, name=self.name, radar=radar, clear=image.cloudy, same_date=True)


def clear_images(folder: str | Path, split: str, *, unfit: bool = False) -> tuple[ClearImage, ...]:
    """List the clear images that `clouds=simulated,radar=any` lays clouds on.

    Args:
        folder: Folder of the collection.
        split: `train`, `val`, `test` or `all`.
        unfit: Also those that are no target for a cloudy image of another day, such as a snowy one of two.

    Returns:
        The images, in the order of the manifest.

    Raises:
        OptionError: The folder is no collection.
    """
    options = {name: option.default for name, option in FORM.options.items()} | {"radar": "any"}
    spec = Spec(f"collection:{folder}", "collection", str(folder), options, frozenset())
    rows = read_manifest(folder)
    check_splits(rows, str(Path(folder) / MANIFEST))
    samples = by_sample(row for row in rows if split in (row.split, "all"))
    found = (_clear(name, files, spec, unfit=unfit) for name, files in samples.items())
    return tuple(image for images in found if not isinstance(images, str) for image in images)


def open_collection(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List the samples of a collection.

    Args:
        spec: `collection:PATH` with the options of `FORM`.
        detector: Cloud detection for `mask=sunbreak` and `clouds=series`; without it all of a series counts as clear.

    Returns:
        The samples, unread, and what was skipped with the reason.

    Raises:
        OptionError: The folder is no collection, an option does not go with the others, or nothing is selected.
        RasterError: A file whose share of cloud is looked at is missing or damaged.
    """
    clouds = spec["clouds"]
    wrong = sorted(name for name in spec.given & GOES_WITH.keys() if clouds not in GOES_WITH[name])
    if wrong:
        raise OptionError(
            f"data {spec.text!r}: {', '.join(wrong)} goes with clouds={' or '.join(GOES_WITH[wrong[0]])} only; drop it "
            "or change that"
        )
    limited = clouds == "series" and (spec["min_cloud"], spec["max_cloud"]) != (0.0, 1.0)
    if detector is None and (limited or spec["mask"] == "sunbreak"):
        what = "min_cloud or max_cloud of a series" if limited else "mask=sunbreak"
        raise OptionError(f"data {spec.text!r}: {what} needs cloud detection, which is not at hand here")
    split = spec["split"] if spec["split"] != AUTO else ("train" if clouds == "simulated" else "test")
    rows = read_manifest(spec.path)
    check_splits(rows, str(Path(spec.path) / MANIFEST))
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for name, files in by_sample(row for row in rows if split in (row.split, "all")).items():
        found = _select(name, files, spec, detector)
        if isinstance(found, str):
            skipped.append(Skipped(name, found))
        else:
            entries.extend(found)
    if not entries:
        reasons = sorted({one.reason for one in skipped}) or [f"the split {split} holds nothing"]
        if any(reason.endswith(f" {NO_RADAR}") for reason in reasons):
            reasons.insert(0, "radar=any takes samples without radar too")
        raise OptionError(f"data {spec.text!r}: selects no sample ({'; '.join(reasons[:5])})")
    return SampleSet(spec, split, tuple(entries), tuple(skipped))


def _select(name: str, files: Sequence[FileRow], spec: Spec, detector: Detector | None) -> list[Entry] | str:
    """The samples made of some files, or why there are none."""
    if spec["clouds"] == "simulated":
        return _simulated(name, files, spec)
    if spec["clouds"] == "series":
        return series_entries(name, files, spec, detector)
    return _real(name, files, spec, detector)


def _real(name: str, files: Sequence[FileRow], spec: Spec, detector: Detector | None) -> list[Entry] | str:
    """The one sample of a triplet: cloudy, clear, mask and, if there is one, radar."""
    roles = ["s2_cloudy", "s2_clear"] + (["mask"] if spec["mask"] == "collection" else [])
    reason = why_not(files, roles, spec)
    if reason:
        return reason
    cloudy, clear = with_role(files, "s2_cloudy"), with_role(files, "s2_clear")
    if len(cloudy) > 1 or len(clear) > 1:
        return "a series of dates, not a pair; clouds=series takes it"
    if cloudy[0].bands != clear[0].bands or cloudy[0].level != clear[0].level or cloudy[0].level is None:
        return "cloudy and clear differ in bands or level"
    masks = with_role(files, "mask")
    if masks:
        share = float((read_patch(masks[0].path, bands=1).values != 0).mean())
        if not spec["min_cloud"] <= share <= spec["max_cloud"]:
            return "share of cloud outside min_cloud to max_cloud"
    load = partial(_load_real, cloudy[0], clear[0], masks, radar_file(files, spec), detector, spec)
    return [Entry(name, files[0].region, load)]


def _clear(name: str, files: Sequence[FileRow], spec: Spec, *, unfit: bool = False) -> list[ClearImage] | str:
    """The clear images of a sample, one a level."""
    reason = why_not(files, ["s2_clear"], spec, target=not unfit)
    if reason:
        return reason
    clear = with_role(files, "s2_clear")
    levels = [file.level for file in clear]
    if len(set(levels)) < len(levels) or None in levels:
        return "a series of dates, or a level that is not given"
    radar = radar_file(files, spec)
    return [ClearImage(name if len(clear) == 1 else f"{name}-{file.level}", file, radar) for file in clear]


def _simulated(name: str, files: Sequence[FileRow], spec: Spec) -> list[Entry] | str:
    """The samples of a clear image: every level of it under every draw of the sky."""
    images = _clear(name, files, spec)
    if isinstance(images, str):
        return images
    entries = []
    for image in images:
        for draw in range(spec["draws"]):
            full = f"{image.name}-sky{draw}"
            entries.append(Entry(full, image.optical.region, partial(_load_simulated, full, image, draw, spec)))
    return entries


def _load_real(
    cloudy: FileRow,
    clear: FileRow,
    masks: Sequence[FileRow],
    radar: FileRow | None,
    detector: Detector | None,
    spec: Spec,
) -> Sample:
    image = read_image(cloudy)
    shape = image.quality.shape
    sample = replace(image, radar=read_radar(radar, shape), clear=read_image(clear, shape).cloudy)
    if spec["mask"] == "sunbreak":
        return detected(sample, detector)
    clouds = read_patch(masks[0].path, bands=1, shape=shape).values[0] != 0
    return sample.with_quality(
        np.where(clouds & (sample.quality != Quality.NODATA), Quality.THICK_CLOUD, sample.quality)
    )


def _load_simulated(name: str, image: ClearImage, draw: int, spec: Spec) -> Sample:
    from sunbreak.data.simulated import sky_seed
    from sunbreak.simulate import CloudSpec, lay_clouds

    sample = image.load()
    clouds = CloudSpec(seed=sky_seed(spec["seed"], name, draw), cover=spec["cover"], kind=spec["kind"])
    window = lay_clouds(sample.cloudy, bands=sample.bands, level=sample.level, clouds=clouds)
    return replace(sample, name=name, cloudy=window.optical, quality=window.quality)
