"""Simulated clouds over clear labelled patches, of a cover drawn for each patch."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Final

import numpy as np
import numpy.typing as npt

from sunbreak.data.labelled.patches import LabelledEntry
from sunbreak.data.sample import FloatArray, Sample
from sunbreak.data.spec import Option, Spec
from sunbreak.legend import Quality
from sunbreak.simulate import CloudKind, CloudSpec, blend_clouds, lay_clouds

CLOUD_OPTIONS: Final[dict[str, Option]] = {
    "clouds": Option("none", "clouds over the patches", ("none", "simulated", "blended")),
    "cloud_seed": Option(0, "seed of the clouds and of their cover", low=0),
}
"""Options that every kind of clear labelled patches has."""
CLEAR_SHARE: Final = 0.08
"""Share of the patches without any cloud."""
FULL_SHARE: Final = 0.12
"""Share of the patches wholly under cloud."""
MOST_SKIES: Final = 4
"""Skies laid over each other at most, where the first leaves pixels of full cover open."""
_KINDS: Final[tuple[CloudKind, ...]] = ("thick", "thick", "mixed", "mixed", "overcast", "broken", "fog", "thin")
"""Sorts of sky, as often as they are drawn."""


def clouded(entries: Iterable[LabelledEntry], spec: Spec) -> tuple[LabelledEntry, ...]:
    """Put clear patches under the clouds that a SPEC asks for.

    Args:
        entries: Clear patches.
        spec: A SPEC whose form has `CLOUD_OPTIONS`.

    Returns:
        The same patches in the same order. Under clouds their samples hold the cloudy image with its `quality`, and the
        clear one as `clear` of the same date; with `clouds=none` they are as they came.
    """
    if spec["clouds"] == "none":
        return tuple(entries)
    return tuple(
        replace(entry, load=partial(_under_clouds, entry, str(spec["clouds"]), int(spec["cloud_seed"])))
        for entry in entries
    )


def cloud_cover(name: str, seed: int = 0) -> float:
    """Share of a patch under cloud.

    Args:
        name: Name of the patch.
        seed: Seed of the clouds.

    Returns:
        0..1: exactly 0 for `CLEAR_SHARE` of all names, exactly 1 for `FULL_SHARE`, else uniform.

    Example:
        >>> sum(cloud_cover(f"patch-{index}") == 1.0 for index in range(100))
        12
    """
    draw = _draw(name, seed, "cover")
    if draw < CLEAR_SHARE:
        return 0.0
    if draw >= 1.0 - FULL_SHARE:
        return 1.0
    return (draw - CLEAR_SHARE) / (1.0 - CLEAR_SHARE - FULL_SHARE)


def _draw(name: str, seed: int, what: str) -> float:
    return _hash(name, seed, what) / 2.0**32


def _hash(name: str, seed: int, what: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{what} {seed} {name}".encode()).digest()[:4], "big")


def _under_clouds(entry: LabelledEntry, generator: str, seed: int) -> Sample:
    sample = entry.load()
    clear = np.asarray(sample.cloudy if sample.clear is None else sample.clear, np.float32)
    if generator == "blended":
        cover, sky = cloud_cover(entry.name, seed), _hash(entry.name, seed, "sky")
        blended = blend_clouds(clear, bands=sample.bands, cover=cover, seed=sky)
        optical, quality = blended.optical, blended.quality
    else:
        optical, quality = _lay(clear, sample, entry.name, seed)
    return replace(sample, cloudy=optical, clear=clear, quality=quality, same_date=True)


def _lay(clear: FloatArray, sample: Sample, name: str, seed: int) -> tuple[FloatArray, npt.NDArray[np.uint8]]:
    """Lay one sky; of full cover, whose sky may leave a few pixels open, as many as it takes."""
    clouds = CloudSpec(
        cover=cloud_cover(name, seed),
        kind=_KINDS[int(_draw(name, seed, "kind") * len(_KINDS))],
        sun_azimuth=110.0 + 70.0 * _draw(name, seed, "azimuth"),
        sun_elevation=25.0 + 40.0 * _draw(name, seed, "elevation"),
    )
    optical, quality = clear, np.zeros(clear.shape[1:], np.uint8)
    for number in range(MOST_SKIES):
        sky = replace(clouds, seed=_hash(name, seed, f"sky {number}"))
        laid = lay_clouds(optical, bands=sample.bands, level=sample.level, clouds=sky)
        below = np.where(quality == Quality.SHADOW, np.uint8(Quality.CLEAR), quality)
        cloud = np.isin(laid.quality, (Quality.THIN_CLOUD, Quality.THICK_CLOUD))
        optical = laid.optical
        quality = np.where(cloud | (below <= Quality.CLEAR), np.maximum(laid.quality, below), below)
        if clouds.cover < 1.0 or not np.isin(quality, (Quality.CLEAR, Quality.SHADOW)).any():
            break
    return optical, quality
