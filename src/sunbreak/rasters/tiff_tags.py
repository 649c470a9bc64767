"""Patch one TIFF tag that GDAL's writers get wrong.

When GDAL copies a raster of two bands with a colour table, it declares the second band to be transparency, whatever
the source and the creation options say. In `quality.tif` that band is the source of the pixel, and viewers would fade
the map by it. The value sits inside the directory entry, so it can be corrected in place without moving a byte.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO, Final

EXTRA_SAMPLES: Final = 338
"""Tag that says what the bands beyond the first mean; 0 = unspecified, 2 = transparency."""


def declare_no_alpha(path: Path) -> None:
    """Set `ExtraSamples` of a two-band TIFF to "unspecified" in all its directories (full resolution and overviews).

    Args:
        path: A TIFF or BigTIFF file with at most one extra band.

    Source:
        TIFF 6.0 specification, sections 2 and 18; BigTIFF design of libtiff.
    """
    with path.open("r+b") as file:
        magic = file.read(4)
        order = "<" if magic[:2] == b"II" else ">"
        big = struct.unpack(order + "H", magic[2:])[0] == 43
        word, size, counter, first = ("Q", 8, "Q", 8) if big else ("I", 4, "H", 4)
        position = _unpack(file, first, order + word)
        while position:
            entries = _unpack(file, position, order + counter)
            start, length = position + struct.calcsize(counter), 4 + 2 * size
            for entry in range(start, start + entries * length, length):
                if _unpack(file, entry, order + "H") == EXTRA_SAMPLES:
                    file.seek(entry + 4 + size)
                    file.write(struct.pack(order + "H", 0))
            position = _unpack(file, start + entries * length, order + word)


def _unpack(file: BinaryIO, position: int, layout: str) -> int:
    file.seek(position)
    return int(struct.unpack(layout, file.read(struct.calcsize(layout)))[0])
