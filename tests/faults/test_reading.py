"""Inputs that fail while they are read: damaged, cut off in the midst, behind servers that lie."""

import contextlib
import json
import os
import re
import shutil
import subprocess
import time

import pytest
import rasterio

from catalogues import write_archive
from killing import ENVIRONMENT, run_quietly, sunbreak
from servers import Ranged, serving

ONE_LINE = "one line that names the file; no product, and the rerun completes"


def damaged(scene, tmp_path, cut=None):
    """A copy of the optical file that ends early, or of whose pixels the beginning is overwritten."""
    content = bytearray((scene / "optical.tif").read_bytes())
    if cut is None:
        with rasterio.open(scene / "optical.tif") as file:
            at = int(file.get_tag_item("BLOCK_OFFSET_0_0", "TIFF", bidx=1))
        content[at : at + 4000] = bytes(4000)
    path = tmp_path / "spoilt.tif"
    path.write_bytes(content if cut is None else content[: int(cut * len(content))])
    return path


@pytest.mark.outcome("Faults", "a GeoTIFF that ends early", ONE_LINE)
@pytest.mark.parametrize("cut", [0.3, 0.8, 0.999])
def test_a_file_that_ends_early(failed, scene, tmp_path, cut):
    path = damaged(scene, tmp_path, cut=cut)
    failed(tmp_path / "out", "spoilt.tif", optical=path, then=tmp_path / "again")


@pytest.mark.outcome("Faults", "a block that cannot be decoded", ONE_LINE)
def test_a_file_with_wrong_bytes(failed, scene, tmp_path):
    failed(tmp_path / "out", "spoilt.tif", optical=damaged(scene, tmp_path))


@pytest.mark.outcome("Faults", "a file that is cut off while it is read", "whole or not there")
def test_a_file_that_is_cut_off_while_it_is_read(restore, scene, tmp_path):
    path, out = tmp_path / "cut.tif", tmp_path / "out"
    for moment in (0.0, 0.2, 0.5):
        shutil.copy(scene / "optical.tif", path)
        with run_quietly(restore(out, optical=path)) as process:
            end = time.monotonic() + 60
            while process.poll() is None and not any(out.glob(".partial-*")) and time.monotonic() < end:
                time.sleep(0.001)
            time.sleep(moment)
            os.truncate(path, 200_000)
            code = process.wait(timeout=120)
        assert (out / "item.json").exists() == (code == 0)
        assert code in (0, 1, 2)
        shutil.rmtree(out, ignore_errors=True)


class Liar(Ranged):
    """Answers to the first requests of a raster's pixels as it should, and then as `how` says."""

    how, honest, asked = "", 4, 0

    def do_GET(self):  # noqa: N802 - the name is given
        kind = type(self)
        pixels = self.path.endswith(".tif")
        kind.asked += pixels
        if not pixels or kind.asked <= kind.honest:
            super().do_GET()
        elif kind.how == "500":
            self.send_error(500)
        elif kind.how == "slow":
            time.sleep(0.3)
            super().do_GET()
        elif kind.how == "reset":
            self.connection.close()
        else:
            self._lie()

    def _lie(self):
        first, last = map(int, re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers["Range"]).groups())
        length = last - first + 1
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{last + 1}")
        self.send_header("Content-Length", str(length))
        self.end_headers()
        with contextlib.suppress(OSError):
            self.wfile.write(os.urandom(length // (2 if self.how == "short" else 1)))


def liar(folder, how):
    kind = type("Handler", (Liar,), {"how": how, "asked": 0})

    def handler(*arguments):
        return kind(*arguments, directory=str(folder))

    return serving(handler)


def case(how, what, outcome, *marks):
    return pytest.param(how, marks=[pytest.mark.outcome("Faults", what, outcome), *marks], id=how)


@pytest.mark.parametrize(
    "how",
    [
        case("500", "a server that begins to answer 500", ONE_LINE, pytest.mark.long),  # patiently tried again
        case("reset", "a server that breaks connections off", ONE_LINE),
        case("short", "a server that sends less than it says", ONE_LINE),
        case("changed", "a server whose content changes to noise", ONE_LINE),
        case("slow", "a slow server", "the product is whole"),
    ],
)
def test_servers_that_lie(tmp_path, how):
    archive = tmp_path / "archive"
    archive.mkdir()
    with liar(archive, how) as address:
        write_archive(archive, days=(3,), tiles=("33UUT",), href=address + "/{name}")
        item = next(path for path in archive.rglob("*.json") if "S2" in path.name or "s2" in path.name)
        assert json.loads(item.read_text())["assets"]
        out = tmp_path / "out"
        done = subprocess.run(
            sunbreak("restore", item, "-o", out, "--model", "scene-prior", "--mask", "rule"), check=False,
            capture_output=True, text=True, timeout=300, env=ENVIRONMENT | {"GDAL_HTTP_MAX_RETRY": "1"},
        )  # fmt: skip
    if how == "slow":
        assert done.returncode == 0, done.stderr
        assert (out / "item.json").exists()
        return
    told = [line for line in done.stderr.splitlines() if not line.startswith("warning: ")]
    assert done.returncode in (1, 2), done.stderr
    assert len(told) == 1, done.stderr
    assert ".tif" in told[0]
    assert not out.exists()
