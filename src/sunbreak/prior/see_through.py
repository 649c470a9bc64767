"""What cloud and shadow let through: combine an estimate made without looking with what the pixel itself shows.

Thin cloud adds its own light and dims the surface's; shadow only dims. Neither the optical depth nor the loss of light
is known, so a few of each are tried: under every hypothesis the observation corrects the first estimate as far as
their error statistics allow, and the hypotheses are weighed by how well they explain the pixel. Under thick cloud
all of them leave the first estimate as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from sunbreak.bands import OPTICAL_BANDS, Level

ASYMMETRY: Final = 0.85
"""Asymmetry parameter of scattering by cloud droplets in the visible and near infrared."""
OPTICAL_DEPTHS: Final[tuple[float, ...]] = (0.02, 0.1, 0.22, 0.5, 1.1, 2.4, 5.5, 12.0, 27.0, 60.0)
"""Optical depths of cloud tried, about evenly spaced in their logarithm."""
DIRECT_SHARES: Final[tuple[float, ...]] = (0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.9, 1.0)
"""Shares of the direct sunlight that reach a shaded pixel."""
DIFFUSE_SHARE: Final = 0.17
"""Diffuse share of the light on the ground at 550 nm under a clear sky; grows towards blue as wavelength^-2."""
CAUTION: Final = 0.25
"""Factor on the covariance of the first estimate's errors. Real clouds are not uniform over the bands, so the pixel is
believed less than error statistics alone would have it (measured: RESULTS.md)."""
FLOOR: Final = 0.01
"""Error of the observation that does not depend on the cloud, 1-sigma, in reflectance."""
GRAIN: Final = 0.1
"""Error of the cloud's reflectance that differs from band to band, as a share of it."""
DRIFT: Final = 1.0
"""Error of the cloud's reflectance that changes smoothly over the spectrum, as a share of it."""
CHUNK: Final = 1024
"""Pixels worked on at a time: what belongs to them stays in the processor's cache."""
BLIND_BANDS: Final = frozenset({"B01", "B09", "B10"})
"""Bands that show the atmosphere more than the surface; not compared."""


@dataclass(frozen=True)
class Hypothesis:
    """One way in which the surface may be dimmed and overlaid: observed = added + dimmed * surface + error."""

    added: np.ndarray
    """Reflectance added, (band,)."""
    dimmed: np.ndarray
    """Share of the surface's reflectance that arrives, (band,)."""
    error: np.ndarray
    """Covariance of what the hypothesis gets wrong, (band, band)."""


def _spectral_errors(bands: Sequence[str], strength: np.ndarray) -> np.ndarray:
    """Covariance of errors proportional to `strength`: level, slope and curvature over the spectrum, ice, and grain."""
    log = np.log([OPTICAL_BANDS[name].wavelength / 550 for name in bands])
    spread = max(float(log.std()), 1e-6)
    slope = (log - log.mean()) / spread
    curvature = slope**2 - (slope**2).mean()
    ice = np.array([OPTICAL_BANDS[name].wavelength > 1500 for name in bands], float)
    shapes = [np.ones(len(bands)), slope, curvature, ice]
    smooth = sum(np.outer(strength * shape, strength * shape) for shape in shapes)
    out: np.ndarray = np.diag(FLOOR**2 + (GRAIN * strength) ** 2) + DRIFT**2 * smooth
    return out


def cloud_hypotheses(bands: Sequence[str]) -> list[Hypothesis]:
    """Water clouds of increasing optical depth.

    Args:
        bands: Names of the optical bands.

    Returns:
        One hypothesis for each of `OPTICAL_DEPTHS`.

    Source:
        Two-stream reflectance of a conservative layer, R = (1-g) tau / (2 + (1-g) tau), for example Bohren (1987),
        American Journal of Physics 55.
    """
    hypotheses = []
    for depth in OPTICAL_DEPTHS:
        scattered = (1 - ASYMMETRY) * depth
        reflectance = scattered / (2 + scattered)
        added = np.full(len(bands), reflectance)
        hypotheses.append(Hypothesis(added, (1 - added) ** 2, _spectral_errors(bands, added)))
    return hypotheses


def shadow_hypotheses(bands: Sequence[str], level: Level) -> list[Hypothesis]:
    """Shadows that lose an increasing share of the direct light and keep the diffuse light.

    Args:
        bands: Names of the optical bands.
        level: L1C adds the light scattered by the air above the shadow.

    Returns:
        One hypothesis for each of `DIRECT_SHARES`.
    """
    wavelength = np.array([OPTICAL_BANDS[name].wavelength / 550 for name in bands])
    diffuse = np.minimum(DIFFUSE_SHARE * wavelength**-2.0, 0.9)
    # Rayleigh path reflectance at a zenith angle of about 45 degrees; 0 once the atmosphere has been corrected
    path = 0.05 * wavelength**-4.0 if level == "L1C" else np.zeros(len(bands))
    hypotheses = []
    for direct in DIRECT_SHARES:
        arriving = direct + (1 - direct) * diffuse
        hypotheses.append(Hypothesis(path * (1 - arriving), arriving, _spectral_errors(bands, 0.1 * (1 - arriving))))
    return hypotheses


def see_through(
    mean: np.ndarray,
    sigma: np.ndarray,
    covariance: np.ndarray,
    observed: np.ndarray,
    hypotheses: Sequence[Hypothesis],
    bands: Sequence[str],
) -> tuple[np.ndarray, np.ndarray]:
    """Correct a first estimate by what the pixel shows through cloud or shadow.

    Args:
        mean: First estimate of reflectance, (band, pixel).
        sigma: Its 1-sigma error, (band, pixel).
        covariance: Covariance of its errors between bands over the scene, (band, band).
        observed: Reflectance under cloud or shadow, (band, pixel); pixels with NaN keep the first estimate.
        hypotheses: From `cloud_hypotheses` or `shadow_hypotheses`.
        bands: Names of the bands, in the arrays' order.

    Returns:
        Corrected reflectance and its 1-sigma error, (band, pixel), float32.

    Source:
        Optimal estimation: Rodgers (2000), Inverse Methods for Atmospheric Sounding, chapter 2.
    """
    seen = np.array([name not in BLIND_BANDS for name in bands])
    if not seen.any() or mean.shape[1] == 0:
        return mean, sigma
    known = _Solved.of(covariance, hypotheses, seen)
    corrected, error = np.empty(mean.shape, np.float32), np.empty(mean.shape, np.float32)
    for start in range(0, mean.shape[1], CHUNK):
        part = np.s_[:, start : start + CHUNK]
        corrected[part], error[part] = known.applied(mean[part], sigma[part], observed[part], seen)
    return corrected, error


class _Solved(NamedTuple):
    """What follows from the hypotheses before any pixel is looked at; all float32."""

    maps: np.ndarray
    """(hypothesis, seen + band, 2 * seen + 1): from observation, first estimate and 1 to surprise and correction."""
    offsets: np.ndarray
    """Logarithm of each hypothesis' density at no surprise, (hypothesis, 1)."""
    remaining: np.ndarray
    """Share of the first estimate's variance that is left under each hypothesis, (hypothesis, band)."""

    @classmethod
    def of(cls, covariance: np.ndarray, hypotheses: Sequence[Hypothesis], seen: np.ndarray) -> _Solved:
        cautious = CAUTION * (covariance + 1e-6 * np.eye(len(seen)))
        maps, offsets, remaining = [], [], []
        for one in hypotheses:
            reaching = (cautious * one.dimmed)[:, seen]  # (band, seen band)
            spread = (one.dimmed[:, np.newaxis] * cautious * one.dimmed + one.error)[np.ix_(seen, seen)]
            inverse = np.linalg.inv(spread)
            gain = reaching @ inverse
            both = np.concatenate([np.linalg.cholesky(inverse).T, gain])
            dimmed, added = one.dimmed[seen], one.added[seen]
            maps.append(np.concatenate([both, -both * dimmed, -(both @ added)[:, np.newaxis]], axis=1))
            offsets.append([-0.5 * np.linalg.slogdet(spread)[1]])
            remaining.append(1 - (gain * reaching).sum(axis=1) / np.diag(cautious))
        return cls(*(np.array(found, np.float32) for found in (maps, offsets, remaining)))

    def applied(
        self, mean: np.ndarray, sigma: np.ndarray, observed: np.ndarray, seen: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Correct some pixels; see `see_through`."""
        complete = np.isfinite(observed).all(axis=0)
        looked = np.where(complete, observed, mean).astype(np.float32)
        ones = np.ones((1, mean.shape[1]), np.float32)
        told = self.maps @ np.concatenate([looked[seen], mean[seen].astype(np.float32), ones])
        whitened, corrections = told[:, : seen.sum()], told[:, seen.sum() :]
        log_weights = self.offsets - np.float32(0.5) * (whitened**2).sum(axis=1)
        weights = np.exp(log_weights - log_weights.max(axis=0))
        weights *= complete / weights.sum(axis=0)
        step, squares = np.zeros(mean.shape, np.float32), np.zeros(mean.shape, np.float32)
        for weight, correction in zip(weights, corrections, strict=True):
            weighted = weight * correction
            step += weighted
            squares += weighted * correction
        kept = np.where(complete, self.remaining.T @ weights, np.float32(1.0))
        # the scatter of the corrections about their mean
        moved = np.maximum(squares - step**2, np.float32(0.0))
        return mean + step, np.sqrt(sigma**2 * kept + moved)
