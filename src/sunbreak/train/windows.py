"""Windows of somebody's own images, kept in a folder: what is clear in them is the truth under simulated clouds.

Reflectance is kept as whole numbers of a ten-thousandth, as the files have it that it comes from; a list names the
windows of a training, another those of its check. No torch.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.bands import LEVELS, Level
from sunbreak.data.sample import Sample
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.steps.mask import grow

SCALE: Final = 10_000.0
"""Stored numbers a reflectance of 1."""
MISSING: Final = -32_768
"""Stored where there is no data."""
SMALLEST: Final = 64
"""Shortest side in pixels of a window that is worth keeping."""
FEWEST: Final = 0.1
"""Share of clear pixels that a window must have."""


@dataclass(frozen=True)
class OwnWindow:
    """A window, read."""

    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of the bands."""
    image: npt.NDArray[np.float32]
    """(band, y, x) reflectance as it was taken, with its clouds, NaN = no data."""
    truth: npt.NDArray[np.float32]
    """(band, y, x) the same where it is clear, NaN elsewhere."""
    quality: npt.NDArray[np.uint8]
    """(y, x) `legend.Quality`, not grown."""
    radar: npt.NDArray[np.float32] | None
    """(2, y, x) dB, NaN = invalid; None without radar."""


@dataclass(frozen=True)
class StoredWindow:
    """A window in its file."""

    file: str
    """Path of its arrays; in a list, beside the list."""
    name: str
    """Image it was taken from."""
    day: str
    """When that was taken, ISO 8601; empty where nobody knows."""
    level: Level
    """Processing level."""
    bands: tuple[str, ...]
    """Names of the bands."""
    shape: tuple[int, int]
    """Height and width in pixels."""
    clear: int
    """Pixels whose truth is known."""
    buffer: int
    """Pixels that cloud and shadow were grown by before the rest counted as clear."""

    def load(self) -> OwnWindow:
        """Read it.

        Returns:
            The window.
        """
        with np.load(self.file, allow_pickle=False) as arrays:
            stored, quality = arrays["image"], arrays["quality"]
            radar = arrays.get("radar")
        image = np.where(stored == MISSING, np.float32(np.nan), stored.astype(np.float32) / np.float32(SCALE))
        known = _known(image, quality, self.buffer)
        truth = np.where(known, image, np.float32(np.nan))
        return OwnWindow(self.level, self.bands, image, truth, quality, radar)


def _known(image: npt.NDArray[np.floating], quality: npt.NDArray[np.uint8], buffer: int) -> npt.NDArray[np.bool_]:
    known: npt.NDArray[np.bool_] = (grow(quality, buffer) == Quality.CLEAR) & np.isfinite(image).all(axis=0)
    return known


def store_window(sample: Sample, path: Path, *, day: str = "", buffer: int = 4) -> StoredWindow | None:
    """Keep a window of an image, unless it is too small or hardly any of it is clear.

    Args:
        sample: The window, with quality and radar.
        path: File to write, ending in `.npz`.
        day: When it was taken, ISO 8601.
        buffer: Pixels to grow cloud and shadow by before the rest counts as clear.

    Returns:
        What was stored; None if it is not worth keeping.
    """
    image = np.asarray(sample.cloudy, np.float32)
    clear = int(_known(image, sample.quality, buffer).sum())
    height, width = sample.quality.shape
    if min(height, width) < SMALLEST or clear < FEWEST * height * width:
        return None
    whole = np.clip(np.rint(image * SCALE), MISSING + 1, -MISSING - 1)
    arrays: dict[str, npt.NDArray[Any]] = {
        "image": np.where(np.isfinite(image), whole, MISSING).astype(np.int16),
        "quality": sample.quality,
    }
    if sample.radar is not None and np.isfinite(sample.radar).any():
        arrays["radar"] = np.asarray(sample.radar, np.float32)
    np.savez(path, **arrays)  # type: ignore[arg-type]
    return StoredWindow(str(path), sample.name, day, sample.level, sample.bands, (height, width), clear, buffer)


def list_windows(windows: Iterable[StoredWindow], path: Path) -> Path:
    """Write a list of windows; it exists once all of them do.

    Args:
        windows: What was stored.
        path: File to write, ending in `.json`.

    Returns:
        The path.
    """
    beside = path.with_suffix(".partial")
    listed = [asdict(window) | {"file": Path(window.file).name} for window in windows]
    beside.write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    beside.replace(path)
    return path


@lru_cache(maxsize=8)
def own_windows(path: str) -> tuple[StoredWindow, ...]:
    """Read a list of windows, once a process.

    Args:
        path: From `list_windows`.

    Returns:
        The windows, unread.

    Raises:
        OptionError: There is no such list, it is damaged, or it is empty.
    """
    try:
        listed = json.loads(Path(path).read_text(encoding="utf-8"))
        found = tuple(_read(entry, Path(path).parent) for entry in listed)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise OptionError(f"{path}: not a list of windows ({error}); begin anew in another folder") from error
    if not found or any(window.level not in LEVELS for window in found):
        raise OptionError(f"{path}: lists no window that can be used; begin anew in another folder")
    return found


def _read(entry: dict[str, Any], folder: Path) -> StoredWindow:
    lists = {"bands": tuple(entry["bands"]), "shape": tuple(entry["shape"])}
    return StoredWindow(**{**entry, **lists, "file": str(folder / entry["file"])})
