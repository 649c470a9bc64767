"""Plans and runs against stac-fastapi and pgstac on a PostgreSQL of their own: `make check-archive`.

SUNBREAK_ARCHIVE names the environment that holds the packages of `archive-requirements.txt`; PostgreSQL with PostGIS
is Debian's. Everything is started here, on loopback, and stopped afterwards.
"""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from scale.test_run import check_complete
from servers import LOOPBACK, files_over_http, free_port
from sunbreak.cli import main
from sunbreak.scale.table import read_plan

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif("SUNBREAK_ARCHIVE" not in os.environ, reason="part of `make check-archive`"),
]
TILES = [f"33U{square}" for square in ("UT", "UU", "UV", "VT", "VU", "VV", "WT", "WU")]
DAYS = range(1, 26)
TWO_DAYS = ["--dates", "2024-05-03/2024-05-04"]
OWNER = "postgres"


def postgres(program, *arguments):
    """Run a program of PostgreSQL, which refuses to be root."""
    found = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    assert found, "needs PostgreSQL: apt-get install postgresql-15-postgis-3"
    command = [str(found[-1]), *map(str, arguments)]
    prefix = ["runuser", "-u", OWNER, "--"] if os.getuid() == 0 else []
    subprocess.run([*prefix, *command], check=True, stdout=subprocess.DEVNULL, cwd="/")


@pytest.fixture(scope="module")
def database():
    """Environment variables of a database that exists as long as this."""
    folder, port = Path(tempfile.mkdtemp(prefix="pg-")), free_port()
    if os.getuid() == 0:
        shutil.chown(folder, OWNER, OWNER)
    data = folder / "data"
    try:
        postgres("initdb", "-D", data, "-A", "trust", "-U", OWNER, "--no-sync")
        settings = f"-h {LOOPBACK} -p {port} -k {folder} -c fsync=off"
        postgres("pg_ctl", "start", "-w", "-D", data, "-l", folder / "log", "-o", settings)
        try:
            postgres("createdb", "-h", LOOPBACK, "-p", port, "-U", OWNER, "archive")
            yield {"PGHOST": LOOPBACK, "PGPORT": str(port), "PGUSER": OWNER, "PGPASSWORD": "x", "PGDATABASE": "archive"}
        finally:
            postgres("pg_ctl", "stop", "-m", "immediate", "-D", data)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def program(name):
    return str(Path(os.environ["SUNBREAK_ARCHIVE"]).absolute() / "bin" / name)


@contextlib.contextmanager
def api(database, items, folder):
    """Address of a STAC API over a database that holds some items."""
    environment = {**os.environ, **database}
    named = sorted({item["collection"] for item in items})
    extent = {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2024-01-01T00:00:00Z", None]]}}
    collections = [
        {"type": "Collection", "stac_version": "1.0.0", "id": name, "description": name, "license": "other",
         "extent": extent, "links": []} for name in named
    ]  # fmt: skip
    subprocess.run([program("pypgstac"), "migrate"], check=True, env=environment, stdout=subprocess.DEVNULL)
    for kind, content in (("collections", collections), ("items", items)):
        path = folder / f"{kind}.ndjson"
        path.write_text("".join(json.dumps(one) + "\n" for one in content))
        subprocess.run([program("pypgstac"), "load", kind, str(path), "--method", "upsert"], check=True,
                       env=environment, stdout=subprocess.DEVNULL)  # fmt: skip
    port = free_port()
    command = [
        program("uvicorn"),
        "--factory",
        "stac_fastapi.pgstac.app:create_app",
        "--host",
        LOOPBACK,
        "--port",
        str(port),
    ]
    with (
        (folder / "api.log").open("w") as log,
        subprocess.Popen(command, env=environment, stdout=log, stderr=log) as server,
    ):
        try:
            for _ in range(300):
                assert server.poll() is None, (folder / "api.log").read_text()
                with contextlib.suppress(OSError):
                    urllib.request.urlopen(f"http://{LOOPBACK}:{port}/_mgmt/ping", timeout=1).close()
                    break
                time.sleep(0.1)
            yield f"http://{LOOPBACK}:{port}"
        finally:
            server.terminate()


@pytest.fixture(scope="module")
def archive(database, tmp_path_factory):
    """Address of the API, path of a static catalogue of the same items, and the items."""
    folder = tmp_path_factory.mktemp("archive")
    with files_over_http(folder) as files:
        items = write_archive(folder, DAYS, TILES, href=files + "/{name}")
        with api(database, items, folder) as address:
            yield address, write_catalogue(folder, items), items


def timed(*command):
    start = time.monotonic()
    assert main(list(map(str, command))) == 0
    return time.monotonic() - start


def test_every_page_of_a_search_is_planned_as_from_a_static_catalogue(archive, tmp_path, capsys):
    address, catalogue, items = archive
    seconds = timed("plan", "--stac", address, *BBOX, *DATES, "-o", tmp_path / "api.parquet")
    timed("plan", "--stac", catalogue, *BBOX, *DATES, "-o", tmp_path / "static.csv")
    found, still = read_plan(tmp_path / "api.parquet"), read_plan(tmp_path / "static.csv")
    assert len(found) == len(DAYS) * len(TILES)
    pairs = [[(row.tile, row.id, row.radar_datetime, row.reason) for row in rows] for rows in (found, still)]
    assert pairs[0] == pairs[1]
    assert all(row.optical.startswith(address) for row in found)
    with capsys.disabled():
        print(f"\n{len(items)} items in pgstac: {len(found)} scenes planned in {seconds:.1f} s")


def test_a_plan_of_the_api_becomes_products(archive, tmp_path, capsys):
    plan, out = tmp_path / "plan.csv", tmp_path / "out"
    timed("plan", "--stac", archive[0], *BBOX, *TWO_DAYS, "--max-cloud", "90", "-o", plan)
    seconds = timed("run", plan, "-o", out, "--model", "scene-prior", "--workers", "2")
    check_complete(plan, out)
    with capsys.disabled():
        print(f"\n{len(read_plan(plan))} scenes of the API restored and listed in {seconds:.0f} s, start included")
