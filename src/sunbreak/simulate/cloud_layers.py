"""Where clouds are: optical depth of each layer as a function of absolute position.

Liquid and ice water paths vary in space like turbulence, with a power spectrum near k^(-5/3), which octaves of gain
2^(-1/3) = 0.79 have (Davis et al., 1994, JGR 99). A layer is the part of such a field above a threshold; thresholds are
set so that the scene's cover is met, on a sparse sample of the whole scene.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from sunbreak.simulate.cloud_optics import THIN_DEPTH, Phase
from sunbreak.simulate.mesh import Mesh, Octaves, between, fractal
from sunbreak.simulate.noise import Floats, Grid, key_of, lattice_noise, point_noise, scalar
from sunbreak.simulate.parallax import band_shift
from sunbreak.simulate.spec import CloudSpec

Shape = Literal["heap", "deck", "streak"]
SAMPLES: Final = 110
"""Points a side of the sparse sample on which cover is set."""
HIGHEST: Final = 11_000.0
"""Height in m above which no layer is drawn."""
DEEPEST: Final = 120.0
"""Optical depth at which cloud no longer grows brighter to the eye."""


@dataclass(frozen=True)
class Layer:
    """One layer of cloud before its threshold is set."""

    name: str
    """Name; part of the key of its noise."""
    shape: Shape
    """heap: cumulus with steep sides; deck: an even sheet; streak: fibres along the wind."""
    phase: Phase
    """Water or ice."""
    base: float
    """Height of the base above ground in m."""
    thickness: float
    """Vertical extent in m at a large optical depth."""
    octaves: Octaves
    """The fractal, in pixels of 10 m."""
    depth: float
    """Typical optical depth at 550 nm in the middle of a cloud."""
    weight: float
    """Share in the cover: the layer covers 1 - (1 - c) ** weight where c is solved for."""
    exponent: float = 0.0
    """Optical depth varies as wavelength ** -exponent."""


def layers(spec: CloudSpec) -> tuple[Layer, ...]:
    """The layers of a sky, from the lowest up.

    Args:
        spec: The clouds.

    Returns:
        One or two layers; heights and sizes that the spec leaves open are drawn from its seed.
    """
    key = key_of(spec.seed, "layers")

    def pick(low: float, high: float, index: int) -> float:
        return between(low, high, key, index)

    lift = spec.base_height
    low = pick(700.0, 1900.0, 1) if lift is None else lift
    high = max(pick(7500.0, HIGHEST, 2), low + 1500.0)
    size = pick(90.0, 260.0, 3)
    heap = Layer("heap", "heap", "water", low, pick(500.0, 1500.0, 4), Octaves(size, 1.6, 0.72), pick(9, 24, 5), 1.0)
    cirrus = Layer("cirrus", "streak", "ice", high, 800.0, Octaves(pick(140, 330, 6), 4.0, 0.6), pick(0.5, 1.5, 7), 0.5)
    if spec.kind == "mixed":
        return (heap, cirrus)
    if spec.kind == "broken":
        small = Octaves(pick(26.0, 60.0, 3), 1.6, 0.68)
        return (Layer("broken", "heap", "water", low, pick(250.0, 700.0, 4), small, pick(6, 15, 5), 1.0),)
    if spec.kind == "thick":
        bank = Octaves(pick(200.0, 420.0, 3), 1.6, 0.72)
        return (Layer("bank", "heap", "water", low, pick(1500.0, 3500.0, 4), bank, pick(35, 60, 5), 1.0),)
    if spec.kind == "thin":
        soft = Octaves(pick(150.0, 350.0, 3), 12.0, 0.52)
        base = pick(1200.0, 3000.0, 1) if lift is None else lift
        haze = Layer("haze", "deck", "water", base, 900.0, soft, pick(0.7, 1.8, 5), 1.0, exponent=pick(0.4, 1.3, 8))
        return (haze, cirrus)
    if spec.kind == "overcast":
        sheet = Octaves(pick(120.0, 300.0, 3), 2.0, 0.66)
        return (Layer("stratus", "deck", "water", low, pick(300.0, 800.0, 4), sheet, pick(9, 24, 5), 1.0),)
    base = 0.0 if lift is None else lift
    fog = Octaves(pick(130.0, 320.0, 3), 6.0, 0.5)
    return (Layer("fog", "deck", "water", base, 120.0, fog, pick(2.5, 7.0, 5), 1.0, exponent=0.1),)


@dataclass(frozen=True)
class Sky:
    """The layers of a scene with thresholds that meet its cover."""

    spec: CloudSpec
    """The clouds."""
    layers: tuple[Layer, ...]
    """The layers, from the lowest up."""
    thresholds: tuple[float, ...]
    """Value of each layer's field above which there is cloud."""

    def depth(self, index: int, grid: Grid) -> Floats:
        """Optical depth of one layer.

        Args:
            index: Which layer.
            grid: The window.

        Returns:
            (y, x) float32 vertical optical depth at 550 nm; exactly 0 between clouds.
        """
        layer = self.layers[index]
        if self.thresholds[index] == np.inf:
            return np.zeros((grid.height, grid.width), np.float32)
        return _depth_of(layer, _field(layer, grid, self.spec.seed), self.thresholds[index])


def _field(layer: Layer, grid: Grid, seed: int) -> Floats:
    """The fractal that a layer is cut from, on every pixel of a window."""
    key = key_of(seed, f"cloud {layer.name}")
    mesh = Mesh(grid, 8)
    y, x = _bent(layer, key, *mesh.nodes)
    warp = ((y - mesh.nodes[0]).astype(np.float32), (x - mesh.nodes[1]).astype(np.float32))
    return fractal(mesh, layer.octaves, key, warp)


def _bent(layer: Layer, key: int, y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions in the layer's own frame: fibres are stretched along the wind and curl."""
    curl = 0.16 * layer.octaves.longest
    y_bent = y + curl * point_noise(y, x, 0.8 * layer.octaves.longest, key_of(key, "curl y"))
    x_bent = x + curl * point_noise(y, x, 0.8 * layer.octaves.longest, key_of(key, "curl x"))
    if layer.shape != "streak":
        return y_bent, x_bent
    wind = np.pi * scalar(key_of(key, "wind"))
    cos, sin = np.cos(wind), np.sin(wind)
    along, across = x_bent * cos + y_bent * sin, y_bent * cos - x_bent * sin
    along = along * 0.28
    return along * sin + across * cos, along * cos - across * sin


def _depth_of(layer: Layer, field: Floats, threshold: float) -> Floats:
    """Turn a fractal into optical depth: zero below the threshold, then steep (heap) or soon level (deck)."""
    above: Floats = np.maximum(field - np.float32(threshold), np.float32(0.0))
    shaped: Floats
    if layer.shape == "heap":
        # thin rims, then depth grows faster than width, as heaps grow tall
        shaped = above * (np.float32(0.55) + np.float32(1.1) * above)
    elif layer.shape == "deck":
        # soon level, and thicker where the field stays high
        level = above / (above + np.float32(0.35))
        shaped = level * (np.float32(0.55) + np.float32(0.45) * np.minimum(above, np.float32(3.0)))
    else:
        shaped = above * (np.float32(0.35) + above)
    shaped *= np.float32(layer.depth)
    return np.minimum(shaped, np.float32(DEEPEST))


def tune(spec: CloudSpec, rows: tuple[int, int], cols: tuple[int, int]) -> Sky:
    """Set the thresholds of the layers so that the scene's cover is met.

    Args:
        spec: The clouds.
        rows: First and one past the last absolute row of the whole scene, at 10 m.
        cols: The same for columns.

    Returns:
        The sky; a function of the spec and the extent alone.
    """
    stack = layers(spec)
    if spec.cover <= 0.0:
        return Sky(spec, stack, (np.inf,) * len(stack))
    y = np.linspace(rows[0], rows[1] - 1.0, SAMPLES)
    x = np.linspace(cols[0], cols[1] - 1.0, SAMPLES)
    fields = [_widest(layer, y, x, spec.seed) for layer in stack]
    ordered = [np.sort(field, axis=None) for field in fields]
    low, high = -8.0, 8.0  # logit of the common cover c
    for _ in range(26):
        middle = 0.5 * (low + high)
        share = 1.0 / (1.0 + np.exp(-middle))
        thresholds = [_quantile(o, (1.0 - share) ** layer.weight) for o, layer in zip(ordered, stack, strict=True)]
        total = np.zeros(fields[0].shape, np.float32)
        for layer, field, threshold in zip(stack, fields, thresholds, strict=True):
            total += _depth_of(layer, field, threshold)
        if float((total >= THIN_DEPTH).mean()) < spec.cover:
            low = middle
        else:
            high = middle
    return Sky(spec, stack, tuple(thresholds))


def _quantile(ordered: Floats, share: float) -> float:
    """Quantile of sorted values; beyond the ends it goes on, so that full cover can be had."""
    if share < 1e-3:
        return float(ordered[0]) - 1.2
    return float(ordered[min(int(share * ordered.size), ordered.size - 1)])


def _widest(layer: Layer, y: np.ndarray, x: np.ndarray, seed: int) -> Floats:
    """The sparse sample, as the first, the green and the last band see it: cover counts what any band sees."""
    out = _sampled(layer, y, x, seed)
    for band in ("B02", "B09"):
        rows, cols = band_shift(band, layer.base)
        np.maximum(out, _sampled(layer, y - rows, x - cols, seed), out=out)
    return out


def _sampled(layer: Layer, y: np.ndarray, x: np.ndarray, seed: int) -> Floats:
    """The layer's fractal on a sparse net of points."""
    key = key_of(seed, f"cloud {layer.name}")
    points_y, points_x = np.broadcast_arrays(y[:, np.newaxis], x[np.newaxis, :])
    bent_y, bent_x = _bent(layer, key, points_y, points_x)
    out = np.zeros(points_y.shape, np.float32)
    for index, (spacing, height) in enumerate(layer.octaves.ladder()):
        own = key_of(key, f"octave{index}")
        if spacing >= 24.0:
            out += np.float32(height) * point_noise(bent_y, bent_x, spacing, own)
        else:
            out += np.float32(height) * lattice_noise(y, x, spacing, own)
    return out
