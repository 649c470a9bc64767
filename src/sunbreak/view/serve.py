"""Serve the page until the user stops it."""

from __future__ import annotations

import contextlib
import os
import socket
from typing import Final

import rasterio
import uvicorn

from sunbreak.errors import OptionError
from sunbreak.view.app import make_app
from sunbreak.view.catalog import Catalog

CACHE: Final = 128 << 20
"""Bytes of decoded blocks that GDAL keeps."""
WAITING: Final = 200
"""Requests at once beyond which the server says that it is busy; a page waits for about a dozen."""
HIGHEST_PORT: Final = 65_535
PATIENCE: Final = 3
"""Seconds that open requests get when the server is stopped."""


def serve(catalog: Catalog, *, host: str, port: int) -> None:
    """Serve the page.

    Args:
        catalog: The products to show.
        host: Name or address to listen on.
        port: Port to listen on; 0 takes a free one.

    Raises:
        OptionError: The address is taken or not this machine's; choose another --port or --host.
    """
    listening = _listen(host, port)
    app = make_app(catalog, host)
    config = uvicorn.Config(
        app, access_log=False, log_level="warning", server_header=False, limit_concurrency=WAITING,
        timeout_graceful_shutdown=PATIENCE, proxy_headers=False, ws="none", loop="asyncio",
    )  # fmt: skip
    shown = f"[{host}]" if ":" in host else host
    print(f"http://{shown}:{listening.getsockname()[1]}/ shows {_counted(catalog)}; Ctrl+C stops it", flush=True)
    # the way to stop it is no failure
    with listening, rasterio.Env(GDAL_CACHEMAX=CACHE), contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def _counted(catalog: Catalog) -> str:
    count = len(catalog.entries)
    return "1 scene" if count == 1 else f"{count} scenes"


def _listen(host: str, port: int) -> socket.socket:
    if not 0 <= port <= HIGHEST_PORT:  # getaddrinfo would take the remainder
        raise OptionError(f"--port {port}: expected 0 to {HIGHEST_PORT}")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, proto)
        if os.name == "posix":
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a port just left is free
        listening.bind(address)
        listening.listen(WAITING)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise OptionError(f"{host}:{port}: cannot listen there ({reason}); choose another --port or --host") from error
    return listening
