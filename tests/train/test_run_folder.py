"""The folder of a run: begun once, gone on with by the same settings only."""

import pytest

from sunbreak.cli import main
from sunbreak.errors import OptionError
from sunbreak.train.run_folder import SETTINGS, begin


def test_a_run_goes_on_with_the_same_settings_only(tmp_path):
    folder = tmp_path / "runs" / "a"
    begin(folder, {"seed": 1})
    before = (folder / SETTINGS).read_bytes()
    begin(folder, {"seed": 1})
    with pytest.raises(OptionError, match=r"a training with other seed .*take another -o"):
        begin(folder, {"seed": 2})
    assert (folder / SETTINGS).read_bytes() == before


@pytest.mark.parametrize("out", ["note.txt", "note.txt/run"])
def test_a_file_is_no_folder_of_a_run(tmp_path, out):
    (tmp_path / "note.txt").write_text("kept")
    with pytest.raises(OptionError) as caught:
        begin(tmp_path / out, {"seed": 1})
    assert str(caught.value) == f"{tmp_path / 'note.txt'}: is a file; name a folder with -o"
    assert (tmp_path / "note.txt").read_text() == "kept"


def test_the_command_refuses_a_file(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("kept")
    command = ["train", "tdp-cr-prior", "--data", "simulated:", "-o", str(tmp_path / "note.txt")]
    assert main(command) == 2
    assert "note.txt: is a file; name a folder with -o" in capsys.readouterr().err
