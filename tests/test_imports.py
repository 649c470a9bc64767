"""Imports go one way, and the default install needs no torch: both are read off the source."""

import ast
from pathlib import Path

import pytest

import sunbreak

ROOT = Path(sunbreak.__file__).parent
LAYERS = [
    {"errors", "_version", "clock", "heap", "cache", "processor", "replacing"},
    {"bands", "legend", "combinations", "morphology", "tiles", "composing"},
    {"scene", "work", "terminal"},
    {"rasters", "metrics", "simulate"},
    {
        "radiometry",
        "engine",
        "runtimes",
        "torch_runtime",
        "weights",
        "registry",
        "models",
        "cloud_rule",
        "cloud_network",
        "stac",
    }
    | {"networks", "classifiers", "sidecar", "model_item"},
    {"grd"},
    {"inputs"},
    {"prior", "preview", "data", "baselines"},
    {"steps"},
    {"pipeline", "view"},
    {"evaluation", "train", "scale"},
    {"benchmark", "report"},
    {"cli", "__init__"},
]
"""From the ground up: a module imports from its own layer or from those before it."""
SIDEWAYS = {("rasters", "radiometry"), ("simulate", "radiometry")}
"""Crops and options know the grid and the tags they are written with, nothing else of radiometry."""

TORCH = {"networks", "train"}
"""Rooms that need PyTorch; nothing else imports them before it is asked for them."""
LATE = {"runtimes", "torch_runtime"}
"""Rooms that import PyTorch when they are asked to run something with it."""


def layer_of(room):
    return next(index for index, rooms in enumerate(LAYERS) if room in rooms)


def imports(path):
    """(module, at run time of the importing module?) for every import of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside = {
        node for function in ast.walk(tree) if isinstance(function, ast.FunctionDef) for node in ast.walk(function)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node not in inside
        elif isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "sunbreak":
                for alias in node.names:
                    yield f"sunbreak.{alias.name}", node not in inside
            else:
                yield node.module, node not in inside


FILES = sorted(ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_module_imports_from_below_only(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for module, _ in imports(path):
        parts = module.split(".")
        if parts[0] != "sunbreak" or len(parts) < 2:
            continue
        assert layer_of(parts[1]) <= layer_of(room) or (room, parts[1]) in SIDEWAYS, f"{room} imports {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_torch_stays_in_its_rooms_and_comes_late_to_the_runtime(path):
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    for module, at_import in imports(path):
        if module.split(".")[0] in {"torch", "torchvision", "lightning", "safetensors"}:
            assert room in TORCH or (room in LATE and not at_import), f"{room} imports {module}"


def test_every_room_has_its_layer():
    rooms = {path.name.removesuffix(".py") for path in ROOT.iterdir() if path.suffix == ".py" or path.is_dir()}
    assert rooms - {"__pycache__", "py.typed"} == set().union(*LAYERS)


def test_the_public_names_exist():
    for name in sunbreak.__all__:
        assert getattr(sunbreak, name) is not None
    with pytest.raises(AttributeError):
        sunbreak.magic  # noqa: B018
