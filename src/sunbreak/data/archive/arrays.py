"""Archives in one NumPy file: every date of its stacks is an image."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.bands import DN_NODATA, QUANTIFICATION
from sunbreak.data.archive.dates import near
from sunbreak.data.archive.images import AUTO, Archive, DatedImage, assemble
from sunbreak.data.archive.pixels import geobox_of
from sunbreak.data.archive.places import place_of
from sunbreak.data.archive.quality import SCL, classes_of
from sunbreak.data.archive.stacks import Stacks, read_stacks
from sunbreak.data.sample import Detector, FloatArray, Sample
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.radiometry.dn import decode
from sunbreak.tiles import Window

SATURATED: Final = 65_535
"""DN that marks saturation or no data in many archives."""


@dataclass(frozen=True)
class ArrayReader:
    """Reads windows of one date; pickles as the file's path."""

    path: Path
    """The file."""
    name: str
    """Name of the samples."""
    region: str
    """Region of the samples."""
    index: int
    """Which optical date."""
    radar: int | None
    """Which radar date."""
    offset: int
    """Number to add to the DN."""

    def __call__(self, window: Window) -> Sample:
        """Read a window.

        Args:
            window: Pixels inside the image.

        Returns:
            The sample, with the file's own classes or clear wherever there is data.

        Raises:
            QualityError: The scene classification holds other codes.
            RasterError: The file cannot be read any more.
        """
        stacks = read_stacks(self.path)
        optical, encoding = self._optical(stacks, window)
        has_data = np.asarray(np.isfinite(optical).any(axis=0))
        quality = np.where(has_data, Quality.CLEAR, Quality.NODATA).astype(np.uint8)
        if stacks.classes is not None:
            codes = cut(stacks.classes[self.index], stacks.grid.shape, window)
            quality = classes_of(codes, has_data, SCL, self.path)
        radar = None
        if stacks.radar is not None and self.radar is not None:
            stored = cut(stacks.radar[self.radar], stacks.grid.shape, window)
            radar = np.where(np.isfinite(stored), stored, np.nan).astype(np.float32)
        return Sample(
            name=self.name,
            region=self.region,
            level=stacks.level,
            bands=stacks.bands,
            cloudy=optical,
            quality=quality,
            radar=radar,
            geobox=geobox_of(stacks.grid, window),
            encoding=encoding,
        )

    def _optical(self, stacks: Stacks, window: Window) -> tuple[FloatArray, dict[str, Any]]:
        optical: FloatArray = np.empty((len(stacks.bands), window.height, window.width), np.float32)
        encoding: dict[str, Any] = {}
        for stack, names in zip(stacks.optical, stacks.names, strict=True):
            stored = cut(stack[self.index], stacks.grid.shape, window)
            if stored.dtype.kind == "f":
                encoding = {"dtype": "float32", "offset": 0, "quantification": 1, "nodata": None}
                stored = stored.astype(np.float32)
            else:
                fitting = (stored > DN_NODATA) & (stored < SATURATED)
                stored = np.where(fitting, stored, DN_NODATA).astype(np.uint16)
                encoding = {"dtype": "uint16", "offset": self.offset, "quantification": QUANTIFICATION, "nodata": None}
            optical[[stacks.bands.index(name) for name in names]] = decode(stored, encoding)
        return optical, encoding


def cut(stored: npt.NDArray[Any], shape: tuple[int, int], window: Window) -> npt.NDArray[Any]:
    """Take a window of a plane, its pixels repeated onto a grid that is as fine or finer.

    Args:
        stored: (..., y, x).
        shape: Height and width of the grid; whole multiples of the plane's.
        window: Window of the grid.

    Returns:
        (..., height, width) of the window, a copy.

    Example:
        >>> cut(np.array([[1, 2]]), (2, 4), Window(1, 1, 1, 3)).tolist()
        [[1, 2, 2]]
    """
    rows, cols = (
        np.arange(part.start, part.stop) // (size // length)
        for part, size, length in zip((window.rows, window.cols), shape, stored.shape[-2:], strict=True)
    )
    taken: npt.NDArray[Any] = stored[..., rows[:, np.newaxis], cols]
    return taken


def open_arrays(spec: Spec, detector: Detector | None) -> Archive:
    """List the dates of an array file.

    Args:
        spec: `archive:FILE.npz`.
        detector: Finds cloud and shadow where the file has no scene classification.

    Returns:
        The archive.

    Raises:
        OptionError: It is of none of the known layouts, its arrays do not fit each other, or an option says otherwise.
        RasterError: It is damaged or too large.
    """
    path = Path(spec.path).resolve()
    stacks = read_stacks(path)
    place = place_of(path)
    if spec["level"] not in (AUTO, stacks.level):
        raise OptionError(f"{spec.path}: arrays of this layout are {stacks.level}; leave out level={spec['level']}")
    wrong = sorted(spec.given & {"bands", "bbox", "quality_map"})
    if wrong:
        raise OptionError(f"{spec.path}: an array file says itself what it holds; leave out {', '.join(wrong)}")
    offset = -place.dn_offset if spec["offset"] == AUTO else int(spec["offset"])
    images = []
    for index, day in enumerate(stacks.days):
        name = f"{path.stem}-{day}"
        radar = next(iter(near(day, stacks.radar_days, spec["radar_days"])), None)
        images.append(
            DatedImage(
                name=name,
                region=place.region,
                day=day,
                licence=place.licence,
                level=stacks.level,
                bands=stacks.bands,
                shape=stacks.grid.shape,
                read=ArrayReader(path, name, place.region, index, radar, offset),
                has_mask=stacks.classes is not None,
                radar_apart=None if radar is None else (stacks.radar_days[radar] - day).days,
                detector=detector,
            )
        )
    return assemble(spec, place.region, images)
