"""Sunbreak: from a cloudy Sentinel-2 scene to analysis-ready data, with the help of Sentinel-1.

    scene = sunbreak.read("s2.tif", radar="s1.tif")
    product = sunbreak.restore(scene)
    sunbreak.write(product, "out/")

The names below stand in the order of the data flow. They are imported when first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from sunbreak._version import __version__

if TYPE_CHECKING:
    from sunbreak.errors import SunbreakError, SunbreakWarning
    from sunbreak.evaluation import evaluate
    from sunbreak.legend import Quality, Source
    from sunbreak.pipeline import process
    from sunbreak.scene import make_scene
    from sunbreak.steps.classify import classify
    from sunbreak.steps.composite import composite
    from sunbreak.steps.mask import mask
    from sunbreak.steps.read import read
    from sunbreak.steps.read_date import read_date
    from sunbreak.steps.read_reference import read_reference
    from sunbreak.steps.reference import with_references
    from sunbreak.steps.restore import restore
    from sunbreak.steps.show import show
    from sunbreak.steps.write import write

_HOMES = {
    "read": "steps.read",
    "make_scene": "scene",
    "mask": "steps.mask",
    "read_reference": "steps.read_reference",
    "with_references": "steps.reference",
    "restore": "steps.restore",
    "classify": "steps.classify",
    "read_date": "steps.read_date",
    "composite": "steps.composite",
    "show": "steps.show",
    "write": "steps.write",
    "process": "pipeline",
    "evaluate": "evaluation",
    "Quality": "legend",
    "Source": "legend",
    "SunbreakError": "errors",
    "SunbreakWarning": "errors",
}

__all__ = [
    "Quality",
    "Source",
    "SunbreakError",
    "SunbreakWarning",
    "__version__",
    "classify",
    "composite",
    "evaluate",
    "make_scene",
    "mask",
    "process",
    "read",
    "read_date",
    "read_reference",
    "restore",
    "show",
    "with_references",
    "write",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'sunbreak' has no attribute {name!r}")
    return getattr(importlib.import_module(f"sunbreak.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
