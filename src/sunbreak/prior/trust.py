"""How far to trust a look of another date: learnt on clear pixels, where radar says that something has changed.

Where the references come with radar of their own date, the evidence of change is the difference of radar now and then;
else it is how far the estimate from radar and look differs from that of radar alone. Its Mahalanobis distance under the
clear pixels sorts pixels into bins. In each bin, the clear pixels tell how far the joint estimate should move towards
that of radar alone, and how large its error then is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sunbreak.prior.regression import CellMoments, penalties, scene_slopes

EDGES: Final = 2.0 ** np.arange(-1.0, 6.01, 0.5)
"""Borders of the bins: squared distance divided by its number of dimensions, about 1 where nothing has changed."""
BINS: Final = len(EDGES) + 1
FEWEST: Final = 200
"""Clear pixels that a bin needs; with fewer it follows the next lower one."""


@dataclass(frozen=True)
class Evidence:
    """A linear map from joint features to whitened evidence of change."""

    whitener: np.ndarray
    """(feature, dimension), float32; the constant's row takes the mean away."""

    def distance(self, features: np.ndarray) -> np.ndarray:
        """Squared Mahalanobis distance divided by its number of dimensions.

        Args:
            features: Joint features, (feature, ...).

        Returns:
            (...), float32.
        """
        flat = self.whitener.T @ features.reshape(len(features), -1)
        distance: np.ndarray = (flat**2).mean(axis=0).reshape(features.shape[1:])
        return distance


def evidence(joint: CellMoments, ridge: np.ndarray, radar: int, change: int) -> Evidence:
    """Find what tells change in a scene.

    Args:
        joint: Moments of joint features and of what the look misses.
        ridge: Penalties of the joint features.
        radar: Number of radar features, the constant included.
        change: Number of features that compare radar of two dates.

    Returns:
        The evidence.
    """
    total, k, bands = joint.sums.sum(axis=(0, 1, 2)), joint.features, joint.bands
    chosen = np.eye(k)[:, radar : radar + change]
    if not change:
        look = np.eye(k)[:, k - bands :]
        # moments of radar features and reflectance, which is the look and what it misses
        seen = np.zeros((k + bands, radar + bands))
        seen[:radar, :radar], seen[k - bands : k, radar:], seen[k:, radar:] = (
            np.eye(radar),
            np.eye(bands),
            np.eye(bands),
        )
        chosen = scene_slopes(total, k, ridge) + look
        chosen[:radar] -= scene_slopes(seen.T @ total @ seen, radar, penalties(radar, 0))
    moments = chosen.T @ total[:k, :k] @ chosen / max(total[0, 0], 1.0)
    mean = chosen.T @ total[:k, 0] / max(total[0, 0], 1.0)
    covariance = moments - np.outer(mean, mean)
    covariance += (1e-6 * np.trace(covariance) / len(covariance) + 1e-12) * np.eye(len(covariance))
    chosen[0] -= mean
    return Evidence((chosen @ np.linalg.inv(np.linalg.cholesky(covariance)).T).astype(np.float32))


class TrustMoments:
    """Sums over clear pixels by bin: errors of the joint estimate, and what separates it from radar alone."""

    def __init__(self, bands: int) -> None:
        """Begin with no pixel.

        Args:
            bands: Number of optical bands.
        """
        self.count = np.zeros(BINS)
        self.sums = np.zeros((3, BINS, bands))
        """Squared errors, errors times distances, squared distances."""

    def add(self, distance: np.ndarray, error: np.ndarray, apart: np.ndarray) -> None:
        """Add pixels.

        Args:
            distance: From `Evidence.distance`, (pixel,).
            error: Measured reflectance less the joint estimate, (band, pixel).
            apart: Estimate from radar alone less the joint estimate, (band, pixel).
        """
        bins = np.digitize(distance, EDGES)
        self.count += np.bincount(bins, minlength=BINS)
        for index, (left, right) in enumerate(((error, error), (error, apart), (apart, apart))):
            for band, product in enumerate(left.astype(np.float64) * right):
                self.sums[index, :, band] += np.bincount(bins, product, BINS)

    def __iadd__(self, other: TrustMoments) -> TrustMoments:
        self.count += other.count
        self.sums += other.sums
        return self


@dataclass(frozen=True)
class Trust:
    """What the clear pixels of a scene say of the look."""

    evidence: Evidence
    """What tells change."""
    weights: np.ndarray
    """Share that radar alone has in the estimate, (bin,), 0..1."""
    ratio: np.ndarray
    """Error variance in units of that over all pixels, (bin, band)."""

    def share(self, distance: np.ndarray) -> np.ndarray:
        """Share of radar alone, without steps between the bins.

        Args:
            distance: From `Evidence.distance`, any shape.

        Returns:
            0..1, of the same shape, float32.
        """
        middles = np.log(EDGES[0]) + 0.5 * np.log(2.0) * (np.arange(len(self.weights)) - 0.5)
        share: np.ndarray = np.interp(np.log(np.maximum(distance, 1e-6)), middles, self.weights).astype(np.float32)
        return share

    def bins(self, distance: np.ndarray) -> np.ndarray:
        """The bins of pixels.

        Args:
            distance: From `Evidence.distance`, any shape.

        Returns:
            Positions in `weights` and `ratio`.
        """
        bins: np.ndarray = np.digitize(distance, EDGES)
        return bins


def learn(found: Evidence, moments: TrustMoments, covariance: np.ndarray) -> Trust:
    """Learn how far to trust the look.

    Args:
        found: What tells change.
        moments: Gathered over the clear pixels.
        covariance: Covariance of the joint estimate's errors, (band, band); scales the bands.

    Returns:
        The trust.
    """
    scale = 1.0 / np.maximum(np.diag(covariance), 1e-8)
    errors, crossed, apart = moments.sums
    overall = np.maximum(errors.sum(axis=0) / max(moments.count.sum(), 1.0), 1e-8)
    weights, ratio = np.zeros(BINS), np.ones((BINS, len(scale)))
    for index, count in enumerate(moments.count):
        if count < FEWEST:
            if index:
                weights[index], ratio[index] = weights[index - 1], ratio[index - 1]
            continue
        weight = np.clip((crossed[index] @ scale) / max(apart[index] @ scale, 1e-12), 0.0, 1.0)
        left = errors[index] - 2 * weight * crossed[index] + weight**2 * apart[index]
        weights[index], ratio[index] = weight, np.maximum(left / count / overall, 0.01)
    return Trust(found, weights, ratio)
