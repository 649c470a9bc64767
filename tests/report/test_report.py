"""One self-contained page, whose numbers are those of the files."""

import re

import numpy as np
import pytest
import rasterio

from browser import chromium
from products import make_product
from sunbreak.cli import main
from sunbreak.errors import RasterError
from sunbreak.legend import QUALITY_LEGEND, SOURCE_LEGEND
from sunbreak.report import write_page
from sunbreak.steps.read_product import read_product


@pytest.fixture(scope="module")
def written(mapped, tmp_path_factory):
    return write_page(mapped[1], tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="module")
def html(written):
    return written.read_text()


def bands(path):
    with rasterio.open(path) as file:
        return file.read()


def test_it_holds_everything_itself(html):
    assert re.findall(r"(?:src|href)=.(?!data:)|url\(|@import", html) == []
    assert "<script" not in html
    assert html.count("data:image/png;base64,") == 7
    for heading in (
        "Quick looks",
        "Coverage",
        "Before and after",
        "Spectra",
        "Uncertainty",
        "Timing",
        "Provenance",
        "Model card",
    ):
        assert f"<h2>{heading}</h2>" in html
    assert "tdp-cr-prior" in html
    card = html.split("<h2>Model card</h2>")[1]
    # the card, not the item that holds it
    for told in ("Restoring Sentinel-2 L1C or L2A reflectance", "regions_seen", "gmacs"):
        assert told in card
    assert "mlm:" not in card


def test_coverage_is_counted_in_the_files(html, mapped):
    for band, legend in zip(bands(mapped[1] / "quality.tif"), (QUALITY_LEGEND, SOURCE_LEGEND), strict=True):
        for code, share in zip(*np.unique(band, return_counts=True), strict=True):
            assert f"{legend[code].name} <b>{100 * share / band.size:.1f} %</b>" in html


def test_calibration_is_measured_where_the_truth_is_known(html, mapped):
    scene, out = mapped
    after, truth = (bands(path).astype(float) for path in (out / "reflectance.tif", scene / "truth.tif"))
    restored = bands(out / "quality.tif")[1] > 1
    errors, sigma = np.abs(after - truth)[:, restored], bands(out / "uncertainty.tif")[:, restored]
    for times, text in ((1, "within 1 sigma"), (2, "within 2")):
        share = 100 * (errors <= times * sigma).mean()
        told = re.search(rf"(\d+) % (?:of the errors of restored values lie )?{text}", html)
        assert abs(int(told[1]) - share) <= 1  # DN on the edge of an interval round either way


def test_time_of_every_step_is_recorded(mapped):
    seconds = read_product(mapped[1]).properties["sunbreak:seconds"]
    assert {"open", "mask", "fit", "restore"} <= set(seconds)
    assert all(0 <= value < 600 for value in seconds.values())


def test_without_input_and_truth_it_says_so(tmp_path):
    scene, out = make_product(tmp_path, "alone", size=128, radar=False)
    (scene / "truth.tif").unlink()
    (scene / "optical.tif").unlink()
    html = write_page(out, tmp_path / "alone.html").read_text()
    assert "cannot be seen without a truth" in html
    assert "before" not in re.sub(r"Before and after", "", html)


def test_an_evaluation_becomes_a_page_with_its_tables_and_plot(tmp_path, capsys):
    assert main(["evaluate", "--data", "simulated:n=2,size=64,cover=0.5", "-o", str(tmp_path / "scores")]) == 0
    assert main(["report", str(tmp_path / "scores"), "-o", str(tmp_path / "scores.html")]) == 0
    html = (tmp_path / "scores.html").read_text()
    markdown = (tmp_path / "scores" / "report.md").read_text()
    for line in (line for line in markdown.splitlines() if line.startswith("| smooth-fill")):
        for cell in line.strip("|").split("|"):
            assert f">{cell.strip()}<" in html
    assert html.count("<h2>") == markdown.count("\n## ") + 1
    assert html.count("data:image/png;base64,") == 1
    assert "split hash" in html


def test_what_is_neither_is_refused(tmp_path, mapped, capsys):
    with pytest.raises(RasterError, match="neither a product"):
        write_page(tmp_path, tmp_path / "a.html")
    assert main(["report", str(mapped[1]), "-o", str(tmp_path / "none" / "a.html")]) == 2
    assert "-o/--out" in capsys.readouterr().err


def test_a_browser_shows_it_without_a_request(written):
    with chromium() as browser:
        page = browser.new_page()
        asked, complaints = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda said: complaints.append(said.text))
        page.goto(written.as_uri())
        assert page.evaluate("[...document.images].every(one => one.naturalWidth > 100)")
        assert [one for one in asked if not one.startswith("data:")] == [page.url]
        assert complaints == []
