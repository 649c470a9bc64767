import hashlib
import json
import warnings

import numpy as np
import pytest
import rasterio
from numpy.testing import assert_array_equal
from rasterio.shutil import copy
from rio_cogeo.cogeo import cog_validate

from classifier_files import CLASSES, RGB, linear, ours, sidecar
from conftest import write_raster
from scenes import cloudy_scene, geobox
from stac_schemas import validate_file
from sunbreak.classifiers import Classifier, callable_classifier
from sunbreak.errors import OptionError, OutputError, ProductExistsError, SunbreakWarning
from sunbreak.legend import Quality, class_legend
from sunbreak.rasters.geotiff import RasterWriter
from sunbreak.scene import make_scene
from sunbreak.steps import classify as step
from sunbreak.steps.classify import ClassifyOptions, classify
from sunbreak.steps.detect import scene_of
from sunbreak.steps.read import read
from sunbreak.steps.write_classes import write_classes

BANDS = ["B02", "B03", "B04", "B08"]


def logits_of(optical):
    """Three classes by blue, green and red; every patch its own."""
    return 40 * optical.mean(axis=(2, 3))


def by_colour(patch=16, bands=RGB, levels=("L2A",)):
    return callable_classifier(logits_of, bands=bands, classes=CLASSES, patch=patch, levels=levels, name="by-colour")


def seeing(patch=16, **more):
    """A classifier that remembers what it saw."""
    seen = []

    def run(optical, radar, clear):
        seen.extend(zip(optical, [None] * len(optical) if radar is None else radar, clear, strict=True))
        return {"logits": np.zeros((len(optical), 3), np.float32)}

    fields = {"uses_radar": False} | more
    return Classifier("seeing", CLASSES, RGB, ("L1C", "L2A"), patch, run=run, **fields), seen


def scene_like(shape=(40, 70), seed=0, quality=None, radar=False, georeferenced=True, **attrs):
    rng = np.random.default_rng(seed)
    optical = rng.uniform(0.02, 0.5, (4, -(-shape[0] // 8), -(-shape[1] // 8))).repeat(8, axis=1).repeat(8, axis=2)
    optical = optical[:, : shape[0], : shape[1]].astype(np.float32)
    return make_scene(
        optical, bands=BANDS, level="L2A", quality=np.ones(shape, np.uint8) if quality is None else quality,
        radar=rng.uniform(-20, -5, (2, *shape)).astype(np.float32) if radar else None,
        geobox=geobox(shape) if georeferenced else None, **attrs,
    )  # fmt: skip


def mirrored(plane, rows, cols):
    """Pixels of a plane whose borders are mirrors, one by one."""

    def fold(index, size):
        index = abs(index) % max(2 * size - 2, 1)
        return index if index < size else 2 * size - 2 - index

    return np.array([[plane[fold(row, plane.shape[0]), fold(col, plane.shape[1])] for col in cols] for row in rows])


@pytest.mark.parametrize(("cell", "patch"), [(16, 16), (8, 16), (24, 16), (7, 10), (100, 16), (1, 4)])
@pytest.mark.parametrize("shape", [(40, 70), (16, 16), (5, 9)])
def test_every_cell_gets_the_class_of_the_patch_around_its_middle(shape, cell, patch):
    scene = scene_like(shape)
    found = classify(scene, model=by_colour(patch), options=ClassifyOptions(cell=cell))
    grid = tuple(-(-size // cell) for size in shape)
    assert found.scene_class.shape == found.confidence.shape == found.cloud.shape == grid
    planes = scene.optical.values[[2, 1, 0]]
    for row in range(0, grid[0], 3):
        for col in range(0, grid[1], 3):
            span = [range(at * cell, min((at + 1) * cell, size)) for at, size in zip((row, col), shape, strict=True)]
            start = [one.start + (len(one) - patch) // 2 for one in span]
            if cell == patch and len(span[0]) == len(span[1]) == cell:
                assert start == [one.start for one in span]  # the cell itself
            around = [range(first, first + patch) for first in start]
            seen = np.stack([mirrored(plane, *around) for plane in planes])
            logits = logits_of(seen[np.newaxis].astype(np.float32))[0].astype(float)
            odds = np.exp(logits - logits.max())
            assert found.scene_class.values[row, col] == logits.argmax() + 1
            assert found.confidence.values[row, col] == np.rint(100 / odds.sum())
    assert_array_equal(found.cloud, 0)


def test_blocks_do_not_change_the_map(monkeypatch):
    scene = scene_like((150, 130), radar=True)
    scene.quality.values[20:60, 30:90] = Quality.THICK_CLOUD
    maps = []
    for block in (16, 48, 512):
        monkeypatch.setattr(step, "BLOCK", block)
        maps.append(classify(scene, model=by_colour(24), options=ClassifyOptions(cell=16)))
    for name in maps[0].data_vars:
        assert_array_equal(maps[0][name], maps[2][name])
        assert_array_equal(maps[1][name], maps[2][name])


def test_no_more_than_a_block_and_its_patches_is_read_at_a_time(monkeypatch):
    read_at_once = []

    def watched(scene, name, rows, cols):
        read_at_once.append((rows.stop - rows.start, cols.stop - cols.start))
        return np.asarray(scene[name].isel(y=rows, x=cols).data)

    monkeypatch.setattr(step, "load", watched)
    monkeypatch.setattr(step, "BLOCK", 32)
    classify(scene_like((200, 180)), model=by_colour(24), options=ClassifyOptions(cell=16))
    assert max(max(sizes) for sizes in read_at_once) <= 32 + 24


def test_the_map_lies_where_the_scene_lies():
    scene = scene_like((40, 70), datetime="2023-07-15T10:30:00Z", optical_path="s2.tif")
    found = classify(scene, model=by_colour())
    coarse, fine = found.odc.geobox, scene.odc.geobox
    assert list(coarse.affine)[:6] == [160, 0, fine.affine.c, 0, -160, fine.affine.f]
    assert coarse.crs == fine.crs
    assert tuple(coarse.shape) == (3, 5)
    assert found.attrs["classes"] == list(CLASSES)
    assert (found.attrs["model"], found.attrs["cell"], found.attrs["level"]) == ("by-colour", 16, "L2A")
    assert found.attrs["datetime"] == "2023-07-15T10:30:00Z"
    assert found.attrs["optical_path"] == "s2.tif"


def test_cells_are_as_large_as_patches_unless_somebody_says_otherwise():
    assert classify(scene_like((64, 64)), model=by_colour(32)).scene_class.shape == (2, 2)
    for cell in (0, 1025):
        with pytest.raises(OptionError, match=f"--cell {cell}: must lie between 1 and 1024 pixels"):
            ClassifyOptions(cell=cell)


def test_cells_without_data_have_no_class_and_those_with_a_pixel_have_one():
    quality = np.zeros((32, 48), np.uint8)
    quality[:, 16:] = Quality.CLEAR
    quality[:16, 32:] = Quality.NODATA
    quality[3, 33] = Quality.THIN_CLOUD
    scene = scene_like((32, 48), quality=quality)
    scene.optical.values[:, 16:, 32:] = np.nan
    found = classify(scene, model=by_colour())
    assert_array_equal(found.scene_class.values > 0, [[False, True, True], [False, True, False]])
    assert_array_equal(found.confidence.values > 0, found.scene_class.values > 0)
    assert_array_equal(found.cloud, [[255, 0, 100], [255, 0, 0]])


def test_cloud_is_the_share_of_the_measured_pixels():
    quality = np.ones((16, 16), np.uint8)
    quality[:4], quality[4:6], quality[6:8], quality[8:] = 2, 3, 4, 0
    assert classify(scene_like((16, 16), quality=quality), model=by_colour()).cloud.item() == 75


def test_a_classifier_sees_reflectance_radar_and_what_is_clear():
    quality = np.ones((16, 16), np.uint8)
    quality[:4] = Quality.SHADOW
    scene = scene_like((16, 16), quality=quality, radar=True)
    scene.optical.values[1, 8] = np.nan
    scene.radar.values[:, 10] = np.nan
    classifier, seen = seeing(uses_radar=True)
    classify(scene, model=classifier)
    ((optical, radar, clear),) = seen
    assert_array_equal(optical, scene.optical.values[[2, 1, 0]])
    assert_array_equal(radar, scene.radar.values)
    expected = quality == Quality.CLEAR
    expected[8] = False
    assert_array_equal(clear, expected)


def test_a_fusion_model_that_has_never_gone_without_radar_is_not_asked_to():
    classifier, seen = seeing(uses_radar=True, needs_radar=True)
    for scene in (scene_like(), scene_like(radar=True).sel(pol=["VV"])):
        with pytest.raises(OptionError, match=r"seeing: needs radar \(VV and VH\), and the scene has .*--radar"):
            classify(scene, model=classifier)
    assert not seen
    classify(scene_like((16, 16), radar=True), model=classifier)
    assert len(seen) == 1


@pytest.mark.parametrize("pols", [None, ["VV"], ["VH"]])
def test_a_fusion_model_goes_without_radar_and_says_so_once(pols):
    scene = scene_like((32, 32), radar=True)
    scene = scene.drop_vars(["radar", "pol"]) if pols is None else scene.sel(pol=pols)
    classifier, seen = seeing(uses_radar=True)
    words = "has no radar" if pols is None else "has radar without"
    with pytest.warns(SunbreakWarning, match=words) as told:
        classify(scene, model=classifier)
    assert [one.category for one in told].count(SunbreakWarning) == 1
    assert [radar for _, radar, _ in seen] == [None] * 4


def test_an_optical_model_needs_no_radar_and_is_silent():
    classifier, seen = seeing()
    with warnings.catch_warnings():
        warnings.simplefilter("error", SunbreakWarning)
        classify(scene_like((16, 16), radar=True), model=classifier)
        classify(scene_like((16, 16)), model=classifier)
    assert [radar for _, radar, _ in seen] == [None, None]


def test_a_radar_model_needs_radar_and_nothing_else():
    classifier, seen = seeing(uses_radar=True, uses_optical=False)
    for scene in (scene_like(), scene_like(radar=True).sel(pol=["VV"])):
        with pytest.raises(OptionError, match=r"seeing: needs radar \(VV and VH\), and the scene has .*--radar"):
            classify(scene, model=classifier)
    scene = scene_like((16, 32), radar=True, quality=np.zeros((16, 32), np.uint8)).sel(band=["B08"])
    scene.radar.values[:, :, 16:] = np.nan
    found = classify(scene, model=classifier)
    assert_array_equal(found.scene_class, [[1, 0]])  # where the radar is, whatever the optical image holds
    assert_array_equal(seen[0][1], scene.radar.values[:, :, :16])


def test_a_scene_that_does_not_fit_is_refused_in_one_line():
    scene = scene_like()
    for model, words in (
        (by_colour(bands=("B04", "B11", "B12")), "the scene is L2A without B11 B12; choose"),
        (by_colour(levels=("L1C",)), "made for L1C with the bands B04 B03 B02; the scene is L2A; choose"),
    ):
        with pytest.raises(OptionError, match=words):
            classify(scene, model=model)
    many = callable_classifier(np.mean, bands=["B02"], classes=[f"class {index}" for index in range(256)], patch=8)
    with pytest.raises(OptionError, match="256 classes; a map holds 255"):
        classify(scene, model=many)
    with pytest.raises(OptionError, match="not a scene"):
        classify(scene.drop_vars("optical"), model=by_colour())


def test_clouds_are_found_as_in_an_evaluation_where_nobody_has_looked():
    from sunbreak.data.sample import Sample
    from sunbreak.steps.detect import detect

    scene, _, _ = cloudy_scene((64, 64))
    optical = scene.optical.values
    sample = Sample("a", "a", "L1C", tuple(scene.band.values), optical, np.ones((64, 64), np.uint8))
    classifier, seen = seeing(64)
    classify(scene_of(sample, None), model=classifier)
    assert_array_equal(seen[0][2], detect(sample) == Quality.CLEAR)
    assert not seen[0][2].all()


def test_files_classify_as_they_do_alone(tmp_path):
    scene = scene_like(radar=True)
    rng = np.random.default_rng(0)
    fusion = ours(tmp_path / "f.onnx", rng.normal(size=(6, 3)), [("optical", 3), ("radar", 2), ("clear", 1)])
    foreign = sidecar(linear(tmp_path / "a.onnx", rng.normal(size=(3, 3))))
    for path in (fusion, foreign):
        found = classify(scene, model=path)
        assert found.attrs["weights_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
        assert (found.attrs["runtime"], found.attrs["precision"]) == ("openvino", "fp32")
        assert set(np.unique(found.scene_class)) <= {1, 2, 3}
        assert (found.confidence.values >= 33).all()


@pytest.fixture
def written(tmp_path):
    quality = np.ones((150, 210), np.uint8)
    quality[:40, :90], quality[:, 200:] = Quality.THICK_CLOUD, Quality.NODATA
    write_raster(tmp_path / "s2.tif", np.ones((4, 8, 8), "uint16"))
    scene = scene_like(
        (150, 210), quality=quality, datetime="2023-07-15T10:30:00Z", optical_path=str(tmp_path / "s2.tif")
    )
    classes = classify(scene, model=by_colour())
    item = write_classes(classes, tmp_path / "out", scene=scene)
    return scene, classes, tmp_path / "out", item


def test_the_files_hold_the_map(written):
    _, classes, out, _ = written
    names = ["cloud.tif", "item.json", "preview.png", "scene_classes.tif", "scene_classes.tif.aux.xml"]
    assert sorted(path.name for path in out.iterdir()) == names
    for name in ("scene_classes.tif", "cloud.tif"):
        assert cog_validate(out / name, strict=True)[0], name
    with rasterio.open(out / "scene_classes.tif") as file:
        assert file.crs.to_epsg() == 32633
        assert list(file.transform)[:6] == [160, 0, 500_000, 0, -160, 5_000_000]
        assert file.descriptions == ("scene_class", "confidence")
        assert file.nodata == 0
        stored, confidence = file.read()
        colours = file.colormap(1)
        assert file.index(500_375, 4_999_785) == (21 // 16, 37 // 16)
    assert_array_equal(stored, classes.scene_class)
    assert_array_equal(confidence, classes.confidence)
    for code, entry in class_legend(CLASSES).items():
        assert colours[code][:3] == entry.color
    with rasterio.open(out / "cloud.tif") as file:
        assert (file.nodata, file.units) == (255, ("%",))
        assert_array_equal(file.read(1), classes.cloud)
        assert (file.read(1) == 0).any()  # no cloud is no missing value


def test_gdal_knows_the_names_of_the_classes(written, tmp_path):
    _, _, out, _ = written
    copy(out / "scene_classes.tif", tmp_path / "seen.vrt", driver="VRT")
    text = (tmp_path / "seen.vrt").read_text()
    assert "<Category></Category>" in text
    for name in ("Sea/Lake", "Forest &amp; wood", "crop"):
        assert f"<Category>{name}</Category>" in text


def test_the_item_tells_what_was_done(written):
    _, classes, out, item = written
    told = item.properties
    validate_file(out / "item.json")
    assert told["sunbreak:model"] == "by-colour"
    assert told["sunbreak:cell"] == 16
    assert told["proj:shape"] == [10, 14]
    assert told["proj:transform"][0] == 160.0
    assert "16 x 16" in told["processing:lineage"]
    codes = classes.scene_class.values
    for code, name in enumerate(CLASSES, start=1):
        share = 100 * (codes == code).sum() / (codes > 0).sum()
        assert told["sunbreak:class_percent"].get(name, 0) == pytest.approx(share, abs=0.01)
    cloudy = (classes.cloud.values >= 50) & (codes > 0) & (classes.cloud.values <= 100)
    share = 100 * cloudy.sum() / (codes > 0).sum()
    assert share > 0
    assert told["sunbreak:cells_under_cloud_percent"] == pytest.approx(share, abs=0.01)
    assert [link.title for link in item.links if link.rel == "derived_from"] == ["optical"]
    band = item.assets["scene_classes"].extra_fields["bands"][0]
    assert [(one["value"], one["name"], one["description"]) for one in band["classification:classes"]] == [
        (1, "Sea_Lake", "Sea/Lake"), (2, "Forest_wood", "Forest & wood"), (3, "crop", "crop"),
    ]  # fmt: skip
    for asset in item.assets.values():
        content = (out / asset.href).read_bytes()
        assert asset.extra_fields["file:checksum"] == "1220" + hashlib.sha256(content).hexdigest()


def test_a_map_without_georeferencing_is_written_too(tmp_path):
    scene = scene_like(georeferenced=False)
    write_classes(classify(scene, model=by_colour()), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "item.json").read_text())["geometry"] is None
    with rasterio.open(tmp_path / "out" / "preview.png") as file:
        assert file.height >= 3


def test_the_card_of_a_file_goes_with_the_map_and_leaves_with_it(tmp_path):
    scene, out = scene_like(), tmp_path / "out"
    path = sidecar(linear(tmp_path / "a.onnx", np.eye(3)))
    item = write_classes(classify(scene, model=path), out)
    card = validate_file(out / "model.json")["properties"]["sunbreak:card"]
    assert card == json.loads(path.with_suffix(".json").read_text())
    assert [link.href for link in item.links if link.title == "model"] == ["./model.json"]
    assert item.assets["model"].href == "./model.json"
    write_classes(classify(scene, model=by_colour()), out, overwrite=True)
    assert not (out / "model.json").exists()


def test_what_is_finished_is_not_overwritten_by_accident(written):
    scene, classes, out, _ = written
    before = (out / "item.json").read_bytes()
    with pytest.raises(ProductExistsError, match="--overwrite"):
        write_classes(classes, out)
    assert (out / "item.json").read_bytes() == before
    write_classes(classes, out, scene=scene, overwrite=True)
    content = json.loads((out / "item.json").read_text())
    content["assets"] = {"reflectance": content["assets"]["cloud"]}
    (out / "item.json").write_text(json.dumps(content))
    with pytest.raises(ProductExistsError, match=r"another product \(reflectance\)"):
        write_classes(classes, out, overwrite=True)


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(self):
        raise OutputError("no space left on device")

    classes = classify(scene_like(), model=by_colour())
    monkeypatch.setattr(RasterWriter, "to_cog", full)
    with pytest.raises(OutputError, match="no space"):
        write_classes(classes, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_only_a_class_map_is_written(tmp_path):
    with pytest.raises(OptionError, match="not a class map"):
        write_classes(scene_like(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_colours_of_classes_differ_and_are_always_the_same():
    colours = [entry.color for entry in class_legend([str(index) for index in range(255)]).values()]
    assert len(set(colours)) == 255
    assert all(max(colour) - min(colour) > 30 for colour in colours)  # none is grey, as no data and clouds are
    assert [entry.color for entry in class_legend(["a", "b"]).values()] == colours[:2]
    few = np.array(colours[:12], float)
    distance = np.linalg.norm(few[:, None] - few[None], axis=-1) + 999 * np.eye(12)
    assert distance.min() > 40


def test_a_real_scene_keeps_its_place(collection, tmp_path):
    folder = collection / "sen12mscr_triplets" / "S12CR_1970_139"
    path = sorted(folder.glob("*_s2_cloudy.tif"))[0]
    scene = read(path, radar=path.with_name(path.name.replace("s2_cloudy", "s1")))
    rng = np.random.default_rng(0)
    model = ours(tmp_path / "f.onnx", rng.normal(size=(6, 3)), [("optical", 3), ("radar", 2), ("clear", 1)], patch=64)
    write_classes(classify(scene, model=model), tmp_path / "out", scene=scene)
    with rasterio.open(path) as given, rasterio.open(tmp_path / "out" / "scene_classes.tif") as file:
        assert (file.crs, file.shape) == (given.crs, (4, 4))
        assert file.bounds == pytest.approx(given.bounds)
        assert (file.read(1) > 0).all()
