"""A file is whole or as it was before, whatever stops its writing."""

import os

import pytest

from sunbreak.errors import OutputError
from sunbreak.replacing import replaced


def test_what_was_there_stays_until_all_is_written(tmp_path):
    file = tmp_path / "file.txt"
    for text in ("first", "second"):
        before = file.read_text() if file.exists() else None
        with replaced(file) as path:
            path.write_text(text)
            assert (file.read_text() if file.exists() else None) == before
        assert file.read_text() == text
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("no text"), KeyboardInterrupt()])
def test_a_failure_leaves_nothing_and_takes_nothing(tmp_path, error):
    file = tmp_path / "file.txt"
    file.write_text("before")

    def fail():
        with replaced(file) as path:
            path.write_text("half")
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)) as told:
        fail()
    if isinstance(error, OSError):
        assert str(told.value) == f"{file}: writing failed (No space left on device)"
    assert file.read_text() == "before"
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("name", ["folder", "no/such/folder/file", "a" * 300])
def test_where_no_file_can_be_is_told(tmp_path, name):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="writing failed"), replaced(tmp_path / name) as path:
        path.write_text("text")
    assert list(tmp_path.rglob("*")) == [tmp_path / "folder"]


def test_a_link_stays_one(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "there" / "file")
    with replaced(link) as path:
        path.write_text("text")
    assert link.is_symlink()
    assert os.listdir(tmp_path / "there") == ["file"]  # noqa: PTH208 - names
