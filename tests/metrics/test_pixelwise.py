import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import GeometryError
from sunbreak.metrics import mae, mse, per_band, psnr, rmse, sam, ssim


@pytest.fixture
def pair():
    rng = np.random.default_rng(0)
    target = rng.uniform(0, 1, (13, 40, 33))
    return np.clip(target + rng.normal(0, 0.05, target.shape), 0, 1), target


@pytest.fixture
def tm():
    pytest.importorskip("torchmetrics", reason="torchmetrics is the oracle")
    import torch
    from torchmetrics import functional

    return lambda array: torch.from_numpy(np.asarray(array))[None], functional


@pytest.mark.outcome("Numbers", "metrics against independent implementations", "equal")
def test_errors_equal_torchmetrics(pair, tm):
    tensor, functional = tm
    prediction, target = pair
    assert mae(*pair) == pytest.approx(float(functional.mean_absolute_error(*map(tensor, pair))))
    assert mse(*pair) == pytest.approx(float(functional.mean_squared_error(*map(tensor, pair))))
    assert rmse(*pair) == pytest.approx(float(functional.mean_squared_error(*map(tensor, pair), squared=False)))
    oracle = functional.image.peak_signal_noise_ratio(tensor(prediction), tensor(target), data_range=1.0)
    assert psnr(*pair) == pytest.approx(float(oracle))


def test_sam_equals_torchmetrics(pair, tm):
    tensor, functional = tm
    oracle = functional.image.spectral_angle_mapper(*map(tensor, pair))
    assert sam(*pair) == pytest.approx(math.degrees(float(oracle)))


def test_mask_equals_a_direct_loop(pair):
    prediction, target = pair
    mask = np.random.default_rng(1).random(target.shape[1:]) < 0.3
    squares, angles = [], []
    for y, x in np.argwhere(mask):
        one, other = prediction[:, y, x], target[:, y, x]
        squares += [(a - b) ** 2 for a, b in zip(one, other, strict=True)]
        angles.append(math.degrees(math.acos(one @ other / math.sqrt((one @ one) * (other @ other)))))
    assert mse(prediction, target, mask) == pytest.approx(sum(squares) / len(squares))
    assert sam(prediction, target, mask) == pytest.approx(sum(angles) / len(angles))


@pytest.mark.parametrize("metric", [mae, mse, rmse, psnr, ssim])
def test_mean_over_bands_and_single_bands(pair, metric):
    bands = per_band(metric, *pair)
    assert bands[3] == pytest.approx(metric(pair[0][3:4], pair[1][3:4]))
    if metric in (mae, mse, ssim):
        assert bands.mean() == pytest.approx(metric(*pair))


@pytest.mark.parametrize("metric", [mae, mse, rmse, psnr, ssim, sam])
def test_symmetric_in_its_two_images(pair, metric):
    assert metric(*pair) == pytest.approx(metric(*reversed(pair)))


@pytest.mark.parametrize(("metric", "perfect"), [(mae, 0), (rmse, 0), (psnr, math.inf), (ssim, 1), (sam, 0)])
def test_identity_is_perfect(pair, metric, perfect):
    assert metric(pair[1], pair[1]) == pytest.approx(perfect, abs=1e-5)


@given(st.floats(0.1, 10))
def test_scaling_both_images_scales_errors_and_keeps_ratios(scale):
    rng = np.random.default_rng(2)
    one, other = rng.uniform(0.1, 1, (2, 4, 12, 12))
    assert mae(scale * one, scale * other) == pytest.approx(scale * mae(one, other))
    assert psnr(scale * one, scale * other, peak=scale) == pytest.approx(psnr(one, other))
    assert ssim(scale * one, scale * other, peak=scale) == pytest.approx(ssim(one, other))
    assert sam(scale * one, other) == pytest.approx(sam(one, other))


def test_missing_prediction_is_not_skipped(pair):
    prediction = pair[0].copy()
    prediction[2, 5, 5] = np.nan
    mask = np.ones(prediction.shape[1:], bool)
    for metric in (mae, rmse, psnr, ssim, sam):
        assert math.isnan(metric(prediction, pair[1], mask))
    mask[5, 5] = False
    for metric in (mae, rmse, psnr, ssim, sam):
        assert math.isfinite(metric(prediction, pair[1], mask))


def test_empty_mask_has_no_score(pair):
    nothing = np.zeros(pair[0].shape[1:], bool)
    for metric in (mae, rmse, psnr, ssim, sam):
        assert math.isnan(metric(*pair, nothing))


def test_zero_spectrum_and_unguarded_arc_cosine():
    zero, one = np.zeros((3, 1, 1)), np.ones((3, 1, 1))
    assert math.isnan(sam(zero, one))
    assert sam(zero, one, of_zero=90.0) == 90.0
    spectra = np.random.default_rng(0).uniform(0, 1, (13, 100, 100))
    assert sam(spectra, spectra) == pytest.approx(0, abs=1e-5)
    assert math.isnan(sam(spectra, spectra, clamp=False))  # rounding lifts some cosines above 1


def test_shapes_that_differ_are_refused(pair):
    with pytest.raises(GeometryError, match=r"\(13, 40, 33\).*\(12, 40, 33\)"):
        mae(pair[0], pair[1][:12])
    with pytest.raises(GeometryError, match=r"mask has shape \(3, 3\)"):
        mae(*pair, np.ones((3, 3)))
