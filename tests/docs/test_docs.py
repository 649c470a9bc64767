"""The documentation: every link leads somewhere, commands exist, the site builds without a warning."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from sunbreak.cli import VERBS

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
MOST = 400_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_pictures_lead_to_files(page):
    for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_verbs_that_are_shown_exist(page):
    shown = re.findall(r"(?m)^(?: {4}|`)sunbreak ([a-z]+)\b", page.read_text(encoding="utf-8"))
    assert set(shown) <= set(VERBS)


def test_pictures_are_small_and_all_are_used():
    text = "".join(page.read_text(encoding="utf-8") for page in PAGES)
    for picture in (ROOT / "docs" / "images").iterdir():
        assert picture.stat().st_size < MOST
        assert f"images/{picture.name}" in text


def test_the_site_builds_without_a_warning_and_asks_nobody_else():
    subprocess.run([sys.executable, ROOT / "docs" / "site.py"], check=True, capture_output=True, timeout=120)
    site = ROOT / "build" / "docs" / "site"
    for page in ("index", "start/index", "reference/index", "cards/index", "results/index", "questions/index"):
        html = (site / f"{page}.html").read_text(encoding="utf-8")
        assert (
            re.findall(r"""<(?:script|img|link)[^>]*(?:src|href)="?https?://(?!github\.com/sunbreak-eo)[^">]*""", html)
            == []
        )
    reference = (site / "reference" / "index.html").read_text(encoding="utf-8")
    assert "sunbreak.restore" in reference
    assert "sunbreak view" in reference
