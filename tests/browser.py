"""A real browser (Debian's Chromium, driven by Playwright) and a real server of the viewer, for end-to-end tests."""

import contextlib
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from rasterio.io import MemoryFile

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SOFTWARE = ("--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
"""Chromium of a machine without a screen, in a container: WebGL by the processor."""
OVER = ("#swipe", ".side", "#controls", ".here", "#pixel", "#message")
SHOWN = "body[data-ready=true][data-busy=false]"


@contextlib.contextmanager
def serving(*products, program=(sys.executable, "-m", "sunbreak.cli")):
    """`sunbreak view` as a process; yields its address."""
    command = [*program, "view", *map(str, products), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        lines = iter(server.stdout.readline, "")
        yield next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+/", line)))
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=30) == 0
        server.stdout.close()


@contextlib.contextmanager
def chromium():
    """The browser; the test is skipped where there is none."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium here (Debian: apt-get install chromium)")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=SOFTWARE)
        try:
            yield browser
        finally:
            browser.close()


class Visit:
    """A page of the viewer, with all that it asked for and complained of."""

    def __init__(self, browser, address, *, width=800, height=500, **options):
        self.page = browser.new_page(viewport={"width": width, "height": height}, **options)
        self.page.set_default_timeout(60_000)
        self.requests, self.complaints = [], []
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("console", lambda said: said.type in ("error", "warning") and self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("requestfailed", self._failed)
        self.page.goto(address)
        self.settle()

    def _failed(self, request):
        # the map takes back what it does not need any more
        if "ERR_ABORTED" not in request.failure:
            self.complaints.append(f"{request.url} {request.failure}")

    def settle(self):
        """Wait until all tiles are drawn."""
        self.page.wait_for_timeout(150)  # a change is on its way to the maps
        self.page.wait_for_selector(SHOWN)

    def picture(self):
        """The stage as (3, y, x) integers, without what lies over the maps."""
        over = [self.page.locator(one) for one in OVER]
        for one in over:
            one.evaluate_all("found => found.forEach(one => { one.style.visibility = 'hidden'; })")
        png = self.page.locator("#stage").screenshot()
        for one in over:
            one.evaluate_all("found => found.forEach(one => { one.style.visibility = ''; })")
        with MemoryFile(png) as memory, memory.open() as file:
            return file.read()[:3].astype(int)

    def swipe_to(self, share):
        """Drag the handle with the mouse to a share of the width."""
        stage, handle = (self.page.locator(one).bounding_box() for one in ("#stage", "#swipe span"))
        x, y = handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        # at the edges half of the handle is to be seen
        self.page.mouse.move(min(max(x, stage["x"] + 9), stage["x"] + stage["width"] - 9), y)
        self.page.mouse.down()
        self.page.mouse.move(stage["x"] + share * stage["width"], y, steps=4)
        self.page.mouse.up()
        self.settle()


def differ(first, second):
    """Share of pixels that plainly differ."""
    return (np.abs(first - second).max(axis=0) > 24).mean()
