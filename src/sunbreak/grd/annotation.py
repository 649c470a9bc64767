"""What the annotation of a Sentinel-1 GRD product says of its geometry.

Source: Sentinel-1 Product Specification (S1-RS-MDA-52-7441), sections on the product annotation data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final
from xml.etree.ElementTree import Element

import numpy as np

from sunbreak.errors import GeometryError, InputError
from sunbreak.radiometry.product_metadata import parse_xml

FEWEST_VECTORS: Final = 4
"""State vectors without which an orbit is no orbit."""


@dataclass(frozen=True)
class Orbit:
    """State vectors of the satellite, in the Earth-fixed frame."""

    seconds: np.ndarray
    """Time after the first line, (n,), rising."""
    position: np.ndarray
    """Metres, (n, 3)."""
    velocity: np.ndarray
    """Metres per second, (n, 3)."""


@dataclass(frozen=True)
class GroundRange:
    """How slant range becomes ground range: polynomials that hold at one time each."""

    seconds: np.ndarray
    """Time after the first line, (n,), rising."""
    origin: np.ndarray
    """Slant range in metres that the polynomial starts from, (n,)."""
    coefficients: np.ndarray
    """Ground range in metres as a polynomial of slant range minus origin, lowest degree first, (n, degrees)."""


@dataclass(frozen=True)
class GeolocationGrid:
    """Points of the image whose place is told."""

    line: np.ndarray
    """Lines, (n,), rising."""
    sample: np.ndarray
    """Samples, (m,), rising."""
    latitude: np.ndarray
    """Degrees, (n, m)."""
    longitude: np.ndarray
    """Degrees, (n, m)."""
    height: np.ndarray
    """Height of the ground in metres, (n, m)."""
    incidence: np.ndarray
    """Angle between ray and vertical in degrees, (n, m)."""


@dataclass(frozen=True)
class Annotation:
    """The annotation of one polarisation."""

    polarisation: str
    """`VV`, `VH`, `HH` or `HV`."""
    kind: str
    """Product type, `GRD` or `SLC`."""
    shape: tuple[int, int]
    """Lines and samples."""
    start: str
    """Time of the first line, ISO 8601 in UTC."""
    platform: str
    """For example `sentinel-1a`."""
    line_seconds: float
    """Time from line to line."""
    sample_metres: float
    """Ground range from sample to sample."""
    orbit: Orbit
    """State vectors."""
    ground_range: GroundRange
    """Slant range to ground range."""
    grid: GeolocationGrid
    """Points whose place is told."""


def read_annotation(path: Path, content: bytes) -> Annotation:
    """Read the annotation of one polarisation.

    Args:
        path: Where it comes from, for messages.
        content: The XML document.

    Returns:
        The annotation.

    Raises:
        InputError: It is not well-formed, or something is missing in it.
        GeometryError: Its orbit or its grid cannot be used.
    """
    root = parse_xml(path, content)
    try:
        start = _text(root, "imageAnnotation/imageInformation/productFirstLineUtcTime")
        information = "imageAnnotation/imageInformation"
        lines, samples = (int(_text(root, f"{information}/numberOf{what}")) for what in ("Lines", "Samples"))
        return Annotation(
            polarisation=_text(root, "adsHeader/polarisation").upper(),
            kind=_text(root, "adsHeader/productType").upper(),
            shape=(lines, samples),
            start=start,
            platform="sentinel-1" + _text(root, "adsHeader/missionId")[-1:].lower(),
            line_seconds=float(_text(root, f"{information}/azimuthTimeInterval")),
            sample_metres=float(_text(root, f"{information}/rangePixelSpacing")),
            orbit=_orbit(path, root, start),
            ground_range=_ground_range(root, start),
            grid=_grid(path, root),
        )
    except (ValueError, IndexError) as error:
        raise InputError(f"{path}: not the annotation of a Sentinel-1 product ({error}); download it again") from error


def _text(root: Element, name: str) -> str:
    text = root.findtext(name)
    if not text or not text.strip():
        raise ValueError(f"{name} is missing")
    return text.strip()


def _seconds(text: str, start: str) -> float:
    return float((np.datetime64(text, "ns") - np.datetime64(start, "ns")) / np.timedelta64(1, "ns")) * 1e-9


def _orbit(path: Path, root: Element, start: str) -> Orbit:
    vectors = root.findall("generalAnnotation/orbitList/orbit")
    if len(vectors) < FEWEST_VECTORS:
        raise GeometryError(f"{path}: tells {len(vectors)} state vectors of its orbit; download the product again")
    parts = [[[float(_text(one, f"{kind}/{axis}")) for axis in "xyz"] for one in vectors]
             for kind in ("position", "velocity")]  # fmt: skip
    seconds = np.array([_seconds(_text(one, "time"), start) for one in vectors])
    if np.any(np.diff(seconds) <= 0):
        raise GeometryError(f"{path}: the state vectors of its orbit are out of order; download the product again")
    return Orbit(seconds, np.array(parts[0]), np.array(parts[1]))


def _ground_range(root: Element, start: str) -> GroundRange:
    entries = root.findall("coordinateConversion/coordinateConversionList/coordinateConversion")
    if not entries:
        raise ValueError("coordinateConversion is missing")
    rows = [[float(value) for value in _text(one, "srgrCoefficients").split()] for one in entries]
    degrees = max(map(len, rows))
    seconds = np.array([_seconds(_text(one, "azimuthTime"), start) for one in entries])
    order = np.argsort(seconds)
    coefficients = np.array([row + [0.0] * (degrees - len(row)) for row in rows])
    origin = np.array([float(_text(one, "sr0")) for one in entries])
    return GroundRange(seconds[order], origin[order], coefficients[order])


def _grid(path: Path, root: Element) -> GeolocationGrid:
    points = root.findall("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    names = ("line", "pixel", "latitude", "longitude", "height", "incidenceAngle")
    values = np.array([[float(_text(point, name)) for name in names] for point in points]).reshape(-1, len(names))
    line, sample = np.unique(values[:, 0]), np.unique(values[:, 1])
    if line.size < 2 or sample.size < 2 or line.size * sample.size != len(values):
        raise GeometryError(
            f"{path}: its geolocation grid has {len(values)} points that form no grid; download it again"
        )
    ordered = values[np.lexsort((values[:, 1], values[:, 0]))].reshape(line.size, sample.size, len(names))
    return GeolocationGrid(line, sample, *(ordered[:, :, place] for place in range(2, 6)))
