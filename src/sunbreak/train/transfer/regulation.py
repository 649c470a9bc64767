"""How much every sample learns from each of its three teachers.

The information regulation mechanism (IRM) of ESCCS: a discrepancy ratio of the frozen optical and radar auxiliaries,
sample by sample, damps what the superior one teaches. Re-implementation from the published abstract and figures: that
the three frozen outputs give one ratio, that it acts per sample and only on the two auxiliaries is published; the
scores, the ratio and the weights below are inferred, which is why other readings of the figure stand beside the
default.

Source: Wang et al., arXiv 2501.04283, abstract and figure 4; scores and weights inferred from the discrepancy ratio of
OGM-GE (Peng et al., Balanced multimodal learning via on-the-fly gradient modulation, CVPR 2022).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeAlias, get_args

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError, OptionError
from sunbreak.train.transfer.options import Applied, Mode, Score

Array: TypeAlias = npt.NDArray[np.float64]
"""Numbers in double precision."""
_LOGIT_LIMIT: Final = 1e6
"""Keeps differences of infinite logits finite; far beyond any network's output."""


@dataclass(frozen=True)
class Regulation:
    """Options of the information regulation mechanism."""

    mode: Mode = "ogm"
    """Rule from ratio to weight."""
    score: Score = "label"
    """What an auxiliary is worth on a sample."""
    alpha: float = 0.1
    """Strength of `ogm` and `ogm_batch`, at least 0; 0 equals `equal`."""
    temperature: float = 4.0
    """Temperature of the softmax that the scores come from, above 0; at 1 the ratios of single samples saturate."""
    ratio_limit: float = 10.0
    """Ratios lie in 1 / limit .. limit, at least 1; shares are bounded by themselves and need none."""
    applied: Applied = "loss"
    """What the weights multiply."""
    batch: int = 128
    """Samples in a group of `ogm_batch`, at least 1; groups follow the given order, the last may be smaller."""

    def __post_init__(self) -> None:
        """Refuse what cannot be computed."""
        for name, value, allowed in (
            ("mode", self.mode, get_args(Mode)),
            ("score", self.score, get_args(Score)),
            ("applied", self.applied, get_args(Applied)),
        ):
            if value not in allowed:
                raise OptionError(f"regulation: unknown {name} {value!r}: give one of {', '.join(allowed)}")
        if not 0 <= self.alpha < math.inf:
            raise OptionError(f"regulation: alpha is {self.alpha}: give a number of at least 0")
        if not 0 < self.temperature < math.inf:
            raise OptionError(f"regulation: temperature is {self.temperature}: give a number above 0")
        if not 1 <= self.ratio_limit < math.inf:
            raise OptionError(f"regulation: ratio_limit is {self.ratio_limit}: give a number of at least 1")
        if self.batch < 1:
            raise OptionError(f"regulation: batch is {self.batch}: give at least 1 sample")


class Weights(NamedTuple):
    """Weights of the three teachers, sample by sample."""

    source: Array
    """Of the source classifier, (n,), at least 0."""
    optical: Array
    """Of the optical auxiliary, (n,), at least 0."""
    radar: Array
    """Of the radar auxiliary, (n,), at least 0."""


def regulate(
    source: npt.ArrayLike, optical: npt.ArrayLike, radar: npt.ArrayLike, options: Regulation | None = None
) -> Weights:
    """Weigh the three frozen teachers of every sample.

    The source always weighs 1. Ratios are formed from logarithms, so that scores of 0, infinite logits and half
    precision give finite weights.

    Args:
        source: Logits of the source classifier on the cloudy optical patches, (n, class), any float type.
        optical: Logits of the optical auxiliary, same shape.
        radar: Logits of the radar auxiliary, same shape.
        options: Rule and its constants; the faithful defaults when None.

    Returns:
        Weights, (n,) each, float64.

    Raises:
        GeometryError: Shapes differ or are not (n, class): give the three teachers' logits of the same patches.
        OptionError: Logits are NaN: look for patches without data.

    Source: inferred (see the module); `inverse_ratio`, the shares and `agree` are further readings of figure 4.

    Example:
        >>> sure, unsure = [[8.0, 0.0]], [[4.0, 0.0]]
        >>> weights = regulate(sure, sure, unsure)
        >>> [round(float(w[0]), 3) for w in weights]
        [1.0, 0.88, 1.0]
    """
    chosen = options or Regulation()
    teachers = _probabilities(source, optical, radar, chosen.temperature)
    one = np.ones(len(teachers[0]))
    if chosen.mode == "equal":
        return Weights(one, one.copy(), one.copy())
    scores = _label_scores(*teachers) if chosen.score == "label" else _agreement_scores(*teachers)
    if chosen.mode == "ogm_batch":
        scores = _group_scores(scores, chosen.batch)
    difference = scores[0] - scores[1]
    return Weights(one, _weight(difference, chosen), _weight(-difference, chosen))


def constant(n: int, *, source: float = 1.0, optical: float = 0.0, radar: float = 0.0) -> Weights:
    """The same weights for every sample; the defaults make the three-teacher loss plain distillation of the source.

    Args:
        n: Samples.
        source: Weight of the source classifier, at least 0.
        optical: Weight of the optical auxiliary, at least 0.
        radar: Weight of the radar auxiliary, at least 0.

    Returns:
        Weights, (n,) each, float64.

    Raises:
        OptionError: A weight is negative or not finite.

    Example:
        >>> constant(2).source.tolist(), constant(2).radar.tolist()
        ([1.0, 1.0], [0.0, 0.0])
    """
    for value in (source, optical, radar):
        if not 0 <= value < math.inf:
            raise OptionError(f"a teacher's weight is {value}: give a finite number of at least 0")
    return Weights(np.full(n, source, float), np.full(n, optical, float), np.full(n, radar, float))


def clear_view_weights(cloud: npt.ArrayLike) -> Weights:
    """Trust what looks through the optical patch as far as it is clear: 1 - cloud share; radar 1.

    Args:
        cloud: Cloud share of every patch, (n,), 0..1, by Sunbreak's own mask.

    Returns:
        Weights, (n,) each, float64, 0..1.

    Raises:
        GeometryError: The shares are not (n,).
        OptionError: A share is NaN or outside 0..1.

    Source: our own extension; the published method does not weigh the source.

    Example:
        >>> clear_view_weights([0.0, 0.75]).optical.tolist()
        [1.0, 0.25]
    """
    clear = 1 - cloud_shares(cloud)
    return Weights(clear, clear.copy(), np.ones_like(clear))


def cloud_shares(cloud: npt.ArrayLike) -> Array:
    """Check cloud shares.

    Args:
        cloud: Cloud share of every patch, (n,), 0..1.

    Returns:
        The same, float64.

    Raises:
        GeometryError: The shares are not (n,).
        OptionError: A share is NaN or outside 0..1.
    """
    shares = np.asarray(cloud, np.float64)
    if shares.ndim != 1:
        raise GeometryError(f"cloud shares have shape {shares.shape}: give one number for every patch")
    wrong = shares[~((shares >= 0) & (shares <= 1))]
    if wrong.size:
        raise OptionError(f"a patch has the cloud share {wrong[0]}: give shares between 0 and 1, without NaN")
    return shares


def _probabilities(
    source: npt.ArrayLike, optical: npt.ArrayLike, radar: npt.ArrayLike, temperature: float
) -> tuple[Array, Array, Array]:
    """Logarithms of the teachers' probabilities, (n, class) each."""
    arrays = [np.asarray(one, np.float64) for one in (source, optical, radar)]
    if arrays[0].ndim != 2 or arrays[0].shape[1] < 1 or any(one.shape != arrays[0].shape for one in arrays):
        shapes = ", ".join(str(one.shape) for one in arrays)
        raise GeometryError(f"the teachers' logits have shapes {shapes}: give three of the same (patch, class)")
    first, second, third = (log_softmax(one, temperature) for one in arrays)
    return first, second, third


def log_softmax(logits: npt.ArrayLike, temperature: float = 1.0) -> Array:
    """Logarithms of the probabilities that logits stand for, finite whatever the logits.

    Args:
        logits: (n, class), any float type; infinities are allowed.
        temperature: Divides the logits, above 0.

    Returns:
        (n, class), float64, at most 0.

    Raises:
        OptionError: Logits are NaN.

    Example:
        >>> np.exp(log_softmax([[0.0, 0.0]])).tolist()
        [[0.5, 0.5]]
    """
    array = np.asarray(logits, np.float64)
    if np.isnan(array).any():
        raise OptionError("a classifier's logits are NaN: look for patches without data, or a broken model file")
    array = array.clip(-_LOGIT_LIMIT, _LOGIT_LIMIT) / temperature
    array = array - array.max(axis=1, keepdims=True)
    # The maximum is 0 now, so the sum is at least 1 and its logarithm finite.
    result: Array = array - np.log(np.exp(array).sum(axis=1, keepdims=True))
    return result


def _label_scores(source: Array, optical: Array, radar: Array) -> tuple[Array, Array]:
    """Logarithms of the auxiliaries' probabilities of the source's class."""
    label = source.argmax(axis=1, keepdims=True)
    return np.take_along_axis(optical, label, axis=1)[:, 0], np.take_along_axis(radar, label, axis=1)[:, 0]


def _agreement_scores(source: Array, optical: Array, radar: Array) -> tuple[Array, Array]:
    """-KL(source, auxiliary): logarithms of the agreement."""
    share = np.exp(source)
    return (share * (optical - source)).sum(axis=1), (share * (radar - source)).sum(axis=1)


def _group_scores(scores: tuple[Array, Array], batch: int) -> tuple[Array, Array]:
    """Logarithms of sums of the scores over consecutive groups, one for every sample."""
    count = len(scores[0])
    starts = np.arange(0, count, batch)
    sizes = np.diff([*starts, count])
    first, second = (np.repeat(np.logaddexp.reduceat(one, starts), sizes) if count else one for one in scores)
    return first, second


def _weight(difference: Array, options: Regulation) -> Array:
    """Weight of an auxiliary whose score is exp(difference) times the other's."""
    # Shares: 2 s / (s + other) as the logistic function of the difference, written without overflow.
    if options.mode in ("share", "inverse_share"):
        sign = 1 if options.mode == "share" else -1
        share: Array = 1 + np.tanh(sign * difference / 2)
        return share
    limit = math.log(options.ratio_limit)
    bounded = difference.clip(-limit, limit)
    if options.mode == "inverse_ratio":
        damped: Array = np.exp(-bounded)
        return damped
    # 1 - tanh(x) = 2 e / (1 + e) with e = exp(-2 x): does not round to 0 where tanh rounds to 1.
    decay = np.exp(-2 * options.alpha * np.exp(bounded))
    return np.where(bounded > 0, 2 * decay / (1 + decay), 1.0)
