"""Whole tiles, many scenes, and runs that are stopped: `make check-long`."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import rasterio
from rasterio.windows import Window

pytestmark = pytest.mark.long
QUICK = ("--model", "scene-prior", "--mask", "rule")
"""Without networks; the defaults are both of them."""
FILES = ["item.json", "preview.png", "quality.tif", "reflectance.tif", "uncertainty.tif"]
"""Those of the quick way; a network adds its card, and land cover where it maps it."""


def sunbreak(*arguments):
    return [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]


def peak_of(command):
    """Run a command; its wall time in s and the largest memory of it or any child before it, in GiB."""
    start = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20


@pytest.mark.outcome("Load", "a whole tile, 10,980 x 10,980 pixels", "simulated and restored within 3 GB")
def test_a_whole_tile_is_simulated_and_restored_within_3_gb(tmp_path, capsys, record_property):
    scene, out = tmp_path / "scene", tmp_path / "out"
    seconds, peak = peak_of(sunbreak("simulate", "-o", scene, "--size", 10980, "--seed", 5))
    with capsys.disabled():
        print(f"\nsimulate 10980 x 10980: {seconds:.0f} s, peak {peak:.2f} GiB")
    assert peak < 3e9 / 2**30
    for way in (QUICK, ()):  # the thriftier first, as the peak is that of all so far
        given = ["--radar", scene / "radar.tif", *way, "--overwrite"]
        seconds, peak = peak_of(sunbreak("restore", scene / "optical.tif", *given, "-o", out))
        named = " ".join(way) or "by default"
        with capsys.disabled():
            print(f"restore 10980 x 10980 {named}: {seconds:.0f} s, peak so far {peak:.2f} GiB")
        assert peak < 3e9 / 2**30
        record_property("measured", f"{named}: {seconds:.0f} s, peak so far {peak * 2**30 / 1e9:.2f} GB")
        with (
            rasterio.open(scene / "optical.tif") as before,
            rasterio.open(out / "reflectance.tif") as after,
            rasterio.open(out / "quality.tif") as quality,
        ):
            for row, col in ((0, 0), (5000, 7000), (10980 - 700, 10980 - 700)):
                window = Window(col, row, 700, 700)
                clear = quality.read(1, window=window) == 1
                np.testing.assert_array_equal(before.read(window=window)[:, clear], after.read(window=window)[:, clear])
    shutil.rmtree(tmp_path)


@pytest.fixture(scope="module")
def scene(tmp_path_factory):
    folder = tmp_path_factory.mktemp("kill") / "scene"
    subprocess.run(sunbreak("simulate", "-o", folder, "--size", 1500, "--seed", 3), check=True)
    return folder


def restore(scene, out):
    given = ["--radar", scene / "radar.tif", *QUICK]
    return sunbreak("restore", scene / "optical.tif", *given, "-o", out, "--overwrite")


@pytest.mark.outcome(
    "Faults", "`restore` stopped by SIGTERM or SIGINT", "whole or absent; the same command completes it"
)
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])  # SIGKILL: tests/faults
def test_killed_at_any_moment_a_product_is_whole_or_not_there(scene, tmp_path, how):
    out = tmp_path / "out"
    start = time.monotonic()
    subprocess.run(restore(scene, out), check=True)
    whole = time.monotonic() - start
    reference = {name: (out / name).read_bytes() for name in FILES[1:]}
    shutil.rmtree(out)
    for moment in np.random.default_rng(0).uniform(0.2, 1.0, 8):
        process = subprocess.Popen(restore(scene, out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(moment * whole)
        process.send_signal(how)
        process.wait()
        if (out / "item.json").exists():
            assert {name: (out / name).read_bytes() for name in FILES[1:]} == reference
    subprocess.run(restore(scene, out), check=True)
    assert {name: (out / name).read_bytes() for name in FILES[1:]} == reference
    assert sorted(path.name for path in out.iterdir()) == FILES


@pytest.mark.parametrize("way", [(), QUICK], ids=["default", "quick"])
def test_nine_times_the_pixels_take_less_than_twice_the_memory(tmp_path, capsys, way):
    peaks = []
    for size in (2048, 6144):
        scene, out = tmp_path / f"s{size}", tmp_path / f"o{size}"
        subprocess.run(sunbreak("simulate", "-o", scene, "--size", size), check=True)
        script = (
            "import resource, sys\nfrom sunbreak.cli import main\nmain(sys.argv[1:])\n"
            "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20)"
        )
        arguments = ["restore", scene / "optical.tif", "--radar", scene / "radar.tif", "-o", out, *way]
        command = [sys.executable, "-c", script, *map(str, arguments)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, env=os.environ)
        peaks.append(float(done.stdout.splitlines()[-1]))
    with capsys.disabled():
        named = " ".join(way) or "by default"
        print(f"\n{named}: peak {peaks[0]:.2f} GiB at 2048 x 2048, {peaks[1]:.2f} GiB at 6144 x 6144")
    # not flat: caches fill up, and laying out a COG holds some rows of its tiles (docs/performance.md)
    assert peaks[1] < 2.0 * peaks[0]


@pytest.mark.outcome("Load", "500 scenes in one process, default network", "memory stays flat")
def test_five_hundred_scenes_take_no_more_memory_than_a_hundred(tmp_path, record_property):
    folder = tmp_path / "scene"
    subprocess.run(sunbreak("simulate", "-o", folder, "--size", 256, "--seed", 3), check=True)
    script = (
        "import sys, os\nfrom sunbreak.heap import one_heap\none_heap()\nfrom sunbreak.pipeline import process\n"
        "for count in range(1, 501):\n"
        "    process(sys.argv[1] + '/optical.tif', sys.argv[1] + '/radar.tif', sys.argv[2], overwrite=True)\n"
        "    if count in (100, 500):\n"
        "        pages = int(open('/proc/self/statm').read().split()[1])\n"
        "        print(pages * os.sysconf('SC_PAGE_SIZE') / 2**20)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, folder, tmp_path / "out"], check=True, capture_output=True, text=True
    )
    early, late = map(float, done.stdout.split())
    record_property("measured", f"{early:.0f} MiB after 100, {late:.0f} after 500")
    assert late < 1.1 * early
