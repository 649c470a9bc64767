"""Numbers of a product that hold for any scene; what the steps promise stands beside their own tests."""

import os
import subprocess
import sys
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model_files import node, save
from scenes import blob, cloudy_scene, land
from sunbreak.bands import L1C_BANDS
from sunbreak.errors import InputError
from sunbreak.legend import Quality, Source
from sunbreak.models import DEFAULT
from sunbreak.scene import make_scene
from sunbreak.simulate import SceneSpec, simulate
from sunbreak.steps.restore import restore

PATCH, OVERLAP = 64, 16
"""Of the models that `save` writes."""


@st.composite
def scenes(draw):
    """Any layout of quality, radar with holes or none, bands and shapes as they come."""
    height, width = draw(st.integers(20, 300)), draw(st.integers(20, 300))
    bands = list(draw(st.sampled_from([L1C_BANDS, ("B02", "B03", "B04"), ("B03", "B08", "B11")])))
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    truth, radar = land((height, width), bands, int(rng.integers(100)))
    quality = np.ones((height, width), np.uint8)
    for code in draw(st.lists(st.sampled_from([0, 2, 3, 4]), min_size=1, max_size=6)):
        center = rng.uniform(0, height), rng.uniform(0, width)
        quality[blob((height, width), center, rng.uniform(2, max(height, width) / 2))] = code
    radar[:, blob((height, width), (rng.uniform(0, height), 0), rng.uniform(0, width))] = np.nan
    optical = np.where(quality > 1, np.float32(0.7), truth)
    optical[:, quality == 0] = np.nan
    with_radar = radar if draw(st.booleans()) else None
    return make_scene(optical, bands=bands, level="L1C", radar=with_radar, quality=quality)


@pytest.mark.outcome(
    "Numbers", "any layout of cloud, shadow, gaps and radar",
    "clear pixels bit-identical; classes partition; uncertainty above 0 where restored; NaN only without data",
)  # fmt: skip
@settings(max_examples=60, deadline=None, derandomize=True)
@given(scenes())
def test_any_scene(scene):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            product = restore(scene, model="scene-prior")
        except InputError:  # nothing to restore from
            return
    quality, source = product.quality.values, product.source.values
    reflectance, uncertainty = product.reflectance.values, product.uncertainty.values
    np.testing.assert_array_equal(quality, scene.quality.values)
    clear, restored, nothing = quality == Quality.CLEAR, source > Source.MEASURED, source == Source.NONE
    assert (clear == (source == Source.MEASURED)).all()
    assert (clear.astype(int) + restored + nothing == 1).all()
    assert (nothing >= (quality == Quality.NODATA)).all()
    assert reflectance[:, clear].tobytes() == scene.optical.values[:, clear].tobytes()
    assert (uncertainty[:, clear] == 0).all()
    assert np.isfinite(reflectance[:, restored]).all()
    assert (uncertainty[:, restored] > 0).all()
    assert np.isnan(reflectance[:, nothing]).all()


@pytest.mark.outcome(
    "Numbers", "scene shifted by the stride of the patches", "the same bytes, shifted, away from borders"
)
def test_shifting_by_the_stride_shifts_the_result(tmp_path):
    """With a network that looks at the whole of a patch."""
    path = save(
        tmp_path / "m.onnx",
        [node("ReduceMean", ["optical", "axes"], ["mean"], keepdims=1), node("Mul", ["optical", "mean"], ["product"]),
         node("Add", ["product", "mean"], ["reflectance"])],
        [("optical", 13)], constants={"axes": np.array([2, 3])},
    )  # fmt: skip
    scene, _, _ = cloudy_scene((300, 340))
    stride = PATCH - OVERLAP

    def restored(top, left):
        part = scene.isel(y=slice(top, None), x=slice(left, None))
        return restore(part, model=path).reflectance.values

    whole, shifted = restored(0, 0), restored(stride, stride)
    inner = np.s_[:, OVERLAP:, OVERLAP:]
    assert len(np.unique(whole)) > 1000
    assert whole[:, stride:, stride:][inner].tobytes() == shifted[inner].tobytes()


@pytest.mark.outcome("Numbers", "one, two and three threads", "the same bytes")
@pytest.mark.parametrize("model", ["scene-prior", DEFAULT])
def test_threads_change_nothing(tmp_path, model):
    script = (
        "import sys, hashlib, numpy as np\nsys.path[:0] = sys.argv[2:]\nfrom scenes import cloudy_scene\n"
        "from sunbreak import restore\nproduct = restore(cloudy_scene((600, 700))[0], model=sys.argv[1])\n"
        "print(*(hashlib.sha256(product[name].values.tobytes()).hexdigest() for name in sorted(product.data_vars)))\n"
        "print(len(np.unique(product.reflectance.values[:, product.source.values > 1])))\n"
    )
    told = [
        subprocess.run(
            [sys.executable, "-c", script, model, *(path for path in sys.path if path)], check=True,
            capture_output=True, text=True, env=os.environ | {"SUNBREAK_THREADS": count},
        ).stdout
        for count in ("1", "2", "3")
    ]  # fmt: skip
    assert len(set(told)) == 1
    assert int(told[0].splitlines()[1]) > 1000  # varied pictures, not constants


@pytest.mark.outcome("Numbers", "scene flipped (default network)", "reported, not promised")
def test_what_flipping_the_scene_changes(record_property):
    made = simulate(SceneSpec(size=512, seed=21))

    def restored(step):
        turned = np.s_[..., ::step]
        scene = make_scene(
            made.optical[turned].copy(), bands=list(L1C_BANDS), level="L1C", radar=made.radar[turned].copy(),
            quality=made.quality[turned].copy(),
        )  # fmt: skip
        return restore(scene).reflectance.values[turned]

    where = made.quality > Quality.CLEAR
    there, back = restored(1)[:, where], restored(-1)[:, where]
    apart = np.sqrt(((there - back) ** 2).mean())
    record_property("measured", f"RMSE {apart:.4f} over cloud and shadow")
    assert np.isfinite(apart)
    assert apart < there.std(axis=1).mean()  # the same land, seen the other way round
