"""Scene classifiers: what each of them looks at, what they leave out, and the files they become."""

import json
from dataclasses import asdict
from itertools import product
from typing import get_args

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from sunbreak.errors import OptionError
from sunbreak.networks import build
from sunbreak.networks.encoders import Encoder
from sunbreak.networks.scene_classifier import (
    CLIP,
    Fusion,
    SceneClassifier,
    SceneClassifierOptions,
    energy_fusion,
    scene_classifier,
)
from sunbreak.registry import CLASSIFIERS, SCENE_CLASSIFIER
from sunbreak.train.export import count, write_files
from sunbreak.train.transfer.card import Learnt, example, write_classifier

FUSIONS = get_args(Fusion)
TWO_BRANCHES = [name for name in FUSIONS if name != "stack"]
BOTH = ("optical", "radar")
ALONE = ("logits_optical", "logits_radar")
KINDS = {fusion: {"fusion": fusion} for fusion in FUSIONS} | {
    "optical": {"modalities": ("optical",)},
    "radar": {"modalities": ("radar",)},
    "masked": {"masked": True},
    "masked stack": {"masked": True, "fusion": "stack"},
    "variational": {"variational": True},
}
"""Every graph that a file may hold."""


def made(seed=0, **options):
    """A network that is not as fresh as from the builder: its running statistics have seen something."""
    torch.manual_seed(seed)
    network = scene_classifier(**options).train()
    with torch.no_grad():
        for _ in range(3):
            network(given(network, seed=5))
    return network.eval()


def given(network, count=3, size=32, seed=1):
    """Inputs that a network asks for and no others; half of the patches is under cloud."""
    generator = torch.Generator().manual_seed(seed)
    clear = torch.ones(count, 1, size, size)
    clear[..., : size // 2] = 0
    everything = {
        "optical": torch.randn(count, len(network.options.bands), size, size, generator=generator),
        "radar": torch.randn(count, 2, size, size, generator=generator) * 5 - 15,
        "radar_valid": torch.ones(count, 1, size, size),
        "clear": clear,
    }
    return {name: everything[name] for name in network.inputs}


def said(network, inputs):
    with torch.no_grad():
        return network(inputs)


@pytest.mark.parametrize("modalities", [("optical",), ("radar",), BOTH])
@pytest.mark.parametrize("fusion", FUSIONS)
def test_every_combination_runs_and_all_its_weights_learn(fusion, modalities):
    for masked, variational in product((False, True), repeat=2):
        network = scene_classifier(
            fusion=fusion, modalities=modalities, masked=masked, variational=variational, classes=4
        )
        looks = [m in modalities for m in BOTH]
        wanted = looks[0] * ["optical"] + looks[1] * ["radar", "radar_valid"] + (masked and looks[0]) * ["clear"]
        assert list(network.inputs) == wanted
        names = {"logits", *ALONE} if all(looks) and fusion != "stack" else {"logits"}
        encoders = ["optical"] if all(looks) and fusion == "stack" else modalities
        learnt = {f"{what}_{m}" for what in ("mean", "log_variance") for m in encoders} if variational else set()
        found = network(given(network))
        assert set(found) == names | learnt
        assert all(found[name].shape == (3, 4) for name in names)
        sum(value.square().sum() for value in found.values()).backward()
        for name, weight in network.named_parameters():
            assert weight.grad is not None, name
            assert weight.grad.abs().sum() > 0, name
        assert set(said(network.eval(), given(network))) == names


@pytest.mark.parametrize("fusion", TWO_BRANCHES)
def test_each_branch_speaks_for_itself(fusion):
    network = made(fusion=fusion)
    inputs = given(network)
    before = said(network, inputs)
    for name, changed, silent in (("optical", *ALONE), ("radar", *ALONE[::-1])):
        after = said(network, inputs | {name: inputs[name] + torch.linspace(-3, 3, 32)})
        assert torch.equal(after[silent], before[silent])
        assert not torch.allclose(after[changed], before[changed])
        assert not torch.allclose(after["logits"], before["logits"])


@pytest.mark.parametrize("fusion", ["concat", "sum"])
def test_where_fusion_is_a_sum_the_branches_add_up_to_it(fusion):
    found = said(network := made(fusion=fusion), given(network))
    torch.testing.assert_close(found["logits_optical"] + found["logits_radar"], found["logits"])


def test_branches_take_over_the_encoders_of_networks_of_one_sensor():
    network, optical, radar = made(), *(made(seed=seed, modalities=(m,)) for seed, m in enumerate(BOTH, 7))
    head = network.head.classify.weight.clone()
    network.start_from(optical, radar)
    inputs = given(network)
    for other, m in ((optical, "optical"), (radar, "radar")):
        image = other._image(m, inputs)
        assert torch.equal(network.encoders[m](image), other.encoders[m](image))
    assert torch.equal(network.head.classify.weight, head)


def test_early_stacking_looks_at_both():
    network = made(fusion="stack")
    inputs = given(network)
    before = said(network, inputs)["logits"]
    for name in ("optical", "radar"):
        assert not torch.allclose(said(network, inputs | {name: inputs[name].flip(-1) + 1})["logits"], before)


def test_energy_decides_by_the_branches():
    found = said(network := made(fusion="energy"), given(network))
    torch.testing.assert_close(found["logits"], energy_fusion(found["logits_optical"], found["logits_radar"]))


@pytest.mark.parametrize("fusion", FUSIONS)
def test_a_patch_is_classified_by_itself(fusion):
    network = made(fusion=fusion, masked=True)
    inputs = given(network)
    one = said(network, {name: value[1:2] for name, value in inputs.items()})
    torch.testing.assert_close(one["logits"], said(network, inputs)["logits"][1:2], rtol=1e-4, atol=1e-4)


def test_invalid_radar_is_not_looked_at():
    network = made()
    inputs = given(network)
    inputs["radar_valid"][..., 16:] = 0
    radar = inputs["radar"].clone()
    radar[..., 16:] = 40.0
    assert torch.equal(said(network, inputs)["logits"], said(network, inputs | {"radar": radar})["logits"])
    everywhere = inputs | {"radar_valid": torch.ones_like(inputs["radar_valid"])}
    assert not torch.allclose(said(network, inputs)["logits"], said(network, everywhere)["logits"])


class TestMaskedPooling:
    def test_what_clouds_hide_has_no_effect_on_the_descriptor(self):
        torch.manual_seed(0)
        encoder = Encoder(3).eval()
        image = torch.randn(2, 3, 64, 128)
        clear = torch.ones(2, 1, 64, 128)
        clear[..., :80] = 0
        other = image.clone()
        other[..., :56] += 2.0  # farther from clear pixels than a feature looks
        with torch.no_grad():
            assert torch.equal(encoder(image, clear), encoder(other, clear))
            assert not torch.allclose(encoder(image), encoder(other))
            assert not torch.allclose(encoder(image, clear), encoder(other, torch.ones_like(clear)))

    @pytest.mark.parametrize("fusion", FUSIONS)
    def test_nor_has_any_of_it_on_the_answer_of_a_network(self, fusion):
        inputs = given(network := made(masked=True, fusion=fusion), size=36)
        other = inputs["optical"] + (1 - inputs["clear"])
        assert torch.equal(said(network, inputs)["logits"], said(network, inputs | {"optical": other})["logits"])
        unmasked = made(fusion=fusion)
        few = {name: inputs[name] for name in unmasked.inputs}
        assert not torch.allclose(said(unmasked, few)["logits"], said(unmasked, few | {"optical": other})["logits"])

    def test_the_surroundings_stand_in_for_what_a_cloud_hides(self):
        surface = torch.tensor([0.5, -0.4, 1.2]).reshape(3, 1, 1).expand(1, 3, 64, 64)
        clear = torch.ones(1, 1, 64, 64)
        clear[..., 16:56, 8:48] = 0
        changes = {}
        for masked in (True, False):
            network = made(masked=masked, modalities=("optical",))
            views = ((surface, torch.ones_like(clear)), (torch.where(clear > 0, surface, 3.0), clear))
            bare, cloudy = (said(network, {"optical": image, "clear": seen})["logits"] for image, seen in views)
            changes[masked] = (cloudy - bare).norm() / bare.norm()
        assert changes[True] < 0.2
        assert changes[False] > 2 * changes[True]

    @pytest.mark.parametrize("size", [64, 36, 120])
    def test_a_feature_counts_as_much_as_its_pixels_are_clear(self, size):
        encoder = Encoder(1)
        encoder.body = nn.AvgPool2d(8, ceil_mode=True, count_include_pad=False)
        cells = -(-size // 8)
        values = torch.rand(1, 1, cells, cells).repeat_interleave(8, 2).repeat_interleave(8, 3)[..., :size, :size]
        clear = (torch.rand(1, 1, size, size) < 0.3).float()
        shares = encoder.body(clear)
        wanted = (encoder.body(values) * shares).sum() / shares.sum()
        assert encoder(values, clear).item() == pytest.approx(wanted.item(), rel=2e-3)
        assert encoder(values, torch.ones_like(clear)).item() == pytest.approx(
            encoder.body(values).mean().item(), rel=2e-3
        )

    def test_under_a_closed_sky_the_descriptor_is_zero_and_radar_alone_answers(self):
        torch.manual_seed(0)
        encoder = Encoder(3).eval()
        closed = torch.zeros(2, 1, 32, 32)
        assert (encoder(torch.randn(2, 3, 32, 32), closed) == 0).all()
        for fusion in TWO_BRANCHES:
            network = made(masked=True, fusion=fusion)
            inputs = given(network) | {"clear": torch.zeros(3, 1, 32, 32)}
            found = said(network, inputs)
            bright = said(network, inputs | {"optical": inputs["optical"] + 1})
            assert torch.equal(found["logits"], bright["logits"])
            if fusion != "energy":  # there a silent branch still has a say of its own
                torch.testing.assert_close(found["logits"], found["logits_radar"] + 0.5 * network.head.classify.bias)

    def test_where_next_to_nothing_is_clear_less_is_told(self):
        torch.manual_seed(0)
        encoder = Encoder(3).eval()
        image, pixel, cell = torch.randn(1, 3, 64, 64), torch.zeros(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
        pixel[..., 20, 20] = 1
        cell[..., 16:24, 16:24] = 1
        with torch.no_grad():
            few, many = encoder(image, pixel), encoder(image, cell)
        torch.testing.assert_close(few / few.norm(), many / many.norm())
        assert 0.5 * many.norm() < few.norm() < 0.97 * many.norm()


class TestNormalisation:
    def test_statistics_of_the_data_take_their_scale_out(self):
        mean, std = torch.tensor([0.1, 0.2, 0.3]), torch.tensor([0.05, 0.1, 0.02])
        network, scaled = made(), made()
        scaled.normalise_by({"optical_mean": mean, "optical_std": std})
        inputs = given(network)
        stretched = inputs["optical"] * std.reshape(-1, 1, 1) + mean.reshape(-1, 1, 1)
        torch.testing.assert_close(
            said(scaled, inputs | {"optical": stretched})["logits"], said(network, inputs)["logits"],
            rtol=1e-4, atol=1e-4,
        )  # fmt: skip
        assert torch.equal(scaled.radar_mean, network.radar_mean)
        scaled.normalise_by({"radar_mean": torch.tensor([-10.0, -20.0]), "radar_std": torch.tensor([4.0, 6.0])})
        assert scaled.radar_mean.flatten().tolist() == [-10, -20]
        assert scaled.radar_std.shape == (2, 1, 1)

    def test_clouds_count_as_no_brighter_than_the_limit(self):
        network = made(modalities=("optical",))
        network.normalise_by({"optical_mean": torch.full((3,), 0.1), "optical_std": torch.full((3,), 0.05)})
        inputs = given(network)
        surface = 0.1 + 0.02 * inputs["optical"].clamp(-2, 2)

        def under(brightness):
            image = surface.clone()
            image[..., :16] = brightness
            return said(network, {"optical": image})["logits"]

        limit = 0.1 + CLIP * 0.05
        torch.testing.assert_close(under(limit + 0.01), under(1.3))
        torch.testing.assert_close(under(0.1 - CLIP * 0.05 - 0.01), under(-0.5))
        assert not torch.allclose(under(limit - 0.05), under(limit))

    def test_statistics_travel_with_the_weights(self):
        network, other = made(), made(seed=1)
        network.normalise_by({"optical_mean": torch.tensor([0.1, 0.2, 0.3])})
        other.load_state_dict(network.state_dict())
        assert torch.equal(other.optical_mean, network.optical_mean)


def test_variational_descriptors_are_drawn_in_training_only():
    network = made(variational=True)
    inputs = given(network)
    assert torch.equal(said(network, inputs)["logits"], said(network, inputs)["logits"])
    network.train()
    first, second = said(network, inputs), said(network, inputs)
    assert not torch.allclose(first["logits"], second["logits"])
    torch.testing.assert_close(first["mean_radar"], second["mean_radar"])


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_builds_the_same_network(kind):
    network = made(bands=("B08", "B03"), classes=7, **KINDS[kind])
    config = json.loads(json.dumps(asdict(network.options)))
    assert isinstance(config["bands"], list)
    again = build(SCENE_CLASSIFIER, config)
    assert again.options == network.options
    again.load_state_dict(network.state_dict())
    inputs = given(network)
    assert torch.equal(said(again.eval(), inputs)["logits"], said(network, inputs)["logits"])


@pytest.mark.parametrize(
    ("config", "word"),
    [
        ({"fusion": "magic"}, "magic"),
        ({"encoder": "vgg"}, "vgg"),
        ({"modalities": []}, "modalities"),
        ({"modalities": ["optical", "sonar"]}, "sonar"),
        ({"bands": ["B04", "B99"]}, "B99"),
        ({"classes": 1}, "1 classes"),
        ({"classes": "many"}, "scene-classifier"),
        ({"depth": 3}, "depth"),
    ],
)
def test_wrong_options_are_refused_in_one_line(config, word):
    with pytest.raises(OptionError) as caught:
        build(SCENE_CLASSIFIER, config)
    assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_registry_tells_the_size():
    entry = CLASSIFIERS[SCENE_CLASSIFIER]
    network = build(SCENE_CLASSIFIER)
    parameters, gmacs = count(network, example(network, 64))
    assert (entry.parameters, entry.gmacs, entry.kind) == (parameters, round(gmacs, 2), "classifier")


@pytest.mark.parametrize("channels", [3, 6, 13])
def test_a_small_encoder_stays_within_its_budget(channels):
    assert sum(weight.numel() for weight in Encoder(channels).parameters()) <= 400_000


def test_resnet18_takes_the_place_of_the_small_encoder():
    network = scene_classifier(encoder="resnet18", masked=True).eval()
    assert 11e6 < sum(weight.numel() for weight in network.encoders["radar"].parameters()) < 11.5e6
    inputs = given(network, count=1, size=36)
    found = said(network, inputs)
    assert {name: value.shape for name, value in found.items()} == dict.fromkeys(("logits", *ALONE), (1, 10))
    assert not torch.allclose(found["logits"], said(network, inputs | {"clear": 1 - inputs["clear"]})["logits"])


def exported(network, size, folder):
    inputs = {name: value[:1] for name, value in given(network, count=1, size=size).items()}
    return inputs, write_files(network, inputs, folder, {"name": "tiny"})


@pytest.mark.parametrize("size", [32, 64, 120])
def test_the_exported_file_says_what_the_network_says(size, tmp_path):
    for kind, options in KINDS.items():
        network = made(**options)
        inputs, path = exported(network, size, tmp_path / kind)
        expected = {name: value.numpy() for name, value in said(network, inputs).items()}
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        assert [one.name for one in session.get_inputs()] == list(network.inputs)
        assert [one.name for one in session.get_outputs()] == list(expected)
        found = session.run(None, {name: value.numpy() for name, value in inputs.items()})
        for values, wanted in zip(found, expected.values(), strict=True):
            np.testing.assert_allclose(values, wanted, atol=1e-4, err_msg=f"{kind} at {size}")


@pytest.mark.parametrize("encoder", ["small", "resnet18"])
def test_engines_agree_on_patches_that_are_no_whole_number_of_features(encoder, tmp_path):
    import openvino

    network = scene_classifier(masked=True, encoder=encoder).eval()
    inputs, path = exported(network, 36, tmp_path)
    arrays = {name: value.numpy() for name, value in inputs.items()}
    wanted = said(network, inputs)["logits"].numpy()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    compiled = openvino.Core().compile_model(str(path), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    np.testing.assert_allclose(session.run(["logits"], arrays)[0], wanted, atol=1e-3)
    np.testing.assert_allclose(compiled(arrays)["logits"], wanted, atol=1e-3)


def test_a_written_classifier_tells_what_it_is(tmp_path):
    from sunbreak.classifiers import open_classifier

    network = SceneClassifier(SceneClassifierOptions(classes=3, masked=True)).eval()
    real = Learnt(
        name="mine", summary="What it is.", classes=("a", "b", "c"), level="L2A", patch=32, data=["pairs:here"],
        regions=["x"], free=False, settings={"source": "a file"}, needs="radar",
    )  # fmt: skip
    card = json.loads(write_classifier(network, tmp_path, real).with_suffix(".json").read_text())
    assert card["architecture"]["network"] == SCENE_CLASSIFIER
    assert card["inputs"] == "radar"
    assert "unknown" in card["licence"]  # of patches whose terms nobody has stated here
    assert (card["training"]["regions_seen"], card["training"]["source"]) == (["x"], "a file")
    classifier = open_classifier(tmp_path)
    assert (classifier.classes, classifier.levels, classifier.patch) == (("a", "b", "c"), ("L2A",), 32)
    assert classifier.uses_radar
    inputs = given(network, count=1, size=32)
    found = classifier.run(
        inputs["optical"].numpy(), inputs["radar"].numpy(), inputs["clear"][:, 0].numpy().astype(bool)
    )
    np.testing.assert_allclose(found["logits"], said(network, inputs)["logits"].numpy(), atol=1e-3)
