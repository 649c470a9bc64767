"""The scene: the one Dataset that travels between the steps.

A scene is an `xarray.Dataset` on one grid (`scene.odc.geobox`):

| variable | dims | content |
| --- | --- | --- |
| `optical` | band, y, x | reflectance, float32 (float64 only where the file is), 1.0 = 100 %, NaN = no data |
| `radar` | pol, y, x | backscatter in dB, float32, NaN = invalid; absent without radar |
| `quality` | y, x | uint8, `legend.Quality`; absent until the mask step |
| `look` | band, y, x | clear reflectance of other dates, float32, NaN = none; absent without `with_references` |
| `look_radar` | pol, y, x | backscatter in dB of the dates of the look, float32, NaN = invalid; absent without |

Variables read from files are lazy: a window is read when it is asked for. `optical.encoding` says how reflectance is
stored in the input's file (`dtype`, `offset` in DN, `quantification`, `nodata`), so that a product can be written
in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import xarray as xr
from affine import Affine
from odc.geo.geobox import GeoBox
from odc.geo.xr import xr_coords

from sunbreak.bands import OPTICAL_BANDS, QUANTIFICATION, RADAR_BANDS, Level
from sunbreak.errors import GeometryError, OptionError, QualityError
from sunbreak.legend import Quality

HIGHEST_MEDIAN: Final = 5.0
"""No scene has a median reflectance above this, whatever its clouds."""


def make_scene(
    optical: Any,
    *,
    bands: Sequence[str],
    level: Level,
    radar: Any | None = None,
    pols: Sequence[str] = RADAR_BANDS,
    quality: Any | None = None,
    geobox: GeoBox | None = None,
    encoding: dict[str, Any] | None = None,
    **attrs: Any,
) -> xr.Dataset:
    """Build a scene from arrays, in memory or lazily indexed, and check that they fit together.

    Args:
        optical: Reflectance, (band, y, x), float, 1.0 = 100 %, NaN = no data.
        bands: Names of the optical bands, as in `bands.OPTICAL_BANDS`, in the order of the array.
        level: Processing level of the reflectance.
        radar: Backscatter in dB, (pol, y, x), float32, NaN = invalid, or None.
        pols: Polarisations of the radar array, in its order.
        quality: Quality classes, (y, x), uint8, or None.
        geobox: The grid; None means no georeferencing.
        encoding: How reflectance is stored: `dtype`, `offset` (DN), `quantification`, `nodata`.
        attrs: Further facts: `datetime` and `radar_datetime` (ISO 8601), `sun_azimuth` and `sun_elevation` (degrees),
            `optical_path`, `radar_path`, `radar_days` (time gap in days).

    Returns:
        The scene.

    Raises:
        OptionError: A band or polarisation is unknown, named twice or out of order, or the values are not reflectance.
        QualityError: Quality holds unknown codes.
        GeometryError: Shapes differ.

    Example:
        >>> import numpy as np
        >>> scene = make_scene(np.full((2, 4, 5), 0.1, "float32"), bands=["B03", "B08"], level="L2A")
        >>> dict(scene.sizes)
        {'band': 2, 'y': 4, 'x': 5}
    """
    unknown = [name for name in bands if name not in OPTICAL_BANDS]
    if unknown or len(set(bands)) != len(bands):
        raise OptionError(f"bands {list(bands)}: each must be one of {list(OPTICAL_BANDS)}, named once")
    if [pol for pol in pols if pol not in RADAR_BANDS] or len(set(pols)) != len(pols):
        raise OptionError(f"polarisations {list(pols)}: each must be one of {list(RADAR_BANDS)}, named once")
    if list(pols) != [pol for pol in RADAR_BANDS if pol in pols]:
        raise OptionError(f"polarisations {list(pols)}: give them in the order {', '.join(RADAR_BANDS)}")
    _check_values(optical, quality)
    height, width = optical.shape[-2:]
    if geobox is None:
        geobox = GeoBox((height, width), Affine.identity(), None)
    expected = {"optical": (len(bands), height, width), "radar": (len(pols), height, width), "quality": (height, width)}
    arrays = {"optical": optical, "radar": radar, "quality": quality}
    dims = {"optical": ("band", "y", "x"), "radar": ("pol", "y", "x"), "quality": ("y", "x")}
    if tuple(geobox.shape) != (height, width):
        raise GeometryError(f"the grid has {tuple(geobox.shape)} pixels, optical has {(height, width)}")
    variables: dict[str, xr.Variable] = {}
    for name, array in arrays.items():
        if array is None:
            continue
        if tuple(array.shape) != expected[name]:
            raise GeometryError(f"{name} has shape {tuple(array.shape)}, expected {expected[name]}")
        variables[name] = xr.Variable(dims[name], array)
    coords: dict[str, Any] = {"band": list(bands)}
    if radar is not None:
        coords["pol"] = list(pols)
    coords.update({str(name): values for name, values in xr_coords(geobox, always_yx=True).items()})
    facts = {key: value for key, value in attrs.items() if value is not None}
    scene = xr.Dataset(variables, coords=coords, attrs={"level": level, **facts})
    stored = {"dtype": "float32", "offset": 0, "quantification": QUANTIFICATION, "nodata": None, **(encoding or {})}
    scene["optical"].encoding.update(stored)
    return scene


def _check_values(optical: Any, quality: Any) -> None:
    """Refuse arrays in memory that are plainly something else; lazy ones come from files that were checked."""
    if isinstance(optical, np.ndarray):
        if optical.dtype.kind != "f":
            raise OptionError(f"optical holds {optical.dtype}; give reflectance as float32, 1.0 = 100 %, NaN = no data")
        thinned = optical[..., :: max(1, optical.shape[-2] // 256), :: max(1, optical.shape[-1] // 256)]
        values = thinned[np.isfinite(thinned)]
        if values.size and np.median(values) > HIGHEST_MEDIAN:
            raise OptionError(f"optical has a median of {np.median(values):.0f}; give reflectance, 1.0 = 100 %, not DN")
    if isinstance(quality, np.ndarray) and quality.size and quality.max() > max(Quality):
        raise QualityError(f"quality holds the code {quality.max()}; codes go from 0 to {int(max(Quality))}")


def window(scene: xr.Dataset, name: str, rows: slice, cols: slice) -> np.ndarray:
    """Load one window of a variable; reads from its file where the variable is lazy.

    Args:
        scene: A scene.
        name: `optical`, `radar`, `quality`, `look` or `look_radar`.
        rows: Rows of the window, inside the scene.
        cols: Columns of the window, inside the scene.

    Returns:
        Array of the window, with the variable's leading dimension if it has one.
    """
    return np.asarray(scene[name].isel(y=rows, x=cols).data)
