"""Series of dates in a collection: every cloudy date is an input, the nearest clear one its target."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import partial

from sunbreak.data.collection_files import radar_file, read_image, read_radar, why_not, with_role
from sunbreak.data.manifest import OPTICAL_ROLES, FileRow
from sunbreak.data.sample import Detector, Entry, Sample
from sunbreak.data.series import FEWEST, cloud_share, detected, nearest, series_sample
from sunbreak.data.spec import Spec


@dataclass(frozen=True)
class _Dates:
    """All optical images of one place, in the order of time."""

    rows: tuple[FileRow, ...]
    days: tuple[date, ...]
    detector: Detector | None

    def load(self, name: str, observed: int, radar: FileRow | None) -> Sample:
        images = [detected(read_image(row), self.detector) for row in self.rows]
        clear = [index for index, row in enumerate(self.rows) if row.role == "s2_clear"]
        target = nearest(self.days, self.days[observed], clear)
        sample = series_sample(name, images, self.days, observed=observed, target=target)
        return replace(sample, radar=read_radar(radar, sample.quality.shape))


def series_entries(name: str, files: Sequence[FileRow], spec: Spec, detector: Detector | None) -> list[Entry] | str:
    """List the samples of a series: one for every cloudy date whose share of cloud lies within the limits.

    Images are read for that only where limits are set. The target is the image that the manifest calls clear and that
    is nearest in time to the input; the series holds all other dates. Radar is that nearest in time.

    Args:
        name: Name of the place in the manifest.
        files: Its files.
        spec: `collection:PATH,clouds=series`.
        detector: Finds the clouds of every date; without it all count as clear.

    Returns:
        The samples, unread; or why there are none.

    Raises:
        RasterError: A cloudy image is missing or damaged.
    """
    reason = why_not(files, OPTICAL_ROLES, spec)
    if reason:
        return reason
    images = [file for role in OPTICAL_ROLES for file in with_role(files, role)]
    dated = {file.day: file for file in images if file.day is not None}
    if len(dated) < max(len(images), FEWEST):
        return f"fewer than {FEWEST} dates, two images of one day, or a date that is not given"
    if len({(file.bands, file.level) for file in images}) > 1 or images[0].level is None:
        return "dates differ in bands or level"
    days = tuple(sorted(dated))
    dates = _Dates(tuple(dated[day] for day in days), days, detector)
    low, high = spec["min_cloud"], spec["max_cloud"]
    entries = []
    for index, (row, day) in enumerate(zip(dates.rows, days, strict=True)):
        if row.role != "s2_cloudy":
            continue
        if (low, high) == (0.0, 1.0) or low <= cloud_share(detected(read_image(row), detector).quality) <= high:
            full, radar = f"{name}-{day}", radar_file(files, spec, day)
            entries.append(Entry(full, row.region, partial(dates.load, full, index, radar)))
    return entries or "share of cloud outside min_cloud to max_cloud"
