"""Simulated scenes and patches: landscapes, radar, clouds and shadows; NumPy only, seeded, block by block."""

from typing import TYPE_CHECKING, Any

from sunbreak.simulate.blended import BlendedWindow, blend_clouds
from sunbreak.simulate.lay import CloudyWindow, lay_clouds
from sunbreak.simulate.scene import SimulatedWindow, simulate
from sunbreak.simulate.scene_classes import SCENE_CLASSES, ClearPatch, SceneClassSpec, draw_patch
from sunbreak.simulate.spec import CloudKind, CloudSpec, SceneSpec

if TYPE_CHECKING:
    from sunbreak.simulate.write import write_scene

__all__ = [
    "SCENE_CLASSES",
    "BlendedWindow",
    "ClearPatch",
    "CloudKind",
    "CloudSpec",
    "CloudyWindow",
    "SceneClassSpec",
    "SceneSpec",
    "SimulatedWindow",
    "blend_clouds",
    "draw_patch",
    "lay_clouds",
    "simulate",
    "write_scene",
]


def __getattr__(name: str) -> Any:
    # training simulates in many processes, none of which needs GDAL
    if name == "write_scene":
        from sunbreak.simulate.write import write_scene

        return write_scene
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
