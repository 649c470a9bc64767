"""Patches of simulated scene classes: any number of them, their labels and clouds known by construction."""

from __future__ import annotations

from functools import partial
from typing import Final

import numpy as np

from sunbreak.bands import L1C_BANDS
from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, clouded
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.sample import Sample
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.legend import Quality
from sunbreak.simulate.scene_classes import SCENE_CLASSES, SIZES, SceneClassSpec, draw_patch

MOST: Final = 1_000_000
"""Largest number of patches in a set; sets of other seeds, splits and domains use other places."""
DOMAINS: Final = ("source", "target")
SPLITS: Final = ("train", "test")

FORM: Final = SpecForm(
    options={
        "seed": Option(0, "seed of the places", low=0),
        "n": Option(200, "number of patches", low=1, high=MOST),
        "domain": Option("target", "part of the world and sensor", DOMAINS),
        "split": Option("train", "which places", SPLITS),
        "size": Option(64, "height and width in pixels", low=SIZES[0], high=SIZES[1]),
        **CLOUD_OPTIONS,
    },
)
"""Options of `simulated-classes:`."""


def open_simulated_classes(spec: Spec) -> PatchSet:
    """List simulated patches, the classes in turn; each is its own region.

    Args:
        spec: `simulated-classes:` with the options of `FORM`.

    Returns:
        The patches, not drawn yet.
    """
    first = ((spec["seed"] * len(DOMAINS) + DOMAINS.index(spec["domain"])) * len(SPLITS)) + SPLITS.index(spec["split"])
    entries = []
    for index in range(spec["n"]):
        name = f"{spec['domain']}-{spec['split']}-{spec['seed']}-{index:06d}"
        label = index % len(SCENE_CLASSES)
        # a place belongs to one domain and one split only
        seed = first * MOST + index
        drawn = SceneClassSpec(label, seed, spec["domain"], spec["size"])
        entries.append(LabelledEntry(name, str(seed), label, partial(_draw, name, drawn)))
    return PatchSet(
        spec=spec,
        split=spec["split"],
        classes=tuple(kind.name for kind in SCENE_CLASSES),
        bands=L1C_BANDS,
        level="L1C",
        size=spec["size"],
        has_radar=True,
        knows_cloud=True,
        entries=clouded(entries, spec),
    )


def _draw(name: str, spec: SceneClassSpec) -> Sample:
    patch = draw_patch(spec)
    return Sample(
        name=name,
        region=str(spec.seed),
        level=spec.level,
        bands=L1C_BANDS,
        cloudy=patch.optical,
        quality=np.full(patch.land_cover.shape, Quality.CLEAR, np.uint8),
        radar=patch.radar,
        clear=patch.optical,
        same_date=True,
    )
