"""Losses of the restoration networks; every mean is over the values that count, given as weights."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor
from torch.nn import functional

from sunbreak.legend import LAND_COVER_NODATA, Quality

L1_SHARE: Final = 0.9
"""Share of the absolute error in the reconstruction loss; the rest is structure."""
WINDOW: Final = 7
"""Side in pixels of the window of the structural similarity."""
_C1, _C2 = 0.01**2, 0.03**2


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of the values that count.

    Args:
        values: Any shape.
        weights: Broadcasts to that shape, at least 0.

    Returns:
        A number; 0 when nothing counts.
    """
    weights = weights.expand_as(values)
    return (values * weights).sum() / weights.sum().clamp(min=1e-6)


def similarity(estimate: Tensor, truth: Tensor) -> Tensor:
    """Structural similarity map with a flat window, for values of range 1.

    Args:
        estimate: (n, band, y, x).
        truth: Same shape.

    Returns:
        (n, band, y, x), at most 1.

    Source: Wang et al., Image quality assessment, IEEE TIP 13(4), 2004, equation 13.
    """

    def local(image: Tensor) -> Tensor:
        return functional.avg_pool2d(image, WINDOW, stride=1, padding=WINDOW // 2, count_include_pad=False)

    mean_e, mean_t = local(estimate), local(truth)
    var_e = local(estimate * estimate) - mean_e * mean_e
    var_t = local(truth * truth) - mean_t * mean_t
    both = local(estimate * truth) - mean_e * mean_t
    luminance = (2 * mean_e * mean_t + _C1) / (mean_e * mean_e + mean_t * mean_t + _C1)
    return luminance * (2 * both + _C2) / (var_e + var_t + _C2)


def structure(estimate: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """1 - structural similarity.

    Args:
        estimate: (n, band, y, x), reflectance.
        truth: Same shape.
        weights: (n, band or 1, y, x).

    Returns:
        A number.
    """
    return weighted_mean(1 - similarity(estimate.float(), truth), weights)


def reconstruction(estimate: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """0.9 x absolute error + 0.1 x (1 - structural similarity).

    Args:
        estimate: (n, band, y, x), reflectance.
        truth: Same shape.
        weights: (n, band or 1, y, x).

    Returns:
        A number.

    Source: the weights are those of the TDP-CR authors' cloud removal code; the paper's are not public.
    """
    absolute = weighted_mean((estimate - truth).abs(), weights)
    return L1_SHARE * absolute + (1 - L1_SHARE) * structure(estimate, truth, weights)


def charbonnier(estimate: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Absolute error, smooth at 0.

    Args:
        estimate: (n, band, y, x), reflectance.
        truth: Same shape.
        weights: (n, band or 1, y, x).

    Returns:
        A number.

    Source: Charbonnier et al., Two deterministic half-quadratic regularization algorithms, ICIP 1994.
    """
    return weighted_mean(torch.sqrt((estimate - truth).square() + 1e-6), weights)


def spectrum(estimate: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """1 - cosine of the spectral angle; the angle itself has no gradient where it is 0.

    Args:
        estimate: (n, band, y, x), reflectance; absent bands 0.
        truth: Same shape.
        weights: (n, 1, y, x).

    Returns:
        A number.
    """
    cosine = functional.cosine_similarity(estimate.float(), truth, dim=1, eps=1e-6)
    return weighted_mean(1 - cosine[:, None], weights)


def sharpness(estimate: Tensor, truth: Tensor, cloudy: Tensor, weights: Tensor) -> Tensor:
    """Contrast: fine structure near to that of the truth, and far from that of the cloudy input, at three scales.

    Args:
        estimate: (n, band, y, x), reflectance.
        truth: Same shape.
        cloudy: Same shape, the input.
        weights: (n, band, y, x), 0 where the input is clear: there it must not be kept away from.

    Returns:
        A number; 0 when nothing counts.

    Source: the idea of contrastive regularisation is that of AECR-Net (arXiv:2104.09367), here on high-pass images of
        all bands in place of features of a network trained on photographs.
    """
    parts = []
    for size in (1, 2, 4):
        weight = functional.avg_pool2d(weights, size)
        fine = [_high_pass(functional.avg_pool2d(image.float(), size)) for image in (estimate, truth, cloudy)]
        near = weighted_mean((fine[0] - fine[1]).abs(), weight)
        # the way off the input is not to be lengthened for its own sake
        far = weighted_mean((fine[0] - fine[2]).abs(), weight).detach()
        parts.append(near / (far + 1e-3))
    return torch.stack(parts).mean()


def _high_pass(image: Tensor) -> Tensor:
    return image - functional.avg_pool2d(image, 3, stride=1, padding=1, count_include_pad=False)


def likelihood(estimate: Tensor, log_variance: Tensor, truth: Tensor, weights: Tensor) -> Tensor:
    """Negative log likelihood under a Gaussian with diagonal covariance, per value and less its constant.

    It trains the estimate, too, weighing its squared error by the precision stated; detach the estimate to train the
    stated error alone.

    Args:
        estimate: (n, band, y, x), reflectance.
        log_variance: Same shape, logarithm of the squared error expected.
        truth: Same shape.
        weights: (n, band or 1, y, x).

    Returns:
        A number.
    """
    squared = (estimate - truth).square()
    return weighted_mean(0.5 * (squared * torch.exp(-log_variance) + log_variance), weights)


def sky(scores: Tensor, quality: Tensor) -> Tensor:
    """Cross entropy of the classes clear, thin cloud, thick cloud and shadow, looked at on every fourth pixel.

    Args:
        scores: (n, 4, y / 4, x / 4).
        quality: (n, y, x), codes of `legend.Quality`.

    Returns:
        A number; 0 when nothing is known.
    """
    labels = quality[:, 2::4, 2::4]
    labels = torch.where(labels == Quality.NODATA, LAND_COVER_NODATA, labels - Quality.CLEAR)
    if bool((labels == LAND_COVER_NODATA).all()):
        return scores.sum() * 0.0
    return functional.cross_entropy(scores, labels, ignore_index=LAND_COVER_NODATA)


def land_cover(scores: Tensor, labels: Tensor, class_weights: Tensor) -> Tensor:
    """Cross entropy + 0.5 x (1 - mean Dice over the classes present).

    Args:
        scores: (n, class, y, x).
        labels: (n, y, x), indices, 255 unknown.
        class_weights: (class,).

    Returns:
        A number; 0 when no label is known.
    """
    known = labels != LAND_COVER_NODATA
    if not known.any():
        return scores.sum() * 0.0
    entropy = functional.cross_entropy(scores, labels, class_weights, ignore_index=LAND_COVER_NODATA)
    chances = functional.softmax(scores, dim=1) * known[:, None]
    truth = functional.one_hot(labels.where(known, 0), scores.shape[1]).movedim(-1, 1) * known[:, None]
    overlap, size = (chances * truth).sum((0, 2, 3)), (chances + truth).sum((0, 2, 3))
    present = truth.sum((0, 2, 3)) > 0
    dice = (2 * overlap[present] / size[present]).mean()
    return entropy + 0.5 * (1 - dice)
