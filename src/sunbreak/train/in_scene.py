"""Adapt weights within one scene: its own clear ground under simulated clouds, for a number of seconds."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import xarray as xr

from sunbreak.bands import RADAR_BANDS
from sunbreak.data.sample import Sample
from sunbreak.errors import SunbreakWarning
from sunbreak.legend import Quality
from sunbreak.scene import window as load
from sunbreak.tiles import Window
from sunbreak.train.adapt_options import AdaptOptions
from sunbreak.train.adaptation import Adaptation
from sunbreak.train.adapted_card import adapted_card
from sunbreak.train.budget import Budget
from sunbreak.train.check import check
from sunbreak.train.export import export
from sunbreak.train.legs import Limits, fit_phase
from sunbreak.train.plan import given_network, plan_of
from sunbreak.train.start import read_start
from sunbreak.train.windows import FEWEST, StoredWindow, list_windows, own_windows, store_window

MOST: Final = 24
"""Windows that are drawn from, whatever the size of the scene: about 220 MB on the disk with 13 bands."""
ENOUGH: Final = 4
"""Windows of the larger side that make it worth while: the scene prior is the better for it."""
SIDES: Final = (512, 256)
"""Sides of the windows in pixels; not below that of a patch, because networks pool over the whole patch."""
FEWEST_PIXELS: Final = 20_000
"""Clear pixels, in windows with clear ground, below which nothing is to be learnt."""
HELD: Final = 4
"""One of so many windows is held for the check."""
OPTIONS: Final = AdaptOptions(skies=8)
"""Settings of every adaptation within a scene."""


@dataclass(frozen=True)
class AdaptedToScene:
    """Weights adapted to a scene."""

    onnx: Path | None
    """The model file, with its card beside it; None where the given weights are the better ones."""
    gain: float
    """Change of the PSNR in dB over cloud pixels, on ground of the scene that was not learnt from."""
    steps: int
    """Steps made."""
    windows: int
    """Windows of the scene that were learnt from."""
    sha256: str
    """Of the weights that were adapted."""


def adapt_to_scene(
    scene: xr.Dataset, model: str | Path, folder: Path, seconds: float, *, progress: bool = False
) -> AdaptedToScene | None:
    """Adapt weights to a scene.

    Args:
        scene: A scene with quality, of any size.
        model: Name of a model, folder of a run, or path of an .onnx file with its .safetensors and card.
        folder: Empty; for what is needed on the way, and the result.
        seconds: Time to adapt in.
        progress: Show a progress bar on a terminal.

    Returns:
        The adapted weights; None, with a warning, where the scene does not show enough clear ground. Where it did not
        help there is a warning, too.

    Raises:
        OptionError: The model is unknown or has no weights to adapt.
    """
    start = read_start(model)
    network = given_network(start)
    stored = list(_stored(scene, folder))
    clear, name = sum(window.clear for window in stored), scene.attrs.get("optical_path", "scene")
    if clear < FEWEST_PIXELS or len(stored) < 2:
        _warn(
            f"{name}: {clear} clear pixels in {len(stored)} windows of {SIDES[-1]} pixels a side; adapting needs "
            f"{FEWEST_PIXELS} in two of them; restored with the weights as they are"
        )
        return None
    held = stored[1::HELD]
    learnt = [window for window in stored if window not in held]
    lists = [list_windows(part, folder / f"{title}.json") for title, part in (("learnt", learnt), ("held", held))]
    own_windows.cache_clear()
    smallest = min(min(window.shape) for window in stored)
    # a process of its own for the samples would be forked off one that runs a model
    plan, other = (replace(plan_of(listed, smallest, network, OPTIONS), in_process=True) for listed in lists)
    budget = Budget(seconds, progress=progress)
    given = copy.deepcopy(network)
    module = Adaptation(network, plan.options, OPTIONS.parts, budget=budget)
    steps, _ = fit_phase(module, plan, folder / "adaptation", Limits(budget=budget))
    checked = check(given, network, other, OPTIONS.skies)
    gain = round(checked.after - checked.before, 3) if checked.skies else 0.0
    if not checked.helped:
        _warn(f"{name}: adapting for {seconds:g} s did not help ({gain:+.2f} dB on held ground); restored without")
        return AdaptedToScene(None, gain, steps, len(learnt), start.sha256)
    settings = {"adapted_from": start.told, "seconds": seconds, "options": asdict(OPTIONS), "regions": ()}
    facts = {"to": "one scene", "steps": steps, "windows": len(learnt), "helped": True, **checked.told}
    card = adapted_card(start, settings, facts, sigma_scale=None, open_licence=False)
    return AdaptedToScene(export(network, folder, card), gain, steps, len(learnt), start.sha256)


def _warn(message: str) -> None:
    warnings.warn(message, SunbreakWarning, stacklevel=3)


def _stored(scene: xr.Dataset, folder: Path) -> Iterator[StoredWindow]:
    """The windows with the most clear ground."""
    shape = (scene.sizes["y"], scene.sizes["x"])
    side = next((side for side in SIDES if len(list(_windows(shape, side))) >= ENOUGH), SIDES[-1])
    shares = []
    for window in _windows(shape, side):
        quality = load(scene, "quality", window.rows, window.cols)
        shares.append((float((quality == Quality.CLEAR).mean()), window))
    best = sorted((pair for pair in shares if pair[0] >= FEWEST), key=lambda pair: -pair[0])[:MOST]
    for number, (_, window) in enumerate(best):
        # its quality is grown already
        found = store_window(_sample(scene, window), folder / f"{number}.npz", buffer=0)
        if found is not None:
            yield found


def _windows(shape: tuple[int, int], side: int) -> Iterator[Window]:
    """Windows side by side, spread over the scene; they never overlap, so that some can check what others teach."""
    rows, cols = (length // side for length in shape)
    for top in np.linspace(0, shape[0] - side, rows).astype(int) if rows > 1 else [0] * rows:
        for left in np.linspace(0, shape[1] - side, cols).astype(int) if cols > 1 else [0] * cols:
            yield Window(int(top), int(left), side, side)


def _sample(scene: xr.Dataset, window: Window) -> Sample:
    rows, cols = window.rows, window.cols
    radar = None
    if "radar" in scene:
        radar = np.full((len(RADAR_BANDS), window.height, window.width), np.nan, np.float32)
        found = load(scene, "radar", rows, cols)
        for name, plane in zip(scene["pol"].values, found, strict=True):
            radar[RADAR_BANDS.index(str(name))] = plane
    return Sample(
        name=f"{window.top}-{window.left}",
        region="",
        level=scene.attrs["level"],
        bands=tuple(str(name) for name in scene["band"].values),
        cloudy=np.asarray(load(scene, "optical", rows, cols), np.float32),
        quality=np.asarray(load(scene, "quality", rows, cols), np.uint8),
        radar=radar,
    )
