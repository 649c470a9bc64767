"""What stands before every request: only our own address, only reading, and headers that keep other pages out.

A page of another site, open in the same browser, could send requests to a server on this machine. It cannot read the
answers (same-origin policy), unless it makes its own name point here: hence the check of the Host header.
"""

from __future__ import annotations

import ipaddress
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LONGEST: Final = 2000
"""Bytes of path and query together."""
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""No script and style but ours, no address but this one. MapLibre makes blobs of tiles; its icons are data."""
HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Guard:
    """ASGI middleware that refuses what the page never asks for."""

    def __init__(self, app: ASGIApp, host: str) -> None:
        """Stand before an application.

        Args:
            app: The application.
            host: Name or address that the server listens on.
        """
        self._app, self._host = app, host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refused = self._refused(scope)
        await (refused or self._app)(scope, receive, send_with_headers)

    def _refused(self, scope: Scope) -> PlainTextResponse | None:
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
        if len(given) != 1 or not allowed(given[0], self._host):
            return PlainTextResponse("unknown host", 400)
        if scope["method"] not in ("GET", "HEAD"):
            return PlainTextResponse("only GET", 405)
        if len(scope.get("raw_path") or b"") + len(scope["query_string"]) > LONGEST:
            return PlainTextResponse("too long", 414)
        return None


def allowed(given: str, host: str) -> bool:
    """Whether a Host header names this server.

    Args:
        given: The header: a name or address, and perhaps a port.
        host: Name or address that the server listens on.

    Returns:
        True for this machine and for the host itself. Listening on all addresses, any address is it, but no name, as
        anyone can make a name point anywhere.

    Example:
        >>> allowed("127.0.0.1:8765", "127.0.0.1"), allowed("evil.example:8765", "127.0.0.1")
        (True, False)
    """
    name, _, port = given.rpartition(":")
    if not (name and port.isdecimal()):
        name = given
    name = name.removeprefix("[").removesuffix("]").lower()
    if name in (host.lower(), "localhost"):
        return True
    try:
        address = ipaddress.ip_address(name)
        listening = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback if not listening.is_unspecified else True
