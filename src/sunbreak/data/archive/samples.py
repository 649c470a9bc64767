"""Samples of an archive: clear dates under simulated clouds, or cloudy dates with a clear one near in time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from sunbreak.data.archive.archive import open_archive
from sunbreak.data.archive.dates import near
from sunbreak.data.archive.images import SECOND, Archive, DatedImage, centre
from sunbreak.data.archive.survey import Look, survey
from sunbreak.data.sample import Detector, Entry, FloatArray, Sample, SampleSet, Series
from sunbreak.data.simulated import sky_seed
from sunbreak.data.spec import Spec
from sunbreak.errors import OptionError
from sunbreak.legend import Quality

REACH: Final = 120
"""Most days between an input and a date of its series."""
MOST: Final = 12
"""Most dates of a series, the nearest."""
TARGET_DAYS: Final = 15
"""Most days between a cloudy input and its clear target."""
OVERCAST: Final = 0.95
"""Share of cloud from which on a date is no input."""
GOES_WITH: Final[dict[str, str]] = {
    **dict.fromkeys(("cover", "kind", "draws", "seed"), "simulated"),
    "min_cloud": "real",
}
"""Options that mean something under one value of `clouds` only."""


@dataclass(frozen=True)
class Dates:
    """An archive whose images are read in one window."""

    archive: Archive
    """The archive."""
    spec: Spec
    """The SPEC."""

    def load(self, index: int) -> Sample:
        """Read an image.

        Args:
            index: Which of the archive's images.

        Returns:
            Its middle, of the size that the SPEC asks for.
        """
        return self._read(self.archive.images[index])

    def inputs(self) -> list[tuple[int, DatedImage]]:
        """List the images of the period.

        Returns:
            The images from `from` to `until`, with their numbers.
        """
        first, last = self.archive.first, self.archive.last
        return [(at, image) for at, image in enumerate(self.archive.images) if first <= image.day <= last]

    def looks(self) -> dict[int, Look]:
        """See how clear the images of the period are, and those near it.

        Returns:
            One look an image, by its number.
        """
        days = [image.day for image in self.archive.images]
        inside = {at for at, _ in self.inputs()}
        around = sorted(inside | {at for own in inside for at in near(days[own], days, REACH)})
        images = [self.archive.images[at] for at in around]
        return dict(zip(around, survey(images, self._read), strict=True))

    def is_clear(self, look: Look) -> bool:
        """Whether a date does as the truth.

        Args:
            look: What it shows.

        Returns:
            True if its mask calls almost all of it clear, and the other dates do not speak against that.
        """
        return bool(look.unclear <= self.spec["max_cloud"]) and look.trusted

    def _read(self, image: DatedImage) -> Sample:
        return image.load(centre(image.shape, self.spec["size"]))

    def beside(self, index: int, without: Sequence[int] = ()) -> Series | None:
        """Read the series of an image: other dates of the whole archive.

        Args:
            index: Which of the archive's images.
            without: Images that are to stay out, such as the target.

        Returns:
            At most `MOST` dates in the order of time; None where there is none.
        """
        images = self.archive.images
        day = images[index].day
        days = [image.day for image in images]
        earlier = self.spec["series"] == "earlier"
        fit = [at for at in near(day, days, REACH) if at not in (index, *without) and (days[at] < day or not earlier)]
        chosen = sorted(fit[:MOST])
        if not chosen:
            return None
        optical: FloatArray
        quality: npt.NDArray[np.uint8]
        for place, at in enumerate(chosen):
            sample = self.load(at)
            if not place:
                optical = np.empty((len(chosen), *sample.cloudy.shape), np.float32)
                quality = np.empty((len(chosen), *sample.quality.shape), np.uint8)
            optical[place], quality[place] = sample.cloudy, sample.quality
        return Series(optical, quality, tuple(float((days[at] - day).days) for at in chosen))

    def under_simulated_clouds(self, name: str, index: int, draw: int) -> Sample:
        """A clear date under a simulated sky.

        Args:
            name: Name of the sample.
            index: Which of the archive's images.
            draw: Which sky.

        Returns:
            The sample; the few pixels that are not clear keep their class and have no target.
        """
        from sunbreak.simulate import CloudSpec, lay_clouds

        sample = self.load(index)
        clouds = CloudSpec(
            seed=sky_seed(self.spec["seed"], name, draw), cover=self.spec["cover"], kind=self.spec["kind"]
        )
        metres = _pixel_size(sample)
        window = lay_clouds(sample.cloudy, bands=sample.bands, level=sample.level, clouds=clouds, resolution=metres)
        clear = sample.quality == Quality.CLEAR
        return replace(
            sample,
            name=name,
            cloudy=window.optical,
            quality=np.where(clear, window.quality, sample.quality),
            clear=_known(sample),
            series=self.beside(index),
            same_date=True,
        )

    def under_real_clouds(self, name: str, index: int, target: int) -> Sample:
        """A cloudy date with a clear one of another day.

        Args:
            name: Name of the sample.
            index: Which of the archive's images.
            target: Which is the clear one.

        Returns:
            The sample; the few pixels of the target that are not clear count as unknown.
        """
        clear = _known(self.load(target))
        return replace(self.load(index), name=name, clear=clear, series=self.beside(index, (target,)))


def open_samples(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List the samples of an archive; its dates are read one by one to see how clear they are.

    Args:
        spec: `archive:PATH` with the options of `archive.FORM`.
        detector: Finds cloud and shadow on dates without quality classes; without it all of them counts as clear.

    Returns:
        The samples, unread.

    Raises:
        OptionError: An option does not go with the others, or nothing is selected.
        RasterError: A file is damaged.
    """
    clouds = spec["clouds"]
    wrong = sorted(name for name in spec.given & GOES_WITH.keys() if GOES_WITH[name] != clouds)
    if wrong:
        raise OptionError(
            f"data {spec.text!r}: {', '.join(wrong)} goes with clouds={GOES_WITH[wrong[0]]} only; drop it"
        )
    archive = open_archive(spec, detector)
    dates = Dates(archive, spec)
    entries = _simulated(dates) if clouds == "simulated" else _real(dates)
    if not entries:
        wanted = "is clear (max_cloud)" if clouds == "simulated" else (
            f"is cloudy (min_cloud) within {TARGET_DAYS} days of a clear one (max_cloud)"
        )  # fmt: skip
        raise OptionError(
            f"data {spec.text!r}: of {len(archive.inputs)} dates from {spec['from'] or 'the first'} until"
            f" {spec['until'] or 'the last'} none {wanted}"
        )
    skipped = tuple(one for one in archive.skipped if one.reason != SECOND)
    return SampleSet(spec, _period(spec), tuple(entries), skipped)


def _simulated(dates: Dates) -> list[Entry]:
    looks = dates.looks()
    entries = []
    for index, image in dates.inputs():
        if not dates.is_clear(looks[index]):
            continue
        for draw in range(dates.spec["draws"]):
            name = f"{image.name}-sky{draw}"
            entries.append(Entry(name, image.region, partial(dates.under_simulated_clouds, name, index, draw)))
    return entries


def _real(dates: Dates) -> list[Entry]:
    looks = dates.looks()
    days = [image.day for image in dates.archive.images]
    entries = []
    for index, image in dates.inputs():
        if not dates.spec["min_cloud"] <= looks[index].cloud <= OVERCAST:
            continue
        around = (at for at in near(image.day, days, TARGET_DAYS) if at != index)
        target = next((at for at in around if dates.is_clear(looks[at])), None)
        if target is not None:
            entries.append(Entry(image.name, image.region, partial(dates.under_real_clouds, image.name, index, target)))
    return entries


def _known(sample: Sample) -> FloatArray:
    """The image where it is clear; NaN elsewhere."""
    return np.where(sample.quality == Quality.CLEAR, sample.cloudy, np.float32(np.nan))


def _pixel_size(sample: Sample) -> float:
    """Side of a pixel in m; 10 where nobody says."""
    if sample.geobox is None or sample.geobox.crs is None or sample.geobox.crs.geographic:
        return 10.0
    return math.sqrt(abs(sample.geobox.affine.determinant))


def _period(spec: Spec) -> str:
    """Name of the split: the days that inputs are taken from."""
    if not spec["from"] and not spec["until"]:
        return "all dates"
    return " ".join(f"{name} {spec[name]}" for name in ("from", "until") if spec[name])
