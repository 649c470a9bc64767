"""Quality classes of an archive's own masks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from sunbreak.errors import QualityError
from sunbreak.legend import SCL_TO_QUALITY, Quality

OWN: Final = "sunbreak"
SCL: Final = "scl"
MEANINGS: Final[dict[str, Mapping[int, Quality]]] = {
    OWN: {int(code): code for code in Quality},
    SCL: SCL_TO_QUALITY,
}
"""What codes mean, by the word of `quality_map=`."""


def classes_of(
    codes: npt.NDArray[Any], has_data: npt.NDArray[np.bool_], meaning: str, path: str | Path
) -> npt.NDArray[np.uint8]:
    """Turn the codes of a mask into quality classes.

    Args:
        codes: (y, x), integers.
        has_data: (y, x), where the optical image has data.
        meaning: A key of `MEANINGS`.
        path: The mask, for the message.

    Returns:
        (y, x), codes of `legend.Quality`; no data where the optical image has none.

    Raises:
        QualityError: A code has no meaning; the mask holds something else.

    Example:
        >>> classes_of(np.array([[4, 9, 3]]), np.ones((1, 3), bool), "scl", "scl.tif")
        array([[1, 3, 4]], dtype=uint8)
    """
    known = MEANINGS[meaning]
    found = {int(code) for code in np.unique(codes)}
    if not found <= known.keys():
        raise QualityError(
            f"{path}: holds the codes {sorted(found - known.keys())[:5]}, which are none of {meaning}; correct"
            f" quality_map={meaning}, one of {', '.join(MEANINGS)}, or the file"
        )
    quality = np.full(codes.shape, Quality.NODATA, np.uint8)
    for code in found:
        quality[(codes == code) & has_data] = known[code]
    return quality
