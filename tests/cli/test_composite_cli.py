"""`sunbreak composite`: products and scenes of real layouts in, a product out, whole or not at all."""

import json
import resource
import shutil

import numpy as np
import pystac
import pytest
import rasterio
from pystac.validation import validate_dict
from rio_cogeo.cogeo import cog_validate

from catalogues import BBOX, DATES, write_archive, write_catalogue
from conftest import write_raster
from products import QUICK
from safe_layouts import write_safe
from stac_layouts import write_item
from sunbreak.cli import main
from sunbreak.pipeline import compose, process
from sunbreak.simulate import CloudSpec, SceneSpec, write_scene
from sunbreak.steps.compose_block import METHODS, CompositeOptions
from sunbreak.steps.read_date import read_date

FILES = ["item.json", "observations.tif", "preview.png", "quality.tif", "reflectance.tif", "uncertainty.tif"]
COUNT, SIZE = 3, 256


@pytest.fixture(scope="module")
def dates(tmp_path_factory):
    """Products of three days of one place, each beside its scene."""
    root = tmp_path_factory.mktemp("dates")
    for number in range(COUNT):
        scene = root / "scenes" / str(number)
        clouds = CloudSpec(seed=number, cover=0.5)
        write_scene(SceneSpec(size=SIZE, seed=3, season=180 + 5 * number, clouds=clouds), scene)
        process(scene / "optical.tif", scene / "radar.tif", root / "products" / "33TVL" / f"day{number}", **QUICK)
    return root


def products(root):
    return sorted((root / "products" / "33TVL").iterdir())


def scenes(root):
    return [path / "optical.tif" for path in sorted((root / "scenes").iterdir())]


def run(*arguments):
    return main(["composite", *map(str, arguments)])


def pixels(path):
    with rasterio.open(path) as file:
        return file.read()


@pytest.mark.parametrize("method", METHODS)
def test_products_become_one_product(dates, tmp_path, method, capsys):
    out = tmp_path / "out"
    assert run(*products(dates), "-o", out, "--method", method) == 0
    assert f"3 dates, {method}; " in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == FILES
    for name in FILES:
        if name.endswith(".tif"):
            assert cog_validate(out / name, strict=True)[0], name
    with rasterio.open(out / "reflectance.tif") as file, rasterio.open(products(dates)[0] / "reflectance.tif") as one:
        for fact in ("descriptions", "dtypes", "scales", "offsets", "nodata", "crs", "transform", "shape"):
            assert getattr(file, fact) == getattr(one, fact), fact
        assert "PRODUCT_START_TIME" not in file.tags()
    counts = pixels(out / "observations.tif")
    measured = np.stack([pixels(path / "quality.tif")[1] == 1 for path in products(dates)])
    np.testing.assert_array_equal(counts[0], measured.sum(axis=0))
    assert counts[2].max() <= COUNT
    if method == "least-cloudy":
        for number, path in enumerate(products(dates), start=1):
            mine = counts[2] == number
            assert mine.any()
            np.testing.assert_array_equal(
                pixels(out / "reflectance.tif")[:, mine], pixels(path / "reflectance.tif")[:, mine]
            )


def test_the_item_is_valid_and_tells_what_it_was_made_from(dates, tmp_path):
    out = tmp_path / "out"
    assert run(*products(dates), "-o", out) == 0
    item = pystac.Item.from_file(str(out / "item.json"))
    validate_dict({**item.to_dict(), "stac_extensions": []})
    told = item.properties
    assert (item.datetime, told["sunbreak:composite"]) == (None, "median")
    assert [one["id"] for one in told["sunbreak:dates"]] == ["day0", "day1", "day2"]
    assert told["start_datetime"].startswith(told["sunbreak:dates"][0]["datetime"][:10])
    assert told["end_datetime"].startswith(told["sunbreak:dates"][2]["datetime"][:10])
    assert told["sunbreak:empty_percent"] == 0
    assert set(told["sunbreak:restored_by"]) <= {"scene prior", "spatial fill", "global regression"}
    links = [link.absolute_href for link in item.links if link.rel == "derived_from"]
    assert links == [str(path / "item.json") for path in products(dates)]
    files = {asset.href.removeprefix("./") for asset in item.assets.values()} | {"item.json"}
    assert files == {path.name for path in out.iterdir()}


def test_the_order_of_the_dates_changes_no_byte(dates, tmp_path):
    for out, order in (("a", products(dates)), ("b", [*products(dates)[::-1], products(dates)[1]])):
        assert run(*order, "-o", tmp_path / out) == 0
    for name in FILES[1:]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


def test_scenes_are_masked_and_what_is_clear_nowhere_is_empty(dates, tmp_path):
    assert run(*scenes(dates), "-o", tmp_path / "out", "--buffer", "2", "--mask", "rule") == 0
    counts, stored = pixels(tmp_path / "out" / "observations.tif"), pixels(tmp_path / "out" / "reflectance.tif")
    quality, source = pixels(tmp_path / "out" / "quality.tif")
    never = counts[0] == 0
    assert never.any()
    assert not stored[:, never].any()
    assert not source[never].any()
    assert (quality[never] > 1).all()
    assert stored[:, ~never].all()
    told = json.loads((tmp_path / "out" / "item.json").read_text())["properties"]
    assert told["sunbreak:empty_percent"] == pytest.approx(100 * never.mean(), abs=0.01)


def test_clear_only_leaves_out_what_was_restored(dates, tmp_path):
    assert run(dates / "products", "-o", tmp_path / "all") == 0
    assert run(dates / "products", "-o", tmp_path / "clear", "--clear-only") == 0
    clear, whole = pixels(tmp_path / "clear" / "reflectance.tif"), pixels(tmp_path / "all" / "reflectance.tif")
    seen = pixels(tmp_path / "clear" / "observations.tif")[0] > 0
    np.testing.assert_array_equal(clear[:, seen], whole[:, seen])
    assert whole.all()
    assert not clear[:, ~seen].any()


def test_folders_days_tiles_and_areas_choose(dates, tmp_path, capsys):
    out = tmp_path / "out"
    told = json.loads((products(dates)[1] / "item.json").read_text())
    day = told["properties"]["datetime"][:10]
    west, south, east, north = told["bbox"]
    area = ["--bbox", west, south, (west + east) / 2, north]
    assert run(dates / "products", "-o", out, "--tile", "33TVL", "--dates", f"{day}/{day}", *area) == 0
    assert "1 dates" in capsys.readouterr().out
    made = pixels(out / "reflectance.tif")
    assert made.shape[1] == SIZE
    assert made.shape[2] == pytest.approx(SIZE / 2, abs=4)
    np.testing.assert_array_equal(made, pixels(products(dates)[1] / "reflectance.tif")[:, :, : made.shape[2]])
    # a composite that lies among products is not taken for a date
    assert run(dates / "products", "-o", dates / "products" / "33TVL" / "month") == 0
    assert run(dates / "products", "-o", tmp_path / "again") == 0
    assert "3 dates" in capsys.readouterr().out.splitlines()[-1]
    for path in (dates / "products" / "33TVL" / "month").iterdir():
        path.unlink()
    (dates / "products" / "33TVL" / "month").rmdir()


def test_products_as_object_stores_hold_them_are_composed_too(dates, tmp_path):
    kept = tmp_path / "kept"
    for folder in products(dates):
        there = shutil.copytree(folder, kept / folder.name)
        below = there / "files-0123456789ab"
        below.mkdir()
        item = json.loads((there / "item.json").read_text())
        for asset in item["assets"].values():
            name = asset["href"].removeprefix("./")
            (there / name).rename(below / name)
            asset["href"] = f"./{below.name}/{name}"
        (there / "item.json").write_text(json.dumps(item))
    assert run(kept, "-o", tmp_path / "here") == run(*products(dates), "-o", tmp_path / "there") == 0
    for name in ("reflectance.tif", "quality.tif", "uncertainty.tif", "observations.tif"):
        np.testing.assert_array_equal(pixels(tmp_path / "here" / name), pixels(tmp_path / "there" / name))


def test_a_product_whose_item_tells_no_time_has_that_of_its_files(dates, tmp_path):
    spoilt = shutil.copytree(products(dates)[0], tmp_path / "spoilt")
    item = json.loads((spoilt / "item.json").read_text())
    told = item["properties"]["datetime"]
    for wrong in ("yesterday", 20240501, "0001-01-01T00:00:00+23:00"):
        item["properties"]["datetime"] = wrong
        (spoilt / "item.json").write_text(json.dumps(item))
        assert read_date(spoilt).attrs["datetime"] == told


def test_the_destination_of_a_run_is_composed_tile_by_tile(tmp_path, capsys):
    catalogue = write_catalogue(tmp_path, write_archive(tmp_path))
    assert main(["plan", "--stac", str(catalogue), *BBOX, *DATES, "-o", str(tmp_path / "may.csv")]) == 0
    assert main(["run", str(tmp_path / "may.csv"), "-o", str(tmp_path / "may"), "--model", "scene-prior"]) == 0
    assert run(tmp_path / "may" / "collection.json", "-o", tmp_path / "out", "--tile", "33UUT") == 0
    assert "3 dates" in capsys.readouterr().out.splitlines()[-1]
    assert (tmp_path / "out" / "reflectance.vrt").is_file()  # a file a band, as the dates have
    assert run(tmp_path / "may", "-o", tmp_path / "none", "--tile", "31UDQ") == 2
    assert "33UUT, 33UVT" in capsys.readouterr().err


def test_scenes_of_the_archive_are_read_as_restore_reads_them(tmp_path, capsys):
    item = write_item(tmp_path / "item", "earth-search", offset=-1000, **{"s2:processing_baseline": "05.10"})
    safe = write_safe(tmp_path / "safe", level="L2A")
    assert run(item, "-o", tmp_path / "a", "--method", "least-cloudy") == 0
    assert run(safe, "-o", tmp_path / "b", "--method", "least-cloudy") == 0
    assert "% measured" in capsys.readouterr().out
    assert (tmp_path / "a" / "reflectance_B02.tif").is_file()


def test_whole_or_nothing(dates, tmp_path, monkeypatch, capsys):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sunbreak.preview.write_png", full)
    assert run(*products(dates), "-o", tmp_path / "out") == 1
    assert "no space left" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_date_is_never_overwritten(dates, capsys):
    before = (products(dates)[0] / "item.json").read_bytes()
    assert run(*products(dates), "-o", products(dates)[0], "--overwrite") == 2
    assert "is an input and would be overwritten" in capsys.readouterr().err
    assert (products(dates)[0] / "item.json").read_bytes() == before


def test_more_dates_than_files_may_be_open(dates, tmp_path):
    copies = []
    for number in range(40):
        copies.append(tmp_path / f"copy{number}")
        copies[-1].symlink_to(products(dates)[number % COUNT])
    copies = [write_copy(path) for path in copies]
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    try:
        item = compose(copies, tmp_path / "out", composite_options=CompositeOptions("inverse-variance"))
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 100
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert len(item.properties["sunbreak:dates"]) == 40


def write_copy(link):
    """The product behind a link, in a folder of its own."""
    target = link.resolve()
    link.unlink()
    link.mkdir()
    for path in target.iterdir():
        (link / path.name).hardlink_to(path)
    return link


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--dates", "2001-01-01/2001-01-31"], "none of 3 dates"),
        (["--dates", "2024-05-31/2024-05-01"], "ends before it begins"),
        (["--bbox", "1", "2", "3", "4"], "none of 3 dates reaches"),
        (["--tile", "31UDQ"], "33TVL"),
    ],
)
def test_choosing_nothing_is_an_error(dates, tmp_path, more, words, capsys):
    assert run(dates / "products", "-o", tmp_path / "out", *more) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_is_no_date_is_named(dates, tmp_path, capsys):
    assert run(tmp_path, "-o", tmp_path / "out") == 2
    assert f"{tmp_path}: holds no product" in capsys.readouterr().err
    assert run(*products(dates), tmp_path / "nothing.tif", "-o", tmp_path / "out") == 2
    assert "nothing.tif: no such file" in capsys.readouterr().err
    undated = write_raster(
        tmp_path / "undated.tif", np.full((3, 9, 9), 3000, "uint16"), descriptions=("B02", "B03", "B04")
    )
    options = ["--level", "L2A", "--offset", "0", "--dates", "2024-05-01"]
    assert run(undated, "-o", tmp_path / "out", *options) == 2
    assert "undated.tif: does not tell its date" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(*products(dates), "-o", tmp_path / "out", "--method", "mean")
