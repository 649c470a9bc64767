"""What the networks do with their inputs first, so that a model file takes reflectance and decibels as they are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from sunbreak.bands import ClipPreset
from sunbreak.legend import Quality

Tensors = Mapping[str, Tensor]


def optical(inputs: Tensors, name: str = "optical") -> Tensor:
    """Reflectance, about 0 on average over land and clouds; 0 for absent bands.

    Args:
        inputs: With `present` (n, band, 1, 1).
        name: Of (n, band, y, x), reflectance.

    Returns:
        (n, band, y, x).
    """
    return (inputs[name].clamp(0.0, 2.0) - 0.2) * 4.0 * inputs["present"]


def radar(inputs: Tensors) -> Tensor:
    """Backscatter of both polarisations, 0 where invalid, and the validity.

    Args:
        inputs: With `radar` (n, 2, y, x), dB, and `radar_valid` (n, 1, y, x), 0 or 1.

    Returns:
        (n, 3, y, x).
    """
    valid = inputs["radar_valid"]
    return torch.cat([(inputs["radar"] + 15.0) * 0.125 * valid, valid], dim=1)


def sigma(inputs: Tensors) -> Tensor:
    """The prior's error on a logarithmic scale.

    Args:
        inputs: With `prior_sigma` (n, band, y, x), reflectance, at least 0.

    Returns:
        (n, band, y, x), about -3 to 1; 0 for absent bands.
    """
    return (torch.log(inputs["prior_sigma"] + 0.001) + 4.0) * 0.5 * inputs["present"]


def kriging(inputs: Tensors) -> Tensor:
    """What the regression gets wrong at clear pixels, the regression, and its correction by kriging.

    Args:
        inputs: With `optical`, `regression` and `kriging` (n, band, y, x), reflectance; `quality` (n, 5, y, x), a plane
            for each class of `legend.Quality`; `present` (n, band, 1, 1).

    Returns:
        (n, 3 * band, y, x); 0 for absent bands.
    """
    clear = inputs["quality"][:, Quality.CLEAR : Quality.CLEAR + 1]
    errors = ((inputs["optical"] - inputs["regression"]) * clear, inputs["kriging"])
    wrong, correction = (error.clamp(-0.3, 0.3) * 10.0 * inputs["present"] for error in errors)
    return torch.cat([wrong, optical(inputs, "regression"), correction], dim=1)


def product(inputs: Tensors) -> Tensor:
    """What is the same for all pixels: which bands are present, and the processing level.

    Args:
        inputs: With `present` (n, band, 1, 1) and `level` (n, 2, 1, 1), 0 or 1.

    Returns:
        (n, band + 2, 1, 1).
    """
    return torch.cat([inputs["present"], inputs["level"]], dim=1)


def clip_optical(inputs: Tensors, preset: ClipPreset, name: str = "optical") -> Tensor:
    """Reflectance as a published method takes it.

    Args:
        inputs: By name.
        preset: One of `bands.CLIP_PRESETS`.
        name: Of (n, band, y, x), reflectance.

    Returns:
        (n, band, y, x), within the preset's `optical_range`; its lower end where the reflectance is 0, as in absent
        bands.

    Example:
        >>> from sunbreak.bands import CLIP_PRESETS
        >>> clip_optical({"optical": torch.tensor([-0.1, 0.2, 1.4])}, CLIP_PRESETS["dsen2-cr"]).tolist()
        [0.0, 1.0, 5.0]
    """
    (low, high), (bottom, top) = preset.reflectance, preset.optical_range
    return (inputs[name].clamp(low, high) - low) * ((top - bottom) / (high - low)) + bottom


def clip_radar(inputs: Tensors, preset: ClipPreset) -> Tensor:
    """Backscatter as a published method takes it.

    Args:
        inputs: With `radar` (n, 2, y, x), dB, and `radar_valid` (n, 1, y, x), 0 or 1.
        preset: One of `bands.CLIP_PRESETS`.

    Returns:
        (n, 2, y, x), within the preset's `radar_range`; its lower end where invalid.
    """
    bottom, top = preset.radar_range
    planes = []
    for index, (low, high) in enumerate(preset.radar_db):
        above = inputs["radar"][:, index : index + 1].clamp(low, high) - low
        planes.append(above * inputs["radar_valid"] * ((top - bottom) / (high - low)) + bottom)
    return torch.cat(planes, dim=1)


def to_reflectance(values: Tensor, preset: ClipPreset) -> Tensor:
    """The inverse of `clip_optical`, continued beyond its range.

    Args:
        values: Any shape, in the preset's `optical_range`.
        preset: One of `bands.CLIP_PRESETS`.

    Returns:
        Same shape, reflectance.
    """
    (low, high), (bottom, top) = preset.reflectance, preset.optical_range
    return (values - bottom) * ((high - low) / (top - bottom)) + low
