"""What a transfer is measured against: other ways to the same target network, with its encoders and its budget."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sunbreak.networks.scene_classifier import SceneClassifier
from sunbreak.train.transfer.balanced import (
    ConfidenceRanking,
    gradient_decoupled_loss,
    modulate,
    ogm_coefficients,
    quality_fusion_loss,
)
from sunbreak.train.transfer.distillation import kd_loss
from sunbreak.train.transfer.fit import Index, Loss, Stage
from sunbreak.train.transfer.stages import Setting, imitate
from sunbreak.train.transfer.views import under_open_sky


def kd_optical(setting: Setting) -> SceneClassifier:
    """KD-S: the source teaches an optical network on all patches.

    Args:
        setting: Of the run.

    Returns:
        The network.
    """
    network = setting.network(salt=0, modalities=("optical",))
    return setting.train(network, Stage("kd-optical", setting.patches, _source(setting)))


def kd_radar(setting: Setting) -> SceneClassifier:
    """KD-SAR: what the source says of the optical patch is taught to a radar network, on all patches.

    Args:
        setting: Of the run.

    Returns:
        The network.
    """
    network = setting.network(salt=1, modalities=("radar",))
    return setting.train(network, Stage("kd-radar", setting.patches, _source(setting)))


def kd_fusion(setting: Setting) -> SceneClassifier:
    """KD-fusion: the source alone teaches the target network.

    Args:
        setting: Of the run.

    Returns:
        The network.
    """
    network = setting.network(salt=2, fusion=setting.options.fusion)
    return setting.train(network, Stage("kd-fusion", setting.patches, _source(setting)))


def early_stacking(setting: Setting) -> SceneClassifier:
    """The source teaches one encoder over the channels of both sensors.

    Args:
        setting: Of the run.

    Returns:
        The network.
    """
    network = setting.network(salt=2, fusion="stack")
    return setting.train(network, Stage("early-stacking", setting.patches, _source(setting)))


def ogm_ge(setting: Setting) -> SceneClassifier:
    """KD-fusion with the gradients of the better branch slowed down, and noise for generalisation.

    Args:
        setting: Of the run.

    Returns:
        The network.

    Source:
        Peng et al., CVPR 2022; pseudo-labels of the source take the place of labels.
    """
    labels = torch.from_numpy(setting.source.argmax(axis=1))

    def slow_down(network: SceneClassifier, found: dict[str, Tensor], index: Index) -> None:
        said = found["logits_optical"].cpu(), found["logits_radar"].cpu()
        factors = ogm_coefficients(*said, labels[torch.from_numpy(index)])
        for encoder, factor in zip(network.encoders.values(), factors, strict=True):
            # the generator that every step seeds anew, so that a resumed stage draws the same
            modulate(encoder, factor, torch.default_generator)

    network = setting.network(salt=2, fusion="concat")
    stage = Stage("ogm-ge", setting.patches, _source(setting), after_backward=slow_down)
    return setting.train(network, stage)


def gdl(setting: Setting) -> SceneClassifier:
    """Gradient-decoupled learning: both branches are taught on their own, too.

    Args:
        setting: Of the run.

    Returns:
        The network.

    Source:
        GDNet, TGRS 2024.
    """

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        return gradient_decoupled_loss(found, _task(setting, index))

    network = setting.network(salt=2, fusion="concat", variational=True)
    return setting.train(network, Stage("gdl", setting.patches, loss))


def qmf(setting: Setting) -> SceneClassifier:
    """Late fusion by energy confidence, whose ranking follows past losses; the record begins anew when resumed.

    Args:
        setting: Of the run.

    Returns:
        The network.

    Source:
        Zhang et al., ICML 2023.
    """
    ranking = ConfidenceRanking(len(setting.patches))

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        told = {name: value.cpu() for name, value in found.items()}
        # three task losses in one: the mean, so that the rate is that of the others
        return quality_fusion_loss(told, _task(setting, index), ranking, torch.from_numpy(index)) / 3

    network = setting.network(salt=2, fusion="energy")
    return setting.train(network, Stage("qmf", setting.patches, loss))


def supervised(setting: Setting) -> SceneClassifier:
    """A ceiling: the target network taught by the target's own labels.

    Args:
        setting: Of the run; its patches are labelled.

    Returns:
        The network.
    """
    network = setting.network(salt=2, fusion=setting.options.fusion)
    return setting.train(network, Stage("supervised", setting.patches, labelled_loss(_labels(setting))))


def clear_sky(setting: Setting) -> SceneClassifier:
    """A ceiling: an optical network taught by the target's labels on its patches without their clouds.

    Args:
        setting: Of the run; its patches are labelled and their truth is known.

    Returns:
        The network; to be scored on patches without clouds.
    """
    bare = replace(setting, patches=under_open_sky(setting.patches))
    network = bare.network(salt=0, modalities=("optical",))
    return bare.train(network, Stage("clear-sky", bare.patches, labelled_loss(_labels(bare))))


BASELINES: Final[dict[str, Callable[[Setting], SceneClassifier]]] = {
    "kd-optical": kd_optical,
    "kd-radar": kd_radar,
    "kd-fusion": kd_fusion,
    "early-stacking": early_stacking,
    "ogm-ge": ogm_ge,
    "gdl": gdl,
    "qmf": qmf,
    "supervised": supervised,
    "clear-sky": clear_sky,
}
"""By name; all but the last two see no label of the target."""


def _source(setting: Setting) -> Loss:
    return imitate(setting.source, setting.options.temperature)


def _task(setting: Setting, index: Index) -> Callable[[Tensor], Tensor]:
    teacher = torch.from_numpy(setting.source[index])
    return lambda logits: kd_loss(logits, teacher.to(logits.device), setting.options.temperature)


def _labels(setting: Setting) -> Tensor:
    return torch.from_numpy(np.asarray(setting.patches.labels))


def labelled_loss(labels: Tensor) -> Loss:
    """Cross-entropy with known classes.

    Args:
        labels: (n,) classes of all patches.

    Returns:
        The loss.
    """

    def loss(found: dict[str, Tensor], index: Index) -> Tensor:
        wanted = labels[torch.from_numpy(index)].to(found["logits"].device)
        return functional.cross_entropy(found["logits"], wanted, reduction="none")

    return loss
