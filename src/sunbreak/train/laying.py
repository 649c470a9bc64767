"""Lay the sky on the crops of a batch, on the device that trains: the simulator's code for light, all bands at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from sunbreak.bands import L1C_BANDS
from sunbreak.simulate.cloud_optics import Absorption, absorption
from sunbreak.simulate.lay import FILL
from sunbreak.simulate.light import BandOptics, LayerInSight, LayerOptics, Shade, sample_of, seen_through
from sunbreak.simulate.overlay import HALO
from sunbreak.train.skies import LAYERS, OPTICS, REACH

PREFIX: Final = "sky_"
"""Of the names of arrays that are used up here."""


def _groups() -> dict[tuple[int, bool], list[int]]:
    found: dict[tuple[int, bool], list[int]] = {}
    for index, band in enumerate(L1C_BANDS):
        found.setdefault((sample_of(band), absorption(band, "water") is None), []).append(index)
    return found


GROUPS: Final = _groups()
"""Places of the bands that are worked on at once: by the side of their samples, and whether cloud is white in them."""


def laid(batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Lay the sky on the crops of a batch.

    Args:
        batch: Crops of `skies.crop_under_sky`, their number first; others are handed back as they are.

    Returns:
        The batch without the parts of the sky, and with `optical` (n, 13, y, x) reflectance, 0 where there is no data;
        what clouds do not touch keeps its bits.
    """
    rest = {name: tensor for name, tensor in batch.items() if not name.startswith(PREFIX)}
    if "sky_image" not in batch:
        return rest
    image, light = batch["sky_image"], batch["sky_light"]
    clear = image.nan_to_num(FILL)
    lost, most = light[:, :1], light[:, 1:]
    shade = Shade(lost, lost > 0.0, most > 0.0)
    optical = torch.empty_like(clear)
    for (factor, is_white), bands in GROUPS.items():
        optics = _optics(batch, bands, is_white)
        layers = [_in_sight(batch, number, bands, optics.layers[number]) for number in range(LAYERS)]
        optical[:, bands] = seen_through(clear[:, bands], shade, layers, optics, (factor, 1))
    side = rest["truth"].shape[-1]
    inner = (..., slice(HALO, HALO + side), slice(HALO, HALO + side))
    found = torch.where(image[inner].isnan(), 0.0, optical[inner])
    return rest | {"optical": _turned(found, batch["sky_turn"])}


def _optics(batch: Mapping[str, Tensor], bands: list[int], is_white: bool) -> BandOptics:
    told = batch["sky_optics"][:, :, bands, None, None]
    layers = []
    for number in range(LAYERS):
        first = 2 + number * len(OPTICS)
        own = {name: told[:, first + place] for place, name in enumerate(OPTICS)}
        absorbed = None if is_white else Absorption(*(own[name] for name in Absorption._fields))
        moves = batch["sky_moves"][:, number]
        layers.append(LayerOptics(moves[:, bands], moves[:, -1:], own["scale"], own["bright"], own["relief"], absorbed))
    return BandOptics(told[:, 0], told[:, 1], tuple(layers))


def _in_sight(batch: Mapping[str, Tensor], number: int, bands: list[int], optics: LayerOptics) -> LayerInSight:
    """A layer as the bands see it, each displaced by its own shift."""
    depths, (height, width) = batch["sky_depths"][:, number], batch["sky_image"].shape[-2:]
    crops = torch.arange(len(depths), device=depths.device)[:, None, None, None]

    def moved(by: Tensor) -> Tensor:
        rows = torch.arange(REACH, REACH + height, device=depths.device) - by[..., :1]
        cols = torch.arange(REACH, REACH + width, device=depths.device) - by[..., 1:]
        return depths[crops, rows[..., None], cols[:, :, None]]

    return LayerInSight(moved(optics.shift), moved(optics.shift - optics.ahead), optics)


def _turned(images: Tensor, turn: Tensor) -> Tensor:
    """Each image turned as the rest of its crop was; without asking the device for numbers."""
    turns, is_mirrored = turn[:, :1, None, None], turn[:, 1:, None, None]
    images = torch.where(turns % 2 == 1, images.rot90(1, (-2, -1)), images)
    images = torch.where(turns >= 2, images.rot90(2, (-2, -1)), images)
    return torch.where(is_mirrored == 1, images.flip(-1), images)
