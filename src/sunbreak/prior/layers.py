"""The ways to estimate a pixel before looking at it: radar and look, look, radar, the surroundings; best first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np

from sunbreak.legend import Source
from sunbreak.prior.fill import SpatialFill
from sunbreak.prior.inputs import Inputs
from sunbreak.prior.regression import Regression
from sunbreak.prior.trust import Trust
from sunbreak.tiles import Window


class Guess(NamedTuple):
    """What a layer says of a cell."""

    mean: np.ndarray
    """Reflectance, (band, y, x), float32."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float32."""
    doubt: np.ndarray | None = None
    """Which of the layer's `covariances` holds for each pixel, (y, x); None: the first for all."""


class Layer(Protocol):
    """One way to estimate pixels."""

    @property
    def source(self) -> Source:
        """Code of its pixels."""

    @property
    def covariances(self) -> tuple[np.ndarray, ...]:
        """Covariance of its errors between bands, (band, band), of every degree of doubt."""

    def valid(self, inputs: Inputs) -> np.ndarray:
        """Where it can say something, (y, x)."""

    def guess(self, cell: Window, inputs: Inputs) -> Guess:
        """Estimate a cell.

        Args:
            cell: The cell; see `Regression.predict`.
            inputs: What is known of it.

        Returns:
            The estimate; meaningless where not valid.
        """


@dataclass(frozen=True)
class RadarLayer:
    """Regression on radar alone."""

    regression: Regression
    """From radar features to reflectance."""
    source: Source
    """`SCENE_PRIOR` or `GLOBAL_REGRESSION`."""

    @property
    def covariances(self) -> tuple[np.ndarray, ...]:
        """Covariance of its errors between bands."""
        return (self.regression.covariance,)

    def valid(self, inputs: Inputs) -> np.ndarray:
        """Where the radar is valid."""
        return inputs.radar_valid

    def guess(self, cell: Window, inputs: Inputs) -> Guess:
        """Estimate a cell; see `Layer.guess`."""
        return Guess(*self.regression.predict(cell, inputs.radar))


@dataclass(frozen=True)
class LookLayer:
    """Regression on the look alone; or the look as it is, where nothing was there to fit on."""

    regression: Regression | None
    """From the look to what it misses; None takes the look as it is."""
    sigma: float = 0.0
    """1-sigma error of the look as it is."""
    bands: int = 0
    """Number of bands, for the look as it is."""
    source: Source = Source.REFERENCE_DATE

    @property
    def covariances(self) -> tuple[np.ndarray, ...]:
        """Covariance of its errors between bands."""
        return (np.eye(self.bands) * self.sigma**2 if self.regression is None else self.regression.covariance,)

    def valid(self, inputs: Inputs) -> np.ndarray:
        """Where there is a look."""
        return inputs.look_valid

    def guess(self, cell: Window, inputs: Inputs) -> Guess:
        """Estimate a cell; see `Layer.guess`."""
        if self.regression is None:
            return Guess(inputs.look, np.full(inputs.look.shape, self.sigma, np.float32))
        missed, sigma = self.regression.predict(cell, inputs.look_features())
        return Guess(inputs.look + missed, sigma)


@dataclass(frozen=True)
class JointLayer:
    """Regression on radar and look, moved towards radar alone where radar says that something has changed."""

    regression: Regression
    """From both to what the look misses."""
    radar: Regression
    """From radar alone to reflectance."""
    trust: Trust | None = None
    """How far to trust the look; None, before it is known, trusts it throughout."""
    source: Source = Source.REFERENCE_DATE
    covariances: tuple[np.ndarray, ...] = field(init=False)
    """Covariance of its errors between bands: over all pixels, then by bins of `trust`."""

    def __post_init__(self) -> None:
        ratios = () if self.trust is None else tuple(np.sqrt(self.trust.ratio))
        scaled = (self.regression.covariance * np.outer(ratio, ratio) for ratio in ratios)
        object.__setattr__(self, "covariances", (self.regression.covariance, *scaled))

    def valid(self, inputs: Inputs) -> np.ndarray:
        """Where radar and look are valid."""
        return inputs.both

    def guess(self, cell: Window, inputs: Inputs) -> Guess:
        """Estimate a cell; see `Layer.guess`."""
        features = inputs.joint_features()
        missed, sigma = self.regression.predict(cell, features)
        mean = inputs.look + missed
        if self.trust is None:
            return Guess(mean, sigma)
        known = inputs.change_valid if len(inputs.change) else inputs.both
        distance = self.trust.evidence.distance(features)
        share = np.where(known, self.trust.share(distance), np.float32(0))
        if share.any():
            mean = mean + share * (self.radar.predict(cell, inputs.radar)[0] - mean)
        doubt = np.where(known, 1 + self.trust.bins(distance), 0)
        ratio = np.concatenate([np.ones((1, len(mean))), np.sqrt(self.trust.ratio)]).astype(np.float32)
        return Guess(mean, sigma * np.moveaxis(ratio[doubt], -1, 0), doubt)


@dataclass(frozen=True)
class FillLayer:
    """The clear pixels around."""

    fill: SpatialFill
    """Where they are read from."""
    covariance: np.ndarray
    """Covariance of its errors between bands over the whole scene, (band, band)."""
    source: Source = Source.SPATIAL_FILL

    @property
    def covariances(self) -> tuple[np.ndarray, ...]:
        """Covariance of its errors between bands."""
        return (self.covariance,)

    def valid(self, inputs: Inputs) -> np.ndarray:
        """Everywhere; without a clear pixel in the scene it is NaN there."""
        return np.ones(inputs.radar_valid.shape, bool)

    def guess(self, cell: Window, inputs: Inputs) -> Guess:
        """Estimate a cell; see `Layer.guess`."""
        return Guess(*self.fill.predict(cell))
