"""Lay a tiled GeoTIFF with its overviews out as a Cloud Optimized GeoTIFF, without decoding a single tile.

A COG holds all directories first, then the tiles of the smallest overview, and those of the full resolution last. While
blocks are written the file grows in another order. GDAL's COG driver decodes and encodes everything a second time to
put it right; here the compressed tiles are copied as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, Final

LAYOUT: Final = (
    "LAYOUT=IFDS_BEFORE_DATA\nBLOCK_ORDER=ROW_MAJOR\nBLOCK_LEADER=SIZE_AS_UINT4\n"
    "BLOCK_TRAILER=LAST_4_BYTES_REPEATED\nKNOWN_INCOMPATIBLE_EDITION=NO\n "
)
"""What GDAL's COG driver promises of a file, word for word: every tile is preceded by its size, and its last four bytes
are repeated, so that a reader gets it with one request and notices when an editor has moved it."""
FRAME: Final = 8
"""Bytes around a tile: its size before it, its last four bytes behind it."""
WIDTH: Final = 256
TILE_OFFSETS: Final = 324
TILE_BYTE_COUNTS: Final = 325
SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value, by its TIFF type."""
UNSIGNED: Final = {1: "B", 3: "H", 4: "I", 16: "Q"}
"""Format of the types that sizes and places come in."""


@dataclass(frozen=True)
class _Form:
    """How a TIFF stores its directories."""

    order: str
    """Byte order, as in `struct`."""
    big: bool
    """BigTIFF."""

    @property
    def word(self) -> str:
        """Format of a place in the file."""
        return self.order + ("Q" if self.big else "I")

    @property
    def counter(self) -> str:
        """Format of the number of entries."""
        return self.order + ("Q" if self.big else "H")

    @property
    def entry(self) -> int:
        """Bytes of an entry."""
        return 20 if self.big else 12

    @property
    def header(self) -> bytes:
        """The beginning of a file whose first directory follows the promise of `LAYOUT`."""
        told = f"GDAL_STRUCTURAL_METADATA_SIZE={len(LAYOUT):06d} bytes\n{LAYOUT}".encode()
        first = _even((16 if self.big else 8) + len(told))
        mark = b"II" if self.order == "<" else b"MM"
        start = (
            struct.pack(self.order + "HHHQ", 43, 8, 0, first) if self.big else struct.pack(self.order + "HI", 42, first)
        )
        return (mark + start + told).ljust(first, b"\0")


@dataclass(frozen=True)
class _Tag:
    """One entry of a directory."""

    code: int
    kind: int
    count: int
    data: bytes

    def numbers(self, form: _Form) -> tuple[int, ...]:
        return struct.unpack(f"{form.order}{self.count}{UNSIGNED[self.kind]}", self.data)


@dataclass(frozen=True)
class _Directory:
    """One resolution of the file."""

    tags: dict[int, _Tag]
    width: int
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]

    def stored(self, form: _Form, place: int, following: int, offsets: Sequence[int]) -> bytes:
        """The directory as it lies at `place`, followed by the data of its tags."""
        kind = 16 if form.big else 4
        moved = _Tag(
            TILE_OFFSETS, kind, len(offsets), struct.pack(f"{form.order}{len(offsets)}{UNSIGNED[kind]}", *offsets)
        )
        tags = [moved if tag.code == TILE_OFFSETS else tag for _, tag in sorted(self.tags.items())]
        word = struct.calcsize(form.word)
        behind = struct.calcsize(form.counter) + form.entry * len(tags) + word
        entries, data = bytearray(struct.pack(form.counter, len(tags))), bytearray()
        for tag in tags:
            entries += struct.pack(form.order + "HH", tag.code, tag.kind) + struct.pack(form.word, tag.count)
            if len(tag.data) <= word:
                entries += tag.data.ljust(word, b"\0")
            else:
                entries += struct.pack(form.word, place + behind + len(data))
                data += tag.data.ljust(_even(len(tag.data)), b"\0")
        return bytes(entries + struct.pack(form.word, following) + data)


def lay_out(source: Path, target: Path) -> None:
    """Copy a tiled GeoTIFF to a Cloud Optimized GeoTIFF, tile by tile as they are compressed.

    Args:
        source: A tiled TIFF or BigTIFF with its overviews inside and no masks.
        target: The file to write.

    Raises:
        OSError: Reading or writing failed, or a tile of the source is cut off.

    Source:
        TIFF 6.0 specification, sections 2 and 15; BigTIFF design of libtiff; the COG driver's page in GDAL's
        documentation, "File format details".
    """
    with source.open("rb") as file, target.open("wb") as out:
        form, directories = _read(file)
        directories.sort(key=lambda one: -one.width)
        # a directory takes the same room wherever it lies and its tiles lie
        rooms = [_even(len(one.stored(form, 0, 0, one.sizes))) for one in directories]
        places = list(accumulate(rooms, initial=len(form.header)))
        tiles = _places(directories, places[-1])
        out.write(form.header)
        for one, place, room, offsets in zip(directories, places, rooms, tiles, strict=False):
            following = place + room if one is not directories[-1] else 0
            out.write(one.stored(form, place, following, offsets).ljust(room, b"\0"))
        for one in reversed(directories):
            for offset, size in zip(one.offsets, one.sizes, strict=True):
                if size:
                    out.write(_framed(file, offset, size))


def _places(directories: Sequence[_Directory], start: int) -> list[list[int]]:
    """Where every tile comes to lie, by directory; 0 for a tile that is absent."""
    found: list[list[int]] = []
    for one in reversed(directories):
        ends = list(accumulate((size + FRAME if size else 0 for size in one.sizes), initial=start))
        found.insert(0, [place + FRAME // 2 if size else 0 for place, size in zip(ends, one.sizes, strict=False)])
        start = ends[-1]
    return found


def _framed(file: BinaryIO, offset: int, size: int) -> bytes:
    """A tile with its size before it and its last four bytes once more behind it."""
    tile = _bytes(file, offset, size)
    return struct.pack("<I", size) + tile + tile[-4:].rjust(4, b"\0")


def _read(file: BinaryIO) -> tuple[_Form, list[_Directory]]:
    """All directories of a TIFF."""
    magic = file.read(4)
    order = "<" if magic[:2] == b"II" else ">"
    form = _Form(order, big=struct.unpack(order + "H", magic[2:])[0] == 43)
    return form, list(_directories(file, form))


def _directories(file: BinaryIO, form: _Form) -> Iterator[_Directory]:
    word = struct.calcsize(form.word)
    (place,) = _unpack(file, 8 if form.big else 4, form.word)
    while place:
        (count,) = _unpack(file, place, form.counter)
        entries = _bytes(file, place + struct.calcsize(form.counter), count * form.entry + word)
        tags = {}
        for start in range(0, count * form.entry, form.entry):
            code, kind = struct.unpack_from(form.order + "HH", entries, start)
            (values,) = struct.unpack_from(form.word, entries, start + 4)
            data = entries[start + 4 + word : start + form.entry][: values * SIZES[kind]]
            if values * SIZES[kind] > word:
                data = _bytes(file, struct.unpack(form.word, data)[0], values * SIZES[kind])
            tags[code] = _Tag(code, kind, values, data)
        (width,), offsets, sizes = (tags[code].numbers(form) for code in (WIDTH, TILE_OFFSETS, TILE_BYTE_COUNTS))
        yield _Directory(tags, width, offsets, sizes)
        (place,) = struct.unpack_from(form.word, entries, count * form.entry)


def _unpack(file: BinaryIO, place: int, layout: str) -> tuple[int, ...]:
    return struct.unpack(layout, _bytes(file, place, struct.calcsize(layout)))


def _bytes(file: BinaryIO, place: int, size: int) -> bytes:
    file.seek(place)
    found = file.read(size)
    if len(found) < size:
        raise OSError(f"cut off: {size} bytes expected at byte {place}")
    return found


def _even(number: int) -> int:
    return number + number % 2
