"""Plans as they run: in turn, in processes, on a real Dask cluster of processes; stopped, damaged, and run again."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import pystac
import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from servers import LOOPBACK, files_over_http, free_port
from stac_schemas import validate_file
from sunbreak.cli import main
from sunbreak.scale.table import read_plan

RUN = ["--model", "scene-prior"]
ENVIRONMENT = {**os.environ, "SUNBREAK_THREADS": "1", "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Six scenes on two tiles, their files behind a web server."""
    folder = tmp_path_factory.mktemp("archive")
    with files_over_http(folder) as files:
        catalogue = write_catalogue(folder, write_archive(folder, href=files + "/{name}"))
        assert main(["plan", "--stac", str(catalogue), *BBOX, *DATES, "-o", str(folder / "plan.csv")]) == 0
        yield folder / "plan.csv"


def items(dest):
    return {path: path.stat().st_mtime_ns for path in sorted(Path(dest).glob("*/*/item.json"))}


def check_complete(plan, dest):
    """Every row has its product, the collection lists exactly those, and nothing else is there."""
    wanted = [dest / row.folder / "item.json" for row in read_plan(plan)]
    assert list(items(dest)) == sorted(wanted)
    validate_file(dest / "collection.json")
    found = list(pystac.Collection.from_file(str(dest / "collection.json")).get_items())
    assert sorted(item.get_self_href() for item in found) == sorted(map(str, wanted))
    for item in found:
        validate_file(item.get_self_href())
        folder = Path(item.get_self_href()).parent
        listed = {Path(asset.href).name for asset in item.assets.values()} | {"item.json"}
        assert {path.name for path in folder.iterdir()} == listed
        for asset in item.assets.values():
            assert (folder / asset.href).stat().st_size == asset.extra_fields["file:size"]
    tiles = {row.tile for row in read_plan(plan)}
    assert {path.name for path in dest.iterdir()} == {"collection.json", "index.parquet", *tiles}


def command(plan, dest, *more):
    return [sys.executable, "-m", "sunbreak.cli", "run", plan, "-o", dest, *RUN, *more]


def wait_for(true, seconds=60):
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.02)


def test_a_plan_becomes_products_and_a_second_run_has_nothing_to_do(plan, tmp_path, capsys):
    assert main(["run", str(plan), "-o", str(tmp_path / "out"), *RUN]) == 0
    assert "6 scenes restored, 0 were finished, 0 failed" in capsys.readouterr().out
    check_complete(plan, tmp_path / "out")
    before = items(tmp_path / "out")
    assert main(["run", str(plan), "-o", str(tmp_path / "out"), *RUN]) == 0
    assert "0 scenes restored, 6 were finished, 0 failed" in capsys.readouterr().out
    assert items(tmp_path / "out") == before
    assert "radar" in {link.title for link in pystac.Item.from_file(str(next(iter(before)))).links}


def test_a_run_of_processes_that_was_killed_is_completed_by_the_same_command(plan, tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen(command(plan, out, "--workers", "2"), stderr=subprocess.DEVNULL, env=ENVIRONMENT) as process:
        wait_for(lambda: len(items(out)) >= 2)
        children = subprocess.run(
            ["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True, check=True
        ).stdout.split()
        process.send_signal(signal.SIGKILL)
    # workers do not outlive whoever started them
    wait_for(lambda: not any(Path(f"/proc/{child}/fd").exists() for child in children))
    before = items(out)
    assert not (out / "collection.json").exists()
    assert subprocess.run(command(plan, out, "--workers", "2"), env=ENVIRONMENT, check=False).returncode == 0
    check_complete(plan, out)
    assert {path: items(out)[path] for path in before} == before


def test_a_process_that_is_killed_takes_no_scene_with_it(plan, tmp_path):
    out = tmp_path / "out"
    with subprocess.Popen(
        command(plan, out, "--workers", "2"), env=ENVIRONMENT, text=True, stdout=subprocess.PIPE
    ) as run:  # fmt: skip
        wait_for(lambda: any(out.glob("*/*/.partial-*")))
        victim = next(iter(out.glob("*/*/.partial-*"))).name.rsplit("-", 2)[1]
        os.kill(int(victim), signal.SIGKILL)
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 0
    assert "6 scenes restored, 0 were finished, 0 failed" in said
    check_complete(plan, out)


def test_a_damaged_input_fails_alone_and_is_named(plan, tmp_path, capsys):
    rows = read_plan(plan)
    broken = json.loads(Path(rows[2].optical).read_text())
    (tmp_path / "bad.tif").write_bytes(b"II*\0 cut short")
    broken["assets"]["B03"]["href"] = "bad.tif"
    (tmp_path / "broken.json").write_text(json.dumps(broken))
    edited = tmp_path / "plan.csv"
    edited.write_text(plan.read_text().replace(rows[2].optical, str(tmp_path / "broken.json")))
    out = tmp_path / "out"
    assert main(["run", str(edited), "-o", str(out), *RUN, "--workers", "2"]) == 1
    told = capsys.readouterr()
    assert "5 scenes restored, 0 were finished, 1 failed" in told.out
    (line,) = (line for line in told.out.splitlines() if str(rows[2].folder) in line)
    assert "bad.tif" in line
    assert "1 scenes of" in told.err
    assert len(items(out)) == 5
    assert not (out / rows[2].folder).exists()
    before = items(out)
    edited.write_text(plan.read_text())
    assert main(["run", str(edited), "-o", str(out), *RUN]) == 0
    assert "1 scenes restored, 5 were finished, 0 failed" in capsys.readouterr().out
    check_complete(plan, out)
    assert {path: items(out)[path] for path in before} == before


def dask(tmp_path, *arguments):
    program = Path(sys.executable).with_name("dask")
    return subprocess.Popen(
        [program, *arguments], cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, it, and its two workers, each a process of its own without a nanny."""
    port, page = free_port(), free_port()
    address = f"tcp://{LOOPBACK}:{port}"
    started = [dask(tmp_path, "scheduler", "--host", LOOPBACK, "--port", str(port), "--dashboard-address", f":{page}")]
    worker = ["worker", address, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
    started += [dask(tmp_path, *worker, "--local-directory", str(tmp_path / f"w{number}")) for number in range(2)]

    def ready():
        try:
            with urllib.request.urlopen(f"http://{LOOPBACK}:{page}/health", timeout=1):
                return True
        except OSError:
            return False

    try:
        wait_for(ready)
        yield address, *started
    finally:
        for process in started:
            process.kill()
            process.wait()


def test_a_worker_of_a_cluster_that_is_killed_loses_nothing(plan, tmp_path, cluster):
    address, _, worker, _ = cluster
    out = tmp_path / "out"
    with subprocess.Popen(
        command(plan, out, "--scheduler", address), env=ENVIRONMENT, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as run:  # fmt: skip

        def at_work():
            mine = f"-{worker.pid}-"
            return any(mine in path.name for path in out.glob("*/*/.partial-*"))

        wait_for(lambda: items(out) and at_work())
        worker.kill()
        worker.wait()
        said, complaints = run.communicate(timeout=120)
    assert run.returncode == 0, complaints
    assert "dashboard: http" in complaints
    assert "6 scenes restored, 0 were finished, 0 failed" in said
    check_complete(plan, out)


def test_a_scheduler_that_is_killed_leaves_a_list_and_the_same_plan_goes_on(
    plan, tmp_path, cluster, capsys, monkeypatch
):
    monkeypatch.setattr("sunbreak.scale.workers.SECONDS", 2)
    address, scheduler, *_ = cluster
    out = tmp_path / "out"

    def end():
        wait_for(lambda: items(out))
        scheduler.kill()

    ender = threading.Thread(target=end)
    ender.start()
    assert main(["run", str(plan), "-o", str(out), *RUN, "--scheduler", address]) == 1
    ender.join()
    assert "the scheduler was lost" in capsys.readouterr().out
    assert main(["run", str(plan), "-o", str(out), *RUN]) == 0
    check_complete(plan, out)


def test_a_scheduler_that_is_not_there_is_told(plan, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sunbreak.scale.workers.SECONDS", 1)
    assert main(["run", str(plan), "-o", str(tmp_path / "o"), "--scheduler", f"tcp://{LOOPBACK}:{free_port()}"]) == 2
    assert "cannot be reached" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--workers", "0"], "--workers 0"),
        (["--model", "no-such-model"], "no-such-model"),
        (["--workers", "2", "--scheduler", "tcp://x:1"], "give one of them"),
        (["--out", "ftp://bucket/x"], "go to a folder"),
        (["--out", "s3://"], "s3://BUCKET/PREFIX"),
    ],
)
def test_mistakes_are_told_before_anything_begins(plan, tmp_path, capsys, more, words):
    assert main(["run", str(plan), "-o", str(tmp_path / "out"), *more]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


STRANGE = (
    "{", "[]", '{"type": "Feature"}', {"bbox": [1, 2, 3, 4, 5, 6]}, {"id": 7}, {"assets": {"quality": {}}},
    {"properties": {"datetime": "yesterday"}},
)  # fmt: skip


@pytest.mark.parametrize("content", STRANGE)
def test_what_is_no_product_in_the_destination_is_named(tmp_path, capsys, content):
    item = {"type": "Feature", "id": "a", "properties": {}, "assets": {}, "links": [], "geometry": None}
    there = tmp_path / "out" / "33UUT" / "a" / "item.json"
    there.parent.mkdir(parents=True)
    there.write_text(content if isinstance(content, str) else json.dumps(item | content))
    (tmp_path / "plan.csv").write_text("tile,id,optical\n")
    assert main(["run", str(tmp_path / "plan.csv"), "-o", str(tmp_path / "out")]) == 1
    assert capsys.readouterr().err == f"sunbreak: {there}: is no item of a product; remove its folder, and run again\n"
    assert not (tmp_path / "out" / "collection.json").exists()
    there.unlink()
    assert main(["run", str(tmp_path / "plan.csv"), "-o", str(tmp_path / "out")]) == 0
