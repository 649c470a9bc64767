"""A collection: a folder of small real images with a manifest, as triplets or under simulated clouds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.bands import QUANTIFICATION, RADAR_BANDS
from sunbreak.data.manifest import MANIFEST, FileRow, by_sample, check_splits, read_manifest
from sunbreak.data.patch import Patch, backscatter, read_patch, reflectance
from sunbreak.data.sample import Entry, Sample, SampleSet, Skipped
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

SPLITS: Final = ("train", "val", "test", "all")
CLOUD_KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")
AUTO: Final = "auto"
FORM: Final = SpecForm(
    path="a collection's folder",
    options={
        "split": Option(AUTO, "regions to take; test for real clouds, train for simulated ones", (AUTO, *SPLITS)),
        "clouds": Option("real", "clouds of another date, or laid on the clear image", ("real", "simulated")),
        "mask": Option("collection", "where the quality of real clouds comes from", ("collection", "sunbreak")),
        "radar": Option("required", "take only samples with radar, or all, or hide it", ("required", "any", "none")),
        "min_cloud": Option(0.0, "smallest share of cloud in the mask file", low=0.0, high=1.0),
        "max_cloud": Option(1.0, "largest share of cloud in the mask file", low=0.0, high=1.0),
        "cover": Option(0.3, "share of the sky under simulated cloud", low=0.0, high=1.0),
        "kind": Option("mixed", "sort of simulated sky", CLOUD_KINDS),
        "draws": Option(1, "simulated skies a clear image", low=1, high=1000),
        "seed": Option(0, "seed of the simulated skies", low=0),
    },
)
"""Options of `collection:PATH`."""
SIMULATED_ONLY: Final = ("cover", "kind", "draws", "seed")
REAL_ONLY: Final = ("mask", "min_cloud", "max_cloud")
UNFIT: Final = "do_not_use_as_cloud_removal_target"
"""Remark of clear images that are no target, such as snow on one of the two dates."""

Detector = Callable[[Sample], npt.NDArray[np.uint8]]
"""Finds the quality classes, (y, x), of a sample whose `quality` is all clear."""


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
        patch, clear = _optical(self.optical)
        return Sample(
            name=self.name,
            region=self.optical.region,
            level=self.optical.level or "L1C",
            bands=self.optical.bands,
            cloudy=clear,
            quality=_where_data(clear),
            radar=_radar(self.radar, clear.shape[1:]),
            clear=clear,
            same_date=True,
            geobox=patch.geobox,
            encoding=_stored(self.optical, patch),
        )


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
        detector: Cloud detection for `mask=sunbreak`.

    Returns:
        The samples, unread, and what was skipped with the reason.

    Raises:
        OptionError: The folder is no collection, an option does not go with the others, or nothing is selected.
        RasterError: A mask file is missing or damaged.
    """
    simulated = spec["clouds"] == "simulated"
    wrong = sorted(spec.given.intersection(REAL_ONLY if simulated else SIMULATED_ONLY))
    if wrong:
        other = "real" if simulated else "simulated"
        raise OptionError(
            f"data {spec.text!r}: {', '.join(wrong)} goes with clouds={other} only; drop it or change that"
        )
    if spec["mask"] == "sunbreak" and detector is None:
        raise OptionError(f"data {spec.text!r}: mask=sunbreak needs cloud detection, which is not at hand here")
    split = spec["split"] if spec["split"] != AUTO else ("train" if simulated else "test")
    rows = read_manifest(spec.path)
    check_splits(rows, str(Path(spec.path) / MANIFEST))
    entries: list[Entry] = []
    skipped: list[Skipped] = []
    for name, files in by_sample(row for row in rows if split in (row.split, "all")).items():
        found = _simulated(name, files, spec) if simulated else _real(name, files, spec, detector)
        if isinstance(found, str):
            skipped.append(Skipped(name, found))
        else:
            entries.extend(found)
    if not entries:
        reasons = sorted({one.reason for one in skipped}) or [f"the split {split} holds nothing"]
        raise OptionError(f"data {spec.text!r}: selects no sample ({'; '.join(reasons[:5])})")
    return SampleSet(spec, split, tuple(entries), tuple(skipped))


def _files(files: Sequence[FileRow], role: str) -> list[FileRow]:
    return [file for file in files if file.role == role]


def _unfit(files: Sequence[FileRow], roles: Sequence[str], spec: Spec, *, target: bool = True) -> str:
    """Why a sample cannot be used, or nothing."""
    series = next((file.path.suffix for file in files if file.path.suffix not in (".tif", ".tiff", ".json")), "")
    if series:
        return f"{series} series are not read"
    missing = [role for role in roles if not _files(files, role)]
    if spec["radar"] == "required" and not _files(files, "s1"):
        missing.append("s1")
    if missing:
        return f"no file with the role {' or '.join(missing)}"
    return "unfit as a target" if target and any(UNFIT in file.remark for file in files) else ""


def _real(name: str, files: Sequence[FileRow], spec: Spec, detector: Detector | None) -> list[Entry] | str:
    """The one sample of a triplet: cloudy, clear, mask and, if there is one, radar."""
    roles = ["s2_cloudy", "s2_clear"] + (["mask"] if spec["mask"] == "collection" else [])
    reason = _unfit(files, roles, spec)
    if reason:
        return reason
    cloudy, clear = _files(files, "s2_cloudy"), _files(files, "s2_clear")
    if len(cloudy) > 1 or len(clear) > 1:
        return "a series of dates, not a pair"
    if cloudy[0].bands != clear[0].bands or cloudy[0].level != clear[0].level or cloudy[0].level is None:
        return "cloudy and clear differ in bands or level"
    masks = _files(files, "mask")
    if masks:
        share = float((read_patch(masks[0].path, bands=1).values != 0).mean())
        if not spec["min_cloud"] <= share <= spec["max_cloud"]:
            return "share of cloud outside min_cloud to max_cloud"
    load = partial(_load_real, cloudy[0], clear[0], masks, _radar_file(files, spec), detector, spec)
    return [Entry(name, files[0].region, load)]


def _clear(name: str, files: Sequence[FileRow], spec: Spec, *, unfit: bool = False) -> list[ClearImage] | str:
    """The clear images of a sample, one a level."""
    reason = _unfit(files, ["s2_clear"], spec, target=not unfit)
    if reason:
        return reason
    clear = _files(files, "s2_clear")
    levels = [file.level for file in clear]
    if len(set(levels)) < len(levels) or None in levels:
        return "a series of dates, or a level that is not given"
    radar = _radar_file(files, spec)
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


def _radar_file(files: Sequence[FileRow], spec: Spec) -> FileRow | None:
    found = _files(files, "s1")
    return found[0] if found and spec["radar"] != "none" else None


def _optical(file: FileRow) -> tuple[Patch, npt.NDArray[np.float32]]:
    patch = read_patch(file.path, bands=len(file.bands))
    return patch, reflectance(patch, file.dn_offset)


def _where_data(optical: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    return np.where(np.isfinite(optical).any(axis=0), Quality.CLEAR, Quality.NODATA).astype(np.uint8)


def _radar(file: FileRow | None, shape: Sequence[int]) -> npt.NDArray[np.float32] | None:
    if file is None:
        return None
    if file.bands != RADAR_BANDS or file.units != "dB":
        raise OptionError(f"{file.path}: holds {' '.join(file.bands)} in {file.units!r}; expected VV VH in dB")
    return backscatter(read_patch(file.path, bands=len(RADAR_BANDS), shape=shape))


def _stored(file: FileRow, patch: Patch) -> dict[str, Any]:
    return {
        "dtype": str(patch.values.dtype),
        "offset": -file.dn_offset,
        "quantification": QUANTIFICATION,
        "nodata": patch.nodata,
    }


def _load_real(
    cloudy: FileRow,
    clear: FileRow,
    masks: Sequence[FileRow],
    radar: FileRow | None,
    detector: Detector | None,
    spec: Spec,
) -> Sample:
    patch, optical = _optical(cloudy)
    shape = optical.shape[1:]
    quality = _where_data(optical)
    target = reflectance(read_patch(clear.path, bands=len(clear.bands), shape=shape), clear.dn_offset)
    own = spec["mask"] == "sunbreak"
    if not own:
        clouds = read_patch(masks[0].path, bands=1, shape=shape).values[0] != 0
        quality[clouds & (quality != Quality.NODATA)] = Quality.THICK_CLOUD
    sample = Sample(
        name=cloudy.sample,
        region=cloudy.region,
        level=cloudy.level or "L1C",
        bands=cloudy.bands,
        cloudy=optical,
        quality=quality,
        radar=_radar(radar, shape),
        clear=target,
        geobox=patch.geobox,
        encoding=_stored(cloudy, patch),
    )
    return sample.with_quality(detector(sample)) if own and detector is not None else sample


def _load_simulated(name: str, image: ClearImage, draw: int, spec: Spec) -> Sample:
    from sunbreak.data.simulated import sky_seed
    from sunbreak.simulate import CloudSpec, lay_clouds

    sample = image.load()
    clouds = CloudSpec(seed=sky_seed(spec["seed"], name, draw), cover=spec["cover"], kind=spec["kind"])
    window = lay_clouds(sample.cloudy, bands=sample.bands, level=sample.level, clouds=clouds)
    return replace(sample, name=name, cloudy=window.optical, quality=window.quality)
