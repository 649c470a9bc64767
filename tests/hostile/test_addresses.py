"""Addresses that others have written: a public catalogue asks for nothing inside the network of whoever reads it.

Real servers on loopback play both parts: 127.0.0.2 counts as public here, everything else of 127.0.0.0/8 is inside.
"""

import contextlib
import http.server
import json
import threading

import pytest

from catalogues import BBOX, DATES, write_archive, write_catalogue
from servers import files_over_http
from stac_layouts import write_item
from sunbreak.errors import InputError
from sunbreak.inputs.assets import open_asset
from sunbreak.rasters import addresses
from sunbreak.rasters.addresses import Reach, check_reach, reach_of

GROUP = "Hostile input"
PUBLIC, INSIDE = "127.0.0.2", "127.0.0.1"
shows = pytest.mark.outcome


@pytest.fixture(autouse=True)
def one_public_address(monkeypatch):
    real = addresses.reach_of_ip
    monkeypatch.setattr(addresses, "reach_of_ip", lambda text: Reach.PUBLIC if text == PUBLIC else real(text))
    for kept in (addresses._reach_of_host, addresses.check_redirects):
        kept.cache_clear()
    yield
    for kept in (addresses._reach_of_host, addresses.check_redirects):
        kept.cache_clear()


@contextlib.contextmanager
def server(host, answers):
    """A server with answers by path: a text, an address to redirect to as ("to", address), or a function of its own
    address; and the paths that it was asked for."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def answer(self):
            asked.append(self.path)
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            found = answers.get(self.path.partition("?")[0])
            found = found(own) if callable(found) else found
            if isinstance(found, tuple):
                self.send_response(302)
                self.send_header("Location", found[1])
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            body = (found if isinstance(found, str) else json.dumps(found)).encode()
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Type", "application/geo+json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self):
            self.answer()

        def do_HEAD(self):
            self.answer()

        def do_POST(self):
            self.answer()

    with http.server.ThreadingHTTPServer((host, 0), Handler) as made:
        own = f"http://{host}:{made.server_port}"
        threading.Thread(target=made.serve_forever, daemon=True).start()
        try:
            yield own, asked
        finally:
            made.shutdown()


@pytest.fixture
def inside():
    """A server of this network, which nobody outside may have asked."""
    with server(INSIDE, {}) as (address, asked):
        yield address
        assert asked == []


@pytest.mark.parametrize(
    ("place", "reach"),
    [
        ("http://8.8.8.8/a", 0), ("http://[2606:4700::1]/a", 0), ("s3://bucket/key", 0),
        ("http://10.1.2.3/", 1), ("http://192.168.0.1/", 1), ("http://127.0.0.1/", 1), ("http://0.0.0.0/", 1),
        ("http://localhost:80/", 1), ("http://2130706433/", 1), ("http://0x7f000001/", 1), ("http://127.1/", 1),
        ("http://[::1]/", 1), ("http://[::ffff:10.0.0.1]/", 1), ("http://[fd00::1]/", 1), ("http://100.64.0.1/", 1),
        ("http://me:word@127.0.0.1/", 1), ("http://169.254.169.254/latest", 2), ("http://[fe80::1%25eth0]/", 2),
        ("http://[::ffff:169.254.169.254]/", 2),
    ],
)  # fmt: skip
def test_how_far_inside_an_address_lies(place, reach):
    assert reach_of(place) == reach


@pytest.mark.parametrize("place", ["http://a\\@b/", "http:///a", "http://[", "https://a b/", "http://é☃'/"])
def test_what_is_no_address_is_refused(place):
    with pytest.raises(InputError, match="no address of a server"):
        reach_of(place)


def test_nothing_names_what_lies_further_inside_than_itself(tmp_path):
    places = {
        Reach.PUBLIC: "http://8.8.8.8/",
        Reach.PRIVATE: "http://10.0.0.1/",
        Reach.LINK_LOCAL: "http://169.254.0.1/",
    }
    for where, place in places.items():
        for of, by in (*places.items(), (Reach.PRIVATE, tmp_path)):
            if where <= of:
                check_reach(place, by)
            else:
                with pytest.raises(InputError, match="refused, it leads to"):
                    check_reach(place, by)


def item_on(root, href):
    """An item whose assets all have one address."""
    content = json.loads(write_item(root, "planetary-computer", offset=-1000, bands=("B02", "B03", "B04")).read_text())
    for asset in content["assets"].values():
        asset["href"] = href
    return content


@shows(GROUP, "public STAC item whose assets lie at private addresses or in files (SSRF)", "refused, nobody is asked")
@pytest.mark.parametrize(
    "href",
    ["{inside}/a.tif", "http://localhost:1/a.tif", "http://2130706433/a.tif", "http://[::ffff:127.0.0.1]/a.tif",
     "file:///etc/passwd", "file://localhost/etc/passwd", "ftp://127.0.0.1/a.tif", "/vsicurl/{inside}/a.tif",
     "http://169.254.169.254/latest/meta-data/a.tif", "//127.0.0.1:1/a.tif", "http://[/a.tif"],
)  # fmt: skip
def test_public_items_name_public_files(tmp_path, restore_refused, inside, href):
    with server(PUBLIC, {"/item.json": item_on(tmp_path, href.format(inside=inside))}) as (address, _):
        restore_refused(f"{address}/item.json", words=["a.tif" if href.endswith("a.tif") else "passwd"])


@shows(GROUP, "local STAC item whose assets lie at a link-local address (keys of a cloud)", "refused, nobody is asked")
def test_local_items_do_not_name_link_local_addresses(tmp_path, restore_refused):
    path = tmp_path / "item.json"
    path.write_text(json.dumps(item_on(tmp_path, "http://169.254.169.254/latest/meta-data/iam/a.tif")))
    restore_refused(path, words=["refused", "169.254.169.254", "link-local"])


@shows(GROUP, "address of an item that redirects into the network", "refused, nobody is asked")
def test_items_are_not_redirected_inside(restore_refused, inside):
    with server(PUBLIC, {"/item.json": ("to", f"{inside}/item.json")}) as (address, _):
        restore_refused(f"{address}/item.json", words=["refused", inside])


@shows(GROUP, "asset that redirects into the network", "refused, nobody is asked")
def test_assets_are_not_redirected_inside(inside):
    with (
        server(PUBLIC, {"/a.tif": ("to", f"{inside}/a.tif")}) as (address, _),
        pytest.raises(InputError, match="refused"),
    ):
        open_asset("a.tif", f"{address}/item.json")


def test_a_server_of_this_network_names_its_own_files(tmp_path):
    write_item(tmp_path, bands=("B02",))
    with files_over_http(tmp_path) as address:
        assert open_asset("B02.tif", f"{address}/s2.json").count == 1
        assert open_asset(f"{address}/B02.tif", tmp_path).count == 1


def landing(own, search=None):
    """The landing page of a STAC API."""
    conforms = ["https://api.stacspec.org/v1.0.0/core", "https://api.stacspec.org/v1.0.0/item-search"]
    links = [{"rel": "self", "href": own}, {"rel": "root", "href": own},
             {"rel": "search", "href": search or f"{own}/search", "method": "POST",
              "type": "application/geo+json"}]  # fmt: skip
    return {"type": "Catalog", "id": "api", "stac_version": "1.0.0", "description": "", "conformsTo": conforms,
            "links": links}  # fmt: skip


def page(items, *links):
    return {"type": "FeatureCollection", "features": items, "links": list(links)}


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    return write_archive(tmp_path_factory.mktemp("archive"), days=(3,), tiles=("33UUT",))


def plan(address, out, refused, words):
    refused("plan", "--stac", address, *BBOX, *DATES, "-o", out / "plan.csv", words=words)
    assert not (out / "plan.csv").exists()


@shows(
    GROUP,
    "STAC API whose search, next page or redirect leads inside, or to a file",
    "refused, nobody is asked",
)
@pytest.mark.parametrize("way", ["search", "next", "redirect", "file"])
def test_apis_do_not_lead_inside(tmp_path, refused, inside, items, way):
    answers = {
        "search": {"/": lambda own: landing(own, search=f"{inside}/search")},
        "redirect": {"/": landing, "/search": ("to", f"{inside}/search")},
        "next": {"/": landing, "/search": page(items, {"rel": "next", "href": f"{inside}/next"})},
        "file": {"/": landing, "/search": page(items, {"rel": "next", "href": "/etc/passwd"})},
    }[way]
    with server(PUBLIC, answers) as (address, _):
        plan(address, tmp_path, refused, words=["refused" if way != "file" else "127.0.0.2"])


@shows(GROUP, "catalogue that says its items lie in files or at private addresses", "refused, no plan")
@pytest.mark.parametrize(
    ("own", "words"),
    [("file:///etc/passwd", "may not name files"), ("{inside}/item.json", "leads to"),
     ("http://169.254.169.254/item.json", "link-local")],
)  # fmt: skip
def test_plans_name_what_the_catalogue_may(tmp_path, refused, inside, items, own, words):
    spoilt = [{**item, "links": [{"rel": "self", "href": own.format(inside=inside)}]} for item in items]
    with server(PUBLIC, {"/": landing, "/search": page(spoilt)}) as (address, _):
        plan(address, tmp_path, refused, words=[own.format(inside=inside), words])


@shows(GROUP, "STAC API whose pages never end", "refused after 1,000,000 items")
def test_apis_end(tmp_path, refused, items, monkeypatch):
    monkeypatch.setattr("sunbreak.scale.find.MOST", 1000)  # the same, sooner
    pages = {"/": landing, "/search": lambda own: page(items * 100, {"rel": "next", "href": f"{own}/search"})}
    with server(INSIDE, pages) as (address, _):
        plan(address, tmp_path, refused, words=["more than 1000 items"])


@shows(GROUP, "STAC API that answers with more than 256 MiB", "refused, without holding them")
def test_answers_end(tmp_path, refused, monkeypatch):
    monkeypatch.setattr("sunbreak.data.archive.search.MAX_ANSWER", 1 << 20)  # the same, sooner
    with server(INSIDE, {"/": lambda own: landing(own) | {"description": " " * (2 << 20)}}) as (address, _):
        plan(address, tmp_path, refused, words=["more than 1 MiB"])


def test_a_name_that_nobody_bears_is_looked_up_again(monkeypatch):
    answers = iter([OSError("nobody"), [(0, 0, 0, "", ("10.0.0.1", 0))]])

    def lookup(*_, **__):
        answer = next(answers)
        if isinstance(answer, OSError):
            raise answer
        return answer

    monkeypatch.setattr(addresses.socket, "getaddrinfo", lookup)
    assert reach_of("https://later.example/a.tif") is Reach.PUBLIC
    assert reach_of("https://later.example/a.tif") is Reach.PRIVATE


@shows(GROUP, "static catalogue whose links lead into the network, to a file, or to itself for ever", "refused")
@pytest.mark.parametrize(
    ("link", "words"),
    [("{inside}/a.json", "refused, it leads to"), ("file:///etc/passwd", "may not name files"),
     ("{local}/item.json", "does not resolve"), ("./catalog.json", "its links lead to itself")],
)  # fmt: skip
def test_static_catalogues_do_not_lead_inside(tmp_path, refused, inside, link, words):
    write_item(tmp_path).rename(tmp_path / "item.json")  # it is there, and nobody may read it
    content = {"type": "Catalog", "id": "may", "stac_version": "1.0.0", "description": "",
               "links": [{"rel": "child", "href": link.format(inside=inside, local=tmp_path)}]}  # fmt: skip
    with server(PUBLIC, {"/catalog.json": content}) as (address, _):
        plan(f"{address}/catalog.json", tmp_path, refused, words=[words])


def test_a_local_catalogue_names_local_items(tmp_path):
    from sunbreak.cli import main

    written = write_archive(tmp_path, days=(3,), tiles=("33UUT",))
    given = [*BBOX, *DATES, "-o", str(tmp_path / "plan.csv")]
    assert main(["plan", "--stac", str(write_catalogue(tmp_path, written)), *given]) == 0
    assert "33UUT" in (tmp_path / "plan.csv").read_text()
