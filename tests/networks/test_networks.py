"""What every registered network has to be: exportable, equal on all engines, and honest at the start."""

import resource
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import onnx
import openvino
import pytest
import torch

from sunbreak.errors import OptionError
from sunbreak.networks import build, naf_unet
from sunbreak.registry import NETWORKS
from sunbreak.train.export import count, example, export

SEMANTIC = {"tdp-cr", "tdp-cr-large", "tdp-cr-prior"}
NARROW = {
    name: {"widths": (8, 16, 24, 32), "optical_depths": (1, 1, 1, 1), "radar_depths": (1, 1, 1, 1)}
    for name in NETWORKS
    if name in SEMANTIC or name.startswith("ib-hfn")
} | {
    "dsen2-cr": {"width": 16, "blocks": 2},
    "uncrtaints": {"width": 16, "decoder_blocks": 1},
    "naf-unet": {"widths": (8, 12, 16, 24), "depths": (1, 1, 1, 1), "decoder_depths": (1, 1, 1, 1)},
}
"""Sizes for what does not depend on the size."""


def built(name, **config):
    """A network whose zero-initialised parts have been moved, as training would."""
    torch.manual_seed(0)
    network = build(name, NARROW.get(name, {}) | ({"semantic": True} if name in SEMANTIC else {}) | config)
    for weight in network.parameters():
        if not weight.abs().sum():
            torch.nn.init.normal_(weight, 0.0, 0.05)
    return network.eval()


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def exported(request, tmp_path_factory):
    network = built(request.param)
    return network, export(network, tmp_path_factory.mktemp(request.param), {"name": request.param})


def reference(network, inputs):
    with torch.no_grad():
        return {name: tensor.numpy() for name, tensor in network(inputs).items()}


@pytest.mark.parametrize("size", [64, 256])
def test_engines_agree_in_fp32(exported, size):
    import onnxruntime

    network, path = exported
    inputs = example(network.inputs, size)
    arrays = {name: tensor.numpy() for name, tensor in inputs.items()}
    wanted = reference(network, inputs)
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    for found in (
        dict(zip(wanted, session.run(list(wanted), arrays), strict=True)),
        {name: compiled(arrays)[name] for name in wanted},
    ):
        for name, values in wanted.items():
            # reflectance and probabilities within 1e-4; the logarithm of a variance is some -10
            assert np.abs(found[name] - values).max() < (1e-3 if name == "log_variance" else 1e-4), name


def test_the_graph_has_nothing_that_is_slow_to_run(exported):
    _, path = exported
    nodes = onnx.load(path).graph.node
    assert not {node.op_type for node in nodes} & {"Transpose", "LayerNormalization", "Split", "If", "Loop"}
    # means over channels are convolutions; those over a whole patch stay
    axes = [
        list(one.ints) for node in nodes if node.op_type == "ReduceMean" for one in node.attribute if one.name == "axes"
    ]
    assert [1] not in axes


def test_the_card_states_what_the_file_is(exported):
    import hashlib
    import json

    network, path = exported
    card = json.loads(path.with_suffix(".json").read_text())
    assert (card["parameters"], card["gmacs"]) == (count(network)[0], round(count(network)[1], 2))
    assert card["sha256"]["onnx"] == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_weight_learns(name):
    network = built(name).train()
    inputs = example(network.inputs, 64)
    outputs = vars(network.analyse(inputs)).values() if name != "cloud-mask" else (network.logits(inputs),)
    sum(part.square().sum() for part in outputs if isinstance(part, torch.Tensor)).backward()
    still = [key for key, weight in network.named_parameters() if weight.grad is None or not weight.grad.abs().sum()]
    assert not still


@pytest.mark.parametrize(
    ("name", "parameters", "gmacs"),
    [("cloud-mask", 0.3e6, 1.0), ("tdp-cr", 5.87e6, 5), ("tdp-cr-large", 5.87e6, 15), ("ib-hfn-small", 5.87e6, 4)],
)
def test_sizes_stay_within_their_budget(name, parameters, gmacs):
    assert NETWORKS[name].parameters <= parameters
    assert NETWORKS[name].gmacs <= gmacs


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_the_registry_tells_the_size(name):
    network = build(name, {"semantic": True} if name in SEMANTIC else {})
    parameters, gmacs = count(network)
    assert (NETWORKS[name].parameters, NETWORKS[name].gmacs) == (parameters, round(gmacs, 2))


def test_untrained_networks_return_what_they_correct():
    inputs = example(build("tdp-cr-prior").inputs, 64)
    with torch.no_grad():
        ours = build("tdp-cr-prior")(inputs)
        theirs = build("tdp-cr")({name: inputs[name] for name in build("tdp-cr").inputs})
    assert torch.equal(ours["reflectance"], inputs["prior"])
    assert torch.allclose(torch.exp(0.5 * ours["log_variance"]), inputs["prior_sigma"] + 0.005)
    assert torch.equal(theirs["reflectance"], inputs["optical"])


def test_an_untrained_network_lets_no_radar_in():
    network, inputs = build("tdp-cr"), example(build("tdp-cr").inputs, 64)
    torch.nn.init.normal_(network.head.weight)
    other = inputs | {"radar": inputs["radar"].flip(-1)}
    with torch.no_grad():
        assert torch.equal(network(inputs)["reflectance"], network(other)["reflectance"])


@pytest.mark.parametrize("fusion", ["full", "global", "local", "promptless", "concat", "none"])
def test_radar_matters_in_every_fusion_but_none(fusion):
    network = built("tdp-cr", fusion=fusion)
    inputs = example(network.inputs, 64)
    with torch.no_grad():
        same = torch.equal(
            network(inputs)["reflectance"], network(inputs | {"radar": inputs["radar"] + 3})["reflectance"]
        )
    assert same == (fusion == "none")


def test_invalid_radar_and_absent_bands_are_not_looked_at():
    network = built("tdp-cr-prior")
    inputs = example(network.inputs, 64)
    inputs["radar_valid"].zero_()
    inputs["present"][:, 4] = 0
    optical, prior = inputs["optical"].clone(), inputs["prior"].clone()
    optical[:, 4], prior[:, 4] = 0.9, 0.9
    other = inputs | {"radar": inputs["radar"] + 5, "optical": optical, "prior": prior}
    with torch.no_grad():
        first, second = network(inputs)["reflectance"], network(other)["reflectance"]
    kept = [band for band in range(13) if band != 4]
    assert torch.equal(first[:, kept], second[:, kept])


def test_phase_2_leaves_the_restoration_as_it_is_until_it_trains():
    torch.manual_seed(0)
    network = build("tdp-cr-prior")
    inputs = example(network.inputs, 64)
    with torch.no_grad():
        before = network(inputs)
        network.attach_land_cover()
        after = network.eval()(inputs)
    assert torch.equal(before["reflectance"], after["reflectance"])
    assert torch.allclose(after["land_cover"].sum(1), torch.ones(()), atol=1e-5)


def test_unknown_networks_and_settings_are_refused():
    with pytest.raises(OptionError, match="one of"):
        build("resnet")
    with pytest.raises(OptionError, match="depth"):
        build("tdp-cr", {"depth": 3})


@pytest.mark.outcome("Numbers", "engines and precisions", "fp32 within 1e-4, bf16 within 2e-3 of PyTorch")
def test_shipped_weights_agree_on_all_runtimes():
    from sunbreak.models import DEFAULT, locate
    from sunbreak.runtimes import OnnxRuntime, OpenVino
    from sunbreak.torch_runtime import Torch
    from sunbreak.weights import read_card

    path = locate(DEFAULT)
    card = read_card(path.with_suffix(".json"))
    reference = Torch(card, "fp32")
    inputs = {name: tensor.numpy() for name, tensor in example(reference.inputs).items()}
    wanted = reference.run(inputs)["reflectance"]
    for runtime, tolerance in (
        (OnnxRuntime(path), 1e-4),
        (OpenVino(path, "fp32", card.patch), 1e-4),
        (OpenVino(path, "bf16", card.patch), 2e-3),
        (Torch(card, "bf16"), 2e-3),
    ):
        assert np.abs(runtime.run(inputs)["reflectance"] - wanted).max() < tolerance


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_threads_do_not_mix_their_patches_up(precision):
    """On a processor; the streams and the pinned memory of a GPU have no test, as no GPU is at hand."""
    from sunbreak.models import DEFAULT, locate
    from sunbreak.torch_runtime import Torch
    from sunbreak.weights import read_card

    runtime = Torch(read_card(locate(DEFAULT).with_suffix(".json")), precision)
    patches = [{name: tensor.numpy() * np.float32(1 - 0.1 * shift) for name, tensor in example(runtime.inputs).items()}
               for shift in range(4)]  # fmt: skip
    alone = [runtime.run(patch)["reflectance"].copy() for patch in patches]
    assert not np.array_equal(alone[0], alone[1])
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda number: runtime.run(patches[number % 4])["reflectance"], range(24)))
    for number, one in enumerate(found):
        assert one.flags.c_contiguous
        np.testing.assert_array_equal(one, alone[number % 4])


OPTIONS = {
    "tdp-cr-prior": "widths", "ib-hfn": "optical_depths", "dsen2-cr": "width", "uncrtaints": "encoder_blocks",
    "naf-unet": "depths", "cloud-mask": "widths", "scene-classifier": "classes",
}  # fmt: skip
WILD = (
    10**9, 10**5000, [10**400], [10**9] * 4, [1] * 100_000, [[10**9]], -(10**9), float("inf"), float("nan"),
    [float("nan")], [0.5] * 5, [], {}, "wide", None,
)  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
@pytest.mark.parametrize("value", WILD, ids=range(len(WILD)))
def test_wild_options_are_refused_in_one_line_and_take_no_memory(name, value):
    with pytest.raises(OptionError, match=f"network '{name}': .") as told:
        build(name, {OPTIONS[name]: value})
    assert len(str(told.value)) < 300
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 8 << 20  # kB; the widths would take 36 EB


def test_networks_larger_than_any_are_refused_before_they_are_built():
    with pytest.raises(OptionError, match=r"describe [\d,]+ parameters, the limit is 500,000,000"):
        build("dsen2-cr", {"width": 2048, "blocks": 64})


def test_measuring_a_network_first_does_not_change_its_weights():
    torch.manual_seed(3)
    first = build("naf-unet").state_dict()
    torch.manual_seed(3)
    again = naf_unet.naf_unet().state_dict()
    assert all(torch.equal(first[name], again[name]) for name in again)
