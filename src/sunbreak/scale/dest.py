"""Where products go: a folder, or an object store; the rest of a run does not know which."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from sunbreak.errors import OptionError, OutputError
from sunbreak.inputs.items import items_in
from sunbreak.radiometry.metadata import parse_datetime
from sunbreak.rasters.staging import is_whole
from sunbreak.replacing import replaced

ITEM: Final = "item.json"
"""Written last: a product is there if and only if its item is."""
EDGES: Final = ("xmin", "ymin", "xmax", "ymax")
"""Of the bounding box of an item, in its order."""


class Destination(Protocol):
    """A place for products at `TILE/ID`; travels between processes."""

    @property
    def name(self) -> str:
        """Its last part, which names the collection."""

    def __str__(self) -> str:
        """Its path or address."""

    def prepare(self) -> None:
        """See that products can be written.

        Raises:
            OptionError: They cannot.
        """

    def finished(self, folders: Iterable[str]) -> set[str]:
        """Which products are there.

        Args:
            folders: Names of products, as `33UUT/NAME`.

        Returns:
            Those that are whole.
        """

    def make(self, folder: str, produce: Callable[[Path], object]) -> None:
        """Make a product, whole or not at all.

        Args:
            folder: Its name, as `33UUT/NAME`.
            produce: Writes it into a local folder.

        Raises:
            ProductExistsError: Somebody else was quicker.
            OutputError: It cannot be written.
        """

    def settle(self) -> dict[str, dict[str, Any]]:
        """Remove what killed workers have left beside finished products, and tell what is there.

        Returns:
            The items by their path, as `33UUT/NAME/item.json`, in the order of the paths.

        Raises:
            OutputError: One is no item of a product.
        """

    def put(self, name: str, content: bytes) -> None:
        """Write a file that describes all products; it is whole or as it was before.

        Args:
            name: Its name.
            content: What it holds.

        Raises:
            OutputError: It cannot be written.
        """


@dataclass(frozen=True)
class Folder:
    """A folder that all workers see, see `Destination`."""

    root: Path
    """Its absolute path."""

    @property
    def name(self) -> str:
        """See `Destination`."""
        return self.root.resolve().name

    def __str__(self) -> str:
        return str(self.root)

    def prepare(self) -> None:
        """See `Destination`."""
        try:
            self.root.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OptionError(f"{self.root}: cannot write there ({error.strerror}); choose another -o/--out") from error

    def finished(self, folders: Iterable[str]) -> set[str]:
        """See `Destination`."""
        return {folder for folder in folders if is_whole(self.root / folder)}

    def make(self, folder: str, produce: Callable[[Path], object]) -> None:
        """See `Destination`."""
        produce(self.root / folder)

    def settle(self) -> dict[str, dict[str, Any]]:
        """See `Destination`."""
        paths = sorted(path for path in self.root.glob(f"*/*/{ITEM}") if is_whole(path.parent))
        return {path.relative_to(self.root).as_posix(): item_of(str(path), path.read_bytes()) for path in paths}

    def put(self, name: str, content: bytes) -> None:
        """See `Destination`."""
        with replaced(self.root / name) as file:
            file.write_bytes(content)


def item_of(name: str, content: bytes) -> dict[str, Any]:
    """The item of a product, as far as lists of products rely on it.

    Args:
        name: Its path or address, for the message.
        content: Its file.

    Returns:
        The item.

    Raises:
        OutputError: It is none.
    """
    try:
        (item,) = items_in(json.loads(content))
        told, box, assets = item["properties"].get("datetime"), item.get("bbox"), item["assets"].values()
        if (
            not isinstance(item["id"], str)
            or (told is not None and parse_datetime(told) is None)
            or (box is not None and [type(edge) in (int, float) for edge in box] != [True] * len(EDGES))
            or not all(isinstance(asset["href"], str) for asset in assets)
        ):
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError):
        raise OutputError(f"{name}: is no item of a product; remove its folder, and run again") from None
    return item


def destination(given: str | Path) -> Destination:
    """The place that a user has named.

    Args:
        given: A folder, or the address of an object store, as `s3://BUCKET/PREFIX`.

    Returns:
        It; nothing is touched yet.

    Raises:
        OptionError: Nothing is written to such an address, or obstore, which writes to it, is not installed.
    """
    if "://" not in str(given):
        return Folder(Path(given).absolute())
    from sunbreak.scale.store import open_store

    return open_store(str(given))
