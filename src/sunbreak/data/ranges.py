"""What the values of a data set look like, gathered image by image in memory that does not grow with the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.bands import RADAR_BANDS, RADAR_DB_RANGE
from sunbreak.data.sample import FloatArray, Sample
from sunbreak.radiometry.backscatter import MAX_ABS_DB
from sunbreak.radiometry.dn import guess_offset, is_reflectance
from sunbreak.radiometry.optical import REFLECTANCE_RANGE

STRANGE_SHARE: Final = 0.01
"""Share of values outside `REFLECTANCE_RANGE` from which on an image holds something other than reflectance."""
BINS: Final = 2000
"""Bins of a histogram; medians are exact to a bin."""
_EVERY: Final = np.s_[..., ::2, ::2]
"""Pixels that medians and the offset are judged by; low, high and missing count all."""


class Range(NamedTuple):
    """Values of one band in all images of one sort."""

    image: str
    """`cloudy`, `clear`, `other dates` (each with its level) or `radar`."""
    band: str
    """Name of the band."""
    low: float
    """Smallest value: reflectance, or dB."""
    median: float
    """Median, to a two-thousandth of the range."""
    high: float
    """Largest value."""
    missing: float
    """Share of pixels without data, 0 to 1."""


class Floor(NamedTuple):
    """What the darkest pixels say about the offset, in one region and for one offset of the reader."""

    region: str
    """The region."""
    offset: int
    """Number that the reader adds to the DN, 0 or -1000."""
    images: int
    """Images looked at."""
    contrary: int
    """How many of them show that the other one is right."""
    cirrus: float
    """Lowest DN of B10 (second percentile of an image); NaN without B10."""


@dataclass
class _Values:
    """Counts of one band."""

    start: float
    step: float
    low: float = np.inf
    high: float = -np.inf
    missing: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.counts: npt.NDArray[np.int64] = np.zeros(BINS, np.int64)

    def add(self, plane: FloatArray) -> None:
        finite = plane[np.isfinite(plane)]
        self.total += plane.size
        self.missing += plane.size - finite.size
        if not finite.size:
            return
        self.low, self.high = min(self.low, float(finite.min())), max(self.high, float(finite.max()))
        some = plane[_EVERY]
        bins = (some[np.isfinite(some)] - self.start) / self.step
        self.counts += np.bincount(np.clip(bins, 0, BINS - 1).astype(np.int64), minlength=BINS)

    def range(self, image: str, band: str) -> Range:
        if not self.counts.any():
            return Range(image, band, np.nan, np.nan, np.nan, 1.0)
        middle = int(np.searchsorted(self.counts.cumsum(), self.counts.sum() / 2))
        median = min(max(self.start + (middle + 0.5) * self.step, self.low), self.high)
        return Range(image, band, self.low, median, self.high, self.missing / self.total)


class Survey:
    """Looks at samples one after another.

    Example:
        >>> from sunbreak.data import open_data
        >>> survey = Survey()
        >>> [survey.add(sample) for sample in open_data("simulated:n=1,size=64")]
        [[]]
        >>> [one.image for one in survey.ranges()][::13]
        ['cloudy L1C', 'clear L1C', 'radar']
    """

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], _Values] = {}
        self._floors: dict[tuple[str, int], Floor] = {}

    def add(self, sample: Sample) -> list[str]:
        """Look at a sample.

        Args:
            sample: The sample.

        Returns:
            What is wrong with it, in words; empty if nothing is.
        """
        wrong = []
        for image, array in _optical(sample).items():
            name = f"{image} {sample.level}"
            for band, plane in zip(sample.bands, np.moveaxis(array, -3, 0), strict=True):
                self._of(name, band, *REFLECTANCE_RANGE).add(plane)
            wrong += _wrong_reflectance(array, image)
            for one in array[..., ::4, ::4] if array.ndim == 4 else [array]:
                self._judge(sample, one)
        if sample.clear is not None and not sample.same_date and _alike(sample.cloudy, sample.clear):
            wrong.append("the cloudy and the clear image are the same")
        if sample.radar is not None:
            for band, plane in zip(RADAR_BANDS, sample.radar, strict=False):
                self._of("radar", band, -MAX_ABS_DB, MAX_ABS_DB).add(plane)
            wrong += _wrong_radar(sample.radar)
        return wrong

    def ranges(self) -> tuple[Range, ...]:
        """The values so far.

        Returns:
            One range a sort of image and band, in the order met.
        """
        return tuple(values.range(*key) for key, values in self._values.items())

    def floors(self) -> tuple[Floor, ...]:
        """What the offset looks like so far.

        Returns:
            By region; none for data whose files hold reflectance itself.
        """
        return tuple(self._floors[key] for key in sorted(self._floors))

    def _of(self, image: str, band: str, low: float, high: float) -> _Values:
        return self._values.setdefault((image, band), _Values(low, (high - low) / BINS))

    def _judge(self, sample: Sample, optical: FloatArray) -> None:
        """Compare the offset that the reader took with what the pixels show."""
        stored: dict[str, Any] = {"offset": None, "quantification": 1, **sample.encoding}
        if stored["offset"] is None or is_reflectance(stored):
            return
        dn = (optical[_EVERY] * stored["quantification"] - stored["offset"]).reshape(len(optical), -1)
        valid = np.isfinite(dn)
        seen = guess_offset(dn, valid, sample.bands, sample.level) if valid.any() else None
        cirrus = np.nan
        if "B10" in sample.bands and valid[sample.bands.index("B10")].any():
            cirrus = float(np.nanpercentile(dn[sample.bands.index("B10")], 2))
        key = sample.region, int(stored["offset"])
        before = self._floors.get(key, Floor(*key, 0, 0, np.nan))
        contrary = seen is not None and seen != stored["offset"]
        lowest = float(np.fmin(before.cirrus, cirrus))
        self._floors[key] = Floor(*key, before.images + 1, before.contrary + contrary, lowest)


def _optical(sample: Sample) -> dict[str, FloatArray]:
    images = {"cloudy": sample.cloudy}
    if sample.clear is not None:
        images["clear"] = sample.clear
    if sample.series is not None and len(sample.series.optical):
        images["other dates"] = sample.series.optical
    return images


def _alike(one: FloatArray, other: FloatArray) -> bool:
    return bool(np.isfinite(one).any() and np.array_equal(one, other, equal_nan=True))


def _wrong_reflectance(array: FloatArray, image: str) -> list[str]:
    finite = array[np.isfinite(array)]
    if not finite.size:
        return [f"{image}: no pixel holds data"]
    low, high = REFLECTANCE_RANGE
    outside = float(((finite < low) | (finite > high)).mean())
    if outside >= STRANGE_SHARE:
        return [f"{image}: {outside:.0%} of the values are no reflectance from {low} to {high}"]
    return []


def _wrong_radar(radar: FloatArray) -> list[str]:
    finite = radar[np.isfinite(radar)]
    if not finite.size:
        return ["radar: no pixel holds data"]
    if finite.min() >= 0 and finite.max() > 0:
        return ["radar: no value is negative, so it looks like linear power rather than dB"]
    median = float(np.median(finite))
    if not RADAR_DB_RANGE[0] <= median <= RADAR_DB_RANGE[1]:
        return [f"radar: a median of {median:.3g} is no backscatter in dB"]
    fill = float((np.abs(finite) > MAX_ABS_DB).mean())
    return [f"radar: {fill:.1%} of the values lie beyond {MAX_ABS_DB:.0f} dB, like undeclared fill"] if fill else []
