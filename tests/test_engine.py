import hashlib
import json
import sys

import numpy as np
import pytest
from onnx import helper

import model_files
from scenes import blob, cloudy_scene, geobox, land
from sunbreak.engine import open_model
from sunbreak.errors import OptionError
from sunbreak.legend import Source
from sunbreak.models import trust
from sunbreak.scene import make_scene
from sunbreak.steps.restore import RestoreOptions, restore

BANDS = ["B02", "B03", "B04", "B08"]
CARD = {"name": "test-net", "bands": BANDS, "levels": ["L2A"]}


def save(path, nodes, inputs, *, card=None, **more):
    return model_files.save(path, nodes, inputs, card=CARD | (card or {}), **more)


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
    prior = restore(scene, model="scene-prior")
    product = restore(scene, model=path, options=RestoreOptions(runtime=runtime, precision="fp32"))
    np.testing.assert_allclose(product.reflectance, prior.reflectance, atol=3e-5)  # remembered to half a DN
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
    added = small.reflectance.values - restore(scene, model="scene-prior").reflectance.values
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
    more, _, _ = cloudy_scene(bands=["B02", "B09", "B03", "B12"], level="L2A")
    with pytest.raises(OptionError, match=r"the scene is L2A, with B09 B12 besides; .* --bands=B02,-,B03,-$"):
        restore(more, model=path)
    path.with_suffix(".json").write_text("{")
    with pytest.raises(OptionError, match="not a readable model card"):
        restore(scene, model=path)
    path.with_suffix(".json").write_text("{}")
    with pytest.raises(OptionError, match="at least `bands` and `levels`"):
        restore(scene, model=path)
    path.with_suffix(".json").unlink()
    with pytest.raises(OptionError, match="one is missing"):
        restore(scene, model=path)
    digest = hashlib.sha256(b"not a model").hexdigest()
    broken = save(tmp_path / "b.onnx", identity, [("prior", 4)], card={"sha256": {"onnx": digest}})
    broken.write_bytes(b"not a model")
    for runtime in ("openvino", "onnx"):
        with pytest.raises(OptionError, match=r"b\.onnx: not a model that can be run"):
            restore(scene, model=broken, options=RestoreOptions(runtime=runtime))
    strange = save(tmp_path / "s.onnx", [helper.make_node("Identity", ["dem"], ["reflectance"])], [("dem", 4)])
    with pytest.raises(OptionError, match=r"asks for the inputs \['dem'\]"):
        restore(scene, model=strange)


def test_a_model_that_is_not_what_its_card_was_written_for_is_refused(tmp_path):
    nodes = [helper.make_node("Identity", ["prior"], ["reflectance"])]
    path = save(tmp_path / "m.onnx", nodes, [("prior", 4)])
    scene, _, _ = scene_of()
    restore(scene, model=path)
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(OptionError, match=r"m\.onnx: is not what its card was written for \(sha256 .*the card says"):
        restore(scene, model=path)


def test_static_model_files_run_at_their_own_size_only(tmp_path):

    import onnx

    path = save(tmp_path / "m.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 4)])
    model = onnx.load(path)
    for dim, size in zip(model.graph.input[0].type.tensor_type.shape.dim[2:], (64, 64), strict=True):
        dim.dim_value = size
    onnx.save(model, path)
    card = json.loads(path.with_suffix(".json").read_text())
    card["sha256"] = {"onnx": hashlib.sha256(path.read_bytes()).hexdigest()}
    path.with_suffix(".json").write_text(json.dumps(card))
    scene, _, _ = scene_of()
    prior = restore(scene, model="scene-prior")
    np.testing.assert_allclose(
        restore(scene, model=path).reflectance, prior.reflectance, atol=3e-5
    )  # remembered to half a DN
    path.with_suffix(".json").write_text(json.dumps(card | {"patch": 128}))
    with pytest.raises(OptionError, match="takes patches of 64 x 64 pixels, its card says 128"):
        restore(scene, model=path)


def test_the_torch_runtime_says_what_it_lacks(tmp_path, monkeypatch):
    pytest.importorskip("torch", reason="PyTorch is an extra")
    path = save(tmp_path / "m.onnx", [helper.make_node("Identity", ["prior"], ["reflectance"])], [("prior", 4)])
    with pytest.raises(OptionError, match=r"m\.safetensors: cannot be read \(No such file"):
        open_model(path, runtime="torch")
    path.with_suffix(".safetensors").write_bytes(b"")
    with pytest.raises(OptionError, match=r"m\.safetensors: nobody vouches for these weights"):
        open_model(path, runtime="torch")
    trust(path)
    with pytest.raises(OptionError, match="has no `architecture`"):
        open_model(path, runtime="torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(OptionError, match=r"pip install 'sunbreak\[train\]'"):
        open_model(path, runtime="torch")


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_torch_runtime_runs_the_weights_of_the_card(tmp_path, precision):
    torch = pytest.importorskip("torch", reason="PyTorch is an extra")
    from safetensors.torch import save_file

    from sunbreak.networks import build

    name = "tdp-cr"
    torch.manual_seed(0)
    network = build(name).eval()
    path = model_files.save(
        tmp_path / "m.onnx", [helper.make_node("Identity", ["optical"], ["reflectance"])], [("optical", 13)],
        card={"architecture": {"network": name, "config": {}}, "bf16": True},
    )  # fmt: skip
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, tmp_path / "m.safetensors")
    trust(path)
    scene, _, cloud = cloudy_scene((100, 120), bands=["B02", "B03", "B04", "B8A"])
    product = restore(scene, model=path, options=RestoreOptions(runtime="torch", precision=precision))
    assert (product.attrs["runtime"], product.attrs["precision"]) == ("torch", precision)
    assert np.isfinite(product.reflectance.values).all()
    np.testing.assert_array_equal(product.reflectance.values[:, ~cloud], scene.optical.values[:, ~cloud])
    rng = np.random.default_rng(0)
    counts = {"optical": 13, "prior": 13, "prior_sigma": 13, "radar": 2, "radar_valid": 1, "quality": 5}
    inputs = {key: rng.random((1, count, 64, 64), np.float32) for key, count in counts.items()}
    inputs |= {"present": np.ones((1, 13, 1, 1), np.float32), "level": np.array([[[[1]], [[0]]]], np.float32)}
    found = open_model(path, runtime="torch", precision=precision).runtime.run(inputs)["reflectance"]
    with torch.no_grad():
        direct = network({key: torch.from_numpy(inputs[key]) for key in network.inputs})["reflectance"].numpy()
    np.testing.assert_allclose(found, direct, atol=1e-5 if precision == "fp32" else 0.05)
