"""Archives behind a STAC API: a live search of an area and a period, through pystac-client.

Source: STAC API 1.0, Item Search (POST /search with collections, bbox and datetime; paged).
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from typing import Any, Final

from sunbreak.data.archive.dates import day_option
from sunbreak.data.spec import Spec
from sunbreak.errors import InputError, OptionError
from sunbreak.rasters.addresses import SECONDS, bare, check_reach
from sunbreak.rasters.crop import Bounds, check_bounds

MOST_ITEMS: Final = 2000
"""Items after which a search is held to be wider than was meant: some five years of one place."""
MAX_ANSWER: Final = 256 << 20
"""Longest answer; a page of items takes about 10 MiB at most."""
TRIES: Final = 5
"""Requests that fail are repeated so often, as pystac-client does."""
_API: Final = re.compile(r"^https?://", re.IGNORECASE)


def is_api(path: str) -> bool:
    """Whether an archive lies behind a STAC API.

    Args:
        path: Of the SPEC.

    Returns:
        True for an address of http or https that is no file of items.

    Example:
        >>> is_api("https://earth-search.aws.element84.com/v1"), is_api("items.json")
        (True, False)
    """
    return bool(_API.match(path))


def bounds_of(spec: Spec) -> Bounds | None:
    """The area that the user asked for.

    Args:
        spec: The SPEC.

    Returns:
        West, south, east, north in degrees; None without `bbox`.

    Raises:
        OptionError: `bbox` is no rectangle.
    """
    if not spec["bbox"]:
        return None
    try:
        west, south, east, north = (float(part) for part in spec["bbox"].split(":"))
    except ValueError:
        raise OptionError(
            f"bbox={spec['bbox']}: expected west:south:east:north in degrees, as in bbox=13.1:52.3:13.2:52.4"
        ) from None
    return check_bounds((west, south, east, north), "bbox")


def search(spec: Spec) -> list[dict[str, Any]]:
    """Search a STAC API for the Sentinel-2 and Sentinel-1 items of an area.

    Args:
        spec: `archive:https://...` with `bbox`, and `from`, `until`, `collections`.

    Returns:
        The items as JSON, by time and name; only assets behind http and https are left in them, as a catalogue may not
        point to this machine's files.

    Raises:
        OptionError: `bbox` is missing, pystac-client is not installed, or more is found than one place can have.
        InputError: The API cannot be reached, or answers with an error.
    """
    bounds = bounds_of(spec)
    if bounds is None:
        raise OptionError(f"{spec.path}: a search needs bbox=west:south:east:north in degrees")
    first, last = (day_option(name, spec[name], end) for name, end in (("from", date.min), ("until", date.max)))
    period = _period(first, last, spec["radar_days"])
    found = search_api(spec.path, spec["collections"].split("+"), bounds, period, most=MOST_ITEMS + 1)
    items = [_fetchable(item) for item in found]
    if len(items) > MOST_ITEMS:
        raise OptionError(f"{spec.path}: finds more than {MOST_ITEMS} items; give a shorter period (from=, until=)")
    if not items:
        raise OptionError(
            f"{spec.path}: finds nothing of {spec['collections']} there; check bbox, period, collections="
        )
    return sorted(items, key=lambda item: (str(item.get("properties", {}).get("datetime")), str(item.get("id"))))


def search_api(
    address: str, collections: Sequence[str], bounds: Bounds, period: str | None, *, most: int | None = None
) -> Iterator[dict[str, Any]]:
    """Search a STAC API.

    Args:
        address: Of the API.
        collections: Names of its collections.
        bounds: West, south, east, north in degrees.
        period: Interval of RFC 3339, open at an end that is `..`; None for all times.
        most: Items after which the search ends; None for no end.

    Yields:
        The items as the API has them; page after page, as those of a country and year fill no memory.

    Raises:
        OptionError: pystac-client is not installed.
        InputError: The API cannot be reached, answers with an error, or leads to where it may not.
    """
    try:
        from pystac_client import Client
        from pystac_client.exceptions import APIError
        from requests import RequestException
    except ImportError as error:
        raise OptionError(f"{address}: a search needs pystac-client: pip install 'sunbreak[stac]'") from error
    try:
        found = Client.open(address, stac_io=_careful_io(address)).search(
            collections=list(collections), bbox=list(bounds), datetime=period, max_items=most
        )
        yield from found.items_as_dicts()
    except (APIError, RequestException, NotImplementedError, KeyError, ValueError) as error:
        if isinstance(error.__context__, InputError):  # pystac-client makes errors of its own of all others
            raise error.__context__ from None
        # what requests says repeats the address, with whatever key is in it
        told = [] if address != bare(address) else str(error).strip().splitlines()
        raise InputError(
            f"{bare(address)}: cannot be searched ({told[0] if told else type(error).__name__})"
        ) from error


def _careful_io(address: str) -> Any:
    """What asks the API: it follows links and redirects as far as they may lead, and bounds answers."""
    from pystac_client.stac_api_io import StacApiIO
    from requests.adapters import HTTPAdapter

    class Careful(HTTPAdapter):
        def send(self, request: Any, *_: Any, **how: Any) -> Any:
            check_reach(request.url, address)
            response = super().send(request, **{**how, "stream": True})
            body = response.raw.read(MAX_ANSWER + 1, decode_content=True)
            response.close()
            if len(body) > MAX_ANSWER:
                raise InputError(f"{bare(request.url)}: answers with more than {MAX_ANSWER >> 20} MiB; ask for less")
            response.raw = io.BytesIO(body)
            response.headers.pop("Content-Encoding", None)  # it is decoded now
            return response

    class OfTheWeb(StacApiIO):
        def read_text(self, source: Any, *given: Any, **more: Any) -> str:
            href = getattr(source, "href", None) or str(source)
            if not is_api(href):
                raise InputError(f"{bare(address)}: refused, it leads to {bare(href)}, which is no address of the web")
            return str(super().read_text(source, *given, **more))

    asks = OfTheWeb(timeout=SECONDS)
    for scheme in ("http://", "https://"):
        asks.session.mount(scheme, Careful(max_retries=TRIES))
    return asks


def _period(first: date, last: date, apart: int) -> str | None:
    """The days as an interval, open where the user has given none, wide enough for the radar beside each."""
    begin = ".." if first == date.min else f"{first - timedelta(apart)}T00:00:00Z"
    end = ".." if last == date.max else f"{last + timedelta(apart)}T23:59:59Z"
    return None if begin == end else f"{begin}/{end}"


def _fetchable(item: dict[str, Any]) -> dict[str, Any]:
    assets = {
        key: asset
        for key, asset in item.get("assets", {}).items()
        if isinstance(asset, dict) and _API.match(str(asset.get("href")))
    }
    return {**item, "assets": assets}
