import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from conftest import l1c_dn, write_raster
from model_files import node, save
from scenes import UTM, blob, geobox
from sunbreak import cloud_network
from sunbreak.bands import L1C_BANDS, L2A_BANDS
from sunbreak.cloud_network import Decision, decide
from sunbreak.errors import OptionError
from sunbreak.legend import Quality
from sunbreak.pipeline import process
from sunbreak.scene import make_scene
from sunbreak.steps import mask as mask_step
from sunbreak.steps import quality_network
from sunbreak.steps.ground import coarse_step
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.steps.quality_network import quality_from_network
from sunbreak.steps.restore import RestoreOptions
from sunbreak.tiles import Window

CLEAR, THIN, THICK, SHADOW = 0.15, 0.42, 0.8, 0.01
"""Mean reflectance at which the network below is sure, at both levels."""


def tiny(path, *, pooled=0.0, output="quality", **card):
    """A mask network that looks at the mean over the bands present, 0.1 darker for L1C; it may pool over the patch."""
    nodes = [
        node("Conv", ["optical", "ones"], ["sum"]),
        node("Conv", ["present", "ones"], ["count"]),
        node("Max", ["count", "one"], ["bands"]),
        node("Div", ["sum", "bands"], ["mean"]),
        node("Conv", ["level", "darker"], ["shift"]),
        node("Sub", ["mean", "shift"], ["seen"]),
        node("GlobalAveragePool", ["seen"], ["whole"]),
        node("Mul", ["whole", "pooled"], ["context"]),
        node("Add", ["seen", "context"], ["all"]),
        node("Conv", ["all", "slope", "offset"], ["logits"]),
        node("Softmax", ["logits"], [output], axis=1),
    ]
    constants = {
        "ones": np.ones((1, 13, 1, 1)),
        "one": np.ones((1, 1, 1, 1)),
        "darker": np.reshape([0.1, 0.0], (1, 2, 1, 1)),
        "pooled": np.full((1, 1, 1, 1), pooled),
        "slope": np.reshape([0, 60, 120, -60], (4, 1, 1, 1)),
        "offset": [0, -15, -55, 2],
    }
    constants = {name: np.asarray(values, np.float32) for name, values in constants.items()}
    inputs = [("optical", 13), ("present", 13), ("level", 2)]
    card = {"name": "tiny-mask", "kind": "mask"} | card
    return save(path, nodes, inputs, outputs=[output], card=card, constants=constants)


@pytest.fixture
def network(tmp_path):
    return tiny(tmp_path / "mask.onnx")


@pytest.fixture
def shipped(network, monkeypatch):
    monkeypatch.setattr(cloud_network, "WEIGHTS", network)
    return network


@pytest.fixture
def nothing_shipped(tmp_path, monkeypatch):
    monkeypatch.setattr(cloud_network, "WEIGHTS", tmp_path / "cloud-mask.onnx")


def scene_of(shape, *, bands=L1C_BANDS, level="L1C", pixel=10.0, **more):
    """Clear land, with a thick cloud, a thin one and a shadow, each a quarter of the smaller side wide."""
    radius = min(shape) // 8
    middle, right = shape[1] // 2, shape[1] - 2 * radius
    parts = {
        THICK: blob(shape, (2 * radius, 2 * radius), radius),
        THIN: blob(shape, (2 * radius, right), radius),
        SHADOW: blob(shape, (shape[0] - 2 * radius, middle), radius),
    }
    image, truth = np.full(shape, CLEAR, np.float32), np.full(shape, Quality.CLEAR, np.uint8)
    for (value, where), code in zip(parts.items(), (3, 2, 4), strict=True):
        image[where], truth[where] = value, code
    optical = np.tile(image, (len(bands), 1, 1))
    scene = make_scene(optical, bands=list(bands), level=level, geobox=geobox(shape, pixel=pixel), **more)
    return scene, truth


def found_in(scene, method, **more):
    return mask(scene, options=MaskOptions(method=method, buffer=0, **more)).quality.values


@pytest.mark.parametrize(
    ("bands", "level"),
    [(L1C_BANDS, "L1C"), (L2A_BANDS, "L2A"), (["B02", "B03", "B04", "B08"], "L1C"), (["B11"], "L2A")],
)
@pytest.mark.parametrize("pixel", [10.0, 20.0, 60.0])
def test_any_bands_both_levels_and_all_pixel_sizes(network, bands, level, pixel):
    scene, truth = scene_of((129, 203), bands=bands, level=level, pixel=pixel)
    found = found_in(scene, network)
    if pixel > 10:
        np.testing.assert_array_equal(found, truth)
    else:  # looked at in pixels of 20 m: edges may move by one of them
        assert (found == truth).mean() > 0.97
        inner = [np.pad(truth, 2, mode="edge")[2 + a : 131 + a, 2 + b : 205 + b] == truth
                 for a in (-2, 2) for b in (-2, 2)]  # fmt: skip
        np.testing.assert_array_equal(found[np.all(inner, axis=0)], truth[np.all(inner, axis=0)])


def test_the_level_reaches_the_network(network):
    image = np.full((1, 40, 40), 0.3, np.float32)  # a tenth less at L1C: there it is clear
    for level, code in (("L1C", Quality.CLEAR), ("L2A", Quality.THIN_CLOUD)):
        assert (found_in(make_scene(image, bands=["B03"], level=level), network) == code).all()


@pytest.mark.parametrize("shape", [(2, 2), (3, 5), (64, 127), (257, 130)])
def test_sizes_that_fit_nothing(network, shape):
    image = np.full((2, *shape), THICK, np.float32)
    scene = make_scene(image, bands=["B02", "B03"], level="L1C")  # no georeferencing: 10 m
    assert (found_in(scene, network) == Quality.THICK_CLOUD).all()


@pytest.mark.parametrize("pixel", [10.0, 20.0])
@pytest.mark.parametrize("buffer", [0, 7])
def test_the_size_of_blocks_changes_nothing(tmp_path, monkeypatch, pixel, buffer):
    """Also with a network that pools over its patch, and when hardly any patch is remembered."""
    pooling = tiny(tmp_path / "pooling.onnx", pooled=-0.3)
    shape = (301, 423)
    rng = np.random.default_rng(0)
    fields = rng.uniform(0.0, 0.9, (1, 38, 53)).repeat(8, axis=1).repeat(8, axis=2)[:, : shape[0], : shape[1]]
    image = np.tile(fields, (3, 1, 1))
    image[:, 40:90, 200:333] = np.nan
    scene = make_scene(image.astype(np.float32), bands=["B02", "B04", "B8A"], level="L2A",
                       geobox=geobox(shape, pixel=pixel))  # fmt: skip
    results = []
    for block, memory in ((1024, 96 << 20), (100, 96 << 20), (64, 1), (33, 1 << 18)):
        monkeypatch.setattr(mask_step, "MASK_BLOCK", block)
        monkeypatch.setattr(quality_network, "MEMORY", memory)
        results.append(mask(scene, options=MaskOptions(method=pooling, buffer=buffer)).quality.values)
    assert len(np.unique(results[0])) == 5
    for other in results[1:]:
        np.testing.assert_array_equal(other, results[0])


def test_patches_lie_on_the_scene_and_are_run_once(network, monkeypatch):
    model = cloud_network.open_network(network, level="L1C")
    runs = []
    monkeypatch.setattr(type(model.runtime), "run", counted(type(model.runtime).run, runs))
    scene, _ = scene_of((450, 460))
    monkeypatch.setattr(mask_step, "MASK_BLOCK", 50)
    mask(scene, options=MaskOptions(method=network, buffer=9))
    assert len(runs) == 5 * 5  # 225 x 230 pixels of 20 m, a patch of 64 every 48


def counted(function, calls):
    def call(*arguments):
        calls.append(1)
        return function(*arguments)

    return call


def test_no_data_is_no_data_and_does_not_spread(network):
    scene, truth = scene_of((200, 203))
    scene.optical.values[:, :, :31] = np.nan  # an odd edge: half of a coarse pixel
    scene.optical.values[:, 100, 100] = np.nan
    scene.optical.values[3, :50, 150:] = np.nan  # one band alone
    missing = np.isnan(scene.optical.values).all(axis=0)
    found = found_in(scene, network)
    np.testing.assert_array_equal(found == Quality.NODATA, missing)
    assert (truth[110:, :60] == Quality.CLEAR).all()
    assert (found[110:, 31:60] == Quality.CLEAR).all()


def test_a_scene_without_any_data_is_no_data(network, monkeypatch):
    model = cloud_network.open_network(network, level="L1C")
    monkeypatch.setattr(type(model.runtime), "run", None)  # and the network is not even asked
    scene = make_scene(np.full((13, 90, 90), np.nan, np.float32), bands=L1C_BANDS, level="L1C")
    assert (found_in(scene, network) == Quality.NODATA).all()


def test_a_band_without_data_counts_as_absent(network):
    image = np.full((3, 60, 60), THICK, np.float32)
    image[1:] = np.nan  # the mean over three bands would be that of thin cloud
    assert (found_in(make_scene(image, bands=["B02", "B03", "B04"], level="L1C"), network) == 3).all()


def test_the_network_stands_in_where_the_rule_lacks_bands_and_the_product_says_so(shipped, tmp_path):
    scene, truth = scene_of((96, 96))
    assert mask(scene).attrs["quality_from"] == "rule"
    scene = scene.sel(band=[name for name in scene["band"].values if name not in ("B02", "B03", "B04")])
    found = mask(scene, options=MaskOptions(buffer=0))
    assert (found.quality.values == truth).mean() > 0.95
    assert found.attrs["quality_from"] == "tiny-mask"
    assert found.attrs["mask_precision"] == "fp32"
    np.testing.assert_array_equal(found_in(scene, "network"), found.quality.values)
    write_raster(tmp_path / "s2.tif", l1c_dn(96, 96))
    item = process(
        tmp_path / "s2.tif", None, tmp_path / "out",
        mask_options=MaskOptions(method="network"), restore_options=RestoreOptions("scene-prior"),
    )  # fmt: skip
    assert item.properties["sunbreak:quality_from"] == "tiny-mask"
    assert item.properties["sunbreak:mask_precision"] == "fp32"
    assert len(item.properties["sunbreak:mask_sha256"]) == 64


def test_without_weights_the_rule_stands_in(nothing_shipped):
    scene, _ = scene_of((96, 96))
    found = mask(scene)
    assert found.attrs["quality_from"] == "rule"
    assert "mask_precision" not in found.attrs
    np.testing.assert_array_equal(found.quality, mask(scene, options=MaskOptions(method="rule")).quality)


def test_asking_for_a_network_that_is_not_there_is_an_error(nothing_shipped, tmp_path):
    scene, _ = scene_of((96, 96))
    for method in ("network", tmp_path / "other.onnx"):
        with pytest.raises(OptionError, match=r"\.onnx: no such mask network.*--mask rule.*--quality"):
            found_in(scene, method)


def test_a_layer_or_a_file_comes_first_unless_a_method_is_asked_for(shipped, tmp_path):
    scene, truth = scene_of((96, 96), quality=np.full((96, 96), 2, np.uint8))
    assert (found_in(scene, "auto") == 2).all()
    assert mask(scene).attrs["quality_from"] == "scene"
    assert (found_in(scene, "network") == truth).mean() > 0.95
    write_raster(tmp_path / "q.tif", np.full((1, 96, 96), 3, np.uint8), crs=UTM, transform=geobox((96, 96)).affine)
    from_file = mask(scene, options=MaskOptions(tmp_path / "q.tif"))
    assert (from_file.quality.values == 3).all()
    assert from_file.attrs["quality_from"] == "file"
    with pytest.raises(OptionError, match=r"--quality .*q\.tif is the mask, --mask rule would find one"):
        MaskOptions(tmp_path / "q.tif", method="rule")
    with pytest.raises(OptionError, match="--mask magic: one of auto, network, rule"):
        MaskOptions(method="magic")


def test_what_is_no_mask_network_is_refused_in_one_line(tmp_path):
    scene, _ = scene_of((96, 96))
    with pytest.raises(OptionError, match=r"one-level\.onnx: made for L2A, the scene is L1C"):
        found_in(scene, tiny(tmp_path / "one-level.onnx", levels=["L2A"]))
    with pytest.raises(OptionError, match=r"returns .*'other'.*a mask network returns 'quality'"):
        found_in(scene, tiny(tmp_path / "other.onnx", output="other"))
    few, _ = scene_of((96, 96), bands=["B11"])
    with pytest.raises(OptionError, match=r"tiny-mask: knows none of the scene's bands.*--quality"):
        found_in(few, tiny(tmp_path / "few.onnx", bands=["B02"]))
    with pytest.raises(OptionError, match=r"restores\.onnx: no mask network: a restoration network that takes"):
        found_in(scene, tiny(tmp_path / "restores.onnx", kind="restoration"))
    prior = save(tmp_path / "prior.onnx", [node("Identity", ["prior"], ["quality"])], [("prior", 13)],
                 outputs=["quality"], card={"kind": "mask"})  # fmt: skip
    with pytest.raises(OptionError, match=r"prior\.onnx: no mask network: .* takes prior"):
        found_in(scene, prior)
    damaged = tiny(tmp_path / "damaged.onnx")
    damaged.write_bytes(damaged.read_bytes() + b" ")
    with pytest.raises(OptionError, match=r"damaged\.onnx: is not what its card was written for"):
        found_in(scene, damaged)


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_runtimes_agree(network, runtime):
    if runtime == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    scene, _ = scene_of((129, 203))
    np.testing.assert_array_equal(found_in(scene, network, runtime=runtime), found_in(scene, network))


def test_a_scene_stored_at_another_pixel_size_is_looked_at_in_about_20_m():
    sizes = {2.5: 8, 5.0: 4, 10.0: 2, 12.0: 2, 15.0: 1, 20.0: 1, 60.0: 1}
    assert {pixel: coarse_step(geobox((9, 9), pixel=pixel)) for pixel in sizes} == sizes
    degrees = GeoBox((100, 100), Affine(1 / 11132, 0, 10, 0, -1 / 11132, 0.005), "EPSG:4326")
    assert coarse_step(degrees) == 2
    assert coarse_step(GeoBox((9, 9), Affine.identity(), None)) == 2


def test_weights_of_the_decision_trade_misses_for_false_alarms():
    shares = np.random.default_rng(0).dirichlet(np.ones(4), (50, 50)).transpose(2, 0, 1)
    before = decide(shares, Decision())
    cloud = np.isin(before, (2, 3))
    np.testing.assert_array_equal(cloud, (shares[1] + shares[2] > shares[0]) & (shares[1] + shares[2] >= shares[3]))
    more = decide(shares, Decision(cloud=2.0))
    assert (np.isin(more, (2, 3)) >= cloud).all()
    assert (np.isin(more, (2, 3)) != cloud).any()
    assert ((decide(shares, Decision(shadow=2.0)) == 4) >= (before == 4)).all()
    assert not (decide(shares, Decision(thick=1.1)) == 3).any()
    np.testing.assert_array_equal(decide(shares * 0.3, Decision()), before)  # only ratios count


def test_the_decision_can_be_handed_in(network):
    scene, _ = scene_of((96, 96))
    model = cloud_network.open_network(network, level="L1C")
    whole = Window(0, 0, 96, 96)
    assert not (quality_from_network(scene, model, Decision(cloud=0.0, shadow=0.0))(whole) != 1).any()
