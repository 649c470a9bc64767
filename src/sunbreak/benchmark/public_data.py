"""A simulated scene as SEN12MS-CR would publish it: patches in the layout of its archives, to measure reading on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rasterio
from affine import Affine
from rasterio.windows import Window

SEASON: Final = "ROIs1158_spring"
REGION: Final = 1
"""Of the train split."""
SIDE: Final = 256
"""Side of a patch in pixels."""
PARTS: Final = {"s1": "radar", "s2": "truth", "s2_cloudy": "optical"}
"""Files of a patch, and those of the scene that they are cut from."""


def sen12ms_cr(scene: Path) -> str:
    """Patches of a simulated scene of level 1C: uncompressed, pixel-interleaved, as the archives hold them.

    Args:
        scene: Folder of the scene.

    Returns:
        The data SPEC; its patches are of the train split.
    """
    root = scene / "sen12ms-cr"
    for part, source in PARTS.items():
        folder = root / f"{SEASON}_{part}" / f"{part}_{REGION}"
        if folder.is_dir():
            continue
        beside = folder.with_name(f"{folder.name}.partial")
        beside.mkdir(parents=True, exist_ok=True)
        with rasterio.open(scene / f"{source}.tif") as whole:
            for number in range((whole.height // SIDE) * (whole.width // SIDE)):
                top, left = (SIDE * place for place in divmod(number, whole.width // SIDE))
                values = whole.read(window=Window(left, top, SIDE, SIDE))
                if part != "s1":  # without the offset of later products
                    values = np.clip(values.astype(np.int32) - 1000, 1, 10_000).astype(np.uint16)
                _write(beside / f"{SEASON}_{part}_{REGION}_p{number}.tif", values)
        beside.rename(folder)
    return f"sen12ms-cr:{root},split=train"


def _write(path: Path, values: npt.NDArray[Any]) -> None:
    with rasterio.open(
        path, "w", driver="GTiff", count=len(values), height=SIDE, width=SIDE, dtype=values.dtype, interleave="pixel",
        crs="EPSG:32652", transform=Affine(10, 0, 637702.775, 0, -10, 3632392.775),
    ) as file:  # fmt: skip
        file.write(values)
