"""Plans from elsewhere: where their products go, what they have called; and words that would move a terminal."""

import csv
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from products import make_product
from sunbreak.cli import main
from sunbreak.scale.table import COLUMNS, Row

GROUP = "Hostile input"
shows = pytest.mark.outcome


def write_plan(path, **cells):
    row = {"tile": "33UUT", "id": "a", "optical": "nowhere.tif"} | cells
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerow(row)
    return path


@shows(GROUP, "plan whose tiles and ids lead out of the destination (`../`, `/etc`, NUL)", "products stay inside")
@given(tile=st.text(min_size=1), name=st.text(min_size=1) | st.sampled_from(["..", "../..", "/etc", "a/../../b", "."]))
def test_products_stay_in_the_destination(tile, name):
    folder = Row(tile=tile, id=name, datetime="", cloud_percent="", optical="a").folder
    assert not folder.is_absolute()
    assert len(folder.parts) == 2
    assert not any(
        part in ("..", ".", "") or part.startswith(".") or "/" in part or "\0" in part for part in folder.parts
    )


@shows(GROUP, "plan with an id of 10,000 letters", "refused")
def test_long_names(tmp_path, refused):
    plan = write_plan(tmp_path / "plan.csv", id="a" * 10_000)
    refused("run", plan, "-o", tmp_path / "out", words=["plan.csv", "row 2", "id", "200"])


@shows(GROUP, "plan that has functions called (`sign` is os:abort)", "refused unless --sign names a function")
@pytest.mark.parametrize("name", ["os:abort", "builtins:exec", "antigravity:x", "planetary_computer.evil:sign"])
def test_plans_have_nothing_called(tmp_path, refused, name):
    plan = write_plan(tmp_path / "plan.csv", sign=name)
    refused("run", plan, "-o", tmp_path / "out", words=["plan.csv", name, f"pass --sign {name}"])
    assert not (tmp_path / "out").exists()


@shows(GROUP, "names with control characters, which a terminal would obey", "shown as escapes")
def test_terminals_are_not_moved(tmp_path, capsys):
    plan = write_plan(tmp_path / "plan.csv", optical="\x1b]0;evil\x07\x1b[2Jnowhere.tif")
    assert main(["run", str(plan), "-o", str(tmp_path / "out")]) == 1
    told = capsys.readouterr()
    assert "\x1b" not in told.out + told.err
    assert "\\x1b[2Jnowhere.tif" in told.out


@shows(GROUP, "product whose item holds HTML and scripts", "shown as text in its report")
def test_reports_show_text(tmp_path):
    _, folder = make_product(tmp_path, "scene")
    item = json.loads((folder / "item.json").read_text())
    evil = "<script>alert(1)</script>"
    item["id"] = evil
    item["properties"] |= dict.fromkeys(("sunbreak:model", "datetime", "platform", "processing:level"), evil)
    item["links"].append({"rel": "derived_from", "href": f"javascript:{evil}", "title": evil})
    (folder / "item.json").write_text(json.dumps(item))
    assert main(["report", str(folder), "-o", str(tmp_path / "report.html")]) == 0
    text = (tmp_path / "report.html").read_text()
    assert "alert(1)" in text
    assert evil not in text
    assert 'href="javascript:' not in text
