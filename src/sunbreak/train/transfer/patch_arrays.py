"""Patches as arrays on disk: read once, masked once, and mapped into memory by every stage."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from sunbreak.bands import RADAR_DB_RANGE
from sunbreak.data.labelled import PatchSet, open_labelled
from sunbreak.data.sample import Sample
from sunbreak.data.series import cloud_share
from sunbreak.errors import GeometryError, OptionError
from sunbreak.legend import Quality
from sunbreak.steps.detect import detect, uncovered

MEASURED: Final = 0.5
"""Share of measured pixels below which a patch counts as covered: nothing shall be learnt from its emptiness."""
FEW: Final = 64
"""Patches up to which further processes are not worth their start."""
FACTS: Final = "patches.json"
"""Written last: the arrays beside it are whole, and these are they."""
Array = npt.NDArray[np.float32]


@dataclass(frozen=True)
class PatchArrays:
    """All patches of a set; arrays may lie on disk."""

    optical: Array
    """(n, band, y, x) reflectance, 0 where there is no data."""
    clear: npt.NDArray[np.uint8]
    """(n, 1, y, x), 1 where measured and clear by Sunbreak's own mask."""
    cloud: npt.NDArray[np.float64]
    """(n,) share of cloud by that mask; 1 where less than `MEASURED` of the patch is measured."""
    labels: npt.NDArray[np.int64]
    """(n,) classes; -1 where unknown. Nothing but ceilings and scores may look at those of the target."""
    true_cloud: npt.NDArray[np.float64]
    """(n,) share of cloud as the data know it; that of the mask where they do not."""
    radar: Array | None = None
    """(n, 2, y, x) dB, the lower end of `bands.RADAR_DB_RANGE` where invalid."""
    radar_valid: npt.NDArray[np.uint8] | None = None
    """(n, 1, y, x), 0 or 1."""
    restored: Array | None = None
    """(n, band, y, x) reflectance as Sunbreak's default model restores it, of patches with some cloud, but no more than
    was asked for; as `optical` elsewhere. None if nothing was to be restored."""
    truth: Array | None = None
    """(n, band, y, x) reflectance without clouds, where the data know it; for ceilings only."""

    def __len__(self) -> int:
        return len(self.labels)


def read_arrays(
    patches: PatchSet,
    bands: Sequence[str],
    folder: Path,
    *,
    restore_to: float = 0.0,
    progress: bool = False,
    workers: int = 1,
) -> PatchArrays:
    """Read patches into arrays on disk, or find them there from before.

    Args:
        patches: The patches.
        bands: Optical bands to keep, in this order.
        folder: Where the arrays go.
        restore_to: Largest share of cloud, by Sunbreak's mask, of the patches to restore; 0 restores none.
        progress: Show a progress bar on a terminal.
        workers: Processes that read; more than one are started anew, which needs a guarded script.

    Returns:
        The arrays, mapped into memory.

    Raises:
        OptionError: A band is not in the data, or the folder holds other patches.
        GeometryError: A patch has another size than the first.
        RasterError: A file is missing or damaged.
    """
    missing = [name for name in bands if name not in patches.bands]
    if missing:
        raise OptionError(
            f"data {patches.spec.text!r}: has no band {missing[0]}, which the classifier needs; it has "
            f"{', '.join(patches.bands)}"
        )
    facts = {
        "data": patches.spec.text, "split_hash": patches.split_hash, "patches": len(patches), "bands": list(bands),
        "restored to": restore_to,
    }  # fmt: skip
    told = folder / FACTS
    if told.is_file():
        if json.loads(told.read_text(encoding="utf-8")) != facts:
            raise OptionError(f"{folder}: holds other patches than {patches.spec.text!r}; take another -o")
    else:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob("*.npy"):  # of a reading that was stopped
            left.unlink()
        _write(_Reading(patches, tuple(bands), restore_to, workers), folder, progress=progress)
        beside = told.with_suffix(".partial")
        beside.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        beside.replace(told)
    labels = np.array([-1 if label is None else label for label in patches.labels], np.int64)
    held = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    return PatchArrays(labels=labels, **held)


class _Reading(NamedTuple):
    patches: PatchSet
    bands: tuple[str, ...]
    restore_to: float
    workers: int = 1


def _write(reading: _Reading, folder: Path, *, progress: bool) -> None:
    patches, bands, restore_to = reading[:3]
    count, side = len(patches), patches.size
    with_truth = patches.entries[0].load().clear is not None
    layout = {"optical": (len(bands), np.float32), "clear": (1, np.uint8)}
    layout |= {"radar": (2, np.float32), "radar_valid": (1, np.uint8)} if patches.has_radar else {}
    layout |= {"restored": (len(bands), np.float32)} if restore_to else {}
    layout |= {"truth": (len(bands), np.float32)} if with_truth else {}
    held = {
        name: np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, (count, planes, side, side))
        for name, (planes, dtype) in layout.items()
    }
    shares = {name: np.zeros(count) for name in ("cloud", "true_cloud")}
    for index, read in enumerate(tqdm(_read_all(reading), "reading", count, disable=None if progress else True)):
        for name, array in held.items():
            array[index] = read[name]
        for name, share in shares.items():
            share[index] = read[name]
    for array in held.values():
        array.flush()
    for name, share in shares.items():
        np.save(folder / f"{name}.npy", share)


def _read_all(reading: _Reading) -> Iterator[dict[str, npt.NDArray[Any]]]:
    patches, bands, restore_to, workers = reading
    if workers == 1 or len(patches) <= FEW:
        yield from (_read(reading, index) for index in range(len(patches)))
        return
    # processes open the data themselves: a list of files does not travel well
    with ProcessPoolExecutor(workers, get_context("spawn"), _open, (patches.spec.text, bands, restore_to)) as pool:
        yield from pool.map(_read_here, range(len(patches)), chunksize=16)


_HERE: dict[str, _Reading] = {}


def _open(spec: str, bands: tuple[str, ...], restore_to: float) -> None:
    _HERE["data"] = _Reading(open_labelled(spec), bands, restore_to)


def _read_here(index: int) -> dict[str, npt.NDArray[Any]]:
    return _read(_HERE["data"], index)


def _read(reading: _Reading, index: int) -> dict[str, npt.NDArray[Any]]:
    """One patch, by the names of the arrays."""
    patches, bands, restore_to = reading[:3]
    sample = patches.entries[index].load()
    if sample.cloudy.shape[1:] != (patches.size, patches.size):
        raise GeometryError(
            f"patch {sample.name}: is {sample.cloudy.shape[1]} x {sample.cloudy.shape[2]} pixels, the others are "
            f"{patches.size} x {patches.size}; take it out of the data"
        )
    if (sample.radar is not None) != patches.has_radar:
        raise OptionError(f"patch {sample.name}: has {'no ' if patches.has_radar else ''}radar, unlike the others")
    order = [sample.bands.index(name) for name in bands]
    measured = np.isfinite(sample.cloudy[order]).all(axis=0)
    found = detect(sample)
    cloud = cloud_share(found) if measured.mean() >= MEASURED else 1.0
    read: dict[str, npt.NDArray[Any]] = {
        "optical": np.nan_to_num(sample.cloudy[order], nan=0.0),
        "clear": ((found == Quality.CLEAR) & measured)[np.newaxis],
        "cloud": np.asarray(cloud),
        "true_cloud": np.asarray(cloud_share(sample.quality if patches.knows_cloud else found)),
    }
    if restore_to:
        restored = uncovered(sample, found) if 0 < cloud <= restore_to else None
        read["restored"] = np.nan_to_num((sample.cloudy if restored is None else restored)[order], nan=0.0)
    if sample.clear is not None:
        read["truth"] = np.nan_to_num(sample.clear[order], nan=0.0)
    return read | _radar(sample)


def _radar(sample: Sample) -> dict[str, npt.NDArray[Any]]:
    if sample.radar is None:
        return {}
    valid = (np.isfinite(sample.radar[0]) & np.isfinite(sample.radar[1]))[np.newaxis]
    radar = np.where(valid, sample.radar, np.float32(RADAR_DB_RANGE[0]))
    return {"radar": radar, "radar_valid": valid.astype(np.uint8)}
