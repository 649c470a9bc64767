"""The kinds of country a simulated scene may lie in.

Shares are of the land that the layers above them leave free; they steer thresholds of noise fields, so single scenes
differ much. Numbers are modelling guidance, chosen to look like their region, not measured anywhere.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sunbreak.simulate.noise import key_of, scalar


@dataclass(frozen=True)
class Biome:
    """One kind of country: what grows there, how the land lies and how it is divided."""

    name: str
    """Name in words."""
    weight: float
    """Relative frequency among seeds."""
    tree: float
    """Share of tree cover on land."""
    crop: float
    """Share of open parcels under crops; the rest is grass."""
    shrub: float = 0.02
    """Share of shrubland."""
    bare: float = 0.01
    """Share of bare ground."""
    wet: float = 0.02
    """Share of wetland."""
    moss: float = 0.0
    """Share of moss and lichen."""
    sea: float = 0.0
    """Share of sea."""
    lake: float = 0.012
    """Share of lakes."""
    snow: float = 0.0
    """Share of permanent snow, on the highest ground."""
    mangrove: float = 0.0
    """Width of the mangrove belt along the sea, in units of the coast's height field."""
    conifer: float = 0.3
    """Share of evergreen needle-leaved stands among trees."""
    winter_leaf: float = 0.05
    """Share of leaves that broad-leaved trees keep in winter."""
    peak: int = 160
    """Day of the year when grass is greenest."""
    season: float = 75.0
    """Length of the green season in days (standard deviation)."""
    green: float = 0.85
    """Greenness of grass at its peak, 0..1."""
    relief: float = 30.0
    """Standard deviation of the terrain in m."""
    ridged: float = 0.2
    """Share of sharp ridges in the terrain, 0 rolling .. 1 alpine."""
    block: float = 95.0
    """Typical size of a block of parallel parcels in pixels of 10 m."""
    towns: float = 0.5
    """Probability that a town or village stands where one could."""
    soil: float = 0.4
    """Mean brightness of the soil, 0 dark loam .. 1 light sandy soil."""
    sand: float = 0.1
    """Share of sand in bare ground; the rest is rock and soil."""


BIOMES: Final[tuple[Biome, ...]] = (
    Biome("temperate farmland", 0.28, tree=0.2, crop=0.72, relief=22.0, towns=0.6),
    Biome("temperate coast", 0.13, tree=0.22, crop=0.6, sea=0.3, relief=30.0, wet=0.03, sand=0.6, bare=0.015),
    Biome(
        "mediterranean", 0.15, tree=0.2, crop=0.5, shrub=0.2, bare=0.04, relief=110.0, ridged=0.6, block=70.0,
        peak=105, season=60.0, green=0.6, soil=0.6, winter_leaf=0.7, sea=0.06, conifer=0.4,
    ),
    Biome(
        "boreal forest", 0.11, tree=0.66, crop=0.15, wet=0.1, lake=0.1, moss=0.04, conifer=0.75, relief=35.0,
        peak=190, season=55.0, towns=0.15, soil=0.25, block=80.0,
    ),
    Biome(
        "mountains", 0.1, tree=0.42, crop=0.18, shrub=0.06, bare=0.09, snow=0.05, conifer=0.65, relief=330.0,
        ridged=0.9, peak=185, season=55.0, towns=0.3, soil=0.4, sand=0.02, block=60.0,
    ),
    Biome(
        "steppe", 0.09, tree=0.06, crop=0.4, shrub=0.16, bare=0.1, relief=35.0, peak=140, season=45.0, green=0.45,
        towns=0.25, soil=0.75, sand=0.3, block=150.0, wet=0.01, lake=0.006,
    ),
    Biome(
        "tropical delta", 0.06, tree=0.28, crop=0.7, wet=0.1, sea=0.22, mangrove=0.16, conifer=0.0, winter_leaf=1.0,
        relief=8.0, ridged=0.0, peak=230, season=120.0, green=0.9, block=55.0, lake=0.03, soil=0.35, towns=0.5,
    ),
    Biome(
        "tundra", 0.04, tree=0.02, crop=0.0, shrub=0.15, moss=0.45, bare=0.1, wet=0.1, lake=0.07, snow=0.02,
        relief=80.0, peak=205, season=32.0, green=0.6, towns=0.02, soil=0.3, sand=0.05,
    ),
    Biome(
        "desert", 0.04, tree=0.004, crop=0.12, shrub=0.09, bare=0.8, wet=0.002, lake=0.002, relief=70.0, ridged=0.5,
        peak=60, season=45.0, green=0.25, soil=0.95, sand=0.55, towns=0.12, block=120.0,
    ),
)  # fmt: skip


def biome_of(seed: int) -> Biome:
    """Draw the biome of a scene.

    Args:
        seed: Seed of the scene.

    Returns:
        One of `BIOMES`, by their weights.
    """
    draw = scalar(key_of(seed, "biome")) * sum(biome.weight for biome in BIOMES)
    for biome in BIOMES:
        draw -= biome.weight
        if draw < 0.0:
            return biome
    return BIOMES[-1]
