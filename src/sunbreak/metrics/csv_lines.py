"""Write records as comma-separated values."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

RENAMED: Final = {"region": "part"}
"""Parts of the image are told from regions, which here are places on Earth."""


def render(records: Sequence[Mapping[str, Any]]) -> str:
    """Write records as comma-separated values.

    Args:
        records: Records of the same keys.

    Returns:
        A line of names, then a line a record; numbers in full, an interval in two columns, `NAME_low` and `NAME_high`,
        and nothing where nothing is defined.

    Example:
        >>> print(render([{"model": "a,b", "psnr": 30.5, "psnr_interval_95": (1.0, 2.0), "sam": float("nan")}]))
        model,psnr,psnr_interval_95_low,psnr_interval_95_high,sam
        "a,b",30.5,1.0,2.0,
        <BLANKLINE>
    """
    lines = [_flat(record) for record in records]
    text = io.StringIO()
    writer = csv.DictWriter(text, lines[0] if lines else (), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def _flat(record: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in record.items():
        name = RENAMED.get(key, key)
        if key.endswith("_interval_95"):
            flat[f"{name}_low"], flat[f"{name}_high"] = value or (None, None)
        else:
            flat[name] = None if isinstance(value, float) and math.isnan(value) else value
    return flat
