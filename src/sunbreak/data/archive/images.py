"""Dated images of one place, unread."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from sunbreak.bands import Level
from sunbreak.data.archive.dates import day_option
from sunbreak.data.sample import Detector, Sample, Skipped
from sunbreak.data.series import detected
from sunbreak.data.spec import Spec
from sunbreak.errors import GeometryError, OptionError
from sunbreak.tiles import Window

AUTO: Final = "auto"
"""Value of options that the files answer."""
SECOND: Final = "is a second image of that day"
"""Reason for which an image is left out although nothing is wrong with it."""
LARGEST: Final = 2048
"""Longest side in pixels of what is read at once without being asked for: 13 bands of it take 220 MB."""


@dataclass(frozen=True)
class DatedImage:
    """The optical image of one day with its radar and its quality, unread."""

    name: str
    """Unique in its archive."""
    region: str
    """Place on Earth; the same for all images of an archive."""
    day: date
    """When the optical image was taken (UTC)."""
    licence: str
    """Licence of its content, in words; empty when unknown."""
    level: Level
    """Processing level; the same for all images of an archive."""
    bands: tuple[str, ...]
    """Names of the optical bands; the same for all images of an archive."""
    shape: tuple[int, int]
    """Height and width in pixels; the same for all images of an archive."""
    read: Callable[[Window], Sample]
    """Reads a window inside the image; `quality` is clear wherever there is data unless the archive has a mask."""
    has_mask: bool
    """The archive has quality classes of this day; without, the detector finds them."""
    radar_apart: int | None
    """Days from the optical to the radar image that stands beside it, negative before it; None without radar."""
    detector: Detector | None = None
    """Finds cloud and shadow where the archive has no mask; without it all counts as clear."""

    def load(self, window: Window | None = None) -> Sample:
        """Read the image, or a window of it.

        Args:
            window: Pixels to read; None reads all of an image of up to `LARGEST` pixels a side, of a larger one its
                centre.

        Returns:
            The sample: `cloudy` is the optical image, `quality` its classes, `radar` that nearest in time or None;
            there is no target. The same window gives the same sample every time.

        Raises:
            GeometryError: The window reaches beyond the image; choose one inside `shape`.
            RasterError: A file is missing or damaged.
        """
        chosen = window or centre(self.shape, LARGEST)
        height, width = self.shape
        if min(chosen.top, chosen.left) < 0 or chosen.rows.stop > height or chosen.cols.stop > width:
            raise GeometryError(f"{self.name}: {chosen} reaches beyond its {height} x {width} pixels; stay inside")
        sample = self.read(chosen)
        return sample if self.has_mask else detected(sample, self.detector)


@dataclass(frozen=True)
class Archive:
    """All images of one place, in the order of time, one a day, alike in level, bands and size."""

    path: str
    """Where it lies."""
    region: str
    """Place on Earth, as leak checks know it."""
    images: tuple[DatedImage, ...]
    """The images, sorted by day."""
    skipped: tuple[Skipped, ...]
    """What was left out, and why."""
    first: date = date.min
    """`from=` of the SPEC: first day of `inputs`."""
    last: date = date.max
    """`until=` of the SPEC: last day of `inputs`."""

    @property
    def inputs(self) -> tuple[DatedImage, ...]:
        """The images from `first` to `last`: those to train on or to score."""
        return tuple(image for image in self.images if self.first <= image.day <= self.last)


def centre(shape: tuple[int, int], side: int) -> Window:
    """The middle of an image.

    Args:
        shape: Height and width of the image.
        side: Longest side of the window.

    Returns:
        The window; all of an image that is no larger.

    Example:
        >>> centre((100, 5000), 2048)
        Window(top=0, left=1476, height=100, width=2048)
    """
    height, width = (min(length, side) for length in shape)
    return Window((shape[0] - height) // 2, (shape[1] - width) // 2, height, width)


def assemble(spec: Spec, region: str, images: Sequence[DatedImage], skipped: Sequence[Skipped] = ()) -> Archive:
    """Make an archive of images, which it sorts by day; those that are not like most others are left out.

    Args:
        spec: The SPEC.
        region: Place on Earth.
        images: In any order; of two images of a day the first is taken.
        skipped: What was left out before.

    Returns:
        The archive.

    Raises:
        OptionError: No image is left, or `from` and `until` are no period.
    """
    first, last = (day_option(name, spec[name], end) for name, end in (("from", date.min), ("until", date.max)))
    if first > last:
        raise OptionError(f"data {spec.text!r}: from={first} lies after until={last}; swap them")
    out = list(skipped)
    alike = Counter((image.level, image.bands, image.shape) for image in images)
    usual = max(alike, key=lambda sort: alike[sort], default=None)
    taken: dict[date, DatedImage] = {}
    for image in images:
        if (image.level, image.bands, image.shape) != usual:
            out.append(Skipped(image.name, "has another level, other bands or another size than most images"))
        elif image.day in taken:
            out.append(Skipped(image.name, SECOND))
        else:
            taken[image.day] = image
    if not taken:
        reasons = "; ".join(dict.fromkeys(f"{one.name}: {one.reason}" for one in out[:3]))
        raise OptionError(
            f"{spec.path}: holds no dated optical image{f' ({reasons})' if reasons else ''}; see docs/data.md"
        )
    return Archive(spec.path, region, tuple(taken[day] for day in sorted(taken)), tuple(out), first, last)
