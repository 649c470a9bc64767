"""One block of a composite, by each method."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from sunbreak.composing import MEASURED_SIGMA, NOT_SEEN, WeightedMean, first_true, median
from sunbreak.errors import OptionError
from sunbreak.legend import Quality, Source
from sunbreak.steps.gather import RestoredBlock
from sunbreak.steps.layer import Layer
from sunbreak.tiles import BLOCK, Window

Method = Literal["least-cloudy", "median", "inverse-variance"]
METHODS: Final[tuple[Method, ...]] = ("least-cloudy", "median", "inverse-variance")
DEFAULT_METHOD: Final[Method] = "median"
AT_ONCE: Final = 64 << 20
"""Bytes of observations that a block in work holds; more dates are worked on in lower strips."""


@dataclass(frozen=True)
class CompositeOptions:
    """How dates become one image."""

    method: Method = DEFAULT_METHOD
    """`least-cloudy`: the spectrum of one date, of those that measured the pixel the one with the least cloud.
    `median`: of every band, over the dates that measured the pixel. `inverse-variance`: the mean over all observations,
    each by its uncertainty. Where no date has measured, the first two take what products have restored."""
    clear_only: bool = False
    """Leave out what products have restored; what was clear at no date is no data then."""
    block: int = BLOCK
    """Side of a block in pixels; bounds the memory, never changes the result."""

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise OptionError(f"--method {self.method}: expected one of {', '.join(METHODS)}")
        if self.block < 1:
            raise OptionError(f"block {self.block}: must be 1 or more pixels")


Form = tuple[int, np.dtype[Any]]
"""Number of bands, and data type of reflectance."""


class Looks(NamedTuple):
    """What the dates say of a window, in the order of preference."""

    layers: Sequence[Layer]
    """The dates that reach into it."""
    window: Window
    """The window."""
    measured: np.ndarray
    """(date, y, x), bool: seen clear."""
    restored: np.ndarray
    """(date, y, x), bool: not seen clear, and restored."""
    first: np.ndarray
    """The first date that measured a pixel, else the first that restored it, (y, x); `NOT_SEEN` without any."""


class Composed(NamedTuple):
    """Values of a window."""

    reflectance: np.ndarray
    """(band, y, x)."""
    sigma: np.ndarray
    """1-sigma error, (band, y, x), float32; NaN = cannot be told."""
    used: np.ndarray
    """Observations in each value, (y, x)."""


def compose_block(layers: Sequence[Layer], window: Window, form: Form, options: CompositeOptions) -> RestoredBlock:
    """Compose a block, in strips as low as many dates need to fit into memory.

    Args:
        layers: The dates, the preferred ones first.
        window: The block.
        form: Bands and data type of the composite.
        options: How the dates become one image.

    Returns:
        The block, with observations.
    """
    near = [layer for layer in layers if layer.reaches(window)]
    cost = len(near) * (4 + (form[0] * form[1].itemsize if options.method == "median" else 0))
    rows = max(1, AT_ONCE // max(1, cost * window.width))
    strips = (
        Window(window.top + top, window.left, min(rows, window.height - top), window.width)
        for top in range(0, window.height, rows)
    )
    parts = [_strip(near, strip, form, options) for strip in strips]
    return RestoredBlock(window, **{name: np.concatenate([part[name] for part in parts], axis=-2) for name in parts[0]})


def _strip(layers: Sequence[Layer], window: Window, form: Form, options: CompositeOptions) -> dict[str, np.ndarray]:
    """The arrays of a block, of a window."""
    plane = (window.height, window.width)
    classes = np.zeros((len(layers) + 1, 2, *plane), np.uint8)  # the last is that of no date
    for place, layer in enumerate(layers):
        classes[place] = layer.classes(window)
    quality, source = classes[:, 0], classes[:, 1]
    measured = source[:-1] == Source.MEASURED
    restored = (source[:-1] > Source.MEASURED) & (not options.clear_only)
    first = first_true(measured)
    first = np.where(first == NOT_SEEN, first_true(restored), first)
    composed = _COMPOSE[options.method](Looks(layers, window, measured, restored, first), form)
    shown = np.where(first == NOT_SEEN, first_true(quality[:-1] != Quality.NODATA), first)
    pick = shown[np.newaxis]  # -1 takes the last
    kept_source = np.where(first == NOT_SEEN, np.uint8(Source.NONE), np.take_along_axis(source, pick, axis=0)[0])
    numbers = np.array([*(layer.number for layer in layers), 0], np.uint16)
    single = np.where(composed.used == 1, numbers[first], 0)
    composed.sigma[~np.isfinite(composed.reflectance)] = np.nan
    counts = np.stack([measured.sum(axis=0), composed.used, single]).astype(np.uint16)
    return {
        "reflectance": composed.reflectance,
        "uncertainty": composed.sigma,
        "quality": np.take_along_axis(quality, pick, axis=0)[0],
        "source": kept_source,
        "observations": counts,
    }


def _empty(looks: Looks, form: Form) -> tuple[np.ndarray, np.ndarray]:
    shape = (form[0], *looks.first.shape)
    return np.full(shape, np.nan, form[1]), np.full(shape, np.nan, np.float32)


def _least_cloudy(looks: Looks, form: Form) -> Composed:
    reflectance, sigma = _empty(looks, form)
    for place, layer in enumerate(looks.layers):
        mine = looks.first == place
        if mine.any():
            np.copyto(reflectance, layer.values(looks.window), where=mine)
            np.copyto(sigma, layer.sigma(looks.window), where=mine)
    return Composed(reflectance, sigma, looks.first != NOT_SEEN)


def _median(looks: Looks, form: Form) -> Composed:
    chosen = np.where(looks.measured.any(axis=0), looks.measured, looks.restored)
    used = chosen.sum(axis=0)
    reflectance, sigma = _empty(looks, form)
    if looks.layers:
        values = np.full((len(looks.layers), *reflectance.shape), np.nan, form[1])
        for place, layer in enumerate(looks.layers):
            if chosen[place].any():
                np.copyto(values[place], layer.values(looks.window), where=chosen[place])
            alone = chosen[place] & (used == 1)
            if alone.any():
                np.copyto(sigma, layer.sigma(looks.window), where=alone)
        reflectance = median(values)
    return Composed(reflectance, sigma, used)


def _inverse_variance(looks: Looks, form: Form) -> Composed:
    mean = WeightedMean((form[0], *looks.first.shape), form[1])
    seen = looks.measured | looks.restored
    for place, layer in enumerate(looks.layers):
        if seen[place].any():
            values = np.where(seen[place], layer.values(looks.window), np.nan)
            mean.add(values, np.hypot(layer.sigma(looks.window), np.float32(MEASURED_SIGMA)))
    return Composed(mean.value, mean.sigma, seen.sum(axis=0))


_COMPOSE: Final[dict[Method, Callable[[Looks, Form], Composed]]] = {
    "least-cloudy": _least_cloudy, "median": _median, "inverse-variance": _inverse_variance,
}  # fmt: skip
