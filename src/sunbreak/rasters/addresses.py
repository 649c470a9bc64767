"""Where addresses that somebody else has written may lead.

A catalogue of the web could name servers inside the network of whoever reads it, which it cannot reach itself, and have
them asked (server-side request forgery). So nothing may name what lies further inside than itself: a public server
names public servers; a server of this network, or a file of this machine, also names servers of this network; nobody
names link-local addresses, where clouds keep the keys of their machines. What the user types may lie anywhere.
"""

from __future__ import annotations

import ipaddress
import re
import socket
import urllib.request
from collections.abc import Mapping
from enum import IntEnum
from functools import lru_cache
from http.client import HTTPException
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from sunbreak.errors import InputError

SECONDS: Final = 60
"""How long an answer is waited for."""
_BLANK: Final = re.compile(r"[\x00-\x20\x7f]")
_HOST: Final = re.compile(r"[A-Za-z0-9._-]+|[0-9A-Fa-f:.]+(%\w+)?")


class Reach(IntEnum):
    """How far inside a place lies."""

    PUBLIC = 0
    PRIVATE = 1
    LINK_LOCAL = 2


WORDS: Final = {
    Reach.PUBLIC: "public",
    Reach.PRIVATE: "an address of this machine or its network",
    Reach.LINK_LOCAL: "a link-local address",
}


def bare(href: str) -> str:
    """An address without what may be a secret in it.

    Args:
        href: An address, or a path.

    Returns:
        Scheme, host and path; without user, query and fragment.

    Example:
        >>> bare("https://me:word@example.org/item.json?sig=abc")
        'https://example.org/item.json'
    """
    try:
        parts = urlsplit(href)
    except ValueError:  # brackets that are no address of IPv6
        return href.partition("?")[0]
    if not parts.scheme or not parts.netloc:
        return href
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def reach_of(place: str | Path) -> Reach:
    """How far inside a place lies.

    Args:
        place: An address, or a path.

    Returns:
        That of the host's innermost address; private for files, and public for S3, whose endpoint the user sets, and
        for names that nobody knows here, which a proxy may.

    Raises:
        InputError: The address names no host.

    Example:
        >>> reach_of("http://127.1:8080/a.tif").name, reach_of("http://[fe80::1]/").name
        ('PRIVATE', 'LINK_LOCAL')
    """
    if isinstance(place, Path):
        return Reach.PRIVATE
    try:
        parts = urlsplit(place)
        host = parts.hostname or ""
    except ValueError:
        raise InputError(f"{bare(place)}: is no address of a server; correct it") from None
    if parts.scheme.lower() == "s3":
        return Reach.PUBLIC
    # of addresses with a backslash or a blank in them libraries make different hosts
    if not _HOST.fullmatch(host) or "\\" in parts.netloc or _BLANK.search(place):
        raise InputError(f"{bare(place)}: is no address of a server; correct it")
    try:
        return _reach_of_host(host)
    except (OSError, UnicodeError):  # nobody bears that name now; it is looked up again the next time
        return Reach.PUBLIC


@lru_cache(maxsize=1024)
def _reach_of_host(host: str) -> Reach:
    try:
        return reach_of_ip(host)
    except ValueError:  # a name, or numbers in a form that only the system understands
        pass
    found = {str(entry[4][0]) for entry in socket.getaddrinfo(host, None, proto=socket.IPPROTO_TCP)}
    return max((reach_of_ip(text) for text in found), default=Reach.PUBLIC)


def reach_of_ip(text: str) -> Reach:
    """How far inside an address of the internet protocol lies.

    Args:
        text: As numbers.

    Returns:
        Public only if it is assigned for use all over the world.
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    address = getattr(address, "ipv4_mapped", None) or address
    if address.is_link_local:
        return Reach.LINK_LOCAL
    return Reach.PUBLIC if address.is_global else Reach.PRIVATE


def check_reach(place: str, by: str | Path) -> None:
    """Refuse an address that lies further inside than what names it.

    Args:
        place: The address.
        by: The address, or the file, that names it.

    Raises:
        InputError: It does; save what names it, if you trust it.
    """
    where = reach_of(place)
    if where > reach_of(by):
        remedy = "save it as a file if you trust it" if where is Reach.PRIVATE else "correct it"
        raise InputError(f"{bare(str(by))}: refused, it leads to {bare(place)}, {WORDS[where]}; {remedy}")


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects as far as they may lead."""

    def __init__(self, by: str | Path) -> None:
        self.by = by

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        check_reach(newurl, self.by)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(place: str, by: str | Path, *, most: int, headers: Mapping[str, str]) -> bytes:
    """Fetch a small file, following redirects as far as they may lead.

    Args:
        place: Its address, http or https.
        by: What names it; the address itself where the user has typed it.
        most: Bytes that are read, at most.
        headers: Of the request.

    Returns:
        Its first bytes.

    Raises:
        InputError: A redirect leads further inside than `by`.
        OSError: It cannot be fetched.
        ValueError: The address cannot be used.
        HTTPException: What answers does not speak HTTP.
    """
    opener = urllib.request.build_opener(_Redirects(by))
    with opener.open(urllib.request.Request(place, headers=dict(headers)), timeout=SECONDS) as answer:
        content: bytes = answer.read(most)
    return content


@lru_cache(maxsize=4096)
def check_redirects(place: str, by: str | Path) -> None:
    """Refuse an address that is redirected further inside than what names it; GDAL would follow without asking.

    A server that redirects GDAL but not this one request, or only later, is not found out.

    Args:
        place: The address.
        by: What names it.

    Raises:
        InputError: It is.
    """
    if reach_of(by) is not Reach.PUBLIC or urlsplit(place).scheme.lower() == "s3":
        return
    try:
        fetch(place, by, most=1, headers={"Range": "bytes=0-0"})
    except (OSError, ValueError, HTTPException):
        return  # GDAL will tell, and tries more often
