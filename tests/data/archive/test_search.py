"""Archives behind a STAC API: real searches of a real server on loopback."""

import json

import numpy as np
import pytest

from archive_layouts import day, write_items
from servers import files_over_http, free_port, stac_api
from sunbreak.data.archive import open_archive
from sunbreak.errors import InputError, OptionError

HERE = "bbox=14.995:52.30:15.02:52.4"
AREA = [[14.99, 52.3], [15.02, 52.3], [15.02, 52.4], [14.99, 52.4], [14.99, 52.3]]


@pytest.fixture(scope="module")
def api(tmp_path_factory):
    """Address of an API with five dates, and the file of the same items."""
    folder = tmp_path_factory.mktemp("catalogue")
    with files_over_http(folder) as files:
        path = write_items(folder, (0.0, 0.3, 0.0, 0.6, 0.0), href=files + "/{name}")
        items = json.loads(path.read_text())["features"]
        for item in items:
            item["geometry"] = {"type": "Polygon", "coordinates": [AREA]}
        # a catalogue may not point to the searcher's own files
        items[0]["assets"]["B05"]["href"] = (folder / f"{day(0)}_B05.tif").as_uri()
        with stac_api(items, folder) as address:
            yield address, path


def test_a_search_finds_what_a_saved_search_holds(api):
    address, path = api
    found, saved = (open_archive(f"archive:{one},{HERE},from={day(1)}") for one in (address, path))
    # inputs are of the period, the radar beside them may lie outside
    assert [image.day for image in found.inputs] == [day(number) for number in range(1, 5)]
    assert [image.radar_apart for image in found.inputs] == [-4, 3, -2, -7]
    assert [image.day for image in saved.inputs] == [image.day for image in found.inputs]
    one, other = found.inputs[0].load(), saved.inputs[0].load()
    for name in ("cloudy", "quality", "radar"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
    assert found.region == f"127.0.0.1:{HERE.removeprefix('bbox=')}"


def test_files_of_this_machine_are_no_business_of_a_catalogue(api):
    address, _ = api
    archive = open_archive(f"archive:{address},{HERE}")
    told = {one.name: one.reason for one in archive.skipped}
    assert [name for name, reason in told.items() if "other bands" in reason] == [f"{archive.region}-{day(0)}"]


def test_what_a_search_needs_and_what_it_cannot_find(api):
    address, _ = api
    for spec, words in (
        ("", "needs bbox="),
        (",bbox=10:50:10.1:50.1", "finds nothing of sentinel-2-l2a"),
        (f",{HERE},from=2031-01-01", "finds nothing"),
        (f",{HERE},collections=landsat", "landsat"),
        (f",{HERE},from=2020-06-31", "is no day"),
    ):
        with pytest.raises(InputError, match=words) as caught:
            open_archive(f"archive:{address}{spec}")
        assert "\n" not in str(caught.value)


def test_a_catalogue_that_is_not_there_is_told_in_one_line(tmp_path):
    with pytest.raises(InputError, match="cannot be searched") as caught:
        open_archive(f"archive:http://127.0.0.1:{free_port()}/v1,{HERE}")
    assert "\n" not in str(caught.value)
    with files_over_http(tmp_path) as files, pytest.raises(InputError, match="cannot be searched"):
        open_archive(f"archive:{files},{HERE}")


def test_more_than_a_place_can_have_is_refused(api, monkeypatch):
    address, _ = api
    monkeypatch.setattr("sunbreak.data.archive.search.MOST_ITEMS", 3)
    with pytest.raises(OptionError, match="more than 3 items; give a shorter period"):
        open_archive(f"archive:{address},{HERE}")
