"""The folder of a run: what it was started with, so that nobody goes on with something else by mistake."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from sunbreak._version import __version__
from sunbreak.errors import OptionError

SETTINGS: Final = "run.json"
"""What a run was started with; going on with other settings is refused."""


def begin(folder: Path, settings: Mapping[str, Any]) -> None:
    """Begin a run, or find it begun with the same settings.

    Args:
        folder: Of the run; made if it does not exist.
        settings: What the run is made of, without versions: going on under another version is fine.

    Raises:
        OptionError: The folder holds a run with other settings, or something else, or is a file.
    """
    blocking = next((path for path in (folder, *folder.parents) if path.exists() and not path.is_dir()), None)
    if blocking:
        raise OptionError(f"{blocking}: is a file; name a folder with -o")
    path = folder / SETTINGS
    wanted = json.loads(json.dumps(settings))
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        for name in versions():
            found.pop(name, None)
        if found != wanted:
            differ = [key for key in wanted if found.get(key) != wanted[key]]
            raise OptionError(f"{folder}: holds a training with other {', '.join(differ)} ({path}); take another -o")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise OptionError(f"{folder}: is not empty and holds no training; take another -o")
    folder.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".partial")
    beside.write_text(json.dumps({**versions(), **wanted}, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)


def versions() -> dict[str, str]:
    """What a training ran with.

    Returns:
        Versions by name: sunbreak, python, torch, lightning, numpy.
    """
    return {"sunbreak": __version__, "python": platform.python_version()} | {
        name: version(name) for name in ("torch", "lightning", "numpy")
    }
