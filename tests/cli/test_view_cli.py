"""`sunbreak view` and `report` before a page is shown: quick help, one line for mistakes."""

import socket
import subprocess
import sys

import pytest

from sunbreak.cli import main

HEAVY = ("fastapi", "uvicorn", "rio_tiler", "starlette", "playwright", "xarray", "rasterio")


@pytest.mark.parametrize("arguments", [["--help"], ["view", "--help"], ["report", "--help"]])
def test_help_imports_nothing_heavy(arguments):
    code = (
        "import sys; from sunbreak.cli import main\n"
        "try: main(sys.argv[1:])\n"
        f"finally: print('HEAVY', [name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    assert "HEAVY []" in done.stdout


def one_line(capsys, *words):
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert all(word in told for word in words)


def test_a_folder_that_holds_no_product_is_told(tmp_path, capsys):
    assert main(["view", str(tmp_path)]) == 2
    one_line(capsys, str(tmp_path), "no finished product")
    assert main(["view", str(tmp_path / "none")]) == 2
    one_line(capsys, "no such folder")


def test_a_port_that_is_taken_is_told(mapped, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        assert main(["view", str(mapped[1]), "--port", port]) == 2
    one_line(capsys, port, "--port")


@pytest.mark.parametrize(("option", "value"), [("--port", "70000"), ("--port", "-1"), ("--host", "192.0.2.1")])
def test_an_address_that_cannot_be_is_told(mapped, capsys, option, value):
    assert main(["view", str(mapped[1]), option, value]) == 2
    one_line(capsys, option)


def test_without_the_extra_it_names_the_extra(mapped, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "rio_tiler", None)
    assert main(["view", str(mapped[1])]) == 2
    one_line(capsys, "pip install 'sunbreak[view]'")
