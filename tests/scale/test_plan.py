"""Plans from a real STAC API and from static catalogues, as a user makes and edits them."""

import csv
import json
from pathlib import Path

import pytest

from catalogues import BBOX, DATES, radar_item, write_archive, write_catalogue
from servers import files_over_http, stac_api
from sunbreak.cli import main
from sunbreak.scale.table import Row, read_plan, write_plan

WEST = [14.9, 52.3, 15.002, 52.35]
NEAREST = "nearest radar is {} days away"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    folder = tmp_path_factory.mktemp("archive")
    items = write_archive(folder, size=60)
    items[1]["properties"]["eo:cloud_cover"] = 91.5
    return write_catalogue(folder, items), items


def planned(catalogue, out, *more):
    assert main(["plan", "--stac", str(catalogue), *BBOX, *DATES, *more, "-o", str(out)]) == 0
    return read_plan(out)


def test_an_api_and_a_catalogue_of_the_same_items_give_the_same_pairs(tmp_path, capsys):
    with files_over_http(tmp_path) as files:
        items = write_archive(tmp_path, size=60, href=files + "/{name}")
        with stac_api(items, tmp_path) as address:
            found = planned(address, tmp_path / "api.parquet")
        assert "6 scenes on 2 tiles, 6 with radar" in capsys.readouterr().out
        still = planned(write_catalogue(tmp_path, items), tmp_path / "static.csv")
    assert [(row.tile, row.id, row.radar_datetime) for row in found] == [
        (row.tile, row.id, row.radar_datetime) for row in still
    ]
    assert [row.days_apart for row in found[:3]] == ["-1.21", "0.79", "-4.21"]
    assert all(row.optical.startswith(address) and "?" not in row.optical for row in found)


def test_clouds_days_and_place_choose(archive, tmp_path):
    catalogue, _ = archive
    assert len(planned(catalogue, tmp_path / "a.csv", "--max-cloud", "80")) == 5
    assert len(planned(catalogue, tmp_path / "b.csv", "--dates", "2024-05-08/2024-05-08")) == 2
    near = planned(catalogue, tmp_path / "c.csv", "--radar-days", "0.9")
    assert [row.reason for row in near[:3]] == [NEAREST.format("1.2"), "", NEAREST.format("4.2")]
    assert [row.days_apart for row in near[:3]] == ["", "0.79", ""]


def test_scenes_without_radar_are_told_with_their_reason(archive, tmp_path, capsys):
    _, items = archive
    few = [*items[:2], radar_item(items[-1], 9, box=WEST)]
    rows = planned(write_catalogue(archive[0].parent, few), tmp_path / "plan.csv")
    assert [row.radar for row in rows] == ["", ""]
    told = capsys.readouterr().out
    assert "2 scenes on 1 tiles, 0 with radar" in told
    assert f"{rows[0].id}: radar within 12 days covers 5% at most" in told


@pytest.mark.parametrize("name", ["plan.csv", "plan.parquet"])
def test_a_plan_comes_back_as_it_was_written(archive, tmp_path, name):
    rows = planned(write_catalogue(archive[0].parent, archive[1]), tmp_path / "first.csv", "--sign", "copy:copy")
    write_plan(rows, tmp_path / name)
    assert read_plan(tmp_path / name) == rows
    assert {row.sign for row in rows} == {"copy:copy"}


def test_what_a_person_has_edited_is_taken(archive, tmp_path):
    rows = planned(write_catalogue(archive[0].parent, archive[1]), tmp_path / "plan.csv")
    with (tmp_path / "plan.csv").open() as file:
        cells = list(csv.DictReader(file))
    cells[0]["radar"] = ""
    with (tmp_path / "plan.csv").open("w") as file:
        table = csv.DictWriter(file, ["note", "id", "tile", "optical", "radar"], extrasaction="ignore")
        table.writeheader()
        table.writerows({**row, "note": "mine"} for row in cells[:2])
    assert [(row.id, row.radar) for row in read_plan(tmp_path / "plan.csv")] == [
        (rows[0].id, ""),
        (rows[1].id, rows[1].radar),
    ]


def geojson(path, *rings):
    shapes = [{"type": "Polygon", "coordinates": [ring]} for ring in rings]
    content = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {}, "geometry": one}
                                                         for one in shapes]}  # fmt: skip
    path.write_text(json.dumps(content))
    return path


def test_an_area_of_geojson_is_taken_as_it_is_and_not_by_its_bounds(archive, tmp_path, capsys):
    catalogue, _ = archive
    here = geojson(tmp_path / "here.geojson", [[15.01, 52.31], [15.02, 52.31], [15.02, 52.32], [15.01, 52.31]])
    # two triangles left and right of all scenes, whose bounds hold them
    around = geojson(tmp_path / "around.geojson", *(
        [[west, 52], [west + 1, 52], [west, 53], [west, 52]] for west in (10, 20)
    ))  # fmt: skip
    out = tmp_path / "plan.csv"
    command = ["plan", "--stac", str(catalogue), *DATES, "-o", str(out)]
    assert main([*command, "--aoi", str(here)]) == 0
    assert len(read_plan(out)) == 6
    assert main([*command, "--aoi", str(around)]) == 2
    assert "finds nothing" in capsys.readouterr().err
    for area in ([], [*BBOX, "--aoi", str(here)], ["--aoi", str(tmp_path / "none.geojson")]):
        assert main([*command, *area]) == 2
        assert "--aoi" in capsys.readouterr().err or area[0] == "--aoi"


def test_paths_of_an_edited_plan_start_from_its_folder(archive, tmp_path, monkeypatch):
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "plan.csv").write_text(
        "tile,id,optical,radar\n33UUT,a,s2.json,../s1.json\n33UUT,b,https://example.org/b,\n33UUT,c,/c.json,\n"
    )
    monkeypatch.chdir(tmp_path)
    rows = read_plan("sub/plan.csv")
    assert [Path(row.optical) for row in rows[::2]] == [tmp_path / "sub" / "s2.json", Path("/c.json")]
    assert Path(rows[0].radar).resolve() == tmp_path / "s1.json"
    assert (rows[1].optical, rows[1].radar) == ("https://example.org/b", "")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (["--dates", "2024-06-01/2024-05-01"], "ends before"),
        (["--dates", "May"], "expected days"),
        (["--dates", "2023-05-01/2023-05-02"], "finds nothing"),
        (["--collection", "landsat"], "finds nothing of landsat"),
        (["--bbox", "16", "52", "15", "53"], "is empty"),
        (["--stac", "nowhere.json"], "nowhere.json: cannot be read"),
        (["--sign", "no.such:thing"], "--sign"),
        (["--out", "no/such/folder/plan.csv"], "folder does not exist"),
        (["--radar-days", "1e300"], "out of the years 1 to 9999"),
        (["--dates", "0001-01-01/2024-05-31"], "out of the years 1 to 9999"),
    ],
)
def test_mistakes_are_told_in_one_line(archive, tmp_path, capsys, change, words):
    command = ["plan", "--stac", str(archive[0]), *BBOX, *DATES, "-o", str(tmp_path / "plan.csv"), *change]
    assert main(command) == 2
    told = capsys.readouterr().err
    assert len(told.splitlines()) == 1
    assert words in told
    assert not (tmp_path / "plan.csv").exists()


def test_a_plan_that_cannot_be_written_is_told(archive, tmp_path, capsys):
    (tmp_path / "plan.csv").mkdir()
    assert main(["plan", "--stac", str(archive[0]), *BBOX, *DATES, "-o", str(tmp_path / "plan.csv")]) == 1
    assert capsys.readouterr().err == f"sunbreak: {tmp_path}/plan.csv: writing failed (Is a directory)\n"
    assert [path.name for path in tmp_path.iterdir()] == ["plan.csv"]


def test_what_an_api_answers_that_is_no_item_is_left_out(archive, tmp_path):
    _, items = archive
    spoilt = [
        {**items[0], **change} for change in ({"properties": None}, {"assets": []}, {"geometry": 5, "bbox": None})
    ]
    nameless = {name: value for name, value in items[0].items() if name != "id"}
    links = [{"rel": "self", "href": f"https://example.org/{item['id']}"} for item in items]
    whole = [{**item, "links": [link]} for item, link in zip(items, links, strict=True)]
    page = {"type": "FeatureCollection", "features": [*spoilt, nameless, None, *whole]}
    conforms = [f"https://api.stacspec.org/v1.0.0/{name}" for name in ("core", "item-search")]
    search = {"rel": "search", "method": "POST", "type": "application/geo+json"}
    landing = {"type": "Catalog", "id": "api", "stac_version": "1.0.0", "description": "", "conformsTo": conforms}
    (tmp_path / "search").write_text(json.dumps(page))
    with files_over_http(tmp_path) as files:
        (tmp_path / "api").write_text(json.dumps(landing | {"links": [search | {"href": f"{files}/search"}]}))
        assert len(planned(f"{files}/api", tmp_path / "plan.csv")) == 6


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["tile,id,optical", "33UUT,,a.json"], "row 2 has no id"),
        (["tile,id,optical", "33UUT,a,a.json", "33UUT,a,b.json"], "rows 2 and 3 both write"),
    ],
)
def test_a_plan_that_cannot_run_is_refused(tmp_path, capsys, lines, words):
    (tmp_path / "plan.csv").write_text("\n".join(lines))
    assert main(["run", str(tmp_path / "plan.csv"), "-o", str(tmp_path / "out")]) == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_no_id_leads_out_of_the_destination():
    assert str(Row("..", "../../a/b", "", "", "x").folder) == "_/_.._a_b"
