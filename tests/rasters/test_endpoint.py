"""Rasters of S3: keys, endpoint and requester-pays come from the environment."""

import functools
import http.server
import threading

import pytest

from conftest import l1c_dn, write_raster
from servers import LOOPBACK, Ranged
from sunbreak.errors import RasterError
from sunbreak.rasters.endpoint import endpoint_url, gdal_settings
from sunbreak.rasters.remote import RemoteRaster

NAMES = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING")
KEY, SECRET = "THE-KEY", "the-secret"


@pytest.fixture
def environment(monkeypatch):
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return monkeypatch


@pytest.fixture
def bucket(tmp_path):
    """Host of a server over a bucket whose owner lets requesters pay: it wants a signature and their consent."""

    class Paid(Ranged):
        def admits(self):
            signed = f"Credential={KEY}/" in self.headers.get("Authorization", "")
            return signed and self.headers.get("x-amz-request-payer") == "requester"

    (tmp_path / "bucket").mkdir()
    for name in ("B02.tif", "B03.tif"):
        write_raster(tmp_path / "bucket" / name, l1c_dn()[:1])
    handler = functools.partial(Paid, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer((LOOPBACK, 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{LOOPBACK}:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("names", ["of the AWS tools", "of GDAL"])
def test_keys_endpoint_and_requester_pays_come_from_the_environment(environment, bucket, names):
    if names == "of GDAL":
        environment.setenv("AWS_S3_ENDPOINT", bucket)
        environment.setenv("AWS_HTTPS", "NO")
        environment.setenv("AWS_VIRTUAL_HOSTING", "FALSE")
    else:
        environment.setenv("AWS_ENDPOINT_URL", f"http://{bucket}")
    environment.setenv("AWS_ACCESS_KEY_ID", KEY)
    environment.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    with pytest.raises(RasterError) as caught:
        RemoteRaster("s3://bucket/B02.tif")
    assert SECRET not in str(caught.value)
    assert KEY not in str(caught.value)
    environment.setenv("AWS_REQUEST_PAYER", "requester")
    raster = RemoteRaster("s3://bucket/B03.tif")
    assert raster.shape == (64, 64)
    assert (raster.read(slice(0, 64), slice(0, 64), [1]) == l1c_dn()[:1]).all()


@pytest.mark.parametrize(
    ("given", "url", "settings"),
    [
        ({}, None, {}),
        ({"AWS_S3_ENDPOINT": "minio:9000", "AWS_HTTPS": "NO"}, "http://minio:9000", {}),
        ({"AWS_S3_ENDPOINT": "s3.example.org"}, "https://s3.example.org", {}),
        (
            {"AWS_ENDPOINT_URL": "http://minio:9000/"}, "http://minio:9000/",
            {"AWS_S3_ENDPOINT": "minio:9000", "AWS_HTTPS": "NO", "AWS_VIRTUAL_HOSTING": "FALSE"},
        ),
        (
            {"AWS_ENDPOINT_URL": "https://other", "AWS_ENDPOINT_URL_S3": "https://s3.other"}, "https://s3.other",
            {"AWS_S3_ENDPOINT": "s3.other", "AWS_HTTPS": "YES", "AWS_VIRTUAL_HOSTING": "FALSE"},
        ),
    ],
)  # fmt: skip
def test_one_setting_serves_reading_and_writing(environment, given, url, settings):
    for name, value in given.items():
        environment.setenv(name, value)
    assert endpoint_url() == url
    assert gdal_settings() == settings
