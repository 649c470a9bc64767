import json

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from scenes import blob, cloudy_scene, geobox, land
from sunbreak.engine import open_model
from sunbreak.errors import OptionError
from sunbreak.legend import Source
from sunbreak.scene import make_scene
from sunbreak.steps.restore import RestoreOptions, restore

BANDS = ["B02", "B03", "B04", "B08"]
OPSET = [helper.make_opsetid("", 20)]


def save(path, nodes, inputs, *, outputs=("reflectance",), card=None):
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, count, "h", "w"]) for name, count in inputs]
    results = [helper.make_tensor_value_info(name, TensorProto.FLOAT, None) for name in outputs]
    model = helper.make_model(helper.make_graph(nodes, "test", tensors, results), opset_imports=OPSET, ir_version=10)
    onnx.save(model, path)
    facts = {"name": "test-net", "bands": BANDS, "levels": ["L2A"], "patch": 64, "overlap": 16} | (card or {})
    path.with_suffix(".json").write_text(json.dumps(facts))
    return path


@pytest.fixture
def pooling_model(tmp_path):
    """Prior plus a tenth of the mean over the patch: what networks with global context do, at its worst."""
    tenth = helper.make_node("Constant", [], ["tenth"], value_float=0.1)
    nodes = [
        tenth,
        helper.make_node("GlobalAveragePool", ["optical"], ["mean"]),
        helper.make_node("Mul", ["mean", "tenth"], ["small"]),
        helper.make_node("Add", ["prior", "small"], ["reflectance"]),
    ]
    return save(tmp_path / "pooling.onnx", nodes, [("optical", 4), ("prior", 4)])


def scene_of(shape=(300, 330), **more):
    return cloudy_scene(shape, bands=BANDS, level="L2A", **more)


@pytest.mark.parametrize("runtime", ["openvino", "onnx"])
def test_a_model_file_stands_where_the_prior_stood(tmp_path, runtime):
    if runtime == "onnx":
        pytest.importorskip("onnxruntime", reason="ONNX Runtime is an extra")
    path = save(tmp_path / "m.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 4)])
    scene, _, cloud = scene_of()
    prior = restore(scene)
    product = restore(scene, model=path, options=RestoreOptions(runtime=runtime, precision="fp32"))
    np.testing.assert_allclose(product.reflectance, prior.reflectance, atol=1e-6)
    np.testing.assert_array_equal(product.reflectance.values[:, ~cloud], scene.optical.values[:, ~cloud])
    assert (product.source.values[cloud] == Source.NETWORK_WITH_RADAR).all()
    assert product.attrs["model"] == "test-net"
    assert product.attrs["precision"] == "fp32"


def test_a_network_that_pools_over_patches_leaves_no_seams_and_ignores_blocks(pooling_model):
    shape = (520, 560)
    truth, radar = land(shape, BANDS, seed=1)
    truth = np.where(np.indices(shape)[1] > 280, truth + 0.2, truth).astype(np.float32)  # a coast
    cloud = blob(shape, (260, 280), 200)
    scene = make_scene(np.where(cloud, np.float32(0.8), truth), bands=BANDS, level="L2A", radar=radar,
                       quality=np.where(cloud, 3, 1).astype(np.uint8), geobox=geobox(shape))  # fmt: skip
    small, large = (restore(scene, model=pooling_model, options=RestoreOptions(block=block)) for block in (256, 1024))
    for name in small.data_vars:
        assert small[name].values.tobytes() == large[name].values.tobytes(), name
    added = small.reflectance.values - restore(scene).reflectance.values
    steps = np.abs(np.diff(added, axis=2))[:, cloud[:, 1:] & cloud[:, :-1]]
    # the pooled part differs by up to 0.06 between neighbouring patches; blended over 16 pixels no step is left
    assert np.ptp(added[:, cloud]) > 0.03
    assert steps.max() < np.ptp(added[:, cloud]) / 8


def test_every_input_a_model_may_ask_for_has_its_documented_shape_and_content(tmp_path):
    names = [("optical", 4), ("radar", 2), ("radar_valid", 1), ("quality", 5), ("prior", 4), ("prior_sigma", 4)]
    nodes = [
        helper.make_node("Concat", [name for name, _ in names], ["all"], axis=1),
        helper.make_node("ReduceMean", ["all"], ["one"], keepdims=1),
        helper.make_node("Mul", ["one", "zero"], ["nothing"]),
        helper.make_node("Constant", [], ["zero"], value_float=0.0),
        helper.make_node("Add", ["prior", "nothing"], ["reflectance"]),
        helper.make_node("Mul", ["prior_sigma", "zero"], ["log_variance"]),
    ]
    nodes.insert(0, nodes.pop(3))
    path = save(tmp_path / "m.onnx", nodes, names, outputs=("reflectance", "log_variance"))
    scene, _, cloud = scene_of()
    scene.radar.values[:, :, :100] = np.nan
    scene.optical.values[:, :5] = np.nan
    scene.quality.values[:5] = 0
    product = restore(scene, model=path)
    np.testing.assert_allclose(product.uncertainty.values[:, cloud], 1.0)  # exp(0 / 2)
    assert np.isfinite(product.reflectance.values[:, 5:]).all()
    source = product.source.values
    assert (source[cloud & np.isnan(scene.radar.values[0])] == Source.NETWORK_WITHOUT_RADAR).all()


def test_bf16_is_taken_only_where_the_card_allows_it(tmp_path):
    path = save(tmp_path / "m.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 4)])
    assert open_model(path).precision == "fp32"
    assert open_model(path, precision="bf16").precision == "bf16"
    with pytest.raises(OptionError, match="fp32 only"):
        open_model(path, runtime="onnx", precision="bf16")


def test_bad_models_are_refused_in_one_line(tmp_path):
    identity = [helper.make_node("Identity", ["prior"], ["reflectance"])]
    path = save(tmp_path / "m.onnx", identity, [("prior", 4)])
    scene, _, _ = scene_of()
    other, _, _ = cloudy_scene()
    with pytest.raises(OptionError, match="made for L2A with the bands B02 B03 B04 B08; the scene is L1C"):
        restore(other, model=path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(OptionError, match="not a readable model card"):
        restore(scene, model=path)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(OptionError, match="at least `bands` and `levels`"):
        restore(scene, model=path)
    path.with_suffix(".json").unlink()
    with pytest.raises(OptionError, match="one is missing"):
        restore(scene, model=path)
    broken = save(tmp_path / "b.onnx", identity, [("prior", 4)])
    broken.write_bytes(b"not a model")
    with pytest.raises(OptionError, match=r"b\.onnx: not a model that can be run"):
        restore(scene, model=broken)
    strange = save(tmp_path / "s.onnx", [helper.make_node("Identity", ["dem"], ["reflectance"])], [("dem", 4)])
    with pytest.raises(OptionError, match=r"asks for the inputs \['dem'\]"):
        restore(scene, model=strange)
