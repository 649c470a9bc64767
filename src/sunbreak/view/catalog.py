"""Find the products that are to be shown: folders, STAC items, and the items of a STAC collection, all local."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import numpy as np

from sunbreak.combinations import combinations_of
from sunbreak.errors import OptionError, RasterError
from sunbreak.inputs.product_files import is_product
from sunbreak.rasters.raster import check_path
from sunbreak.steps.read_product import Product, read_item, read_product
from sunbreak.view.layers import Layer, automatic_stretch, draw
from sunbreak.view.tiles import Tile

TILES: Final = 256
"""Tiles that are remembered, of at most about 400 kB each."""
ITEM: Final = "item.json"
INDEXES: Final = ("collection.json", "catalog.json")
"""Names under which a folder says that it holds many products."""
MOST: Final = 10_000
"""Products of one page; a larger collection is likely a mistake."""
DEEPEST: Final = 8
"""Catalogs within catalogs that are followed."""
OPEN: Final = 32
"""Products whose files are kept open."""
STRETCHES: Final = 1024
"""Stretches that are remembered."""


@dataclass(frozen=True)
class Entry:
    """A product in the list of the page."""

    id: str
    """Letters, digits and hyphens; what addresses hold instead of a path."""
    title: str
    """The id of its STAC item."""
    folder: Path
    """Its folder."""
    properties: Mapping[str, Any]
    """Properties of its STAC item."""

    @property
    def when(self) -> str | None:
        """Date and time of the image, ISO 8601; None if nobody knows."""
        return self.properties.get("datetime")


class Catalog:
    """The products of one page; nothing else is ever opened."""

    def __init__(self, entries: Sequence[Entry]) -> None:
        """Take the products.

        Args:
            entries: From `find`.
        """
        self.entries = {entry.id: entry for entry in entries}
        """Products by id, the oldest image first."""
        self.product = lru_cache(maxsize=OPEN)(self._open)
        """Opens a product by id; those used last stay open."""
        self.stretch = lru_cache(maxsize=STRETCHES)(self._stretch)
        """Fits the stretch of a product, by id, to a band combination, by name."""
        self.tile = lru_cache(maxsize=TILES)(self._tile)
        """Draws a tile; those asked for last are remembered, as many people look at one place, and one at it again."""

    def _open(self, key: str) -> Product:
        return read_product(self.entries[key].folder)

    def _stretch(self, key: str, combination: str) -> np.ndarray:
        product = self.product(key)
        return automatic_stretch(product, combinations_of(product.bands)[combination])

    def _tile(self, key: str, layer: Layer, combination: str, stretch: tuple[float, float] | None, at: Tile) -> bytes:
        product = self.product(key)
        shown = self.stretch(key, combination) if stretch is None else np.array([stretch] * 3)
        return draw(product, layer, combinations_of(product.bands)[combination], shown, at)


def find(paths: Sequence[str | Path]) -> Catalog:
    """Find products.

    Args:
        paths: Folders of products, their `item.json`, a STAC collection or catalog or its folder, or folders that hold
            folders of products.

    Returns:
        The catalog, by date, then in the order given.

    Raises:
        RasterError: A path holds no product, or a collection names one that is not there or not local.
        OptionError: There are too many.
    """
    entries: list[Entry] = []
    seen: set[Path] = set()
    ids: set[str] = set()
    for path in paths:
        for folder in _folders(Path(path), DEEPEST):
            if folder.resolve() in seen:
                continue
            seen.add(folder.resolve())
            if len(seen) > MOST:
                raise OptionError(f"{path}: holds more than {MOST} products; give some of them")
            item = read_item(folder / ITEM)
            if item["type"] != "Feature" or not is_product(folder):
                raise RasterError(f"{folder}: holds no restored scene; make one with sunbreak restore")
            title = str(item.get("id") or folder.resolve().name)
            entries.append(Entry(_unused(title, ids), title, folder, item["properties"]))
    return Catalog(sorted(entries, key=lambda entry: (entry.when is None, entry.when)))


def _folders(path: Path, depth: int) -> Iterator[Path]:
    """Folders of products behind a path."""
    if not path.exists():
        raise RasterError(f"{path}: no such folder; check the path")
    if path.is_file():
        content = read_item(path)
        if content["type"] == "Feature":
            yield path.parent
        else:
            yield from _linked(path, content, depth)
        return
    if (path / ITEM).is_file():
        yield path
        return
    index = next((path / name for name in INDEXES if (path / name).is_file()), None)
    if index is not None:
        yield from _linked(index, read_item(index), depth)
        return
    inside = sorted(item.parent for item in path.glob(f"*/{ITEM}"))
    if not inside:
        raise RasterError(f"{path}: holds no finished product ({ITEM}) and no STAC collection; check the path")
    yield from inside


def _linked(index: Path, content: Mapping[str, Any], depth: int) -> Iterator[Path]:
    """Folders of the items that a collection links to."""
    if not depth:
        raise RasterError(f"{index}: catalogs are nested too deeply; give one further down")
    links = [link for link in content["links"] if isinstance(link, dict) and link.get("rel") in ("item", "child")]
    if not links:
        raise RasterError(f"{index}: links to no item; give a collection of products")
    for link in links:
        href = str(link.get("href"))
        target = check_path(href if re.match(r"^[A-Za-z][A-Za-z0-9+.-]+:|^/", href) else index.parent / href)
        yield from _folders(target, depth - 1)


def _unused(title: str, ids: set[str]) -> str:
    """A short name for addresses that no other product has."""
    plain = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:60] or "scene"
    number, key = 1, plain
    while key in ids:
        number += 1
        key = f"{plain}-{number}"
    ids.add(key)
    return key
