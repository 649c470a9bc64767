"""What the atmosphere adds to and takes from the light, band by band.

Sources: Rayleigh optical depth, Hansen & Travis (1974), Space Science Reviews 16; single-scattering path reflectance,
Henyey-Greenstein phase function and the coupling of surface and atmosphere, any text on radiative transfer, for example
Liou (2002); aerosol optical depth by Angstrom's law. Gas absorption is guidance of the size that 6S gives.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from sunbreak.bands import OPTICAL_BANDS
from sunbreak.simulate.mesh import between
from sunbreak.simulate.noise import Floats, key_of

OZONE_DEPTH: Final[dict[str, float]] = {"B02": 0.006, "B03": 0.031, "B04": 0.016, "B05": 0.006, "B06": 0.003}
"""Vertical optical depth of ozone at 320 Dobson units."""
GAS_DEPTH: Final[dict[str, float]] = {"B05": 0.004, "B06": 0.012, "B08": 0.006, "B11": 0.012, "B12": 0.022}
"""Vertical optical depth of well-mixed gases (oxygen, carbon dioxide, methane)."""
VAPOUR_DEPTH: Final[dict[str, float]] = {
    "B04": 0.004, "B05": 0.010, "B06": 0.008, "B07": 0.006, "B08": 0.020, "B09": 0.55, "B10": 8.0, "B11": 0.004,
    "B12": 0.009,
}  # fmt: skip
"""Optical depth per square root of the slant column of water vapour in cm (strong-line limit); B10 knows no ground."""
VAPOUR_SCALE: Final = 2000.0
"""Scale height of water vapour in m."""
AEROSOL_ASYMMETRY: Final = 0.65
AEROSOL_ALBEDO: Final = 0.95
ANGSTROM: Final = 1.3


@dataclass(frozen=True)
class Air:
    """A plane-parallel atmosphere under one sun."""

    sun_elevation: float
    """Degrees."""
    aerosol: float = 0.14
    """Aerosol optical depth at 550 nm."""
    vapour: float = 1.9
    """Column of water vapour in cm."""

    @property
    def cosine(self) -> float:
        """Cosine of the solar zenith angle."""
        return math.sin(math.radians(self.sun_elevation))

    @property
    def airmass(self) -> float:
        """Length of the way down and up, in vertical atmospheres."""
        return 1.0 / self.cosine + 1.0


def air_of(seed: int, sun_elevation: float) -> Air:
    """Draw the air of a scene.

    Args:
        seed: Seed of the scene.
        sun_elevation: Degrees.

    Returns:
        Air, from clean and dry to hazy and humid.
    """
    key = key_of(seed, "air")
    clean = between(0.0, 1.0, key, 1)
    return Air(sun_elevation, aerosol=0.08 + 0.34 * clean**2, vapour=between(0.8, 3.2, key, 2))


def rayleigh_depth(band: str) -> float:
    """Vertical optical depth of molecules at sea level.

    Args:
        band: Band name.

    Returns:
        Optical depth. Source: Hansen & Travis (1974), eq. 2.30.
    """
    micron = OPTICAL_BANDS[band].wavelength / 1000.0
    return 0.008569 * micron**-4 * (1.0 + 0.0113 * micron**-2 + 0.00013 * micron**-4)


def aerosol_depth(band: str, air: Air) -> float:
    """Vertical optical depth of aerosol.

    Args:
        band: Band name.
        air: The air.

    Returns:
        Optical depth by Angstrom's law.
    """
    result: float = air.aerosol * (OPTICAL_BANDS[band].wavelength / 550.0) ** -ANGSTROM
    return result


def gas_transmittance(band: str, air: Air, height: float = 0.0) -> float:
    """Transmittance of absorbing gases, down to a height and back.

    Args:
        band: Band name.
        air: The air.
        height: Height in m above which the air counts.

    Returns:
        0..1. B10 sees only what rises above nearly all water vapour.
    """
    above = math.exp(-height / VAPOUR_SCALE)
    ozone = OZONE_DEPTH.get(band, 0.0) * air.airmass
    mixed = GAS_DEPTH.get(band, 0.0) * air.airmass * math.exp(-height / 8000.0)
    # the strong-line root holds near the ground; a cloud top sees the column above it, thinner and narrower in lines
    vapour = VAPOUR_DEPTH.get(band, 0.0) * math.sqrt(air.vapour * air.airmass) * above
    return math.exp(-ozone - mixed - vapour)


def path_reflectance(band: str, air: Air) -> float:
    """Reflectance of the air alone, over a black surface, without gas absorption.

    Args:
        band: Band name.
        air: The air.

    Returns:
        Reflectance: single scattering by molecules and aerosol, raised by the share scattered twice.
    """
    cosine = air.cosine
    molecules, particles = rayleigh_depth(band), aerosol_depth(band, air)
    total = molecules + particles
    back = -cosine  # cosine of the scattering angle towards a nadir view
    phase_molecules = 0.75 * (1.0 + back * back)
    g = AEROSOL_ASYMMETRY
    phase_particles = AEROSOL_ALBEDO * (1.0 - g * g) / (1.0 + g * g - 2.0 * g * back) ** 1.5
    phase = (molecules * phase_molecules + particles * phase_particles) / total
    single = phase / (4.0 * (1.0 + cosine)) * (1.0 - math.exp(-total * air.airmass))
    result: float = single * (1.0 + 1.3 * total)
    return result


def diffuse_share(band: str, air: Air) -> float:
    """Share of the light on the ground that comes from the sky rather than straight from the sun.

    Args:
        band: Band name.
        air: The air.

    Returns:
        0..1: a third and more in the blue, a few hundredths in the short-wave infrared.
    """
    direct = math.exp(-(rayleigh_depth(band) + aerosol_depth(band, air)) / air.cosine)
    return 1.0 - direct / (direct + _scattered_down(band, air, direct))


def _scattered_down(band: str, air: Air, direct: float) -> float:
    """Light scattered out of the beam that still reaches the ground: half of Rayleigh's, five sixths of aerosol's."""
    molecules, particles = rayleigh_depth(band), aerosol_depth(band, air)
    return (1.0 - direct) * (0.5 * molecules + 0.833 * AEROSOL_ALBEDO * particles) / (molecules + particles)


def at_sensor(surface: Floats, band: str, air: Air) -> Floats:
    """Top-of-atmosphere reflectance of a surface.

    Args:
        surface: Surface reflectance, any shape.
        band: Band name.
        air: The air.

    Returns:
        Top-of-atmosphere reflectance, gas * (path + down * up * rho / (1 - sky * rho)).
    """
    molecules, particles = rayleigh_depth(band), aerosol_depth(band, air)
    direct = math.exp(-(molecules + particles) / air.cosine)
    down = direct + _scattered_down(band, air, direct)
    up = math.exp(-(0.5 * molecules + 0.167 * particles))
    sky = 0.92 * molecules * math.exp(-molecules) + 0.25 * particles * math.exp(-particles)
    gas = gas_transmittance(band, air)
    # B10 keeps a trace of light scattered above the water vapour
    path = path_reflectance(band, air) * gas + (0.0012 if band == "B10" else 0.0)
    out = surface * surface.dtype.type(down * up * gas)
    out /= surface.dtype.type(1.0) - surface.dtype.type(sky) * surface
    out += surface.dtype.type(path)
    return out
