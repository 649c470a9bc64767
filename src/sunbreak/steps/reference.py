"""References: clear looks of other dates, harmonised with the scene and blended into the one that the prior takes."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import xarray as xr

from sunbreak.errors import GeometryError, OptionError, RadiometryError, SunbreakWarning
from sunbreak.legend import Quality
from sunbreak.metrics.matching import GAIN_RANGE, MIN_MATCHED_PIXELS
from sunbreak.prior.estimators import is_wanted
from sunbreak.radiometry.metadata import days_between
from sunbreak.rasters.lazy import WindowedArray, lazy
from sunbreak.rasters.pixelmap import PixelMap
from sunbreak.scene import window as load
from sunbreak.steps.align import grid_of_geobox
from sunbreak.steps.mask import MaskOptions, mask
from sunbreak.tiles import Window, blocks
from sunbreak.work import Bar, side_by_side

FADING_DAYS: Final = 8.0
"""Days after which a reference weighs less by a factor e beside a nearer one (measured: docs/reference-dates.md)."""

LEAST: Final = 1e-30
"""Smallest weight of a reference beside the nearest: where it alone is clear it must still count in float32."""


def with_references(
    scene: xr.Dataset,
    references: Sequence[xr.Dataset],
    *,
    options: MaskOptions | None = None,
    folder: Path | None = None,
    progress: bool = False,
) -> xr.Dataset:
    """Add the clear looks of other dates to a scene, for `restore` to go by.

    Each reference is brought to the scene by mean and standard deviation of every band over the pixels clear in both,
    with a gain of 0.7 to 1.4; where several are clear, they are averaged, those near in time most.

    Args:
        scene: A scene; without `quality` Sunbreak's own mask is run first.
        references: Scenes of other dates, of the same level and on the same grid (see `read_reference`), with all bands
            of the scene. Without `quality` they are masked by Sunbreak, grown as far as the scene; with it they are
            taken as they are. Times count where all have `datetime`; else the first given is held to be the nearest.
        options: What finds clouds where quality is missing; its file of classes is that of the scene and not used.
        folder: Keep the classes of the references in unnamed files there instead of in memory.
        progress: Show progress bars on a terminal.

    Returns:
        The scene with `look` (band, y, x), float32, reflectance, NaN = no clear look; and, where references come with
        `radar` and the scene has it, `look_radar` (pol, y, x), dB, of the dates of the look: it tells what has changed
        since. Both are computed when asked for. A scene without cloud is returned without them.

    Raises:
        GeometryError: A reference lies on another grid; read it with `read_reference`.
        RadiometryError: A reference is of another level, or lacks a band or polarisation of the scene.
        OptionError: A reference is the scene itself.

    Warns:
        SunbreakWarning: Too few pixels are clear in both for a reference to be harmonised, or it shows nothing clear.

    Source:
        Relative radiometric normalisation by mean and standard deviation: Yuan and Elvidge (1996), ISPRS Journal 51.

    Example:
        >>> from sunbreak.scene import make_scene
        >>> field = np.linspace(0.1, 0.3, 6400, dtype=np.float32).reshape(1, 80, 80)
        >>> quality = np.ones((80, 80), np.uint8)
        >>> earlier = make_scene(field, bands=["B08"], level="L2A", quality=quality)
        >>> quality = np.where(np.arange(80) < 20, np.uint8(3), quality)
        >>> scene = make_scene(1.2 * field, bands=["B08"], level="L2A", quality=quality)
        >>> look = with_references(scene, [earlier]).look
        >>> bool(np.allclose(look, 1.2 * field, atol=1e-4))
        True
    """
    if not references:
        return scene
    options = options or MaskOptions()
    if "quality" not in scene:
        scene = mask(scene, options=options, folder=folder, progress=progress)
    described = scene.assign_attrs(reference_attrs(references))
    checked = [_checked(reference, scene) for reference in references]
    if not any(is_wanted(load(scene, "quality", one.rows, one.cols)).any() for one in blocks(scene.optical.shape[1:])):
        return described  # a scene without cloud costs no more than before
    options = dataclasses.replace(
        options, quality=None, quality_map=None, buffer=int(scene.attrs.get("buffer", options.buffer))
    )
    usable = [
        chosen if "quality" in chosen else mask(chosen, options=options, folder=folder, progress=progress)
        for chosen in checked
    ]
    looks = [_look(*pair, scene, progress=progress) for pair in zip(usable, _apart(scene, usable), strict=True)]
    return _with_looks(described, [look for look in looks if look is not None])


def reference_attrs(references: Sequence[xr.Dataset]) -> dict[str, list[str]]:
    """What the attributes of a scene say of its references.

    Args:
        references: Scenes of other dates.

    Returns:
        `reference_paths` and `reference_datetimes`, one text a reference, empty where unknown.
    """
    if not references:
        return {}
    keys = {"reference_paths": "optical_path", "reference_datetimes": "datetime"}
    told = {name: [str(one.attrs.get(key, "")) for one in references] for name, key in keys.items()}
    radar = [str(one.attrs.get("radar_path", "")) for one in references]
    return told | ({"reference_radar_paths": radar} if any(radar) else {})


class _Look(NamedTuple):
    """A reference and how it enters the blend."""

    reference: xr.Dataset
    gain: np.ndarray
    """(band, 1, 1), float32."""
    shift: np.ndarray
    """(band, 1, 1), float32, reflectance."""
    days: float
    """Days from the scene."""


def _checked(reference: xr.Dataset, scene: xr.Dataset) -> xr.Dataset:
    """The reference with the bands and polarisations of the scene alone."""
    name, here = reference.attrs.get("optical_path", "reference"), scene.attrs.get("optical_path", "the scene")
    if "optical" not in reference:
        raise OptionError(f"{name}: is not a scene, it has no `optical`; take it from `sunbreak.read_reference`")
    if "optical_path" in reference.attrs and Path(name).resolve() == Path(here).resolve():
        raise OptionError(f"{name}: is the scene itself; give references of other dates")
    if reference.attrs["level"] != scene.attrs["level"]:
        raise RadiometryError(
            f"{name}: is {reference.attrs['level']}, {here} is {scene.attrs['level']}; give one of the same level"
        )
    own, other = (grid_of_geobox(one.odc.geobox) for one in (scene, reference))
    if own.shape != other.shape or (own.crs is None) != (other.crs is None) or PixelMap(own, other).shift() != (0, 0):
        raise GeometryError(f"{name}: lies on another grid than {here}; read it with `sunbreak.read_reference`")
    for kind in ("band", "pol") if "radar" in scene and "radar" in reference else ("band",):
        missing = [str(one) for one in scene[kind].values if one not in reference[kind].values]
        if missing:
            what = "band" if kind == "band" else "polarisation"
            raise RadiometryError(f"{name}: has no {what} {', '.join(missing)}, which {here} has; give one with all")
        if list(reference[kind].values) != list(scene[kind].values):
            reference = reference.sel({kind: scene[kind].values})
    return reference


def _apart(scene: xr.Dataset, references: Sequence[xr.Dataset]) -> list[float]:
    """Days from the scene; where a date is not known, the order given stands for time."""
    days = [days_between(scene.attrs.get("datetime"), one.attrs.get("datetime")) for one in references]
    known = [one for one in days if one is not None]
    return known if len(known) == len(days) else [FADING_DAYS * place for place in range(len(days))]


def _look(reference: xr.Dataset, days: float, scene: xr.Dataset, *, progress: bool) -> _Look | None:
    """Harmonise a reference; None if it shows nothing clear."""
    name = reference.attrs.get("optical_path", "reference")
    shape, total = (scene.sizes["y"], scene.sizes["x"]), np.zeros((5, scene.sizes["band"]))
    visible = 0
    with Bar(shape, "matching", shown=progress) as bar:
        for sums, clear in side_by_side(partial(_sums, scene, reference), blocks(shape), bar):
            total += sums
            visible += clear
    if not visible:
        _warn(f"{name}: shows nothing clear of the scene; it is not used")
        return None
    count = total[0, 0]
    gain, shift = np.ones(total.shape[1]), np.zeros(total.shape[1])
    if count < MIN_MATCHED_PIXELS:
        _warn(
            f"{name}: only {count:.0f} pixels are clear in it and in the scene (to harmonise it takes"
            f" {MIN_MATCHED_PIXELS}); it is taken as it is"
        )
    else:
        own, other = total[1] / count, total[3] / count
        spread = [np.sqrt(np.maximum(total[i + 1] / count - (total[i] / count) ** 2, 0.0)) for i in (1, 3)]
        np.divide(spread[0], spread[1], out=gain, where=spread[1] > 0)
        gain = gain.clip(*GAIN_RANGE)
        shift = own - gain * other
    return _Look(reference, gain.astype(np.float32)[:, None, None], shift.astype(np.float32)[:, None, None], days)


def _sums(scene: xr.Dataset, reference: xr.Dataset, window: Window) -> tuple[np.ndarray, int]:
    """Count, sums and sums of squares, scene first, over pixels clear in both; and pixels clear in the reference."""
    sums = np.zeros((5, scene.sizes["band"]))
    clear = load(reference, "quality", window.rows, window.cols) == Quality.CLEAR
    if not clear.any():
        return sums, 0
    other = load(reference, "optical", window.rows, window.cols)
    clear &= np.isfinite(other).all(axis=0)
    both = clear & (load(scene, "quality", window.rows, window.cols) == Quality.CLEAR)
    if both.any():
        own = load(scene, "optical", window.rows, window.cols)
        both &= np.isfinite(own).all(axis=0)
        for row, values in ((1, own), (3, other)):
            chosen = values[:, both].astype(np.float64)
            sums[row], sums[row + 1] = chosen.sum(axis=1), (chosen**2).sum(axis=1)
        sums[0] = both.sum()
    return sums, int(clear.sum())


def _with_looks(scene: xr.Dataset, looks: Sequence[_Look]) -> xr.Dataset:
    if not looks:
        return scene
    shape = (scene.sizes["y"], scene.sizes["x"])
    nearest = min(look.days for look in looks)
    weights = tuple(max(float(np.exp((nearest - look.days) / FADING_DAYS)), LEAST) for look in looks)
    blend = LookWindows(tuple(looks), weights)
    found = {"look": (("band", "y", "x"), lazy(WindowedArray((scene.sizes["band"], *shape), np.float32, blend)))}
    if "radar" in scene and any("radar" in look.reference for look in looks):
        then = LookWindows(tuple(looks), weights, radar=True)
        found["look_radar"] = (("pol", "y", "x"), lazy(WindowedArray((scene.sizes["pol"], *shape), np.float32, then)))
    return scene.assign(found)


@dataclass(frozen=True)
class LookWindows:
    """Loads windows of the blend of harmonised references, or of their radar."""

    looks: tuple[_Look, ...]
    """The references."""
    weights: tuple[float, ...]
    """Weight of each by its distance in time."""
    radar: bool = False
    """Blend radar, in dB, with the weights of the look; where no reference is clear, with those of time alone."""

    def __call__(self, lead: Sequence[int] | None, rows: slice, cols: slice) -> np.ndarray:
        """Load a window.

        Args:
            lead: Positions of bands or polarisations.
            rows: Rows of the scene.
            cols: Columns of the scene.

        Returns:
            (lead, y, x), float32, NaN = no look.
        """
        total: Any = np.float32(0)
        weight = np.zeros((rows.stop - rows.start, cols.stop - cols.start), np.float32)
        told, untold = np.zeros(weight.shape, bool), np.zeros(weight.shape, bool)
        for look, share in zip(self.looks, self.weights, strict=True):
            clear = load(look.reference, "quality", rows, cols) == Quality.CLEAR
            if self.radar and "radar" not in look.reference:
                untold |= clear
                continue
            values = load(look.reference, "radar" if self.radar else "optical", rows, cols)
            known = np.isfinite(values).all(axis=0)
            # a thousandth of the weight where only the radar sees: it fills the surroundings that smoothing looks at
            here = np.float32(share) * known * np.where(clear, np.float32(1), np.float32(1e-3 if self.radar else 0))
            values = values if self.radar else look.gain * values + look.shift
            total = total + np.where(here > 0, values, np.float32(0)) * here
            weight += here
            told |= clear & known
        known = (weight > 0) & (told | ~untold)
        with np.errstate(invalid="ignore", divide="ignore"):
            blended = np.where(known, total / weight, np.float32(np.nan)).astype(np.float32)
        return blended if lead is None else blended[list(lead)]


def _warn(message: str) -> None:
    warnings.warn(message, SunbreakWarning, stacklevel=4)
