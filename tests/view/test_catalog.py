import json
import shutil

import pytest

from sunbreak.errors import RasterError
from sunbreak.view.catalog import find


def test_a_product_is_found_by_its_folder_and_by_its_item(mapped):
    for path in (mapped[1], mapped[1] / "item.json"):
        assert list(find([path]).entries) == ["mapped"]


def test_the_same_product_twice_is_one_and_the_same_name_twice_two(mapped, tmp_path):
    shutil.copytree(mapped[1], tmp_path / "mapped")
    assert list(find([mapped[1], mapped[1] / "item.json", tmp_path / "mapped"]).entries) == ["mapped", "mapped-2"]


def test_a_collection_is_shown_by_date(season):
    for path in (season, season.parent):
        found = find([path])
        assert [entry.when[:10] for entry in found.entries.values()] == ["2023-04-30", "2023-07-15", "2023-09-17"]


def test_a_folder_of_products_is_a_collection_without_a_file(season, tmp_path):
    for name in ("day-120", "day-260"):
        shutil.copytree(season.parent / name, tmp_path / name)
    assert list(find([tmp_path]).entries) == ["day-120", "day-260"]


@pytest.mark.parametrize(
    ("href", "words"),
    [
        ("https://example.org/item.json", "only local files"),
        ("/vsicurl/http://example.org/item.json", "only local files"),
        ("file:///etc/passwd", "only local files"),
        ("./missing/item.json", "no such file"),
        ("./collection.json", "nested too deeply"),
    ],
)
def test_a_collection_leads_nowhere_else(tmp_path, href, words):
    content = {"type": "Collection", "links": [{"rel": "item", "href": href}]}
    (tmp_path / "collection.json").write_text(json.dumps(content))
    with pytest.raises(RasterError, match=words):
        find([tmp_path])


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "JSON"), ("[]", "no STAC"), ('{"type": "Feature"}', "no STAC"), ("[" * 100_000, "JSON"),
     ('{"type": "Feature", "properties": {}}', "no restored scene")],
)  # fmt: skip
def test_what_is_no_product_is_refused_in_one_line(tmp_path, content, words):
    (tmp_path / "item.json").write_text(content)
    with pytest.raises(RasterError, match=words) as caught:
        find([tmp_path])
    assert str(tmp_path) in str(caught.value)


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(RasterError, match="no finished product"):
        find([tmp_path])
