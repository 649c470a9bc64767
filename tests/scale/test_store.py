"""Products in an object store behind a real server: whole or not there, whoever is killed or races."""

import hashlib
import json
import os
import posixpath
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from servers import LOOPBACK, files_over_http, free_port, object_store, stumbling
from stac_schemas import validate
from sunbreak.cli import main
from sunbreak.errors import OutputError, ProductExistsError
from sunbreak.rasters.remote import RemoteRaster
from sunbreak.scale.store import open_store
from sunbreak.scale.table import read_plan
from sunbreak.steps.preview import preview
from sunbreak.steps.read_product import read_product
from sunbreak.view.catalog import find

RUN = ["--model", "scene-prior"]
BUCKET = "archive"
SECRET = "not-for-anybody"


@pytest.fixture(scope="module")
def server():
    with object_store(BUCKET) as started:
        yield started


@pytest.fixture
def bucket(server, monkeypatch, tmp_path):
    """A client, and an address of its own for every test; keys and endpoint in the environment."""
    address, client = server
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    monkeypatch.setenv("TMPDIR", str(tmp_path / "scratch"))
    prefix = f"out/{tmp_path.name}"
    return client, prefix, f"s3://{BUCKET}/{prefix}"


@pytest.fixture(scope="module")
def plan(tmp_path_factory):
    """Three scenes, their files behind a web server."""
    folder = tmp_path_factory.mktemp("archive")
    with files_over_http(folder) as files:
        catalogue = write_catalogue(folder, write_archive(folder, tiles=("33UUT",), href=files + "/{name}", size=60))
        assert main(["plan", "--stac", str(catalogue), *BBOX, *DATES, "-o", str(folder / "plan.csv")]) == 0
        yield folder / "plan.csv"


def listed(bucket):
    """Keys below the prefix."""
    client, prefix, _ = bucket
    pages = client.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix + "/")
    return [one["Key"][len(prefix) + 1 :] for page in pages for one in page.get("Contents", ())]


def objects(bucket):
    """Contents by key below the prefix."""
    client, prefix, _ = bucket
    return {key: client.get_object(Bucket=BUCKET, Key=f"{prefix}/{key}")["Body"].read() for key in listed(bucket)}


def items(found):
    return {key: json.loads(content) for key, content in found.items() if key.endswith("/item.json")}


def check_complete(plan, found):
    """Every row has its whole product, the collection lists exactly those, and nothing else is there."""
    wanted = {f"{row.folder.as_posix()}/item.json" for row in read_plan(plan)}
    assert items(found).keys() == wanted
    named = set()
    for key, item in items(found).items():
        validate(item)
        for asset in item["assets"].values():
            file = posixpath.normpath(posixpath.join(posixpath.dirname(key), asset["href"]))
            assert asset["file:checksum"] == "1220" + hashlib.sha256(found[file]).hexdigest()
            named.add(file)
    assert found.keys() == wanted | named | {"collection.json", "index.parquet"}
    collection = json.loads(found["collection.json"])
    validate(collection)
    assert {link["href"] for link in collection["links"] if link["rel"] == "item"} == {f"./{key}" for key in wanted}


def test_a_plan_becomes_products_and_a_second_run_has_nothing_to_do(plan, bucket, capsys, tmp_path):
    assert main(["run", str(plan), "-o", bucket[2], *RUN]) == 0
    told = capsys.readouterr()
    assert "3 scenes restored, 0 were finished, 0 failed" in told.out
    assert f"{bucket[2]}/collection.json: lists 3 products" in told.out
    first = objects(bucket)
    check_complete(plan, first)
    assert not any(SECRET.encode() in content for content in first.values())
    assert SECRET not in told.out + told.err
    assert main(["run", str(plan), "-o", bucket[2] + "/", *RUN]) == 0
    assert "0 scenes restored, 3 were finished, 0 failed" in capsys.readouterr().out
    assert items(objects(bucket)) == items(first)
    assert not list((tmp_path / "scratch").glob("*/*"))


def test_it_is_the_product_of_a_folder_where_gdal_reads_it_with_whole_paths_of_its_inputs(plan, bucket, tmp_path):
    for dest in (bucket[2], str(tmp_path / "folder")):
        assert main(["run", str(plan), "-o", dest, *RUN]) == 0
    rows = {f"{row.folder.as_posix()}/item.json": row for row in read_plan(plan)}
    for key, item in items(objects(bucket)).items():
        beside = json.loads((tmp_path / "folder" / key).read_text())
        checksums = [{name: one["file:checksum"] for name, one in each["assets"].items()} for each in (item, beside)]
        assert checksums[0] == checksums[1]
        href = posixpath.normpath(posixpath.join(posixpath.dirname(key), item["assets"]["quality"]["href"]))
        assert list(RemoteRaster(f"{bucket[2]}/{href}").shape) == item["properties"]["proj:shape"]
        links = {link["title"]: link["href"] for link in item["links"] if link["rel"] == "derived_from"}
        assert links == {"optical": rows[key].optical, "radar": rows[key].radar}
    check_that_a_copy_is_looked_at_like_a_folder(objects(bucket), tmp_path)


def check_that_a_copy_is_looked_at_like_a_folder(found, tmp_path):
    for key, content in found.items():
        (tmp_path / "copy" / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "copy" / key).write_bytes(content)
    catalog = find([tmp_path / "copy" / "collection.json"])
    assert len(catalog.entries) == 3
    folder = next(iter(catalog.entries.values())).folder
    product = read_product(folder)
    assert product.quality.shape == product.reflectance.file.shape
    assert preview(folder, tmp_path / "picture.png").stat().st_size > 1000
    assert main(["report", str(folder), "-o", str(tmp_path / "report.html")]) == 0


def command(plan, dest, *more):
    return [sys.executable, "-m", "sunbreak.cli", "run", plan, "-o", dest, *RUN, *more]


def halfway(bucket):
    """Whether some scene is finished and another one has files but no item."""
    keys = listed(bucket)
    begun = {key.split("/files-")[0] for key in keys if "/files-" in key}
    finished = {key.removesuffix("/item.json") for key in keys if key.endswith("/item.json")}
    return finished and begun - finished


def killed_halfway(plan, bucket, scratch):
    """Kill a run in the middle of an upload; once more, to another address, where it was quicker than the kill."""
    client, prefix, url = bucket
    for attempt in range(8):
        there = client, f"{prefix}/{attempt}", f"{url}/{attempt}"
        with subprocess.Popen(
            command(plan, there[2], "--workers", "2"), start_new_session=True,
            env={**os.environ, "SUNBREAK_THREADS": "1"}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as run:  # fmt: skip
            while run.poll() is None and not halfway(there):
                pass
            if run.poll() is None:
                os.killpg(run.pid, signal.SIGKILL)
        if halfway(there) and list(scratch.glob("*/.partial-*")):
            return there
    pytest.fail("every run ended before it could be killed")


def test_killed_in_the_middle_of_an_upload_the_same_command_completes(plan, bucket, tmp_path):
    there = killed_halfway(plan, bucket, tmp_path / "scratch")
    before = objects(there)
    assert main(["run", str(plan), "-o", there[2], *RUN]) == 0
    after = objects(there)
    check_complete(plan, after)
    assert {key: items(after)[key] for key in items(before)} == items(before)
    assert not list((tmp_path / "scratch").glob("*/.partial-*"))


def test_a_worker_that_is_killed_in_the_middle_of_an_upload_takes_no_scene_with_it(plan, bucket, tmp_path):
    environment = {**os.environ, "SUNBREAK_THREADS": "1"}
    with subprocess.Popen(
        command(plan, bucket[2], "--workers", "2"), env=environment, stdout=subprocess.PIPE, text=True
    ) as run:  # fmt: skip
        while not any("/files-" in key for key in listed(bucket)):
            assert run.poll() is None, "ended before a worker could be killed"
        for folder in (tmp_path / "scratch").glob("*/.partial-*"):
            os.kill(int(folder.name.rsplit("-", 2)[1]), signal.SIGKILL)
        said, _ = run.communicate(timeout=120)
    assert run.returncode == 0
    assert "3 scenes restored, 0 were finished, 0 failed" in said
    check_complete(plan, objects(bucket))


def test_scratch_that_another_user_has_prepared_is_not_taken(plan, bucket, tmp_path, capsys):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "scratch" / f"sunbreak-{os.getuid()}").symlink_to(tmp_path / "elsewhere")
    assert main(["run", str(plan), "-o", bucket[2], *RUN]) == 1
    assert "is not a folder of your own; set TMPDIR" in capsys.readouterr().err
    assert not listed(bucket)


def test_two_runs_at_a_time_leave_one_whole_product_of_each_scene(plan, bucket):
    runs = [subprocess.Popen(command(plan, bucket[2]), stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [run.wait() for run in runs] == [0, 0]
    assert main(["run", str(plan), "-o", bucket[2], *RUN]) == 0
    check_complete(plan, objects(bucket))


def product(name, content=b"pixels"):
    """A function that writes a product of one file."""

    def produce(out):
        out.mkdir(parents=True)
        (out / name).write_bytes(content)
        item = {"id": out.name, "properties": {}, "assets": {"one": {"href": f"./{name}"}}, "links": []}
        (out / "item.json").write_text(json.dumps(item))

    return produce


def test_of_two_that_race_the_first_item_wins_and_names_its_own_files(bucket):
    store = open_store(bucket[2])

    def slow(out):
        product("mine.tif", b"late")(out)
        store.make("33UUT/a", product("mine.tif", b"early"))

    with pytest.raises(ProductExistsError):
        store.make("33UUT/a", slow)
    found = objects(bucket)
    (item,) = items(found).values()
    assert len(found) == 2
    assert found[posixpath.normpath(f"33UUT/a/{item['assets']['one']['href']}")] == b"early"


def test_the_item_leads_to_its_model_and_to_its_inputs(bucket, tmp_path):
    def produce(out):
        product("model.json")(out)
        item = json.loads((out / "item.json").read_text())
        hrefs = ("./model.json", "../inputs/optical.tif", "https://example.org/radar.tif")
        item["links"] = [{"rel": "derived_from", "href": href} for href in hrefs]
        (out / "item.json").write_text(json.dumps(item))
        made.append(out)

    made = []
    open_store(bucket[2]).make("33UUT/a", produce)
    found = objects(bucket)
    (item,) = items(found).values()
    model, optical, radar = (link["href"] for link in item["links"])
    assert model == item["assets"]["one"]["href"]
    assert posixpath.normpath(f"33UUT/a/{model}") in found
    assert (optical, radar) == (str(made[0].parent / "inputs" / "optical.tif"), "https://example.org/radar.tif")


def test_what_a_killed_worker_has_left_is_removed_once_the_scene_is_finished(bucket):
    client, prefix, url = bucket
    store = open_store(url)
    for key in ("33UUT/a/files-0123456789ab/mine.tif", "33UUT/b/files-0123456789ab/mine.tif", "33UUT/a/notes.txt"):
        client.put_object(Bucket=BUCKET, Key=f"{prefix}/{key}", Body=b"left")
    store.make("33UUT/a", product("mine.tif"))
    assert list(store.settle()) == ["33UUT/a/item.json"]
    left = [key for key, content in objects(bucket).items() if content == b"left"]
    assert left == ["33UUT/a/notes.txt", "33UUT/b/files-0123456789ab/mine.tif"]  # b may be at work, notes are no waste


def test_an_upload_that_fails_leaves_nothing(bucket):
    def produce(out):
        product("a.tif")(out)
        (out / "b.tif").mkdir()  # cannot be read as a file

    with pytest.raises(OutputError, match="33UUT/a"):
        open_store(bucket[2]).make("33UUT/a", produce)
    assert objects(bucket) == {}


def test_killed_in_the_middle_of_a_long_file_the_next_attempt_completes(bucket):
    client, _, url = bucket
    program = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[1])!r})\n"
        "from sunbreak.scale.store import open_store\n"
        "from scale.test_store import product\n"
        f"open_store({url!r}).make('33UUT/a', product('long.tif', bytes(400 << 20)))"
    )
    with subprocess.Popen([sys.executable, "-c", program], start_new_session=True) as run:
        while not client.list_multipart_uploads(Bucket=BUCKET).get("Uploads"):
            assert run.poll() is None, "ended before it could be killed"
            time.sleep(0.01)
        os.killpg(run.pid, signal.SIGKILL)
    assert objects(bucket) == {}
    store = open_store(url)
    content = np.random.default_rng(0).bytes(12 << 20)
    store.make("33UUT/a", product("long.tif", content))
    store.settle()
    assert sorted(objects(bucket).values(), key=len)[1:] == [content]


def test_a_server_that_stumbles_is_asked_again(server, bucket, monkeypatch):
    with stumbling(server[0]) as address:
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        store = open_store(bucket[2] + "/stumbling")
        store.prepare()
        for number in range(4):
            store.make(f"33UUT/{number}", product("mine.tif", bytes(7 << 20)))
        assert len(store.settle()) == 4
    assert len(objects(bucket)) == 8


@pytest.mark.parametrize("url", ["s3://no-such-bucket/x", "s3://archive/x"])
def test_a_store_that_cannot_be_written_to_is_told_before_anything_begins(plan, bucket, monkeypatch, capsys, url):
    if url.startswith("s3://archive"):
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{LOOPBACK}:{free_port()}")
    url += f"/{bucket[1]}"  # connections are kept by address
    assert main(["run", str(plan), "-o", url, *RUN]) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert url in told
    assert "AWS_ENDPOINT_URL" in told
    assert SECRET not in told
