"""Small GeoTIFFs in the published layouts, built by the tests that read them."""

import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from sunbreak.errors import InputError
from sunbreak.steps.read import read

pytest_plugins = ["outcomes"]
HAS_TORCH = find_spec("torch") is not None
NEED_TORCH = ("networks", "train", "benchmark/test_training_bench.py", "bench/test_study.py",
              "bench/test_transfer_study.py", "cli/test_adapt_cli.py", "data/test_workers.py",
              "e2e/test_transfer_cli.py")  # fmt: skip
collect_ignore = [] if HAS_TORCH else list(NEED_TORCH)


def pytest_report_header():
    return None if HAS_TORCH else f"PyTorch is not here, so these are left out: {', '.join(NEED_TORCH)}"


UTM = Affine(10, 0, 500_000, 0, -10, 5_800_000)
CLEAR = (0.12, 0.09, 0.07, 0.05, 0.09, 0.2, 0.24, 0.26, 0.28, 0.08, 0.002, 0.18, 0.09)
"""Top-of-atmosphere reflectance of the 13 bands over fields and woods."""


def l1c_dn(height=64, width=64, offset=0, seed=0, dtype="uint16"):
    """DN of a clear L1C scene: 13 bands, fields with 1-pixel noise, woods and water that are dark."""
    rng = np.random.default_rng(seed)
    fields = rng.uniform(0.3, 1.4, (1, -(-height // 8), -(-width // 8))).repeat(8, axis=1).repeat(8, axis=2)
    fields = fields[:, :height, :width]
    reflectance = np.reshape(CLEAR, (13, 1, 1)) * fields + rng.normal(0, 0.0005, (13, height, width))
    return np.maximum(np.rint(reflectance * 10_000) - offset, 1).astype(dtype)


def radar_db(height=64, width=64, seed=0):
    """Backscatter in dB: VV near -11, VH near -18, with speckle."""
    rng = np.random.default_rng(seed)
    mean = np.reshape([-11.0, -18.0], (2, 1, 1))
    return (mean + 10 * np.log10(rng.gamma(4.4, 1 / 4.4, (2, height, width)))).astype("float32")


def write_raster(path, array, *, crs="EPSG:32633", transform=UTM, descriptions=(), tags=None, scaling=None, **profile):
    array = np.asarray(array)
    if crs is None:
        transform = None
    count, height, width = array.shape
    settings = {"driver": "GTiff", "height": height, "width": width, "count": count, "dtype": array.dtype, **profile}
    with rasterio.open(path, "w", crs=crs, transform=transform, **settings) as file:
        file.write(array)
        for index, text in enumerate(descriptions, start=1):
            file.set_band_description(index, text)
        file.update_tags(**(tags or {}))
        if scaling:
            file.scales, file.offsets = (scaling[0],) * count, (scaling[1],) * count
    return Path(path)


def refused(words, *args, kind=InputError, **options):
    """Reading fails with one line that holds the words: what was wrong, in which file, what to do."""
    with pytest.raises(kind) as caught:
        read(*args, **options)
    message = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in message
    for word in words:
        assert word in message


@pytest.fixture
def tiff(tmp_path):
    """A function that writes an array under a name and returns its path."""
    return lambda name, array, **settings: write_raster(tmp_path / name, array, **settings)


@pytest.fixture
def s2(tiff):
    return tiff("s2.tif", l1c_dn())


@pytest.fixture
def s1(tiff):
    return tiff("s1.tif", radar_db(), descriptions=("VV", "VH"))


@pytest.fixture(scope="session")
def collection():
    """The real-data collection, found by SUNBREAK_DATA or beside the repository."""
    folder = Path(os.environ.get("SUNBREAK_DATA", Path(__file__).parents[2] / "shared" / "data")).resolve()
    if not (folder / "manifest.csv").is_file():
        pytest.skip("the real-data collection is not here (set SUNBREAK_DATA)")
    return folder


@pytest.fixture(scope="session")
def mapped(tmp_path_factory):
    """Folder of a simulated scene and folder of its product, restored by the default network, with land cover."""
    from products import make_product

    return make_product(tmp_path_factory.mktemp("mapped"), "mapped", network=True)
