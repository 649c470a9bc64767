"""How people divide the land: blocks of parallel parcels, roads between blocks, towns and villages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sunbreak.simulate.biomes import Biome
from sunbreak.simulate.mesh import Mesh, Octaves, fractal, swirl
from sunbreak.simulate.noise import Floats, Grid, hash_pairs, key_of, mix, point_noise, uniform, unit

Hashes = NDArray[np.uint32]


class Parcels(NamedTuple):
    """The division of one window; every field is (y, x)."""

    block: Hashes
    """Hash of the block: parcels of one block run in parallel."""
    parcel: Hashes
    """Hash of the parcel."""
    along: Floats
    """Position in pixels along the direction of the block."""
    across: Floats
    """Position in pixels across it."""
    margin: Floats
    """Distance to the border between two blocks, in pixels."""
    border: Floats
    """Number in 0..1 that both sides of such a border share."""


def draw(hashes: Hashes, salt: int) -> Floats:
    """Draw a number for each hash.

    Args:
        hashes: Hashes of parcels or blocks.
        salt: Which quantity to draw.

    Returns:
        float32 in 0..1, the same wherever the hash is.
    """
    return unit(mix(hashes ^ np.uint32((salt * 0x9E3779B1) & 0xFFFFFFFF)))


def parcels(grid: Grid, biome: Biome, seed: int) -> Parcels:
    """Divide one window: jittered Voronoi blocks, each cut into strips along a direction of its own.

    Args:
        grid: The window.
        biome: Kind of country; sets the size of blocks.
        seed: Seed of the scene.

    Returns:
        The division.
    """
    key = key_of(seed, "parcels")
    mesh = Mesh(grid, 8)
    bend = swirl(mesh, 90.0, 5.0, key_of(key, "bend"))
    y = grid.y[:, np.newaxis] + mesh.refine(bend[0])
    x = grid.x[np.newaxis, :] + mesh.refine(bend[1])
    size = biome.block
    cell_y, cell_x = np.floor(y / size).astype(np.int64), np.floor(x / size).astype(np.int64)
    top, left = int(cell_y.min()) - 1, int(cell_x.min()) - 1
    nodes_y = np.arange(top, int(cell_y.max()) + 2, dtype=np.int64)[:, np.newaxis]
    nodes_x = np.arange(left, int(cell_x.max()) + 2, dtype=np.int64)[np.newaxis, :]
    names = hash_pairs(nodes_y, nodes_x, key_of(key, "name"))
    site_y = (nodes_y + 0.5 + 0.8 * (uniform(nodes_y, nodes_x, key_of(key, "y")) - 0.5)) * size
    site_x = (nodes_x + 0.5 + 0.8 * (uniform(nodes_y, nodes_x, key_of(key, "x")) - 0.5)) * size
    first = np.full(y.shape, np.inf, np.float32)
    second = np.full(y.shape, np.inf, np.float32)
    index, other = np.zeros(y.shape, np.int64), np.zeros(y.shape, np.int64)
    for di in (-1, 0, 1):
        for dj in (-1, 0, 1):
            flat = (cell_y + (di - top)) * nodes_x.size + (cell_x + (dj - left))
            away_y, away_x = (
                (y - site_y.ravel()[flat]).astype(np.float32),
                (x - site_x.ravel()[flat]).astype(np.float32),
            )
            distance = away_y * away_y + away_x * away_x
            closer = distance < first
            runner = (distance < second) & ~closer
            other = np.where(closer, index, np.where(runner, flat, other))
            second = np.where(closer, first, np.where(runner, distance, second))
            index = np.where(closer, flat, index)
            first = np.where(closer, distance, first)
    block = names.ravel()[index]
    margin = (np.sqrt(second) - np.sqrt(first)) * np.float32(0.5)
    # directions of neighbouring blocks agree roughly, as slopes and roads make them
    trend = np.floor(np.float32(2.6) * point_noise(site_y, site_x, 420.0, key_of(key, "trend"))) * np.float32(0.5)
    turn = trend + (unit(mix(names ^ np.uint32(0x1234567))) - np.float32(0.5)) * np.float32(0.5)
    turn = turn.ravel()[index]
    away_y, away_x = (y - site_y.ravel()[index]).astype(np.float32), (x - site_x.ravel()[index]).astype(np.float32)
    cos, sin = np.cos(turn), np.sin(turn)
    along, across = away_x * cos + away_y * sin, away_y * cos - away_x * sin
    return Parcels(
        block, _strips(block, along, across, size), along, across, margin, unit(mix(block ^ names.ravel()[other]))
    )


def _strips(block: Hashes, along: Floats, across: Floats, size: float) -> Hashes:
    """Cut blocks into strips and strips into parcels; returns the parcels' hashes."""
    scale = np.float32(size / 95.0)
    width = (np.float32(9.0) + np.float32(26.0) * draw(block, 1) ** 2) * scale
    length = (np.float32(22.0) + np.float32(55.0) * draw(block, 2)) * scale
    strip = np.floor(across / width).astype(np.int64).astype(np.uint32)
    name = mix(block + strip * np.uint32(0x85EBCA6B))
    piece = np.floor(along / length + unit(name)).astype(np.int64).astype(np.uint32)
    return mix(name ^ (piece * np.uint32(0xC2B2AE35)))


def settlement(grid: Grid, biome: Biome, seed: int) -> Floats:
    """How much of a town each place is.

    Args:
        grid: The window.
        biome: Kind of country; sets how many towns there are.
        seed: Seed of the scene.

    Returns:
        (y, x) float32, about 1 in the centre of a town, 0.5 at its edge, 0 far away.
    """
    key = key_of(seed, "settlement")
    mesh = Mesh(grid, 4)
    y, x = mesh.nodes
    density = np.zeros(y.shape, np.float32)
    for spacing, low, high, chance in ((1100.0, 25.0, 130.0, 0.75), (230.0, 5.0, 24.0, 0.8)):
        own = key_of(key, f"{spacing}")
        cell_y, cell_x = np.floor(y / spacing).astype(np.int64), np.floor(x / spacing).astype(np.int64)
        for di in (-1, 0, 1):
            for dj in (-1, 0, 1):
                i, j = cell_y + di, cell_x + dj
                draw_radius = uniform(i, j, key_of(own, "radius"))
                radius = np.float32(low) + np.float32(high - low) * draw_radius * draw_radius
                stands = uniform(i, j, key_of(own, "stands")) < np.float32(chance * biome.towns)
                away_y = (y - (i + 0.5 + 0.7 * (uniform(i, j, key_of(own, "y")) - 0.5)) * spacing).astype(np.float32)
                away_x = (x - (j + 0.5 + 0.7 * (uniform(i, j, key_of(own, "x")) - 0.5)) * spacing).astype(np.float32)
                nearness = np.exp(-np.float32(0.7) * (away_y * away_y + away_x * away_x) / (radius * radius))
                density = np.maximum(density, np.where(stands, nearness, np.float32(0.0)))
    ragged = fractal(mesh, Octaves(40.0, 6.0, 0.6), key_of(key, "ragged"))
    reached = mesh.refine(density)
    result: Floats = reached + np.float32(0.24) * ragged * np.minimum(reached * np.float32(4.0), np.float32(1.0))
    return result
