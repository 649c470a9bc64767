"""Products to look at: with a network's land cover, without georeferencing, and a season of three dates."""

import pytest
from starlette.testclient import TestClient

from products import make_collection, make_product
from sunbreak.view.app import make_app
from sunbreak.view.catalog import find


@pytest.fixture(scope="package")
def bare(tmp_path_factory):
    return make_product(tmp_path_factory.mktemp("bare"), "bare", bare=True)


@pytest.fixture(scope="package")
def season(tmp_path_factory):
    """Path of a STAC collection of three dates of one place; its items are not in their order."""
    folder = tmp_path_factory.mktemp("season")
    made = [make_product(folder, f"day-{day}", season=day, size=128, radar=False)[1] for day in (260, 120, 196)]
    return make_collection(folder, made)


@pytest.fixture(scope="package")
def client(mapped, bare):
    with TestClient(make_app(find([mapped[1], bare[1]])), base_url="http://127.0.0.1:8765") as made:
        yield made
