import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rio_cogeo.cogeo import cog_validate

from scenes import geobox
from sunbreak.errors import OptionError, OutputError, ProductExistsError
from sunbreak.legend import QUALITY_LEGEND
from sunbreak.rasters.geotiff import RasterSpec
from sunbreak.rasters.staging import StagedFolder

SHAPE = (700, 1100)


def colors():
    return {code: entry.color for code, entry in QUALITY_LEGEND.items()}


def write_folder(out, *, overwrite=False, value=7):
    with StagedFolder(out, overwrite=overwrite) as stage:
        spec = RasterSpec(
            geobox(SHAPE), 3, "uint16", nodata=0, descriptions=("B02", "B03", "B04"), scale=0.0001, offset=-0.1,
            tags={"PRODUCT_START_TIME": "2023-07-15T10:30:00Z"},
        )  # fmt: skip
        writer = stage.create("reflectance.tif", spec)
        for row in (0, 512):
            for col in (0, 512, 1024):
                height, width = min(512, 700 - row), min(512, 1100 - col)
                writer.write(np.full((3, height, width), value + row + col, np.uint16), row, col)
        classes = stage.create("quality.tif", RasterSpec(geobox(SHAPE), 2, "uint8", 0, colors=colors()))
        classes.write(np.tile(np.array([[3], [4]], np.uint8)[:, :, None], (1, *SHAPE)), 0, 0)
        stage.path("item.json").write_text("{}")
        stage.publish()


def test_rasters_are_valid_cogs_with_all_that_was_said_of_them(tmp_path):
    write_folder(tmp_path / "out")
    for name in ("reflectance.tif", "quality.tif"):
        valid, errors, warnings = cog_validate(tmp_path / "out" / name, strict=True)
        assert valid, (errors, warnings)
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.crs.to_epsg() == 32633
        assert file.descriptions == ("B02", "B03", "B04")
        assert (file.scales, file.offsets) == ((0.0001,) * 3, (-0.1,) * 3)
        assert file.nodata == 0
        assert file.tags()["PRODUCT_START_TIME"] == "2023-07-15T10:30:00Z"
        pixels = file.read()
        assert pixels[0, 600, 1090] == 7 + 512 + 1024
        assert pixels[2, 100, 100] == 7


def test_class_rasters_have_a_colour_table_and_no_transparency(tmp_path):
    write_folder(tmp_path / "out")
    for overview in (None, 0):
        options = {} if overview is None else {"overview_level": overview}
        with rasterio.open(tmp_path / "out" / "quality.tif", **options) as file:
            assert file.colormap(1)[3][:3] == QUALITY_LEGEND[3].color
            assert [kind.name for kind in file.colorinterp] == ["palette", "undefined"]
            assert set(np.unique(file.read(1))) == {3}, "overviews take the nearest pixel"


def test_a_finished_folder_is_kept_unless_told_otherwise(tmp_path):
    write_folder(tmp_path / "out")
    before = (tmp_path / "out" / "reflectance.tif").read_bytes()
    with pytest.raises(ProductExistsError, match="--overwrite"):
        write_folder(tmp_path / "out", value=9)
    assert (tmp_path / "out" / "reflectance.tif").read_bytes() == before
    write_folder(tmp_path / "out", value=9, overwrite=True)
    assert (tmp_path / "out" / "reflectance.tif").read_bytes() != before


@pytest.mark.parametrize("out", ["s3://bucket/out", "https://example.org/out"])
def test_an_address_is_no_folder(out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for given in (out, Path(out)):
        with pytest.raises(OptionError, match="is an address"):
            write_folder(given)
    assert not list(tmp_path.iterdir())


def test_the_same_content_gives_the_same_bytes(tmp_path):
    for name in "ab":
        write_folder(tmp_path / name)
    for file in ("reflectance.tif", "quality.tif"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def interrupted(out, **options):
    try:
        with StagedFolder(out, **options) as stage:
            stage.create("reflectance.tif", RasterSpec(geobox(SHAPE), 1, "uint16"))
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


def test_an_interruption_leaves_nothing_and_spares_what_was_there(tmp_path):
    interrupted(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    write_folder(tmp_path / "out")
    before = sorted(path.name for path in (tmp_path / "out").iterdir())
    interrupted(tmp_path / "out", overwrite=True)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == before


@pytest.mark.parametrize("noted", [True, False], ids=["gone", "still listed"])
def test_what_a_killed_run_left_is_cleared_away(tmp_path, noted):
    dead = subprocess.Popen(["true"])
    # it has ended; until its parent takes note, the system lists it
    os.waitid(os.P_PID, dead.pid, os.WEXITED | os.WNOWAIT)
    if noted:
        dead.wait()
    left = tmp_path / "out" / f".partial-{socket.gethostname()}-{dead.pid}-abc"
    left.mkdir(parents=True)
    (left / "junk").write_text("x")
    (tmp_path / "out" / ".publishing").touch()  # killed while it renamed its files
    (tmp_path / "out" / "quality.tif").write_text("half a product")
    write_folder(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["item.json", "quality.tif", "reflectance.tif"]
    dead.wait()


def test_files_of_others_are_not_overwritten(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "quality.tif").write_text("mine")
    with pytest.raises(ProductExistsError, match=r"quality\.tif: already exists"):
        write_folder(tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["quality.tif"]
    (tmp_path / "out" / "quality.tif").unlink()
    (tmp_path / "out" / "optical.tif").write_text("a simulated scene")
    with pytest.raises(ProductExistsError, match="holds a simulated scene"):
        write_folder(tmp_path / "out", overwrite=True)


def test_a_folder_in_the_way_spares_the_finished_product(tmp_path):
    write_folder(tmp_path / "out")
    (tmp_path / "out" / "quality.tif").unlink()
    (tmp_path / "out" / "quality.tif").mkdir()
    with pytest.raises(ProductExistsError, match="is a folder"):
        write_folder(tmp_path / "out", overwrite=True)
    assert (tmp_path / "out" / "item.json").exists()


def test_two_runs_into_one_folder_do_not_mix(tmp_path):
    with StagedFolder(tmp_path / "out") as first:
        writer = first.create("a.tif", RasterSpec(geobox((64, 64)), 1, "uint8"))
        writer.write(np.ones((64, 64), np.uint8), 0, 0)
        with StagedFolder(tmp_path / "out") as second:
            second.create("a.tif", RasterSpec(geobox((64, 64)), 1, "uint8"))
            first.path("item.json").write_text("{}")
            first.publish()
            with pytest.raises(ProductExistsError):
                second.publish()
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.tif", "item.json"]
    with rasterio.open(tmp_path / "out" / "a.tif") as file:
        assert (file.read() == 1).all()


def test_an_output_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(OptionError, match="is a file"):
        write_folder(tmp_path / "out")


def test_an_unwritable_output_is_refused():
    out = Path("/proc/sunbreak-out")  # not even root may make a folder there
    with pytest.raises(OptionError, match="cannot write"):
        write_folder(out)
    assert not out.exists()


def test_a_path_below_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OptionError, match="cannot write"):
        write_folder(tmp_path / "file" / "out")


SCRIPT = """
import resource, sys
sys.path[:0] = sys.argv[2:]
from pathlib import Path
from sunbreak.errors import OutputError
from test_geotiff import write_folder
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    write_folder(Path(sys.argv[1]))
except OutputError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_file_that_cannot_grow_is_an_error_and_leaves_nothing(tmp_path):
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 20_000
    command = [
        sys.executable,
        "-c",
        SCRIPT,
        str(tmp_path / "out"),
        str(Path(__file__).parent),
        str(Path(__file__).parents[1]),
    ]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == OutputError.exit_code == 1, done.stderr
    assert "writing failed" in done.stdout
    assert not (tmp_path / "out").exists()
