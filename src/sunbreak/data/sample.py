"""Samples: a cloudy image with its clear target, its radar and its quality, and the sets they come in."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from odc.geo.geobox import GeoBox

from sunbreak.bands import Level
from sunbreak.data.spec import Spec
from sunbreak.errors import GeometryError

FloatArray = npt.NDArray[np.floating]

WHERE: Final = frozenset({"collections"})
"""Options that say where samples are found; what is found there has names of its own, which are hashed."""


@dataclass(frozen=True)
class Series:
    """Other dates of a place, any of which may be cloudy; never the date of the sample's target."""

    optical: FloatArray
    """(date, band, y, x), float32, reflectance, NaN = no data; the bands and level of the sample."""
    quality: npt.NDArray[np.uint8]
    """Classes, (date, y, x), codes of `legend.Quality`, not grown by any buffer."""
    days: tuple[float, ...]
    """Days from the sample's input to each date, negative before it."""

    def __post_init__(self) -> None:
        if self.quality.shape != (len(self.optical), *self.optical.shape[2:]) or len(self.days) != len(self.optical):
            raise GeometryError(
                f"series: optical {self.optical.shape}, quality {self.quality.shape} and {len(self.days)} dates do not "
                "fit each other"
            )


@dataclass(frozen=True)
class Sample:
    """One image to restore, with what is known about the truth."""

    name: str
    """Unique in its set."""
    region: str
    """Place on Earth; samples of one region are never split across train and test."""
    level: Level
    """Processing level of the optical images."""
    bands: tuple[str, ...]
    """Names of the optical bands, in the order of the arrays."""
    cloudy: FloatArray
    """Input image, (band, y, x), float32, reflectance, NaN = no data."""
    quality: npt.NDArray[np.uint8]
    """Classes of the input, (y, x), codes of `legend.Quality`, not grown by any buffer."""
    radar: FloatArray | None = None
    """VV and VH backscatter, (pol, y, x), float32, dB, NaN = invalid."""
    clear: FloatArray | None = None
    """Target, (band, y, x), float32, reflectance, NaN = no data."""
    land_cover: npt.NDArray[np.uint8] | None = None
    """Land cover, (y, x), codes of `legend.LAND_COVER_LEGEND`, 255 = unknown; None where there is no map."""
    series: Series | None = None
    """Other dates of the place, for baselines that compose instead of restoring."""
    same_date: bool = False
    """The target shows the very scene under the clouds; False where it was taken on another day."""
    geobox: GeoBox | None = None
    """Grid, where the files know it."""
    encoding: Mapping[str, Any] = field(default_factory=dict)
    """How reflectance is stored in the files: `dtype`, `offset`, `quantification`, `nodata`."""

    def __post_init__(self) -> None:
        shape = self.cloudy.shape[1:]
        for name in ("quality", "radar", "clear", "land_cover"):
            array = getattr(self, name)
            if array is not None and array.shape[-2:] != shape:
                raise GeometryError(f"sample {self.name}: {name} is {array.shape[-2:]} pixels, the optical {shape}")
        if self.series is not None and self.series.optical.shape[1:] != self.cloudy.shape:
            raise GeometryError(f"sample {self.name}: its series is {self.series.optical.shape[1:]} a date")
        if len(self.bands) != len(self.cloudy) or (self.clear is not None and self.clear.shape != self.cloudy.shape):
            raise GeometryError(f"sample {self.name}: {len(self.bands)} band names do not fit {self.cloudy.shape}")

    def with_quality(self, quality: npt.NDArray[np.uint8]) -> Sample:
        """The same sample with other quality classes.

        Args:
            quality: (y, x), codes of `legend.Quality`.

        Returns:
            A new sample.

        Raises:
            GeometryError: The classes have another size.
        """
        return replace(self, quality=np.asarray(quality, dtype=np.uint8))


Detector = Callable[[Sample], npt.NDArray[np.uint8]]
"""Finds the quality classes, (y, x), of a sample whose `quality` is clear wherever there is data."""


@dataclass(frozen=True)
class Entry:
    """A sample that has not been read yet."""

    name: str
    """Name of the sample."""
    region: str
    """Region of the sample."""
    load: Callable[[], Sample]
    """Reads or makes the sample; the same sample every time."""


@dataclass(frozen=True)
class Skipped:
    """Something that the SPEC covers but that is not a sample."""

    name: str
    """What was skipped."""
    reason: str
    """Why."""


@dataclass(frozen=True)
class SampleSet:
    """The samples of a SPEC, read one by one while iterating."""

    spec: Spec
    """Where they come from."""
    split: str
    """Name of the split."""
    entries: tuple[Entry, ...]
    """The samples, unread."""
    skipped: tuple[Skipped, ...] = ()
    """What was left out, and why."""

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Sample]:
        return (entry.load() for entry in self.entries)

    @property
    def regions(self) -> tuple[str, ...]:
        """Names of the regions, sorted, each once."""
        return tuple(sorted({entry.region for entry in self.entries}))

    @property
    def split_hash(self) -> str:
        """First 12 hexadecimal digits of the SHA-256 over kind, options, sample names and regions.

        The path is not part of it: the same data under another folder have the same hash.
        """
        chosen = {name: value for name, value in self.spec.options.items() if name not in WHERE}
        return split_hash(self.spec.kind, chosen, ((entry.name, entry.region) for entry in self.entries))


def split_hash(kind: str, options: Mapping[str, Any], samples: Iterable[tuple[str, str]]) -> str:
    """Tell sets of samples apart.

    Args:
        kind: Kind of data.
        options: What the samples were chosen by.
        samples: Name and region of every sample, in any order.

    Returns:
        First 12 hexadecimal digits of a SHA-256.

    Example:
        >>> split_hash("simulated", {"n": 2}, [("a", "a"), ("b", "b")])
        '16a50d2f085c'
    """
    content = {
        "kind": kind,
        "options": sorted((name, str(value)) for name, value in options.items()),
        "samples": sorted(samples),
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
