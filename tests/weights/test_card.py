import json

import pytest

from sunbreak.errors import OptionError
from sunbreak.weights import Card, read_card

LEAST = {"bands": ["B02", "B03"], "levels": ["L2A"]}


def card(tmp_path, **content):
    path = tmp_path / "net.json"
    path.write_text(json.dumps(LEAST | content))
    return read_card(path)


def test_the_least_card_has_sensible_defaults(tmp_path):
    found = card(tmp_path)
    assert (found.name, found.kind, found.patch, found.overlap, found.bf16) == ("net", "restoration", 256, 32, False)
    assert (found.land_cover, found.sigma_scale, found.architecture) == ((), (1.0, 1.0), None)
    assert found.onnx == tmp_path / "net.onnx"
    assert found.safetensors == tmp_path / "net.safetensors"


def test_a_full_card_is_read_and_its_further_entries_kept(tmp_path):
    told = {
        "name": "mine", "kind": "mask", "patch": 128, "overlap": 16, "bf16": True, "land_cover": [10, 80],
        "sigma_scale": [1, 1.5], "sha256": {"onnx": "ab"}, "licence": "CC-BY-4.0", "summary": "s", "inputs": "radar",
        "parameters": 7, "gmacs": 8, "architecture": {"network": "tdp-cr", "config": {"width": 8}},
        "training": {"regions_seen": ["x"]},
    }  # fmt: skip
    found = card(tmp_path, **told)
    assert isinstance(found, Card)
    assert (found.name, found.kind, found.land_cover, found.sigma_scale) == ("mine", "mask", (10, 80), (1.0, 1.5))
    assert found.architecture is not None
    assert (found.architecture.network, found.architecture.config) == ("tdp-cr", {"width": 8})
    assert found.content()["training"] == {"regions_seen": ["x"]}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bands": ["B02", "B99"]}, "`bands` holds 'B99'"),
        ({"bands": ["B02", "B02"]}, "names each once"),
        ({"bands": "B02"}, "expected a list"),
        ({"levels": ["L3A"]}, "`levels` holds 'L3A'"),
        ({"land_cover": [10, 11]}, "`land_cover` holds 11"),
        ({"sigma_scale": [1.0]}, "`sigma_scale`"),
        ({"sigma_scale": [1.0, 0.0]}, "a positive number for each"),
        ({"kind": "magic"}, "`kind` is 'magic'"),
        ({"patch": "256"}, "`patch` is '256'; expected int"),
        ({"parameters": True}, "`parameters` is True"),
        ({"gmacs": "many"}, "not a readable model card"),
        ({"architecture": {"config": {}}}, "not a readable model card"),
        ({"sha256": [1]}, "not a readable model card"),
    ],
)
def test_a_wrong_entry_is_named_in_one_line(tmp_path, wrong, words):
    with pytest.raises(OptionError) as caught:
        card(tmp_path, **wrong)
    assert words in str(caught.value)
    assert str(tmp_path / "net.json") in str(caught.value)
    assert "\n" not in str(caught.value)
