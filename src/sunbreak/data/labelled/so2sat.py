"""So2Sat LCZ42: local climate zones of cities, level 1C with filtered radar, in HDF5."""

from __future__ import annotations

import importlib
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.bands import RADAR_BANDS
from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, clouded
from sunbreak.data.labelled.files import library, without_clouds
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.sample import FloatArray, Sample, Skipped
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import OptionError, RasterError
from sunbreak.legend import Quality

SIZE: Final = 32
"""Height and width of every patch."""
BANDS: Final = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")
"""Bands of `sen2`, in the order of the files."""
RADAR_CHANNELS: Final[dict[str, int]] = {"VV": 5, "VH": 4}
"""Channels of `sen1` that hold the intensity after the refined Lee filter; VH comes first in the files.

The others are real and imaginary part of the unfiltered VH (0, 1) and VV (2, 3) signal, and of the off-diagonal element
of the filtered covariance matrix (6, 7).
"""
SHAPES: Final[dict[str, tuple[int, ...]]] = {"sen1": (SIZE, SIZE, 8), "sen2": (SIZE, SIZE, len(BANDS)), "label": (17,)}
"""Shape of one patch in the data sets of a file."""
CLASSES: Final = (
    "Compact high-rise",
    "Compact mid-rise",
    "Compact low-rise",
    "Open high-rise",
    "Open mid-rise",
    "Open low-rise",
    "Lightweight low-rise",
    "Large low-rise",
    "Sparsely built",
    "Heavy industry",
    "Dense trees",
    "Scattered trees",
    "Bush or scrub",
    "Low plants",
    "Bare rock or paved",
    "Bare soil or sand",
    "Water",
)
"""Local climate zones 1 to 10 and A to G, in the order of the labels.

Source: Stewart and Oke 2012, doi:10.1175/BAMS-D-11-00019.1, table 2.
"""
FILES: Final[dict[str, str]] = {"train": "training.h5", "val": "validation.h5", "test": "testing.h5"}
"""File of every split."""
DAMAGED: Final = (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError)
"""How h5py fails on damaged files, of arrays that could not be held among others."""
FORM: Final = SpecForm(
    path="the folder of So2Sat LCZ42",
    options={"split": Option("test", "file to take", tuple(FILES)), **CLOUD_OPTIONS},
)
"""Options of `so2sat:PATH`."""


@dataclass(frozen=True)
class _File:
    """A file of patches; opened for every patch, since open files do not survive a fork."""

    path: Path

    def labels(self) -> np.ndarray:
        """Check the file and read its labels, (patch, class)."""
        with self._open() as file:
            missing = [name for name in SHAPES if name not in self._names(file)]
            if missing:
                raise RasterError(f"{self.path}: holds no {' and no '.join(missing)}; download So2Sat LCZ42 again")
            shapes = {name: getattr(self._array(file, name), "shape", ()) for name in SHAPES}
            for name, shape in SHAPES.items():
                wanted = (*shapes["sen2"][:1], *shape)
                if shapes[name] != wanted:
                    found, expected = (" x ".join(map(str, one)) or "no array" for one in (shapes[name], wanted))
                    raise RasterError(
                        f"{self.path}: its {name} is {found}, expected {expected}; download So2Sat LCZ42 again"
                    )
            return np.asarray(self._read(file, "label", slice(None)))

    def load(self, name: str, region: str, index: int) -> Sample:
        """Read a patch."""
        with self._open() as file:
            optical, radar = (self._read(file, part, index) for part in ("sen2", "sen1"))
        reflectance = np.ascontiguousarray(np.moveaxis(optical, -1, 0), dtype=np.float32)
        reflectance[~np.isfinite(reflectance)] = np.nan
        quality = np.where(np.isfinite(reflectance).any(axis=0), Quality.CLEAR, Quality.NODATA).astype(np.uint8)
        sample = Sample(name=name, region=region, level="L1C", bands=BANDS, cloudy=reflectance, quality=quality)
        return replace(without_clouds(sample), radar=_decibels(radar))

    def _open(self) -> Any:
        try:
            return importlib.import_module("h5py").File(self.path, "r")
        except OSError as error:
            raise RasterError(f"{self.path}: is no readable HDF5 file ({error}); download it again") from error

    def _names(self, file: Any) -> set[str]:
        try:
            return set(file)
        except DAMAGED as error:
            raise RasterError(f"{self.path}: is no readable HDF5 file ({error}); download it again") from error

    def _array(self, file: Any, name: str) -> Any:
        """An array of the file itself: HDF5 may point to other files, and let arrays be made of those."""
        h5py = importlib.import_module("h5py")
        try:
            elsewhere = not isinstance(file.get(name, getlink=True), h5py.HardLink)
            found = None if elsewhere else file[name]
            elsewhere = elsewhere or bool(getattr(found, "external", None)) or getattr(found, "is_virtual", False)
        except DAMAGED as error:
            raise RasterError(f"{self.path}: its {name} cannot be read ({error}); download it again") from error
        if elsewhere:
            raise RasterError(f"{self.path}: its {name} lies in another file; download So2Sat LCZ42 again")
        return found

    def _read(self, file: Any, name: str, which: int | slice) -> np.ndarray:
        try:
            return np.asarray(self._array(file, name)[which])
        except DAMAGED as error:
            raise RasterError(f"{self.path}: its {name} cannot be read ({error}); download it again") from error


def open_so2sat(spec: Spec) -> PatchSet:
    """List the patches of one file of So2Sat LCZ42.

    Optical: ten bands of level 1C, stored as reflectance; cloud-free by choice of its authors. Radar: the intensities
    after the refined Lee filter, in dB. A patch does not say in which city it lies, so that each file is one region.

    Args:
        spec: `so2sat:PATH` with the options of `FORM`; PATH holds `training.h5`, `validation.h5` and `testing.h5`.

    Returns:
        The patches in the order of the file, unread; skipped are those whose label is not one class.

    Raises:
        OptionError: There is no file of that split, or h5py is not installed.
        RasterError: The file is damaged, or not one of So2Sat LCZ42; download it again.

    Source: Zhu et al. 2020, doi:10.1109/MGRS.2020.2964708, and the description of the files on mediatum.ub.tum.de.
    """
    path = Path(spec.path) / FILES[spec["split"]]
    if not path.is_file():
        here = ", ".join(name for name in FILES.values() if (Path(spec.path) / name).is_file())
        remedy = f"in the folder: {here}" if here else f"give the folder that holds {', '.join(FILES.values())}"
        raise OptionError(f"data {spec.text!r}: no file {path}; {remedy}")
    library("h5py", spec)
    file = _File(path)
    labels = file.labels()
    region = f"So2Sat_{path.stem}"
    single = (labels.sum(axis=1) == 1) & (labels.max(axis=1, initial=0) == 1)
    entries = []
    for index in np.flatnonzero(single).tolist():
        name = f"{path.stem}-{index:06d}"
        label = int(labels[index].argmax())
        entries.append(LabelledEntry(name, region, label, partial(file.load, name, region, index)))
    unclear = int((~single).sum())
    skipped = (Skipped(path.name, f"{unclear} of {len(labels)} patches are not labelled with one class"),)
    return PatchSet(
        spec=spec,
        split=spec["split"],
        classes=CLASSES,
        bands=BANDS,
        level="L1C",
        size=SIZE,
        has_radar=True,
        knows_cloud=True,
        entries=clouded(entries, spec),
        skipped=skipped if unclear else (),
    )


def _decibels(stored: np.ndarray) -> FloatArray:
    """VV and VH in dB, NaN where there is no intensity."""
    power = np.stack([stored[..., RADAR_CHANNELS[name]] for name in RADAR_BANDS]).astype(np.float64)
    valid = np.isfinite(power) & (power > 0)
    decibels: FloatArray = np.where(valid, 10 * np.log10(np.where(valid, power, 1)), np.nan).astype(np.float32)
    return decibels
