"""The two ways from a source classifier to a target network: ESCCS as published, and ours."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.transfer.fit import Index, Loss, Stage, predict
from sunbreak.train.transfer.pseudo_labels import CLOUD_AWARE, FAITHFUL
from sunbreak.train.transfer.regulation import Regulation, Weights, clear_view_weights, constant, regulate
from sunbreak.train.transfer.stages import Auxiliaries, Setting, imitate, imitate_three, train_auxiliaries
from sunbreak.train.transfer.views import View, cloud_bank, one_missing, other_speckle

HIDDEN: Final = (0.2, 0.3)
"""Shares of patches whose optical image, and whose radar, is hidden from the cloud-aware student."""
SPECKLE: Final = 1.0
"""Standard deviation in dB by which its radar varies."""


def faithful_auxiliaries(setting: Setting) -> Auxiliaries:
    """Stage F1 as published: pseudo-labels above a confidence, `options.threshold`.

    Args:
        setting: Of the run.

    Returns:
        The auxiliaries.

    Source:
        ESCCS, README and figure 3; the threshold is not published.
    """
    return train_auxiliaries(setting, replace(FAITHFUL, threshold=setting.options.threshold), "f1")


def faithful(
    setting: Setting, auxiliaries: Auxiliaries, rule: Regulation | None = None, name: str = "f2"
) -> SceneClassifier:
    """Stage F2 as published: three frozen teachers under the information regulation mechanism, on all patches.

    Args:
        setting: Of the run.
        auxiliaries: From stage F1.
        rule: A reading of the mechanism; None takes that of the options.
        name: Of the stage.

    Returns:
        The target network.

    Source:
        ESCCS (arXiv:2501.04283), figures 3 and 4; equations inferred, see `regulation`.
    """
    rule = rule or reading(setting)
    said = setting.source, auxiliaries.optical, auxiliaries.radar
    return three_teachers(setting, auxiliaries, regulate(*said, rule), rule, name)


def reading(setting: Setting) -> Regulation:
    """The reading of the regulation mechanism that the options of a run ask for.

    Args:
        setting: Of the run.

    Returns:
        The rule.
    """
    options = setting.options
    return Regulation(options.regulation, options.score, options.alpha, applied=options.applied)


def three_teachers(
    setting: Setting, auxiliaries: Auxiliaries, weights: Weights, rule: Regulation, name: str
) -> SceneClassifier:
    """A target network from source and auxiliaries under given weights, on all patches as they are.

    Args:
        setting: Of the run.
        auxiliaries: From stage F1.
        weights: Of the teachers on each patch.
        rule: What the weights multiply.
        name: Of the stage.

    Returns:
        The target network.
    """
    said = setting.source, auxiliaries.optical, auxiliaries.radar
    loss = imitate_three(said, weights, setting.options.temperature, rule.applied)
    network = setting.network(salt=2, fusion=setting.options.fusion)
    return setting.train(network, Stage(name, setting.patches, loss))


@dataclass(frozen=True)
class CloudAware:
    """Parts of the cloud-aware recipe; each can be left out to see what it gives."""

    clouds: bool = True
    """Lay further clouds on what the student sees of lightly clouded patches; else it sees what its teachers see."""
    hidden: bool = True
    """Hide one sensor of half of the patches from the student, and vary the speckle of the others' radar."""
    masked: bool = True
    """Keep clouds out of the descriptor."""
    regulated: bool = True
    """Weigh source and optical auxiliary by the clear share, and all by the regulation; without, all weigh 1."""
    restored: bool = True
    """Teachers look at the patches as Sunbreak restores them; without, at the cloudy ones."""
    warm: bool = True
    """The branches of the target network start from the auxiliaries."""


def cloud_aware(
    setting: Setting, auxiliaries: Auxiliaries, parts: CloudAware | None = None, name: str = "cloud-aware"
) -> SceneClassifier:
    """Ours: teachers look at lightly clouded patches, the student at the same patches under further clouds.

    Args:
        setting: Of the run.
        auxiliaries: From stage F1 on gated, balanced pseudo-labels.
        parts: What to leave out.
        name: Begin of the stages' names.

    Returns:
        The target network.
    """
    parts = parts or CloudAware()
    views: tuple[View, ...] = ()
    if parts.clouds:
        views += (cloud_bank(setting.bands, setting.level, setting.patches.optical.shape[-1]),)
    if parts.hidden:
        views += (other_speckle(SPECKLE), one_missing(*HIDDEN))
    source = setting.source_restored if parts.restored else setting.source
    said = source, auxiliaries.optical, auxiliaries.radar
    weights = constant(len(setting.patches), source=1.0, optical=1.0, radar=1.0)
    if parts.regulated:
        weights = _both(clear_view_weights(setting.patches.cloud), regulate(*said, reading(setting)))
    # one encoder over both sensors can neither leave out clouds without radar nor start from two
    apart = setting.options.fusion != "stack"
    network = setting.network(salt=2, fusion=setting.options.fusion, masked=parts.masked and apart)
    if parts.warm and apart:
        network.start_from(*auxiliaries.networks)
    share = 1.0 / (1 + setting.options.rounds)
    loss = imitate_three(said, weights, setting.options.temperature, kept=auxiliaries.kept)
    kept = np.flatnonzero(auxiliaries.kept)
    network = setting.train(network, Stage(name, setting.patches, loss, kept, views, share=share))
    for number in range(setting.options.rounds):
        # on all patches; those that are not kept are taught by what the network says of them now
        own = imitate(predict(network, setting.patches)["logits"], setting.options.temperature)
        again = _either(auxiliaries.kept, loss, own)
        stage = Stage(f"{name}-{number + 1}", setting.patches, again, views=views, share=share)
        network = setting.train(network, stage)
    return network


def cloud_aware_auxiliaries(setting: Setting, *, restored: bool = True) -> Auxiliaries:
    """Stage F1 on lightly clouded patches, about as many of every predicted class.

    Args:
        setting: Of the run.
        restored: Teacher and optical student look at the patches as Sunbreak restores them.

    Returns:
        The auxiliaries.
    """
    rules = replace(CLOUD_AWARE, max_cloud=setting.options.max_cloud)
    return train_auxiliaries(setting, rules, "gated-f1" if restored else "gated-f1-cloudy", restored=restored)


def _either(kept: npt.NDArray[np.bool_], first: Loss, second: Loss) -> Loss:
    """The first loss on the patches that are kept, the second on the others."""

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        chosen = torch.from_numpy(kept[index]).to(found["logits"].device)
        return torch.where(chosen, first(found, index), second(found, index))

    return loss


def _both(first: Weights, second: Weights) -> Weights:
    return Weights(*(a * b for a, b in zip(first, second, strict=True)))
