"""Scenes from the package's own simulator: the truth is known, at any number and size."""

from __future__ import annotations

import hashlib
from functools import partial
from typing import Final

from sunbreak.data.sample import Detector, Entry, Sample, SampleSet
from sunbreak.data.spec import Option, Spec, SpecForm

FORM: Final = SpecForm(
    options={
        "seed": Option(0, "seed of the first scene; the others follow", low=0),
        "n": Option(16, "number of scenes", low=1, high=1_000_000),
        "size": Option(256, "height and width in pixels", low=64, high=10_980),
        "cover": Option(0.3, "share of the sky under cloud", low=0.0, high=1.0),
        "kind": Option("mixed", "sort of sky", ("mixed", "thin", "thick", "broken", "overcast", "fog")),
        "level": Option("L1C", "processing level", ("L1C", "L2A")),
    },
)
"""Options of `simulated:`."""
SPLIT: Final = "simulated"
"""Name of the split: nothing real is split here; the seed tells sets apart."""


def open_simulated(spec: Spec, detector: Detector | None = None) -> SampleSet:
    """List simulated scenes; each is its own region.

    Args:
        spec: `simulated:` with the options of `FORM`.
        detector: Not needed: the simulated quality is known.

    Returns:
        The scenes, not simulated yet.
    """
    entries = []
    for index in range(spec["n"]):
        name = f"scene-{spec['seed'] + index}"
        entries.append(Entry(name, name, partial(_simulate, name, spec["seed"] + index, spec)))
    return SampleSet(spec, SPLIT, tuple(entries))


def sky_seed(seed: int, name: str, draw: int) -> int:
    """Seed of one sky, the same on every machine and independent of what else is drawn.

    Args:
        seed: Seed of the set.
        name: Name of the image.
        draw: Number of the draw.

    Returns:
        A seed of 32 bits.

    Example:
        >>> sky_seed(0, "a", 0) != sky_seed(0, "a", 1)
        True
    """
    return int.from_bytes(hashlib.sha256(f"{seed} {name} {draw}".encode()).digest()[:4], "big")


def _simulate(name: str, seed: int, spec: Spec) -> Sample:
    from sunbreak.simulate import CloudSpec, SceneSpec, simulate

    clouds = CloudSpec(seed=sky_seed(seed, name, 0), cover=spec["cover"], kind=spec["kind"])
    scene = SceneSpec(size=spec["size"], seed=seed, level=spec["level"], clouds=clouds)
    window = simulate(scene)
    return Sample(
        name=name,
        region=name,
        level=scene.level,
        bands=scene.bands,
        cloudy=window.optical,
        quality=window.quality,
        radar=window.radar,
        clear=window.truth,
        land_cover=window.land_cover,
        same_date=True,
    )
