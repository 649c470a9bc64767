import csv
import io
import re

import pytest

from sunbreak.metrics import csv_lines, latex, markdown, table
from sunbreak.metrics.document import Column, Document, Table

COLUMNS = (
    Column("label", "model"),
    Column("psnr", "PSNR", 2),
    Column("share", "<1s", 0, scale=100),
    Column("gain", "gain", 2, signed=True),
    Column("interval", "95 %", 1, optional=True),
)
RECORDS = (
    {"label": "runs/a_b [seen]", "psnr": 31.257, "share": 0.683, "gain": 0.5, "interval": (30.0, 32.25)},
    {"label": "x|y & 50 %", "psnr": float("nan"), "share": None, "gain": -0.25, "interval": None},
)
DOCUMENT = Document(
    header=("sunbreak 1   protocol p   data simulated:n=2,size=96",),
    stamps=("a_b: TRAINED ON 1 OF 2 TEST REGIONS (ROIs1158_31)",),
    origin="split test, split hash abc, data collection:my_data,split=test, sunbreak 1",
    tables=(Table("cloud pixels", "p", COLUMNS, RECORDS), Table("shadow pixels", "p", (), ())),
    legend=("<1s: percent within one sigma.",),
    notes=("mine: 100 % of a_b",),
)
CELLS = [
    ["model", "PSNR", "<1s", "gain", "95 %"],
    ["runs/a_b [seen]", "31.26", "68", "+0.50", "30.0 .. 32.2"],
    ["x|y & 50 %", "-", "-", "-0.25", "-"],
]


def from_markdown(text):
    lines = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("|")]
    plain = [[re.sub(r"\\(.)", r"\1", cell).replace("&lt;", "<") for cell in line] for line in lines]
    return [line for line in plain if not line[0].startswith("---")]


def from_latex(text):
    body = text.split(r"\toprule")[1].split(r"\bottomrule")[0].replace(r"\midrule", "")
    signs = {r"\_": "_", r"\%": "%", r"\textless{}": "<", r"\textbar{}": "|", "{[}": "[", "{]}": "]", "--": "-",
             "$-$": "-"}  # fmt: skip
    found = []
    for line in filter(None, map(str.strip, body.split("\\\\\n"))):
        cells = re.split(r" (?<!\\)& ", line)
        for coded, sign in signs.items():
            cells = [cell.replace(coded, sign) for cell in cells]
        found.append([cell.replace(r"\&", "&") for cell in cells])
    return found


def test_cells_are_rounded_once_for_all_formats():
    assert DOCUMENT.tables[0].cells() == CELLS


def test_markdown_and_latex_hold_the_cells_of_the_terminal():
    assert from_markdown(markdown.render(DOCUMENT)) == CELLS
    assert from_latex(latex.render(DOCUMENT)) == CELLS
    shown = table.render(DOCUMENT).splitlines()
    for row in CELLS:
        assert any(re.split(" {2,}", line.strip()) == row for line in shown)


def test_columns_with_nothing_to_show_are_left_out_where_they_may_be():
    alone = Table("all", "p", COLUMNS, RECORDS[1:])
    assert alone.cells()[0] == ["model", "PSNR", "<1s", "gain"]


@pytest.mark.parametrize("render", [table.render, markdown.render, latex.render])
def test_every_format_tells_header_stamps_legend_and_notes(render):
    text = render(DOCUMENT).replace("\\", "").replace("{[}", "[").replace("&lt;", "<").replace("textless{}", "<")
    for words in (*DOCUMENT.header, *DOCUMENT.stamps, *DOCUMENT.legend, *DOCUMENT.notes):
        assert " ".join(words.split()) in " ".join(text.split())


def test_a_latex_table_that_travels_alone_says_where_it_comes_from():
    text = latex.render(DOCUMENT)
    (caption,) = re.findall(r"\\caption\{(.*)\}", text)
    for words in ("protocol p", "split hash abc", r"my\_data", "sunbreak 1", "TRAINED ON 1 OF 2 TEST REGIONS"):
        assert words in caption
    assert text.count(r"\begin{table}") == 1  # the empty one is not there
    assert not re.search(r"(?<!\\)[&%#_]", caption)


def test_nothing_of_the_kind_is_said():
    assert "shadow pixels: none in this data" in table.render(DOCUMENT)
    assert "## shadow pixels\n\nNone in this data." in markdown.render(DOCUMENT)


def test_csv_keeps_numbers_in_full_and_texts_whole():
    records = [
        {"model": 'a "b", c', "region": "cloud", "psnr": 1 / 3, "psnr_interval_95": (0.1, 0.2), "sam": float("nan")},
        {"model": "d", "region": "all", "psnr": float("inf"), "psnr_interval_95": None, "sam": 2.0},
    ]
    first, second = csv.DictReader(io.StringIO(csv_lines.render(records)))
    assert first["model"] == 'a "b", c'
    assert first["part"] == "cloud"
    assert float(first["psnr"]) == 1 / 3
    assert (first["psnr_interval_95_low"], first["psnr_interval_95_high"], first["sam"]) == ("0.1", "0.2", "")
    assert (second["psnr"], second["psnr_interval_95_low"]) == ("inf", "")
