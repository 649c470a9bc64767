"""Real servers on loopback: files over HTTP with range requests, and a STAC API (`rustac serve`)."""

import contextlib
import functools
import http.client
import http.server
import itertools
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

    def do_POST(self):
        """A question is answered by a file, too, whatever it asks."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.do_GET()

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
def serving(handler):
    """Address of a server whose requests a handler answers."""
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}"
        finally:
            server.shutdown()


@contextlib.contextmanager
def files_over_http(folder):
    """Address of a web server over a folder."""
    handler = functools.partial(Ranged, directory=str(folder))
    with serving(handler) as address:
        yield address


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


@contextlib.contextmanager
def stumbling(address, every=3):
    """Address of a server that passes requests on to another one, and answers every third with 503."""
    host, asked = address.removeprefix("http://"), itertools.count(1)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def pass_on(self):
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if next(asked) % every == 0:
                self.send_response(503)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            with contextlib.closing(http.client.HTTPConnection(host)) as other:
                other.request(self.command, self.path, body, dict(self.headers))
                answer = other.getresponse()
                content = answer.read()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("content-length", "transfer-encoding", "connection"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(content))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = pass_on  # noqa: N815

    with serving(Handler) as address:
        yield address


@contextlib.contextmanager
def object_store(bucket="archive"):
    """Address of an S3-compatible server (moto, a process of its own, in memory) with one bucket, and a client of it.

    It checks no keys and no signatures, and speaks HTTP.
    """
    import boto3

    port = free_port()
    address = f"http://{LOOPBACK}:{port}"
    program = [sys.executable, "-m", "moto.server", "-H", LOOPBACK, "-p", str(port)]
    with subprocess.Popen(program, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        try:
            for _ in range(300):
                with contextlib.suppress(OSError):
                    socket.create_connection((LOOPBACK, port), 1).close()
                    break
                time.sleep(0.1)
            client = boto3.client("s3", endpoint_url=address, region_name="us-east-1", aws_access_key_id="key",
                                  aws_secret_access_key="secret")  # fmt: skip
            client.create_bucket(Bucket=bucket)
            yield address, client
        finally:
            server.terminate()
