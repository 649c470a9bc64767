"""Products in an object store: made in a local folder, sent file by file, their item last and in a single request.

The files of one attempt have a folder of their own, which only their item names, and the item is written only if there
is none. So attempts that race, or were killed, cannot mix: the first item wins, and all that it does not name is waste.
"""

from __future__ import annotations

import functools
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final
from uuid import uuid4

from sunbreak.errors import OptionError, OutputError, ProductExistsError
from sunbreak.inputs.product_files import PART
from sunbreak.rasters.endpoint import endpoint_url
from sunbreak.rasters.geotiff import failing_as
from sunbreak.rasters.remote import without_secrets
from sunbreak.rasters.staging import scratch_folder
from sunbreak.scale.dest import ITEM, item_of
from sunbreak.stac import MEDIA

SCHEMES: Final = ("s3", "gs", "az")
"""Object stores that are written to: S3 and what speaks like it, Google's, Azure's."""
PROBE: Final = ".sunbreak"
"""Written and removed again before a run, to see that writing is allowed."""
ANY: Final = "application/octet-stream"
"""Media type of what has none of its own."""
AT_ONCE: Final = 16
"""Items that are read at a time."""
_IS_ITEM: Final = re.compile(rf"[^/]+/[^/]+/{re.escape(ITEM)}")
_IS_PART: Final = re.compile(rf"([^/]+/[^/]+)/{PART}[0-9a-f]+/[^/]+")


@dataclass(frozen=True)
class Store:
    """A place in an object store, see `Destination`; keys come from the environment of each worker."""

    url: str
    """Its address, without a slash at the end."""

    @property
    def name(self) -> str:
        """See `Destination`."""
        return PurePosixPath(self.url.partition("://")[2]).name

    def __str__(self) -> str:
        return self.url

    def prepare(self) -> None:
        """See `Destination`."""
        import obstore

        try:
            store = _opened(self.url, retries=2)
            obstore.put(store, PROBE, b"")
            obstore.delete(store, PROBE)
        except Exception as error:
            raise OptionError(
                f"{self.url}: cannot be written to ({_why(error)}); check the bucket, the keys (AWS_ACCESS_KEY_ID,"
                " AWS_SECRET_ACCESS_KEY) and AWS_ENDPOINT_URL"
            ) from error
        with _scratch():  # there is room for it; and what killed runs have left goes, even if nothing is left to do
            pass

    def finished(self, folders: Iterable[str]) -> set[str]:
        """See `Destination`."""
        import obstore

        wanted = {f"{folder}/{ITEM}": folder for folder in folders}
        store = _opened(self.url)
        with _failing(self.url):
            if len(wanted) == 1:
                (key,) = wanted
                try:
                    obstore.head(store, key)
                except FileNotFoundError:
                    return set()
                return {wanted[key]}
            return {wanted[key] for key in _keys(store) if key in wanted}

    def make(self, folder: str, produce: Callable[[Path], object]) -> None:
        """See `Destination`."""
        with _scratch() as scratch:
            out = scratch / folder
            produce(out)
            self._publish(folder, out)

    def _publish(self, folder: str, out: Path) -> None:
        part = f"{PART}{uuid4().hex[:12]}"
        sent = self._send(f"{folder}/{part}", [path for path in sorted(out.iterdir()) if path.name != ITEM])
        item = _moved(json.loads((out / ITEM).read_text(encoding="utf-8")), part, out)
        content = json.dumps(item, indent=2).encode()
        if not self._create(f"{folder}/{ITEM}", content):
            self._remove(sent)
            raise ProductExistsError(f"{self.url}/{folder}: already holds a finished product")

    def _send(self, folder: str, files: Iterable[Path]) -> list[str]:
        import obstore

        store, sent = _opened(self.url), []
        try:
            with _failing(f"{self.url}/{folder}"):
                for path in files:
                    sent.append(f"{folder}/{path.name}")
                    # long files go in parts, several at a time; memory stays bounded
                    obstore.put(store, sent[-1], path, attributes={"Content-Type": MEDIA.get(path.suffix, ANY)})
        except OutputError:
            self._remove(sent)
            raise
        return sent

    def _create(self, key: str, content: bytes) -> bool:
        """Write an object unless it is there; whether it is this one that is there now."""
        import obstore

        store = _opened(self.url)
        # where the answer is lost nobody knows whether the item is there: its files stay, and the next attempt looks
        with _failing(f"{self.url}/{key}"):
            try:
                obstore.put(store, key, content, mode="create", attributes={"Content-Type": "application/geo+json"})
            except obstore.exceptions.AlreadyExistsError:
                # this very request may have been sent twice
                return bytes(obstore.get(store, key).bytes()) == content
        return True

    def _remove(self, keys: list[str]) -> None:
        import obstore

        for key in keys:
            try:
                obstore.delete(_opened(self.url), key)
            except Exception:  # waste does no harm, and the next run that settles tries again
                return

    def settle(self) -> dict[str, dict[str, Any]]:
        """See `Destination`."""
        import obstore

        store = _opened(self.url)

        def read(key: str) -> dict[str, Any]:
            return item_of(f"{self.url}/{key}", bytes(obstore.get(store, key).bytes()))

        with _failing(self.url), ThreadPoolExecutor(AT_ONCE) as pool:
            keys = sorted(_keys(store))
            paths = [key for key in keys if _IS_ITEM.fullmatch(key)]
            items = dict(zip(paths, pool.map(read, paths), strict=True))
            self._remove(_waste(keys, items))
        return items

    def put(self, name: str, content: bytes) -> None:
        """See `Destination`."""
        import obstore

        media = MEDIA.get(PurePosixPath(name).suffix, ANY)
        with _failing(f"{self.url}/{name}"):
            obstore.put(_opened(self.url), name, content, attributes={"Content-Type": media})


def open_store(url: str) -> Store:
    """A place in an object store.

    Args:
        url: Its address, as `s3://BUCKET/PREFIX`.

    Returns:
        It; nothing is touched yet.

    Raises:
        OptionError: Nothing is written to such an address, or obstore is not installed.
    """
    scheme, _, rest = url.partition("://")
    if scheme not in SCHEMES or not rest.strip("/"):
        raise OptionError(f"{url}: products go to a folder or to s3://BUCKET/PREFIX; choose another -o/--out")
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        raise OptionError(f"{url}: needs obstore: pip install 'sunbreak[store]'") from error
    return Store(url.rstrip("/"))


def _scratch() -> AbstractContextManager[Path]:
    """Where products lie until they are sent, for this user alone."""
    inside = Path(tempfile.gettempdir()) / f"sunbreak-{os.getuid()}"
    with failing_as(inside):
        inside.mkdir(mode=0o700, exist_ok=True)
        about = inside.lstat()
    # anybody may have made it before, in a folder for all
    if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.getuid():
        raise OutputError(f"{inside}: is not a folder of your own; set TMPDIR to one that is")
    return scratch_folder(inside)


@functools.cache
def _opened(url: str, retries: int = 10) -> Any:
    """Connections are kept; one for each process."""
    from obstore.store import from_url

    endpoint = endpoint_url() if url.startswith("s3://") else None
    settings: dict[str, Any] = {"retry_config": {"max_retries": retries}}
    if endpoint is not None:
        settings |= {"endpoint": endpoint, "client_options": {"allow_http": endpoint.startswith("http://")}}
    return from_url(url, **settings)


def _keys(store: Any) -> Iterator[str]:
    import obstore

    for chunk in obstore.list(store):
        yield from (str(one["path"]) for one in chunk)


def _moved(item: dict[str, Any], part: str, out: Path) -> dict[str, Any]:
    """An item whose files lie one folder lower, and whose local inputs are named by their whole path."""
    own = {asset["href"] for asset in item["assets"].values()}
    for one in (*item["assets"].values(), *item["links"]):
        if one["href"] in own:
            one["href"] = f"./{part}/{PurePosixPath(one['href']).name}"
        elif "://" not in one["href"]:
            one["href"] = os.path.normpath(out / one["href"])
    return item


def _waste(keys: Iterable[str], items: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Files of attempts whose scene has been finished by another one."""
    named = {
        (PurePosixPath(path).parent / asset["href"]).as_posix()
        for path, item in items.items()
        for asset in item["assets"].values()
    }
    parts = ((key, _IS_PART.fullmatch(key)) for key in keys)
    return [key for key, part in parts if part and f"{part[1]}/{ITEM}" in items and key not in named]


@contextmanager
def _failing(what: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError, _base_error()) as error:
        raise OutputError(f"{what}: the object store cannot be used ({_why(error)}); run again") from error


def _base_error() -> type[Exception]:
    from obstore.exceptions import BaseError

    return BaseError


def _why(error: Exception) -> str:
    """The reason alone: what was asked stands before it, and what the server wrote, in XML, after."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = lines[0].rpartition(" - ")[2].partition(": <")[0] if lines else ""
    return without_secrets(told) or type(error).__name__
