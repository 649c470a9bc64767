"""Quality from a class raster: a product's layer, or any mask whose codes somebody explains."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from sunbreak.errors import OptionError, QualityError
from sunbreak.legend import SCL_TO_QUALITY, Quality
from sunbreak.rasters.raster import RasterFile
from sunbreak.rasters.sampling import sample
from sunbreak.steps import align
from sunbreak.tiles import Window

QualityOf = Callable[[Window], np.ndarray]
"""Quality classes of a window of the scene."""

WORDS: Final[dict[str, Quality]] = {
    "nodata": Quality.NODATA,
    "clear": Quality.CLEAR,
    "thin": Quality.THIN_CLOUD,
    "thick": Quality.THICK_CLOUD,
    "shadow": Quality.SHADOW,
}
OWN_CODES: Final[dict[int, Quality]] = {int(code): code for code in Quality}
OWN_NAME: Final = "quality"
"""Description of the band in which Sunbreak's own products hold the classes."""
UNEXPLAINED: Final = -9


def parse_map(text: str | None) -> dict[int, Quality]:
    """Read what the codes of a quality file mean.

    Args:
        text: `scl`, pairs such as `0=clear,1=thick,2=thin,3=shadow,255=nodata`, or None for Sunbreak's own codes.

    Returns:
        Quality class of each code.

    Raises:
        OptionError: A pair or a class name cannot be read.

    Example:
        >>> parse_map("0=clear,1=thick")[1]
        <Quality.THICK_CLOUD: 3>
    """
    if text is None:
        return dict(OWN_CODES)
    if text.strip().lower() == "scl":
        return dict(SCL_TO_QUALITY)
    codes: dict[int, Quality] = {}
    for pair in text.split(","):
        code, _, word = (part.strip() for part in pair.partition("="))
        if not re.fullmatch("[0-9]{1,9}", code) or word.lower() not in WORDS:
            raise OptionError(
                f"--quality-map {text!r}: {pair!r} is not CODE=CLASS with CLASS one of {', '.join(WORDS)}"
            )
        codes[int(code)] = WORDS[word.lower()]
    return codes


def meaning_of(path: str | Path, text: str | None) -> dict[int, Quality]:
    """What the codes of a quality file mean; a plain cloud mask must not pass for Sunbreak's own classes.

    Args:
        path: The class raster.
        text: The user's explanation, see `parse_map`; None looks at the file's band name and codes.

    Returns:
        Quality class of each code.

    Raises:
        QualityError: Nobody has explained the codes.
    """
    if text is not None:
        return parse_map(text)
    file = RasterFile(path)
    name = (file.descriptions[0] or "").strip().lower()
    if name == "scl":
        return dict(SCL_TO_QUALITY)
    stored = sample(file, [1])
    codes = {int(code) for code in np.unique(stored)} - ({int(file.nodata)} if file.nodata is not None else set())
    if name != OWN_NAME and not codes & {Quality.THIN_CLOUD, Quality.THICK_CLOUD, Quality.SHADOW}:
        raise QualityError(
            f"{path}: holds the codes {sorted(codes)}, which may mean anything; pass --quality-map scl, or "
            "pairs such as 0=clear,1=thick"
        )
    return dict(OWN_CODES)


def quality_from_file(scene: xr.Dataset, path: str | Path, text: str | None) -> QualityOf:
    """Take quality from a class raster on any grid that overlaps the scene.

    Args:
        scene: A scene.
        path: The class raster.
        text: What its codes mean, see `parse_map`.

    Returns:
        A function from windows to quality classes.

    Raises:
        QualityError: Codes are not explained.
    """
    meaning = meaning_of(path, text)
    layer = align.warp_classes(path, scene.odc.geobox, name=str(scene.attrs.get("optical_path", "the scene")))
    table = np.full(257, UNEXPLAINED, np.int16)
    table[align.OUTSIDE] = Quality.NODATA  # the last entry
    for code, quality in meaning.items():
        if code > 255:
            raise OptionError(f"--quality-map: code {code} does not fit a class raster of 8 bits")
        table[code] = quality

    def window_of(window: Window) -> np.ndarray:
        codes = np.asarray(layer[window.rows, window.cols])
        quality = table[codes]
        if (quality == UNEXPLAINED).any():
            unknown = sorted({int(code) for code in np.unique(codes[quality == UNEXPLAINED])})
            raise QualityError(
                f"{path}: holds the codes {unknown}, which are not explained; pass --quality-map CODE=CLASS,…"
            )
        found: np.ndarray = quality.astype(np.uint8)
        return found

    return window_of
