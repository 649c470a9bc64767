"""Real servers on loopback: files over HTTP with range requests, and a STAC API (`rustac serve`)."""

import contextlib
import functools
import http.server
import json
import re
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

LOOPBACK = "127.0.0.1"


class Ranged(http.server.SimpleHTTPRequestHandler):
    """Files of a folder; answers to single byte ranges, as object stores do."""

    def log_message(self, *_):
        pass

    def admits(self):
        return True

    def parse_request(self):
        if not super().parse_request():
            return False
        if not self.admits():
            self.send_error(403)
            return False
        return True

    def do_GET(self):
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        path = Path(self.translate_path(self.path))
        if wanted is None or not path.is_file():
            super().do_GET()
            return
        size = path.stat().st_size
        first, last = int(wanted[1]), min(int(wanted[2] or size - 1), size - 1)
        if first > last:
            self.send_error(416)
            return
        with path.open("rb") as file:
            file.seek(first)
            body = file.read(last - first + 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{size}")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        self.wfile.write(body)


@contextlib.contextmanager
def files_over_http(folder):
    """Address of a web server over a folder."""
    handler = functools.partial(Ranged, directory=str(folder))
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


class Locked:
    """A server over a folder that opens to the present token only, as those of signed addresses do."""

    def __init__(self, folder):
        self.tokens, self.signed, self.closed = ["secret-0"], 0, False
        lock = self

        class Handler(Ranged):
            def admits(self):
                return not lock.closed and self.path.endswith(f"token={lock.tokens[-1]}")

        handler = functools.partial(Handler, directory=str(folder))
        self.server = http.server.ThreadingHTTPServer((LOOPBACK, 0), handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://{LOOPBACK}:{self.server.server_port}"

    def sign(self, item):
        """As a modifier of pystac-client: changes the item in place."""
        self.signed += 1
        for asset in item.assets.values():
            asset.href = f"{asset.href}?token={self.tokens[-1]}"

    def expire(self):
        self.tokens.append(f"secret-{len(self.tokens)}")

    def close(self):
        self.server.shutdown()
        self.server.server_close()


def free_port():
    with socket.socket() as one:
        one.bind((LOOPBACK, 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def stac_api(items, folder):
    """Address of a STAC API that holds items."""
    path = Path(folder) / "served.json"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": items}))
    address = f"{LOOPBACK}:{free_port()}"
    program = Path(sys.executable).with_name("rustac")
    with subprocess.Popen(
        [program, "serve", "--create-collections", "--addr", address, path],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    ) as server:  # fmt: skip
        try:
            for _ in range(100):
                if server.poll() is not None:
                    raise RuntimeError(f"rustac serve ended: {server.stderr.read()}")
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://{address}/", timeout=1).close()
                    break
                time.sleep(0.1)
            yield f"http://{address}"
        finally:
            server.terminate()
