import math

import numpy as np
import pytest

from sunbreak.metrics import SsimWindow, ssim
from sunbreak.metrics.structure import ssim_map


@pytest.fixture
def pair():
    rng = np.random.default_rng(3)
    target = rng.uniform(0, 1, (2, 24, 19))
    return np.clip(target + rng.normal(0, 0.1, target.shape), 0, 1), target


def by_hand(one, other, y, x, window, cut):
    """SSIM around one pixel of one band, straight from the definition."""
    gauss = [math.exp(-((i - window.center) ** 2) / (2 * window.sigma**2)) for i in range(window.size)]
    total = sum(gauss) ** 2
    weights, values = [], []
    for i in range(window.size):
        for j in range(window.size):
            row, col = y + i - window.size // 2, x + j - window.size // 2
            inside = 0 <= row < one.shape[0] and 0 <= col < one.shape[1]
            if inside or not cut:
                weights.append(gauss[i] * gauss[j] / total)
                values.append((one[row, col], other[row, col]) if inside else (0.0, 0.0))
    share = sum(weights)
    mean1, mean2, square1, square2, product = (
        sum(w * f(a, b) for w, (a, b) in zip(weights, values, strict=True)) / share
        for f in (lambda a, b: a, lambda a, b: b, lambda a, b: a * a, lambda a, b: b * b, lambda a, b: a * b)
    )
    c1, c2 = 0.01**2, 0.03**2
    top = (2 * mean1 * mean2 + c1) * (2 * (product - mean1 * mean2) + c2)
    return top / ((mean1**2 + mean2**2 + c1) * (square1 - mean1**2 + square2 - mean2**2 + c2))


@pytest.mark.parametrize("center", [5.0, 5.5])
@pytest.mark.parametrize("border", ["zero", "cut"])
@pytest.mark.parametrize("place", [(0, 0), (3, 18), (12, 9), (23, 7)])
def test_map_equals_the_definition(pair, center, border, place):
    window = SsimWindow(center=center, border=border)
    found = ssim_map(*pair, window=window)[1][place]
    assert found == pytest.approx(by_hand(pair[0][1], pair[1][1], *place, window, border == "cut"))


def test_valid_border_equals_torchmetrics(pair):
    pytest.importorskip("torchmetrics", reason="torchmetrics is the oracle")
    import torch
    from torchmetrics.functional.image import structural_similarity_index_measure

    one, other = (torch.from_numpy(image)[None] for image in pair)
    # torchmetrics reflects the image at its border; whole windows do not see that
    _, full = structural_similarity_index_measure(one, other, data_range=1.0, sigma=1.5, return_full_image=True)
    inside = (..., slice(5, -5), slice(5, -5))
    assert np.allclose(ssim_map(*pair, window=SsimWindow(border="cut"))[inside], full[0][inside], atol=1e-6)
    assert ssim(*pair, window=SsimWindow(border="valid")) == pytest.approx(float(full[inside].mean()), abs=1e-6)


def test_zero_padding_equals_torch_convolution(pair):
    torch = pytest.importorskip("torch", reason="torch is the oracle")
    one, other = (torch.from_numpy(image)[:, None] for image in pair)
    axis = torch.exp(-((torch.arange(11, dtype=torch.float64) - 5.5) ** 2) / 4.5)
    kernel = torch.outer(axis / axis.sum(), axis / axis.sum())[None, None]

    def mean(image):
        return torch.nn.functional.conv2d(image, kernel, padding=5)

    mean1, mean2 = mean(one), mean(other)
    top = (2 * mean1 * mean2 + 1e-4) * (2 * (mean(one * other) - mean1 * mean2) + 9e-4)
    spread = mean(one * one) - mean1**2 + mean(other * other) - mean2**2
    oracle = (top / ((mean1**2 + mean2**2 + 1e-4) * (spread + 9e-4))).mean()
    assert ssim(*pair, window=SsimWindow(center=5.5, border="zero")) == pytest.approx(float(oracle))


def test_region_is_the_mean_of_the_full_map(pair):
    mask = np.zeros(pair[0].shape[1:], bool)
    mask[4:9, 2:7] = True
    assert ssim(*pair, mask) == pytest.approx(ssim_map(*pair)[:, mask].mean())


def test_missing_pixels_are_like_the_border(pair):
    one, other = (image.copy() for image in pair)
    one[:, :, 10:] = np.nan
    found = ssim_map(one, other)
    assert np.allclose(found[:, :, :10], ssim_map(one[:, :, :10], other[:, :, :10]))
    assert np.isnan(found[:, :, 10:]).all()
