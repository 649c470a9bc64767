"""How `sunbreak run` scales: from one worker to two on scenes that wait for the network, and what it adds to a scene.

    python bench/scale.py [SCENES] [LATENCY_MS]

The archive is simulated; its files lie behind a web server on loopback that answers every request after LATENCY_MS.
Each worker has one thread.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
import servers
from catalogues import BBOX, DATES, write_archive, write_catalogue

SIZE = 60
ONE_THREAD = {**os.environ, "SUNBREAK_THREADS": "1", "OMP_NUM_THREADS": "1"}


def sunbreak(*arguments):
    subprocess.run(
        [sys.executable, "-m", "sunbreak.cli", *map(str, arguments)],
        check=True,
        env=ONE_THREAD,
        stdout=subprocess.DEVNULL,
    )


def timed(*arguments):
    start = time.monotonic()
    sunbreak(*arguments)
    return time.monotonic() - start


def slow(seconds):
    """Files over HTTP whose every answer takes a while; the first part of an address is the scene's own."""

    class Slow(servers.Ranged):
        def admits(self):
            time.sleep(seconds)
            return True

        def translate_path(self, path):
            return super().translate_path("/" + path.lstrip("/").split("/", 1)[-1])

    return Slow


def own_addresses(item, address):
    """An item whose files lie below its own id."""
    assets = {
        key: {**asset, "href": asset["href"].replace(address, f"{address}/{item['id']}")}
        for key, asset in item["assets"].items()
    }
    return {**item, "assets": assets}


def work_alone(plan):
    """Seconds that the scenes of a plan take in one process, beside planning, starting and listing."""
    program = (
        "import sys, time, tempfile, pathlib\n"
        "from sunbreak.scale.dest import Folder\n"
        "from sunbreak.scale.jobs import Job, Options, work\n"
        "from sunbreak.scale.table import read_plan\n"
        "from sunbreak.steps.restore import RestoreOptions\n"
        "options = Options(restore=RestoreOptions(model='scene-prior'))\n"
        "jobs = [Job(row, Folder(pathlib.Path(sys.argv[2])), options) for row in read_plan(sys.argv[1])]\n"
        "start = time.monotonic()\n"
        "assert not [one.error for one in map(work, jobs) if one.error]\n"
        "print(time.monotonic() - start)\n"
    )
    with tempfile.TemporaryDirectory() as out:
        told = subprocess.run(
            [sys.executable, "-c", program, plan, out], check=True, env=ONE_THREAD, capture_output=True
        )
    return float(told.stdout)


def main(scenes, latency):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "files").mkdir()
        servers.Ranged = slow(latency)
        with servers.files_over_http(root) as address:
            items = write_archive(root, range(1, scenes + 1), ("33UUT",), href=f"{address}/{{name}}", size=SIZE)
            items = [own_addresses(item, address) for item in items]  # GDAL would remember what it has read
            plan = root / "plan.csv"
            planning = timed("plan", "--stac", write_catalogue(root, items), *BBOX, *DATES, "-o", plan)
            seconds = {}
            for workers in (1, 2):
                seconds[workers] = timed(
                    "run", plan, "-o", root / f"by-{workers}", "--workers", workers, "--model", "scene-prior"
                )
            skipping = timed("run", plan, "-o", root / "by-1", "--model", "scene-prior")
            alone = work_alone(plan)
    print(f"{scenes} scenes of {SIZE} x {SIZE} pixels, {1000 * latency:.0f} ms a request, one thread a worker")
    print(f"plan        {planning:6.1f} s")
    print(f"work alone  {alone:6.1f} s")
    for workers, value in seconds.items():
        print(f"{workers} worker(s) {value:6.1f} s  {value / scenes:.2f} s a scene")
    print(f"run again   {skipping:6.1f} s  (all finished)")
    print(f"two workers are {seconds[1] / seconds[2]:.2f} times as fast as one (bar: 1.6)")
    print(f"orchestration {(seconds[1] - alone) / scenes:.3f} s a scene, start included (bar: 0.3)")


if __name__ == "__main__":
    given = [int(text) for text in sys.argv[1:]]
    main(given[0] if given else 20, (given[1] if len(given) > 1 else 100) / 1000)
