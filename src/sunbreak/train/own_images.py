"""The user's own images made ready: windows with clear ground in a folder, the last dates held for the check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.data.archive import Archive, DatedImage, open_archive, survey
from sunbreak.data.archive.images import centre
from sunbreak.data.sample import split_hash
from sunbreak.errors import OptionError
from sunbreak.steps.detect import detect
from sunbreak.tiles import Window
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.real_images import is_open
from sunbreak.train.windows import StoredWindow, list_windows, own_windows, store_window

MOST_PIXELS: Final = 96 * 512 * 512
"""Pixels of all windows together: about 900 MB on the disk with 13 bands."""
TRIES: Final = 3
"""Places looked at for each window of a large image."""
LEARNT: Final = "learnt.json"
"""List of the windows that are learnt from."""
CHECKED: Final = "checked.json"
"""List of the windows that the outcome is checked on."""


@dataclass(frozen=True)
class OwnImages:
    """Windows made ready."""

    learnt: Path
    """List of those to learn from."""
    checked: Path
    """List of those of the held dates."""

    @property
    def smallest(self) -> int:
        """Shortest side of all windows."""
        return min(min(window.shape) for path in (self.learnt, self.checked) for window in own_windows(str(path)))

    def days(self, *, held: bool) -> tuple[str, str, int]:
        """First and last day, and their number.

        Args:
            held: Of the check.

        Returns:
            ISO 8601 twice, and how many different ones.
        """
        days = sorted({window.day for window in own_windows(str(self.checked if held else self.learnt))})
        return days[0], days[-1], len(days)


def open_archives(specs: Sequence[str]) -> tuple[Archive, ...]:
    """Open archives.

    Args:
        specs: `archive:PATH`; a bare path is taken for one.

    Returns:
        The archives.

    Raises:
        OptionError: There is no such archive, or it holds fewer than two dates.
    """
    found = []
    for spec in specs:
        archive = open_archive(spec if spec.startswith("archive:") else f"archive:{spec}", detect)
        if len(archive.inputs) < 2:
            raise OptionError(
                f"{archive.path}: {len(archive.inputs)} date to learn from; adapting needs at least two, the last of "
                "which checks the outcome. For one scene use `sunbreak restore --adapt-seconds`"
            )
        found.append(archive)
    return tuple(found)


def told(archives: Sequence[Archive]) -> dict[str, Any]:
    """What a run and its card say of archives.

    Args:
        archives: From `open_archives`.

    Returns:
        `archives`, `regions` and `split_hash`, ready for JSON.
    """
    return {
        "archives": [
            {
                "name": Path(archive.path).resolve().name,
                "region": archive.region,
                "from": archive.inputs[0].day.isoformat(),
                "until": archive.inputs[-1].day.isoformat(),
                "images": len(archive.inputs),
                "licence": sorted({image.licence or "unknown" for image in archive.inputs}),
            }
            for archive in archives
        ],
        "regions": sorted({archive.region for archive in archives}),
        "split_hash": split_hash("archive", {}, ((image.name, image.region) for image in _inputs(archives))),
    }


def may_be_given_away(archives: Sequence[Archive]) -> bool:
    """Whether the images' licences let weights adapted to them be given away.

    Args:
        archives: From `open_archives`.

    Returns:
        False also where nothing is said of a licence.
    """
    return all(is_open(image.licence) for image in _inputs(archives))


def _inputs(archives: Sequence[Archive]) -> Iterator[DatedImage]:
    return (image for archive in archives for image in archive.inputs)


def prepare(archives: Sequence[Archive], folder: Path, options: AdaptOptions) -> OwnImages:
    """Cut windows with clear ground out of every date, or find that done.

    Args:
        archives: From `open_archives`.
        folder: Where to keep them.
        options: Size of windows, buffer, share of dates to hold.

    Returns:
        The windows.

    Raises:
        OptionError: Fewer than two dates of an archive have clear ground.
        RasterError: A file is missing or damaged.
    """
    own = OwnImages(folder / LEARNT, folder / CHECKED)
    if own.learnt.is_file():  # written last
        return own
    folder.mkdir(parents=True, exist_ok=True)
    learnt: list[StoredWindow] = []
    checked: list[StoredWindow] = []
    for number, archive in enumerate(archives):
        stored = list(_stored(archive, folder, number, options, MOST_PIXELS // len(archives)))
        days = sorted({window.day for window in stored})
        if len(days) < 2:
            raise OptionError(
                f"{archive.path}: {len(days)} of {len(archive.inputs)} dates show clear ground; adapting needs at "
                "least two. Give more dates, or masks that are right (quality/ in the archive)"
            )
        first_held = days[-max(1, round(options.held * len(days)))]
        learnt += [window for window in stored if window.day < first_held]
        checked += [window for window in stored if window.day >= first_held]
    list_windows(checked, own.checked)
    list_windows(learnt, own.learnt)
    own_windows.cache_clear()
    return own


def _stored(archive: Archive, folder: Path, number: int, options: AdaptOptions, most: int) -> Iterator[StoredWindow]:
    """The windows of an archive, as many of every date."""
    height, width = archive.inputs[0].shape
    rows, cols = (min(length, options.window) for length in (height, width))
    share = most // (rows * cols)
    inputs = archive.inputs[:: -(-len(archive.inputs) // max(share, 2))]
    # masks miss clouds, which would be learnt as ground
    looks = survey(inputs, lambda image: image.load(centre(image.shape, options.window)))
    images = [image for image, look in zip(inputs, looks, strict=True) if look.trusted]
    wanted = max(1, min(share // max(len(images), 1), (height // rows) * (width // cols)))
    for place, image in enumerate(images):
        rng = np.random.default_rng([options.seed, 3, number, place])
        kept = 0
        for attempt, window in enumerate(_places((height, width), (rows, cols), rng)):
            if kept >= wanted or attempt >= TRIES * wanted:
                break
            path = folder / f"{number}-{place}-{attempt}.npz"
            found = store_window(
                image.load(window), path, day=image.day.isoformat(), buffer=options.buffer
            )  # fmt: skip
            if found is not None:
                kept += 1
                yield found


def _places(shape: tuple[int, int], size: tuple[int, int], rng: np.random.Generator) -> Iterator[Window]:
    """All windows of a size side by side, in an order drawn by lot."""
    (height, width), (rows, cols) = shape, size
    shift = (int(rng.integers(height % rows + 1)), int(rng.integers(width % cols + 1)))
    corners = [
        (top + shift[0], left + shift[1])
        for top in range(0, height - rows + 1, rows)
        for left in range(0, width - cols + 1, cols)
    ]
    for index in rng.permutation(len(corners)):
        top, left = corners[index]
        yield Window(top, left, rows, cols)
