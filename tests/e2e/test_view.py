"""The viewer as a user meets it: a server, a browser, a mouse and a keyboard."""

import re

import numpy as np
import pytest
import rasterio

from browser import Visit, chromium, differ, serving
from products import make_collection, make_product
from sunbreak.legend import LAND_COVER_LEGEND, QUALITY_LEGEND


@pytest.fixture(scope="module")
def browser():
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def address(browser, mapped):
    with serving(mapped[1]) as found:
        yield found


@pytest.fixture(scope="module")
def visit(browser, address):
    return Visit(browser, address)


def value(visit, name):
    return visit.page.evaluate("name => new URLSearchParams(location.hash.slice(1)).get(name)", name)


def test_the_page_is_whole_and_asks_nobody_else(visit, address):
    assert visit.complaints == []
    assert len(visit.requests) > 10
    assert all(one.startswith(address) or one.startswith(f"blob:{address}") for one in visit.requests)
    assert visit.page.title() == "Sunbreak"
    assert visit.page.locator("#left-name").inner_text() == "Cloudy"
    assert visit.page.locator("#right-name").inner_text() == "Restored"


def test_dragging_the_swipe_shows_the_one_picture_left_and_the_other_right_of_it(visit):
    visit.swipe_to(1.2)
    cloudy = visit.picture()
    visit.swipe_to(-0.2)
    restored = visit.picture()
    assert differ(cloudy, restored) > 0.1
    for share in (0.35, 0.7):
        visit.swipe_to(share)
        both = visit.picture()
        cut = round(share * both.shape[2])
        np.testing.assert_array_equal(both[:, :, : cut - 2], cloudy[:, :, : cut - 2])
        np.testing.assert_array_equal(both[:, :, cut + 2 :], restored[:, :, cut + 2 :])
    # what is clouded is brighter before
    assert cloudy.mean() > restored.mean() + 5


def test_the_keyboard_moves_the_swipe_and_picks_a_pixel(visit):
    visit.page.locator("#swipe").focus()
    for key, expected in (("Home", "0"), ("PageUp", "10"), ("ArrowRight", "12"), ("ArrowLeft", "10"), ("End", "100")):
        visit.page.keyboard.press(key)
        assert visit.page.locator("#swipe").get_attribute("aria-valuenow") == expected
    visit.page.locator("#left canvas").focus()
    visit.page.keyboard.press("Enter")
    visit.page.wait_for_selector("#pixel:not([hidden])")
    row, col = map(int, visit.page.locator("#pixel").get_attribute("data-at").split(","))
    assert abs(row - 128) <= 3
    assert abs(col - 128) <= 3
    visit.page.keyboard.press("Escape")
    assert visit.page.locator("#pixel").is_hidden()


@pytest.mark.parametrize("where", [(0.4, 0.35), (0.62, 0.6)])
def test_a_click_shows_what_rasterio_reads_in_the_files(visit, mapped, where):
    scene, out = mapped
    stage = visit.page.locator("#stage").bounding_box()
    visit.page.mouse.click(stage["x"] + where[0] * stage["width"], stage["y"] + where[1] * stage["height"])
    visit.page.wait_for_function("() => !document.getElementById('pixel').hidden")
    visit.page.wait_for_load_state("networkidle")
    row, col = map(int, visit.page.locator("#pixel").get_attribute("data-at").split(","))
    if not visit.page.locator("#values").is_visible():
        visit.page.locator("#pixel summary").click()
    cells = [row.locator("td").all_inner_texts() for row in visit.page.locator("#values tr").all()]
    shown = np.array([[float(cell) for cell in line[2:]] for line in cells])
    stored = []
    for path in (scene / "optical.tif", out / "reflectance.tif", out / "uncertainty.tif"):
        with rasterio.open(path) as file:
            names = file.descriptions
            stored.append(file.read()[:, row, col].astype(float))
    assert [line[0] for line in cells] == list(names)
    expected = np.stack([(stored[0] - 1000) / 1e4, (stored[1] - 1000) / 1e4, stored[2] / 1e4], axis=1)
    np.testing.assert_allclose(shown, expected, atol=0.000051)
    with rasterio.open(out / "quality.tif") as file:
        assert QUALITY_LEGEND[int(file.read(1)[row, col])].name in visit.page.locator("#told").inner_text()
    visit.page.keyboard.press("Escape")


def test_layers_have_their_legend_and_their_colours(visit):
    page = visit.page
    for layer, legend in (("quality", QUALITY_LEGEND), ("land-cover", LAND_COVER_LEGEND)):
        page.select_option("#left-layer", layer)
        page.locator("#opacity").fill("100")
        page.locator("#swipe").focus()
        page.keyboard.press("End")
        visit.settle()
        told = page.locator("#legend").inner_text()
        assert all(entry.name in told for code, entry in legend.items() if code)
        colours = {tuple(one) for one in np.unique(visit.picture()[:, 150:350, 160:350].reshape(3, -1).T, axis=0)}
        assert colours <= {entry.color for entry in legend.values()}
        assert len(colours) > 1


def test_every_layer_and_band_combination_can_be_drawn(visit):
    page = visit.page
    page.locator("#swipe").focus()
    page.keyboard.press("Home")
    seen = []
    for name, one in (("#right-layer", ("radar", "source", "uncertainty", "restored")), ("#bands", ("swir", "ndvi"))):
        for choice in one:
            page.select_option(name, choice)
            visit.settle()
            seen.append(visit.picture())
    assert all(differ(one, other) > 0.05 for index, one in enumerate(seen) for other in seen[:index])
    page.select_option("#bands", "true-colour")
    visit.settle()
    before = visit.picture()
    page.locator("#automatic").uncheck()
    page.locator("#high").fill("0.9")
    page.locator("#high").blur()
    visit.settle()
    assert visit.picture().mean() < before.mean() - 10
    assert visit.complaints == []


def test_a_link_reproduces_the_view(visit, browser):
    page = visit.page
    page.select_option("#left-layer", "quality")
    page.select_option("#bands", "false-colour")
    page.locator("#opacity").fill("60")
    visit.swipe_to(0.55)
    before = visit.picture()
    page.locator(".maplibregl-ctrl-zoom-in").click()
    page.wait_for_timeout(800)
    visit.settle()
    other = Visit(browser, page.url)
    # the last decimal of the place moves the edges of classes by a hair; another zoom moves everything
    assert differ(visit.picture(), other.picture()) < 0.03
    assert differ(before, other.picture()) > 0.1
    for control in ("#left-layer", "#right-layer", "#bands", "#opacity", "#low", "#high"):
        assert other.page.locator(control).input_value() == page.locator(control).input_value()
    other.page.close()


def test_a_collection_has_a_list_and_a_slider_over_its_dates(browser, tmp_path):
    made = [make_product(tmp_path, f"day-{day}", season=day, size=128, radar=False)[1] for day in (260, 120)]
    bare = make_product(tmp_path, "bare", size=128, bare=True)[1]
    with serving(make_collection(tmp_path, made), bare) as address:
        visit = Visit(browser, f"{address}#swipe=0")
        page = visit.page
        assert page.locator("#list button").count() == 3
        assert "2023-04-30" in page.locator("#name").inner_text()
        spring = visit.picture()
        page.locator("#time").focus()
        page.keyboard.press("End")
        page.wait_for_function("() => document.getElementById('name').textContent.includes('day-260')")
        visit.settle()
        assert value(visit, "scene") == "day-260"
        assert (spring != visit.picture()).any(axis=0).mean() > 0.1
        page.locator("#list button", has_text="bare").click()
        page.wait_for_function("() => document.getElementById('name').textContent.includes('bare')")
        visit.settle()
        assert "not georeferenced" in page.locator("#facts").inner_text()
        assert (visit.picture().max(axis=0) > 60).mean() > 0.1
        stage = page.locator("#stage").bounding_box()
        page.mouse.click(stage["x"] + stage["width"] / 2 - 9, stage["y"] + stage["height"] / 2 + 9)
        page.wait_for_selector("#pixel:not([hidden])")
        assert re.fullmatch(r"6\d,6\d", page.locator("#pixel").get_attribute("data-at"))
        assert visit.complaints == []


def test_it_is_usable_on_a_phone(browser, address):
    visit = Visit(browser, address, width=390, height=780, has_touch=True, is_mobile=True)
    page = visit.page
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.locator("#panel").is_hidden()
    page.locator("#toggle").tap()
    assert page.locator("#toggle").get_attribute("aria-expanded") == "true"
    page.select_option("#right-layer", "quality")
    assert page.locator("#right-name").inner_text() == "Quality"
    assert page.locator("#stage").bounding_box()["height"] > 600
    page.locator("#toggle").tap()
    page.touchscreen.tap(120, 420)
    page.wait_for_selector("#pixel:not([hidden])")
    box = page.locator("#pixel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert visit.complaints == []
