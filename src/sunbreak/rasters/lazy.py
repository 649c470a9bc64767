"""Arrays that read their windows when they are asked for, in the form that xarray variables take."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import DTypeLike
from xarray.backends import BackendArray
from xarray.core.indexing import ExplicitIndexer, IndexingSupport, LazilyIndexedArray, explicit_indexing_adapter

CHUNK: Final = 2048
"""Windows larger than this many pixels a side are loaded piece by piece, to bound the memory in between."""

Load = Callable[[Sequence[int] | None, slice, slice], np.ndarray]
"""(leading positions or None for a plain (y, x) array, rows, columns) -> array of that window."""


class WindowedArray(BackendArray):
    """A (lead, y, x) or (y, x) array behind a function that loads windows.

    Example:
        >>> import xarray as xr
        >>> ramp = WindowedArray((4, 5), "float32", lambda lead, rows, cols: np.add.outer(
        ...     np.arange(rows.start, rows.stop), np.arange(cols.start, cols.stop)).astype("float32"))
        >>> xr.Variable(("y", "x"), lazy(ramp))[2:, 3].values.tolist()
        [5.0, 6.0]
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, load: Load) -> None:
        """Note the shape; nothing is loaded.

        Args:
            shape: (lead, y, x) or (y, x).
            dtype: Data type that `load` returns.
            load: Loads a window; called from any thread, with rows and columns of step 1 inside the shape.
        """
        self.shape, self.dtype, self._load = shape, np.dtype(dtype), load

    def __getitem__(self, key: ExplicitIndexer) -> np.ndarray:
        found: np.ndarray = explicit_indexing_adapter(key, self.shape, IndexingSupport.BASIC, self._window)
        return found

    def _window(self, key: tuple[int | slice, ...]) -> np.ndarray:
        rows, cols = (_as_range(part, size) for part, size in zip(key[-2:], self.shape[-2:], strict=True))
        lead = list(_as_range(key[0], self.shape[0])) if len(self.shape) == 3 else None
        shape = (*(() if lead is None else (len(lead),)), len(rows), len(cols))
        out = np.empty(shape, self.dtype)
        if out.size:
            row_step, col_step = max(1, CHUNK // rows.step), max(1, CHUNK // cols.step)
            for top in range(0, len(rows), row_step):
                for left in range(0, len(cols), col_step):
                    here, there = rows[top : top + row_step], cols[left : left + col_step]
                    piece = self._load(lead, slice(here[0], here[-1] + 1), slice(there[0], there[-1] + 1))
                    out[..., top : top + len(here), left : left + len(there)] = piece[..., :: here.step, :: there.step]
        dropped = tuple(0 if isinstance(part, (int, np.integer)) else slice(None) for part in key)
        return out[dropped]


def _as_range(part: int | slice, size: int) -> range:
    if isinstance(part, slice):
        return range(*part.indices(size))
    return range(int(part), int(part) + 1)


def lazy(array: WindowedArray) -> LazilyIndexedArray:
    """Wrap an array so that slicing it reads nothing yet.

    Args:
        array: The array.

    Returns:
        What `xarray.Variable` takes as data.
    """
    return LazilyIndexedArray(array)
