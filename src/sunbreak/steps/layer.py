"""One date of a composite, on the grid of the composite."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from sunbreak.errors import OptionError
from sunbreak.legend import Quality, Source
from sunbreak.scene import window as load
from sunbreak.tiles import Window, blocks
from sunbreak.work import Bar, side_by_side


@dataclass(frozen=True)
class Layer:
    """A product or a scene."""

    date: xr.Dataset
    """The Dataset."""
    top: int = 0
    """Row of the composite that its first row is."""
    left: int = 0
    """Column of the composite that its first column is."""
    number: int = 0
    """Its number in the order of time, from 1 on."""
    positions: tuple[int, ...] = ()
    """Where the bands of the composite are among its own."""
    unclear: float = 1.0
    """Share of cloud and shadow among its pixels with data."""

    @property
    def path(self) -> str:
        """Where it comes from; empty for arrays in memory."""
        return str(self.date.attrs.get("optical_path", ""))

    @property
    def id(self) -> str:
        """What the item of the composite calls it."""
        return str(self.date.attrs.get("id") or Path(self.path).name)

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path or f"the date {self.moment or 'without time'}"

    @property
    def moment(self) -> str:
        """When it was taken, ISO 8601 in UTC; empty if nobody knows.

        Raises:
            OptionError: It tells what is no time.
        """
        told = self.date.attrs.get("datetime")
        if not told:
            return ""
        try:
            when = datetime.fromisoformat(str(told))
            return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()
        except (ValueError, OverflowError):
            raise OptionError(
                f"{self.path or 'a date'}: its datetime {told!r} is no time of ISO 8601; correct it"
            ) from None

    @property
    def level(self) -> Any:
        """Processing level."""
        return self.date.attrs["level"]

    @property
    def bands(self) -> list[str]:
        """Names of its bands."""
        return [str(name) for name in self.date["band"].values]

    @property
    def reflectance(self) -> xr.DataArray:
        """Its reflectance: that of a product, or that of a scene."""
        return self.date["reflectance" if "reflectance" in self.date else "optical"]

    @property
    def encoding(self) -> dict[str, Any]:
        """How it stores reflectance; as it is where nobody knows."""
        return {"dtype": "float32", "offset": 0, "quantification": 1, "nodata": None} | self.reflectance.encoding

    def placed(self, corner: tuple[int, int], number: int, bands: Sequence[str]) -> Layer:
        """The date with its place in the composite.

        Args:
            corner: Row and column of the composite where it begins.
            number: Its number.
            bands: Bands of the composite.

        Returns:
            The date.
        """
        positions = tuple(self.bands.index(band) for band in bands)
        return dataclasses.replace(self, top=corner[0], left=corner[1], number=number, positions=positions)

    def judged(self, *, progress: bool = False) -> Layer:
        """The date with its share of cloud and shadow.

        Args:
            progress: Show a progress bar on a terminal.

        Returns:
            The date.
        """
        shape = (self.date.sizes["y"], self.date.sizes["x"])

        def count(window: Window) -> np.ndarray:
            quality = load(self.date, "quality", window.rows, window.cols)
            return np.bincount(quality.ravel(), minlength=len(Quality))

        with Bar(shape, "judging", shown=progress) as bar:
            counts = sum(side_by_side(count, blocks(shape, 2048), bar), np.zeros(len(Quality), np.int64))
        seen = int(counts[Quality.CLEAR :].sum())
        return dataclasses.replace(self, unclear=1 - int(counts[Quality.CLEAR]) / seen if seen else 1.0)

    def _own(self, window: Window) -> Window | None:
        height, width = self.date.sizes["y"], self.date.sizes["x"]
        return window.intersection(Window(self.top, self.left, height, width))

    def reaches(self, window: Window) -> bool:
        """Whether it has pixels in a window of the composite."""
        return self._own(window) is not None

    def _load(self, array: xr.DataArray, window: Window, out: np.ndarray) -> np.ndarray:
        """Fill in what the date has of a window of the composite."""
        own = self._own(window)
        if own is not None:
            rows = slice(own.top - self.top, own.rows.stop - self.top)
            cols = slice(own.left - self.left, own.cols.stop - self.left)
            inside = own.inside(window)
            part = np.asarray(array.isel(y=rows, x=cols).data)
            out[..., inside[0], inside[1]] = part if part.ndim == 2 else part[list(self.positions)]
        return out

    def classes(self, window: Window) -> np.ndarray:
        """Quality and source of a window of the composite.

        Args:
            window: The window.

        Returns:
            (2, y, x), uint8; no data outside the date.
        """
        found = np.zeros((2, window.height, window.width), np.uint8)
        self._load(self.date["quality"], window, found[0])
        if "source" in self.date:
            self._load(self.date["source"], window, found[1])
        else:
            found[1] = np.where(found[0] == Quality.CLEAR, Source.MEASURED, Source.NONE)
        return found

    def values(self, window: Window) -> np.ndarray:
        """Reflectance of a window of the composite, (band, y, x), NaN = no data."""
        shape = (len(self.positions), window.height, window.width)
        return self._load(self.reflectance, window, np.full(shape, np.nan, self.reflectance.dtype))

    def sigma(self, window: Window) -> np.ndarray:
        """Its uncertainty, (band, y, x), float32; 0 where measured, NaN = no data."""
        shape = (len(self.positions), window.height, window.width)
        if "uncertainty" not in self.date:
            return np.zeros(shape, np.float32)
        return self._load(self.date["uncertainty"], window, np.full(shape, np.nan, np.float32))
