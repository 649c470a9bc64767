"""Fifty people look at once: `make check-long`; the output is in docs/performance.md."""

import http.client
import json
import math
import os
import random
import signal
import subprocess
import sys
import threading
import time
from urllib.parse import urlsplit

import numpy as np
import pytest

from killing import resident
from products import make_product

pytestmark = pytest.mark.long
CLIENTS, SECONDS, WARM = 50, 60, 30
PAUSE = 1.0
"""Seconds between two moves of a client; a move asks for one new tile on either side of the swipe."""
ZOOMS = (11, 15)


def pan(address, bounds, number, until, found):
    """One client: a random walk over the scene, one zoom step now and then."""
    rng = random.Random(number)
    west, south, east, north = bounds
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
    zoom, lon, lat = rng.randint(*ZOOMS), rng.uniform(west, east), rng.uniform(south, north)
    while time.monotonic() < until:
        if rng.random() < 0.2:
            zoom = min(max(zoom + rng.choice((-1, 1)), ZOOMS[0]), ZOOMS[1])
        span = 360 / 2**zoom
        lon = min(max(lon + rng.uniform(-span, span), west), east)
        lat = min(max(lat + rng.uniform(-span, span) * 0.7, south), north)
        column = int((lon + 180) / 360 * 2**zoom)
        row = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * 2**zoom)
        for layer in ("cloudy", "restored"):
            start = time.monotonic()
            connection.request("GET", f"/tiles/large/{layer}/{zoom}/{column}/{row}.png?bands=true-colour")
            answer = connection.getresponse()
            body = answer.read()
            found.append((start, time.monotonic() - start, answer.status == 200 and body[:4] == b"\x89PNG"))
        time.sleep(PAUSE)
    connection.close()


@pytest.mark.outcome("Load", "the viewer, fifty clients for a minute", "every tile answered; memory stays flat")
def test_fifty_clients_pan_for_a_minute(tmp_path, capsys, record_property):
    _, out = make_product(tmp_path, "large", size=2048)
    command = [sys.executable, "-m", "sunbreak.cli", "view", str(out), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().split()[0]
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        connection.request("GET", "/api/scenes/large")
        bounds = json.loads(connection.getresponse().read())["bounds"]
        found, begin = [], time.monotonic()
        until = begin + SECONDS
        clients = [
            threading.Thread(target=pan, args=(address, bounds, number, until, found)) for number in range(CLIENTS)
        ]
        for client in clients:
            client.start()
        time.sleep(WARM)
        memory = [resident(server.pid)]
        while time.monotonic() < until:
            time.sleep(5)
            memory.append(resident(server.pid))
        for client in clients:
            client.join(timeout=120)
        lasted = time.monotonic() - begin
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0
    latency = np.array([one[1] for one in found])
    p50, p99 = np.percentile(latency, [50, 99])
    told = (
        f"{len(found)} tiles of 512 x 512 ({len(found) / lasted:.0f}/s), latency p50 {p50:.2f} s, p99 {p99:.2f} s,"
        f" memory {memory[0]:.0f} MiB after {WARM} s, {max(memory):.0f} at most, {memory[-1]:.0f} at the end"
    )
    record_property("measured", told)
    with capsys.disabled():
        print(f"\n{CLIENTS} clients, {lasted:.0f} s, load {os.getloadavg()[0]:.1f}: {told}")
    assert all(ok for _, _, ok in found)
    assert len(found) > 10 * CLIENTS
    assert memory[-1] < 1.15 * memory[0] + 20


def test_without_a_product_a_scene_is_made_and_shown_and_nothing_is_left(tmp_path):
    server = subprocess.Popen(
        [sys.executable, "-m", "sunbreak.cli", "view", "--port", "0"],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "TMPDIR": str(tmp_path)},
    )  # fmt: skip
    try:
        address = next(line for line in server.stdout if line.startswith("http")).split()[0]
        connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=60)
        connection.request("GET", "/api/scenes/simulated")
        layers = json.loads(connection.getresponse().read())["layers"]
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0
    assert layers == ["cloudy", "restored", "radar", "quality", "source", "uncertainty", "land-cover"]
    assert list(tmp_path.iterdir()) == []
