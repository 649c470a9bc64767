"""Spoilt inputs of every reader and of the command line: an error of ours or success; never another error, a crash, a
hang, or memory without end. A few here, many in `make check-long`."""

import pytest

from fuzz_targets import TARGETS
from fuzzing import fuzzed

CASES, LONG_CASES = 82, 800
SLOW_CASES = 25  # some 2,000 in all
SLOW = ("items", "configuration", "command")
"""Every case takes 0.1 s and more."""
GROUP, OUTCOME = "Bad input", "errors of ours only; no crash, hang or traceback"
shows = pytest.mark.outcome
WORDS = {
    "tiff": "GeoTIFF, bytes spoilt (five packings)", "jpeg2000": "JPEG 2000, bytes spoilt",
    "tags": "tags, band names, scales and name of a GeoTIFF", "safe": "XML of a Sentinel-2 product",
    "archive": "zip archive of a product, bytes spoilt", "annotation": "XML of a GRD product",
    "item": "STAC items of Sentinel-2 (three catalogues)", "radar_item": "STAC items of Sentinel-1",
    "items": "ItemCollection of an archive", "metadata": "properties and assets of items, of any type",
    "arrays": "archive as NumPy arrays", "hdf5": "So2Sat LCZ42 as HDF5", "labels": "metadata of BigEarthNet as Parquet",
    "listing": "lists of patches, text and JSON",
    "manifest": "manifest of a collection", "benchmark": "table and images of SEN12MS-CR",
    "configuration": "settings of a run",
    "onnx": "model files (OpenVINO, ONNX Runtime)", "safetensors": "weights as safetensors", "card": "model cards",
    "sidecar": "sidecars of classifiers", "plan": "plans, CSV and Parquet", "quality": "quality files, maps of codes",
    "area": "GeoJSON of --aoi", "product": "item of a finished product", "spec": "data SPECs",
    "command": "arguments of the command line",
}  # fmt: skip
"""What is spoilt, by target."""


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    """All targets, one after the other."""
    folder, quick = tmp_path_factory.mktemp("fuzz"), [name for name in TARGETS if name not in SLOW]
    slow = [name for name in TARGETS if name in SLOW]
    return fuzzed(folder, CASES, 0, quick, timeout=300) | fuzzed(folder, SLOW_CASES, 0, slow, timeout=300)


@pytest.mark.parametrize("name", list(TARGETS))
def test_a_few_spoilt_inputs(few, name):
    assert few[name]["failure"] == ""
    assert few[name]["cases"] >= (SLOW_CASES if name in SLOW else CASES)
    assert few[name]["accepted"] > 0, "nothing valid was spoilt"
    assert few[name]["accepted"] < few[name]["cases"], "nothing was spoilt"


@pytest.mark.long
@pytest.mark.parametrize("name", [pytest.param(name, marks=shows(GROUP, WORDS[name], OUTCOME)) for name in TARGETS])
def test_many_spoilt_inputs(tmp_path, name, record_property):
    found = fuzzed(tmp_path, LONG_CASES, 1, [name], timeout=1800)[name]
    assert found["failure"] == ""
    assert found["cases"] >= LONG_CASES
    assert 0 < found["accepted"] < found["cases"]
    record_property("measured", f"{found['cases']:,} inputs, {found['accepted']:,} of them accepted")
