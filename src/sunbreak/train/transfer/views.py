"""What a network sees of the patches: batches, turned and mirrored, under further clouds, or without one sensor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sunbreak.bands import Level
from sunbreak.data.series import cloud_share
from sunbreak.legend import Quality
from sunbreak.simulate import CloudKind, CloudSpec, lay_clouds
from sunbreak.train.transfer.patch_arrays import PatchArrays

Batch = dict[str, Tensor]
View = Callable[[Batch, np.random.Generator], Batch]
"""Changes a batch: what a student sees beside what its teachers saw."""
DARK, BRIGHT = 0.05, 0.35
"""Reflectance of the two surfaces that clouds are laid on to tell what they let through from what they add."""
SKY: Final = 512
"""Side in pixels of the simulated skies that clouds are cut from."""
KINDS: Final[tuple[CloudKind, ...]] = ("mixed", "thick", "broken", "overcast")
SPARED: Final = 0.25
"""Share of patches that get no further clouds."""
COVERS: Final = (0.15, 0.35, 0.5, 0.65, 0.85, 1.0)
"""Cover of the simulated skies, in turn."""


def batch_of(patches: PatchArrays, index: npt.NDArray[np.int64]) -> Batch:
    """Take patches out of the arrays.

    Args:
        patches: The arrays.
        index: (b,) which ones.

    Returns:
        Inputs of `networks.scene_classifier`: `optical`, `clear` and, where there is radar, `radar` and `radar_valid`.
    """
    taken: dict[str, npt.NDArray[Any]] = {"optical": patches.optical, "clear": patches.clear}
    if patches.radar is not None and patches.radar_valid is not None:
        taken |= {"radar": patches.radar, "radar_valid": patches.radar_valid}
    return {name: torch.from_numpy(np.asarray(array[index], np.float32)) for name, array in taken.items()}


def under_open_sky(patches: PatchArrays) -> PatchArrays:
    """The same patches without their clouds, for ceilings.

    Args:
        patches: Arrays with `truth`.

    Returns:
        Arrays whose optical is the truth, clear wherever there is data.
    """
    if patches.truth is None:
        return patches
    return replace(patches, optical=patches.truth, clear=np.ones_like(patches.clear))


def as_restored(patches: PatchArrays) -> PatchArrays:
    """The same patches as Sunbreak restores them.

    Args:
        patches: Arrays, with `restored` or without.

    Returns:
        Arrays whose optical is the restored one, where there is one.
    """
    return patches if patches.restored is None else replace(patches, optical=patches.restored)


def turned(batch: Batch, draw: np.random.Generator) -> Batch:
    """Turn and mirror all patches of a batch alike; teachers' answers stay valid.

    Args:
        batch: The batch.
        draw: Where the turn comes from.

    Returns:
        The same patches, one of eight ways round.
    """
    quarters, mirrored = int(draw.integers(4)), bool(draw.integers(2))
    found = {}
    for name, array in batch.items():
        once = torch.rot90(array, quarters, (2, 3))
        found[name] = torch.flip(once, (3,)) if mirrored else once
    return found


def other_sensor(strength: float) -> View:
    """Vary gain and offset of every band, patch by patch, as another sensor and another air would.

    Args:
        strength: Standard deviation of the gain; a twentieth of it that of the offset, in reflectance.

    Returns:
        The view.
    """

    def view(batch: Batch, draw: np.random.Generator) -> Batch:
        shape = (*batch["optical"].shape[:2], 1, 1)
        gain = torch.from_numpy(np.exp(strength * draw.standard_normal(shape)).astype(np.float32))
        offset = torch.from_numpy((0.05 * strength * draw.standard_normal(shape)).astype(np.float32))
        return {**batch, "optical": batch["optical"] * gain + offset}

    return view


def one_missing(optical: float, radar: float) -> View:
    """Hide one sensor of some patches: all of the optical image counts as cloud, all of the radar as invalid.

    Args:
        optical: Share of the patches that lose their optical image, 0..1.
        radar: Share of the patches that lose their radar, at most 1 - `optical`.

    Returns:
        The view.
    """

    def view(batch: Batch, draw: np.random.Generator) -> Batch:
        luck = torch.from_numpy(draw.random((len(batch["optical"]), 1, 1, 1)))
        blind, deaf = luck < optical, luck > 1 - radar
        mean = batch["optical"].mean((0, 2, 3), keepdim=True)
        return {
            **batch,
            "optical": torch.where(blind, mean, batch["optical"]),
            "clear": batch["clear"] * (~blind),
            "radar_valid": batch["radar_valid"] * (~deaf),
        }

    return view


def other_speckle(strength: float) -> View:
    """Vary the backscatter, pixel by pixel and half as much patch by patch, so that no patch is known by its speckle.

    Args:
        strength: Standard deviation in dB.

    Returns:
        The view.
    """

    def view(batch: Batch, draw: np.random.Generator) -> Batch:
        shape = tuple(batch["radar"].shape)
        noise = draw.standard_normal(shape, np.float32)
        noise += np.float32(0.5) * draw.standard_normal((*shape[:2], 1, 1), np.float32)
        return {**batch, "radar": batch["radar"] + torch.from_numpy(np.float32(strength) * noise)}

    return view


@dataclass(frozen=True)
class CloudBank:
    """Windows of simulated skies, by rising cover; what lies under one is seen as `through` x reflectance + `added`."""

    through: Tensor
    """(m, band, y, x)."""
    added: Tensor
    """(m, band, y, x), reflectance."""
    clear: Tensor
    """(m, 1, y, x), 1 where there is neither cloud nor shadow."""
    cover: npt.NDArray[np.float64]
    """(m,) share of cloud, rising."""

    def __call__(self, batch: Batch, draw: np.random.Generator) -> Batch:
        """Lay a window on every patch but some; any cover from none to all is as likely.

        Args:
            batch: The batch.
            draw: Where the windows come from.

        Returns:
            The batch under clouds.
        """
        # not always the first of the windows that have one cover, such as the many without any cloud
        wanted = draw.random(len(batch["optical"]))
        low, high = np.searchsorted(self.cover, wanted - 0.02), np.searchsorted(self.cover, wanted + 0.02, "right")
        low = np.minimum(low, len(self.cover) - 1)
        chosen = torch.from_numpy(draw.integers(low, np.maximum(high, low + 1)))
        window = turned({"t": self.through[chosen], "a": self.added[chosen], "c": self.clear[chosen]}, draw)
        spared = torch.from_numpy(draw.random((len(wanted), 1, 1, 1)) < SPARED)
        clouded = {
            "optical": batch["optical"] * window["t"] + window["a"],
            "clear": batch["clear"] * window["c"],
        }
        return {**batch, **{name: torch.where(spared, batch[name], seen) for name, seen in clouded.items()}}


@lru_cache(2)
def cloud_bank(bands: tuple[str, ...], level: Level, size: int, *, skies: int = 24, seed: int = 0) -> CloudBank:
    """Simulate skies with `sunbreak.simulate` and cut them into windows.

    Args:
        bands: Optical bands.
        level: Processing level of the patches.
        size: Height and width of a patch.
        skies: Number of skies of 512 x 512 pixels.
        seed: Seed of the first; the others follow.

    Returns:
        The windows; the last ones made are kept.
    """
    side = max(SKY // size, 1) * size
    surfaces = [np.full((len(bands), side, side), value, np.float32) for value in (DARK, BRIGHT)]
    parts: dict[str, list[npt.NDArray[np.generic]]] = {"through": [], "added": [], "clear": []}
    for number in range(skies):
        spec = CloudSpec(
            seed=seed + number,
            cover=COVERS[number % len(COVERS)],
            kind=KINDS[number // len(COVERS) % len(KINDS)],
            sun_elevation=35.0 + 30.0 * (number % 5) / 4,
            sun_azimuth=360.0 * number / skies,
        )
        dark, bright = (lay_clouds(surface, bands=bands, level=level, clouds=spec) for surface in surfaces)
        through = (bright.optical - dark.optical) / (BRIGHT - DARK)
        parts["through"].append(_windows(through, size))
        parts["added"].append(_windows(dark.optical - DARK * through, size))
        parts["clear"].append(_windows((dark.quality == Quality.CLEAR)[np.newaxis], size))
        parts.setdefault("quality", []).append(_windows(dark.quality[np.newaxis], size))
    held = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    cover = np.array([cloud_share(window) for window in held["quality"]])
    order = np.argsort(cover, kind="stable")
    tensors = {name: torch.from_numpy(held[name][order].astype(np.float32)) for name in ("through", "added", "clear")}
    return CloudBank(**tensors, cover=cover[order])


def _windows(array: npt.NDArray[np.generic], size: int) -> npt.NDArray[np.generic]:
    """Cut (band, y, x) into (window, band, size, size)."""
    bands, rows, cols = len(array), array.shape[1] // size, array.shape[2] // size
    cut = array.reshape(bands, rows, size, cols, size).transpose(1, 3, 0, 2, 4)
    return cut.reshape(rows * cols, bands, size, size)
