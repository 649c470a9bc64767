"""What the server gives, and above all what it does not: only the products it was started for, by id, in bounds."""

import json
import shutil
import time

import pytest
from starlette.testclient import TestClient

from products import make_product
from sunbreak.view import app as served
from sunbreak.view.app import make_app
from sunbreak.view.catalog import find
from sunbreak.view.guard import allowed

TILE = "/tiles/mapped/restored/14/8876/5893.png"


def test_the_page_and_all_its_files_are_served_with_their_types(client):
    assert "Sunbreak" in client.get("/").text
    for name, kind in served.STATIC.items():
        answer = client.get(f"/static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == kind.split(";")[0]
        assert len(answer.content) > 100


def test_the_page_names_no_other_address_and_holds_no_inline_script(client):
    page = client.get("/").text
    assert "http" not in page
    assert "<script>" not in page
    assert "style=" not in page
    assert "onclick" not in page


def test_every_answer_has_the_headers_that_keep_others_out(client):
    for address in ("/", "/static/view.js", "/api/scenes", TILE, "/nothing", "/api/scenes/none", f"{TILE}?low=x"):
        headers = client.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.1", "", "[::2]", "localhost@evil.example"],
)
def test_a_request_under_another_name_is_refused(client, host):
    answer = client.get("/api/scenes", headers={"Host": host})
    assert answer.status_code == 400
    assert "mapped" not in answer.text


def test_this_machine_is_allowed_under_its_names_and_a_given_host_under_its_own():
    assert all(allowed(host, "127.0.0.1") for host in ("localhost", "127.0.0.1:80", "LOCALHOST:1", "[::1]:8765"))
    assert allowed("images.lan:80", "images.lan")
    assert not allowed("other.lan", "images.lan")
    assert allowed("192.168.1.5:80", "0.0.0.0")
    assert not allowed("any.name", "0.0.0.0")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE"])
def test_only_reading_is_allowed(client, method):
    assert client.request(method, "/api/scenes").status_code == 405


INJECTED = [
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%2e%2e/%2e%2e/etc/passwd", "....//etc/passwd", "/etc/passwd",
    "/vsicurl/http://127.0.0.1:9/a.tif", "vsizip", "%2fvsizip%2fa.zip", "http://127.0.0.1:9/a.tif",
    "http:%2f%2f127.0.0.1:9", "file:%2f%2f%2fetc%2fpasswd", "GTIFF_DIR:1:x.tif", "<VRTDataset>", "C:\\windows",
    "mapped%00", "mapped%2f..", "MAPPED", "", "%0d%0aX-Evil:1", "mapped;cat", "a" * 200, "%ff%fe",
]  # fmt: skip


@pytest.mark.parametrize("text", INJECTED)
def test_no_text_in_an_address_reaches_the_file_system_or_gdal(client, monkeypatch, text):
    def touched(*_, **__):
        raise AssertionError("a file was opened")

    for name in ("open_raster", "check_path"):
        monkeypatch.setattr(f"sunbreak.rasters.raster.{name}", touched)
    monkeypatch.setattr("sunbreak.view.catalog.read_product", touched)
    for address in (
        f"/tiles/{text}/restored/14/8876/5893.png",
        f"/tiles/mapped/{text}/14/8876/5893.png",
        f"/api/scenes/{text}",
        f"/api/scenes/{text}/pixel?lon=15&lat=45",
        f"/static/{text}",
        f"/{text}",
    ):
        answer = client.get(address)
        # an empty or dotted text can normalise to another address of the page itself
        assert answer.status_code in (400, 404, 422) or text in ("", "..", "/"), (address, answer.status_code)
        assert "root:" not in answer.text


@pytest.mark.parametrize("text", INJECTED)
def test_no_text_in_a_query_does_either(client, text):
    before = client.get(TILE)
    assert before.status_code == 200
    if text:
        assert client.get(f"{TILE}?bands={text}").status_code in (404, 422)
        assert client.get(f"{TILE}?low={text}&high=1").status_code == 422
        assert client.get(f"/api/scenes/mapped/pixel?lon={text}&lat=1").status_code == 422
    # names that mean nothing change nothing
    assert client.get(TILE, params={"url": text, "path": text, "rescale": text}).content == before.content


@pytest.mark.parametrize(
    "place", ["23/0/0", "99/0/0", "-1/0/0", "14/-1/0", "14/16384/0", "14/0/16384", "1e3/0/0", "14/0.5/0", "0x1/0/0",
              f"14/{10**30}/0", f"{10**30}/0/0", "nan/0/0", "22/4194304/0", "0/0/1"],
)  # fmt: skip
def test_zoom_column_and_row_are_bounded(client, place):
    assert client.get(f"/tiles/mapped/restored/{place}.png").status_code in (404, 422)


@pytest.mark.parametrize(
    "query", ["low=0", "high=1", "low=1&high=0", "low=0&high=0", "low=nan&high=1", "low=-inf&high=inf", "low=-5&high=1",
              "low=0&high=1e9", "bands=nothing", "bands=", "bands=true-colour%00", f"bands={'a' * 500}"],
)  # fmt: skip
def test_queries_are_bounded(client, query):
    assert client.get(f"{TILE}?{query}").status_code in (404, 422)


@pytest.mark.parametrize("query", ["", "lon=1", "lon=nan&lat=0", "lon=inf&lat=0", "lon=1e9&lat=0", "lon=0&lat=91"])
def test_places_are_bounded(client, query):
    assert client.get(f"/api/scenes/mapped/pixel?{query}").status_code == 422


def test_a_long_address_is_refused(client):
    assert client.get(f"{TILE}?x={'a' * 3000}").status_code == 414


def test_the_largest_and_deepest_tiles_are_quick_and_of_one_size(client):
    for address in ("/tiles/mapped/restored/0/0/0.png", "/tiles/mapped/restored/22/2271891/1508693.png"):
        start = time.monotonic()
        answer = client.get(address)
        assert answer.status_code == 200
        assert len(answer.content) < 1 << 20
        assert time.monotonic() - start < 10


def test_no_documentation_of_the_interface_is_left_open(client):
    for address in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(address).status_code == 404


def test_a_layer_that_a_product_lacks_is_not_there(client):
    assert client.get("/tiles/bare/land-cover/14/8192/8191.png").status_code == 404
    assert "land-cover" not in client.get("/api/scenes/bare").json()["layers"]


def test_inputs_that_are_gone_or_elsewhere_leave_the_rest(tmp_path):
    _, out = make_product(tmp_path, "alone", size=128)
    item = json.loads((out / "item.json").read_text())
    for href in (
        "/vsicurl/http://127.0.0.1:9/a.tif",
        "http://127.0.0.1:9/a.tif",
        "/etc/passwd",
        "../gone.tif",
        "item.json",
    ):
        for link in item["links"]:
            link["href"] = href
        (out / "item.json").write_text(json.dumps(item))
        with TestClient(make_app(find([out])), base_url="http://localhost") as client:
            assert client.get("/api/scenes/alone").json()["layers"] == ["restored", "quality", "source", "uncertainty"]
            assert client.get("/tiles/alone/cloudy/14/8876/5893.png").status_code == 404
            told = client.get("/api/scenes/alone/pixel", params={"lon": 15.005, "lat": 45.15}).json()
            assert told["spectrum"][0]["before"] is None


def test_a_damaged_file_is_told_without_paths(tmp_path, capsys):
    _, out = make_product(tmp_path, "torn", size=128)
    shutil.copy(out / "quality.tif", tmp_path / "whole.tif")
    with TestClient(make_app(find([out])), base_url="http://localhost") as client:
        assert client.get("/api/scenes/torn").status_code == 200
        (out / "quality.tif").write_bytes(b"II*\0" + b"\0" * 50_000)
        fresh = TestClient(make_app(find([out])), base_url="http://localhost")
        answer = fresh.get("/tiles/torn/quality/14/8876/5893.png")
    assert answer.status_code == 500
    assert str(tmp_path) not in answer.text
    assert "quality.tif" in capsys.readouterr().err
