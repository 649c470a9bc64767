"""Pseudo-labels of the source classifier, and which of them the auxiliaries may learn from.

Re-implementation from the published abstract and figures of ESCCS: that a criterion on the source's logits filters the
samples of the auxiliaries, and that the fusion student sees all samples, is published; the confidence threshold is
inferred. Cloud gate and class balance are ours: clouds make the source confidently wrong, and one class then floods
the set.

Source: Wang et al., arXiv 2501.04283, abstract and figure 3.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics.arrays import BoolArray
from sunbreak.train.transfer.regulation import cloud_shares, log_softmax


@dataclass(frozen=True)
class LabelFilter:
    """Which pseudo-labels are kept; the rules in force hold together."""

    threshold: float | None = 0.7
    """Least confidence, 0..1; None asks for none."""
    max_cloud: float | None = None
    """Largest cloud share of the patch by Sunbreak's own mask, 0..1; None allows any."""
    share: float | None = None
    """Share, above 0 to 1, of the candidates (what the other rules leave) to keep, in equal parts of every class.

    Every predicted class keeps its most confident ceil(share x candidates / predicted classes) at most; a class with
    fewer keeps them all. None keeps all candidates.
    """

    def __post_init__(self) -> None:
        """Refuse what lies outside its range."""
        if self.threshold is not None and not 0 <= self.threshold <= 1:
            raise OptionError(f"pseudo-labels: threshold is {self.threshold}: give a confidence between 0 and 1")
        if self.max_cloud is not None and not 0 <= self.max_cloud <= 1:
            raise OptionError(f"pseudo-labels: max_cloud is {self.max_cloud}: give a share between 0 and 1")
        if self.share is not None and not 0 < self.share <= 1:
            raise OptionError(f"pseudo-labels: share is {self.share}: give a share above 0 and at most 1")


FAITHFUL: Final = LabelFilter()
"""Confidence alone, as published; the value of the threshold is inferred."""
CLOUD_AWARE: Final = LabelFilter(threshold=None, max_cloud=0.3, share=0.9)
"""Our own: lightly clouded patches, the less confident of classes that come up too often left out."""


class PseudoLabels(NamedTuple):
    """What the source says of every patch, and whether it is believed."""

    labels: npt.NDArray[np.int64]
    """Class with the largest logit, (n,), index of the class."""
    confidence: npt.NDArray[np.float64]
    """Probability of that class, (n,), above 0 to 1."""
    kept: BoolArray
    """True where the filter keeps the patch, (n,)."""


def pseudo_label(
    logits: npt.ArrayLike, cloud: npt.ArrayLike | None = None, label_filter: LabelFilter = FAITHFUL
) -> PseudoLabels:
    """Label every patch by the source classifier and choose the labels to learn from.

    The choice does not depend on the order of the patches, except among equals in class, confidence and cloud share.

    Args:
        logits: Logits of the source classifier on the cloudy optical patches, (n, class), any float type.
        cloud: Cloud share of every patch, (n,), 0..1, by Sunbreak's own mask; only a filter with `max_cloud` needs it.
        label_filter: Rules.

    Returns:
        Labels, confidence and choice.

    Raises:
        GeometryError: Shapes are not (n, class) and (n,).
        OptionError: Logits are NaN, cloud shares are missing or impossible, or nothing passes: the message says which
            rule to loosen.

    Example:
        >>> found = pseudo_label([[3.0, 0.0], [0.2, 0.0], [0.0, 4.0]])
        >>> found.labels.tolist(), found.kept.tolist()
        ([0, 0, 1], [True, False, True])
    """
    array = np.asarray(logits)
    if array.ndim != 2 or not array.shape[1]:
        raise GeometryError(f"the source's logits have shape {array.shape}: give (patch, class)")
    if not len(array):
        raise OptionError("the target holds no patches: check its path and split")
    shares = None if cloud is None else cloud_shares(cloud)
    if shares is not None and len(shares) != len(array):
        raise GeometryError(f"{len(array)} patches have logits but {len(shares)} a cloud share: give one for each")
    probability = log_softmax(array)
    labels = probability.argmax(axis=1)
    confidence = np.exp(probability.max(axis=1))
    kept = _candidates(confidence, shares, label_filter)
    if label_filter.share is not None:
        haze = np.zeros(len(array)) if shares is None else shares
        kept = _balanced(labels, confidence, haze, kept, label_filter.share)
    return PseudoLabels(labels, confidence, kept)


def _candidates(
    confidence: npt.NDArray[np.float64], shares: npt.NDArray[np.float64] | None, rules: LabelFilter
) -> BoolArray:
    """Patches that are confident and clear enough."""
    kept = np.ones(len(confidence), bool)
    if rules.max_cloud is not None:
        if shares is None:
            raise OptionError("max_cloud needs the cloud share of every patch: give it, or leave max_cloud out")
        kept = shares <= rules.max_cloud
        if not kept.any():
            raise OptionError(
                f"no target patch has a cloud share of at most {rules.max_cloud:g} (the clearest: {shares.min():.2f}): "
                "raise max_cloud or add clearer patches"
            )
    if rules.threshold is not None:
        surest = confidence[kept].max()
        kept = kept & (confidence >= rules.threshold)
        if not kept.any():
            raise OptionError(
                f"the source is sure of no target patch: the largest confidence is {surest:.2f}, the threshold "
                f"{rules.threshold:g}: lower the threshold"
            )
    return kept


def _balanced(
    labels: npt.NDArray[np.int64],
    confidence: npt.NDArray[np.float64],
    haze: npt.NDArray[np.float64],
    candidates: BoolArray,
    share: float,
) -> BoolArray:
    """At most the same number of every predicted class: the most confident, the clearer among equals."""
    found = np.unique(labels[candidates])
    most = math.ceil(share * int(candidates.sum()) / len(found))
    kept = np.zeros(len(labels), bool)
    for label in found:
        members = np.flatnonzero(candidates & (labels == label))
        order = np.lexsort((haze[members], -confidence[members]))
        kept[members[order[:most]]] = True
    return kept
