import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

import sunbreak
from conftest import write_raster
from model_files import mapper
from scenes import UTM, blob, geobox, land
from sunbreak.bands import L1C_BANDS
from sunbreak.errors import OptionError, ProductExistsError, RasterError
from sunbreak.pipeline import process
from sunbreak.steps.mask import MaskOptions
from sunbreak.steps.restore import RestoreOptions

SHAPE = (600, 700)


@pytest.fixture
def files(tmp_path):
    """Optical DN with offset under a cloud, radar on a shifted grid, and the quality that knows the cloud."""
    truth, radar = land(SHAPE, seed=21)
    cloud = blob(SHAPE, (280, 330), 150)
    dn = np.round(np.where(cloud, 0.7, truth) * 10000 + 1000).astype(np.uint16)
    dn[:, :, :20] = 0
    dn[10] = np.where(dn[10] == 0, 0, 1010)
    grid = geobox(SHAPE)
    paths = {name: tmp_path / f"{name}.tif" for name in ("s2", "s1", "quality")}
    write_raster(paths["s2"], dn, crs=UTM, transform=grid.affine, descriptions=L1C_BANDS, scaling=(0.0001, -0.1),
                 tags={"PROCESSING_LEVEL": "Level-1C", "PRODUCT_START_TIME": "2023-07-15T10:30:00Z"})  # fmt: skip
    shifted = geobox((660, 760), origin=(499_800.0, 5_000_200.0))
    wide = np.pad(radar, ((0, 0), (20, 40), (20, 40)), mode="reflect")
    write_raster(paths["s1"], wide, crs=UTM, transform=shifted.affine, descriptions=("VV", "VH"))
    write_raster(paths["quality"], np.where(cloud, 3, 1).astype(np.uint8)[None], crs=UTM, transform=grid.affine)
    return paths, dn, truth, cloud


def run(paths, out, model="scene-prior", **options):
    """With the quick model and the quality that is known, unless told."""
    return process(
        paths["s2"], paths["s1"], out, mask_options=MaskOptions(paths["quality"]),
        restore_options=RestoreOptions(model, **options),
    )  # fmt: skip


def test_from_files_to_a_product_clear_pixels_keep_their_dn(files, tmp_path):
    paths, dn, truth, cloud = files
    item = run(paths, tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file, rasterio.open(paths["s2"]) as source:
        restored = file.read()
        assert file.profile["dtype"] == source.profile["dtype"]
        assert (file.crs, file.transform, file.nodata) == (source.crs, source.transform, source.nodata)
        assert (file.scales, file.offsets, file.descriptions) == (source.scales, source.offsets, source.descriptions)
    with rasterio.open(tmp_path / "out" / "quality.tif") as file:
        quality, origin = file.read()
    np.testing.assert_array_equal(restored[:, quality == 1], dn[:, quality == 1])
    assert (restored[:, :, :20] == 0).all()
    assert (quality[:, :20] == 0).all()
    assert (origin[cloud] == 4).all()
    keep = [index for index in range(13) if index != 10]
    error = (restored[keep].astype(float) - 1000) / 10000 - truth[keep]
    assert np.sqrt((error[:, cloud] ** 2).mean()) < 0.02
    links = {link.title for link in item.links if link.rel == "derived_from"}
    assert links == {"optical", "radar", "quality"}
    assert item.properties["sunbreak:restored_by"].keys() == {"scene prior"}


def test_the_files_equal_what_the_python_api_gives(files, tmp_path):
    paths, *_ = files
    run(paths, tmp_path / "streamed")
    scene = sunbreak.read(paths["s2"], radar=paths["s1"])
    scene = sunbreak.mask(scene, options=MaskOptions(paths["quality"]))
    sunbreak.write(sunbreak.restore(scene, model="scene-prior"), tmp_path / "memory")
    for name in ("reflectance.tif", "quality.tif", "uncertainty.tif"):
        assert (tmp_path / "streamed" / name).read_bytes() == (tmp_path / "memory" / name).read_bytes(), name


def test_runs_and_block_sizes_give_the_same_bytes(files, tmp_path):
    paths, *_ = files
    for name, block in (("a", 256), ("b", 1024), ("c", 1024)):
        run(paths, tmp_path / name, block=block)
    for name in ("reflectance.tif", "quality.tif", "uncertainty.tif", "preview.png"):
        contents = {(tmp_path / folder / name).read_bytes() for folder in "abc"}
        assert len(contents) == 1, name


@pytest.mark.parametrize("everywhere", [False, True])
def test_a_network_and_its_land_cover_give_the_same_bytes_in_files_and_in_memory(files, tmp_path, everywhere):
    paths, *_ = files
    model = mapper(tmp_path / "tiny.onnx")
    for name, block in (("a", 256), ("b", 768)):
        run(paths, tmp_path / name, model, block=block, everywhere=everywhere)
    scene = sunbreak.mask(sunbreak.read(paths["s2"], radar=paths["s1"]), options=MaskOptions(paths["quality"]))
    product = sunbreak.restore(scene, model=model, options=RestoreOptions(everywhere=everywhere))
    sunbreak.write(product, tmp_path / "c")
    for name in ("reflectance.tif", "quality.tif", "uncertainty.tif", "land_cover.tif", "model.json"):
        contents = {(tmp_path / folder / name).read_bytes() for folder in "abc"}
        assert len(contents) == 1, name


def test_a_model_that_cannot_run_is_refused_before_any_work(files, tmp_path):
    paths, *_ = files
    model = mapper(tmp_path / "tiny.onnx", card={"levels": ["L2A"]})
    with pytest.raises(OptionError, match="made for L2A"):
        run(paths, tmp_path / "out", model)
    assert not (tmp_path / "out").exists()


def test_a_finished_product_is_refused_before_any_work(files, tmp_path):
    paths, *_ = files
    run(paths, tmp_path / "out")
    with pytest.raises(ProductExistsError):
        run(paths, tmp_path / "out")


def test_an_input_that_breaks_in_the_middle_leaves_nothing(files, tmp_path):
    paths, *_ = files
    content = bytearray(paths["s2"].read_bytes())
    with rasterio.open(paths["s2"]) as file:
        assert file.profile.get("compress") is None
    short = tmp_path / "short.tif"
    short.write_bytes(content[: len(content) // 2])
    with pytest.raises(RasterError, match=r"short\.tif"):
        process(short, paths["s1"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_existing_folder_keeps_what_was_in_it(files, tmp_path):
    paths, *_ = files
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    run(paths, tmp_path / "out")
    assert (tmp_path / "out" / "notes.txt").read_text() == "mine"
    assert not list((tmp_path / "out").glob(".p*"))


def test_a_part_of_a_geographic_scene_is_written_where_it_lies(tmp_path):
    truth, radar = land((120, 150), ["B02", "B03", "B04"])
    affine = Affine(1e-4, 0, -0.78, 0, -1e-4, 38.1)
    scene = sunbreak.make_scene(
        truth, bands=["B02", "B03", "B04"], level="L2A", radar=radar, quality=np.ones(truth.shape[1:], np.uint8),
        geobox=GeoBox((120, 150), affine, "EPSG:4326"),
    )  # fmt: skip
    part = scene.isel(x=slice(40, 100), y=slice(30, 90))
    sunbreak.write(sunbreak.restore(part), tmp_path / "out")
    with rasterio.open(tmp_path / "out" / "reflectance.tif") as file:
        assert file.transform.almost_equals(affine @ Affine.translation(40, 30), 1e-9)
        assert file.crs.to_epsg() == 4326
        assert [kind.name for kind in file.colorinterp] == ["blue", "green", "red"]


def test_inputs_are_never_overwritten(files, tmp_path):
    paths, *_ = files
    mine = tmp_path / "mine"
    mine.mkdir()
    source = mine / "reflectance.tif"
    source.write_bytes(paths["s2"].read_bytes())
    with pytest.raises(OptionError, match="is an input"):
        process(source, paths["s1"], mine, mask_options=MaskOptions(paths["quality"]), overwrite=True)
    assert source.read_bytes() == paths["s2"].read_bytes()
