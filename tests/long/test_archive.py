"""Two hundred scenes under kills: `make check-long`."""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pystac
import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from killing import children, resident
from stac_schemas import validate_file

pytestmark = pytest.mark.long
DAYS = range(1, 26)
TILES = [f"33U{square}" for square in ("UT", "UU", "UV", "VT", "VU", "VV", "WT", "WU")]
SCENES = len(DAYS) * len(TILES)
SIZE = 60
QUICK = ["--model", "scene-prior", "--workers", "2"]


def sunbreak(*arguments):
    return [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)]


def products(dest):
    return sorted(path.parent for path in dest.glob("*/*/item.json"))


def running(command, log):
    return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, start_new_session=True)


def wait_for(dest, number, process):
    limit = time.monotonic() + 600
    while len(products(dest)) < number:
        assert process.poll() is None, "the run ended before it could be killed"
        assert time.monotonic() < limit, f"only {len(products(dest))} products"
        time.sleep(0.2)


def finish(command, log):
    """Run a command to its end; its exit code and the most memory of it and its workers, in MiB, twice a second."""
    memory = []
    process = running(command, log)
    while process.poll() is None:
        with contextlib.suppress(OSError):  # a process that has just ended
            memory.append(max(resident(pid) for pid in (process.pid, *children(process.pid))))
        time.sleep(0.5)
    return process.returncode, memory


def kill_all(process):
    """Client and workers at once, as a power cut does."""
    os.killpg(process.pid, signal.SIGKILL)


def kill_client(process):
    """The client alone; its workers have to end by themselves."""
    workers = children(process.pid)
    process.kill()
    limit = time.monotonic() + 60
    while any(Path(f"/proc/{worker}").exists() for worker in workers):
        assert time.monotonic() < limit, "workers have outlived their client"
        time.sleep(0.2)


def kill_workers(process):
    """Everything but the client, which goes on; it is killed after."""
    for worker in children(process.pid):
        os.kill(worker, signal.SIGKILL)
    time.sleep(3)
    assert process.poll() is None, "the client died with its workers"
    kill_all(process)


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """A plan of 200 scenes on 8 tiles, one of them with a damaged band."""
    root = tmp_path_factory.mktemp("archive")
    items = write_archive(root, DAYS, TILES, size=SIZE)
    whole = (root / "files" / "B04.tif").read_bytes()
    (root / "files" / "damaged.tif").write_bytes(whole[: len(whole) // 2])
    victim = items[SCENES // 2]
    items[SCENES // 2] = {**victim, "assets": {**victim["assets"], "B04": {**victim["assets"]["B04"],
                          "href": "damaged.tif"}}}  # fmt: skip
    path = root / "plan.csv"
    catalogue = write_catalogue(root, items)
    subprocess.run(sunbreak("plan", "--stac", catalogue, *BBOX, *DATES, "-o", path), check=True)
    return path, victim["id"]


@pytest.mark.outcome(
    "Load",
    "`run` over 200 scenes, one damaged, killed three times",
    "every other item valid; no file beyond those listed",
)
def test_200_scenes_killed_three_times_are_completed(plan, tmp_path, capsys, record_property):
    path, damaged = plan
    dest, start = tmp_path / "dest", time.monotonic()
    command = sunbreak("run", path, "-o", dest, *QUICK)
    with (tmp_path / "log").open("w") as log:
        for number, kill in ((20, kill_all), (70, kill_client), (120, kill_workers)):
            process = running(command, log)
            wait_for(dest, number, process)
            kill(process)
            process.wait()
    before = {folder: (folder / "item.json").stat().st_mtime_ns for folder in products(dest)}
    with (tmp_path / "last").open("w") as log:
        code, memory = finish(command, log)

    assert code == 1
    assert max(memory[len(memory) // 2 :]) < 1.15 * max(memory[: len(memory) // 2]) + 20
    named = [line for line in (tmp_path / "last").read_text().splitlines() if line.startswith("  ")]
    assert len(named) == 1
    assert damaged in named[0]
    assert "B04" in named[0] or "damaged.tif" in named[0]

    made = products(dest)
    assert len(made) == SCENES - 1
    assert not (dest / damaged).exists()
    assert all((folder / "item.json").stat().st_mtime_ns == moment for folder, moment in before.items())
    listed = set()
    for folder in made:
        validate_file(folder / "item.json")
        item = pystac.Item.from_file(str(folder / "item.json"))
        files = {"item.json"}
        for asset in item.assets.values():
            content = (folder / asset.href).read_bytes()
            assert asset.extra_fields["file:checksum"] == f"1220{hashlib.sha256(content).hexdigest()}"
            files.add(Path(asset.href).name)
        listed |= {folder / name for name in files}
    there = {one for one in dest.rglob("*") if one.is_file()}
    assert there == listed | {dest / "collection.json", dest / "index.parquet"}

    links = [link["href"] for link in json.loads((dest / "collection.json").read_text())["links"]]
    items = sorted(href for href in links if href.endswith("item.json"))
    assert items == [f"./{folder.relative_to(dest)}/item.json" for folder in made]
    seconds = time.monotonic() - start
    record_property("measured", f"{seconds:.0f} s in all, at most {max(memory):.0f} MiB a process")
    with capsys.disabled():
        print(f"\n{SCENES} scenes, killed three times: {seconds:.0f} s in all")
