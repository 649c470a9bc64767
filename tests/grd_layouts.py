"""A small Sentinel-1 GRD product whose geometry is known: orbit, image and annotation made from first principles.

The satellite flies a circle in space while the Earth turns below it; a point lies on the line of the moment at which it
was nearest, found by searching the circle itself, and on the sample of its distance. Nothing here uses the package.
"""

import warnings
import zipfile

import numpy as np
import pyproj
from affine import Affine
from rasterio.errors import NotGeoreferencedWarning
from scipy.optimize import brentq, fsolve

from conftest import write_raster

CENTRE = pyproj.Transformer.from_crs(32633, 4326, always_xy=True).transform(503_000, 5_797_000)
"""Longitude and latitude of the middle of the image."""
RADIUS, TURN, EARTH = 7_071_000.0, 2 * np.pi / 5_924.0, 7.292_115e-5
"""Metres; the satellite's and the Earth's rate in radians per second."""
INCLINATION = np.radians(98.18)
DISTANCE = 865_000.0
"""Slant range in metres to the middle."""
SHAPE = (900, 1100)
LINE_SECONDS, SPACING = 1.489e-3, 10.0
START = np.datetime64("2024-05-26T05:20:31.123456", "ns")
TO_ECEF = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)
CALIBRATION = 420.0
"""A of the table sigmaNought in the middle of the image."""


def ecef(lon, lat, height):
    return np.stack(TO_ECEF.transform(lon, lat, height), axis=-1)


def circle(seconds, orbit):
    """Position in the Earth-fixed frame, (..., 3)."""
    along, node = orbit
    angle = along + TURN * np.asarray(seconds, float)
    east = node - EARTH * np.asarray(seconds, float)
    x, y = np.cos(angle), np.sin(angle) * np.cos(INCLINATION)
    z = np.sin(angle) * np.sin(INCLINATION)
    return RADIUS * np.stack([x * np.cos(east) - y * np.sin(east), x * np.sin(east) + y * np.cos(east), z], axis=-1)


def speed(seconds, orbit, step=1e-3):
    return (circle(np.asarray(seconds) + step, orbit) - circle(np.asarray(seconds) - step, orbit)) / (2 * step)


def nearest(point, orbit):
    """Moment at which the satellite was nearest to a point."""

    def closing(seconds):
        return float(np.dot(point - circle(seconds, orbit), speed(seconds, orbit)))

    return brentq(closing, -20, 20, xtol=1e-10)


def flown():
    """The circle that passes the middle of the image at second 0, `DISTANCE` to its left."""
    middle = ecef(*CENTRE, 0.0)

    def off(orbit):
        sight = middle - circle(0.0, orbit)
        return [np.dot(sight, speed(0.0, orbit)) / 1e9, np.linalg.norm(sight) / DISTANCE - 1]

    return fsolve(off, [np.radians(CENTRE[1]) + 0.02, np.radians(CENTRE[0]) - 1.1 + 0.78], xtol=1e-13)


ORBIT = flown()
MIDDLE_LINE, MIDDLE_SAMPLE = SHAPE[0] / 2, SHAPE[1] / 2


def ground(distance):
    """Ground range from the first sample, on a sphere: how this product defines it."""
    earth = np.linalg.norm(ecef(*CENTRE, 0.0))
    angle = np.arccos((RADIUS**2 + earth**2 - np.asarray(distance) ** 2) / (2 * RADIUS * earth))
    middle = np.arccos((RADIUS**2 + earth**2 - DISTANCE**2) / (2 * RADIUS * earth))
    return earth * (angle - middle) + MIDDLE_SAMPLE * SPACING


NEAR = brentq(ground, DISTANCE - 20_000, DISTANCE)
"""Slant range of the first sample."""


def place(lon, lat, height):
    """Line and sample of a point, counted from the centre of the first."""
    point = ecef(lon, lat, height)
    seconds = nearest(point, ORBIT)
    distance = np.linalg.norm(point - circle(seconds, ORBIT))
    return seconds / LINE_SECONDS + MIDDLE_LINE, float(ground(distance)) / SPACING


def found_at(line, sample, terrain):
    """Longitude, latitude and height of a pixel on the terrain."""
    guess = CENTRE

    def off(at):
        return np.array(place(*at, terrain(*at))) - (line, sample)

    at = fsolve(off, guess, xtol=1e-9)
    return *at, terrain(*at)


def seconds_text(seconds):
    """A moment as the annotation writes it."""
    return str(START + np.timedelta64(round((seconds + MIDDLE_LINE * LINE_SECONDS) * 1e9), "ns"))[:26]


def orbit_xml():
    rows = []
    for seconds in np.arange(-40, 41, 10.0):
        parts = {"position": circle(seconds, ORBIT), "velocity": speed(seconds, ORBIT)}
        told = "".join(
            f"<{name}>" + "".join(f"<{axis}>{value:.9e}</{axis}>" for axis, value in zip("xyz", values, strict=True))
            + f"</{name}>" for name, values in parts.items()
        )  # fmt: skip
        rows.append(f"<orbit><time>{seconds_text(seconds)}</time><frame>Earth Fixed</frame>{told}</orbit>")
    return f'<orbitList count="{len(rows)}">{"".join(rows)}</orbitList>'


def conversion_xml():
    distance = np.linspace(NEAR - 3000, NEAR + 16_000, 200)
    coefficients = np.polynomial.polynomial.polyfit(distance - NEAR, ground(distance), 5)
    told = " ".join(f"{value:.12e}" for value in coefficients)
    rows = [
        f"<coordinateConversion><azimuthTime>{seconds_text(seconds)}</azimuthTime><slantRangeTime>5.3e-03"
        f"</slantRangeTime><sr0>{NEAR:.9e}</sr0><srgrCoefficients>{told}</srgrCoefficients><gr0>0</gr0>"
        f"<grsrCoefficients>0</grsrCoefficients></coordinateConversion>"
        for seconds in (-1.0, 0.0, 1.0)
    ]
    listed = f"<coordinateConversionList>{''.join(rows)}</coordinateConversionList>"
    return f"<coordinateConversion>{listed}</coordinateConversion>"


def grid_xml(terrain):
    rows = []
    for line in np.linspace(0, SHAPE[0] - 1, 4).astype(int):
        for sample in np.linspace(0, SHAPE[1] - 1, 5).astype(int):
            lon, lat, height = found_at(line, sample, terrain)
            rows.append(
                f"<geolocationGridPoint><line>{line}</line><pixel>{sample}</pixel><latitude>{lat:.12e}</latitude>"
                f"<longitude>{lon:.12e}</longitude><height>{height:.9e}</height><incidenceAngle>39.1</incidenceAngle>"
                "</geolocationGridPoint>"
            )
    return f"<geolocationGrid><geolocationGridPointList>{''.join(rows)}</geolocationGridPointList></geolocationGrid>"


def annotation_xml(pol, terrain, kind="GRD"):
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<product><adsHeader><missionId>S1A</missionId><productType>{kind}</productType><polarisation>{pol}</polarisation>
<mode>IW</mode><swath>IW</swath></adsHeader><generalAnnotation>{orbit_xml()}</generalAnnotation>
<imageAnnotation><imageInformation>
<productFirstLineUtcTime>{seconds_text(-MIDDLE_LINE * LINE_SECONDS)}</productFirstLineUtcTime>
<rangePixelSpacing>{SPACING:e}</rangePixelSpacing><azimuthPixelSpacing>1.0e+01</azimuthPixelSpacing>
<azimuthTimeInterval>{LINE_SECONDS:.12e}</azimuthTimeInterval><numberOfSamples>{SHAPE[1]}</numberOfSamples>
<numberOfLines>{SHAPE[0]}</numberOfLines></imageInformation></imageAnnotation>
{conversion_xml()}{grid_xml(terrain)}</product>"""


def vectors(name, tag, lines, samples, table):
    listed = "".join(
        f"<{tag}><azimuthTime>{seconds_text(0)}</azimuthTime><line>{line}</line>"
        f'<pixel count="{len(samples)}">{" ".join(map(str, samples))}</pixel>'
        f'<{name} count="{len(samples)}">{" ".join(f"{value:.9e}" for value in row)}</{name}></{tag}>'
        for line, row in zip(lines, table, strict=True)
    )
    return f'<{tag}List count="{len(lines)}">{listed}</{tag}List>'


LINES, SAMPLES = (-50, 300, 700, 1000), (0, 250, 500, 750, 1099)


def calibration():
    """A at `LINES` and `SAMPLES`."""
    return CALIBRATION * (1 + 0.05 * np.array(LINES)[:, None] / 900 - 0.1 * np.array(SAMPLES)[None] / 1100)


def noise():
    """Squared DN at `LINES` and `SAMPLES`: scallops along the swath."""
    return 900.0 + 300 * np.cos(np.array(SAMPLES) / 200.0)[None] + 0.2 * np.array(LINES)[:, None]


def on_image(table):
    """A table at every pixel, bilinear."""
    along = np.stack([np.interp(np.arange(SHAPE[1]), SAMPLES, row) for row in table])
    return np.stack([np.interp(np.arange(SHAPE[0]), LINES, column) for column in along.T], axis=1)


AZIMUTH = (np.array([0, 300, 899]), np.array([1.0, 1.3, 0.8]))
"""Lines, and the factor of the noise there, left of sample 600."""


def noise_xml(form):
    if form == "old":
        return f"<noise>{vectors('noiseLut', 'noiseVector', LINES, SAMPLES, noise())}</noise>"
    line, factor = (" ".join(map(str, values)) for values in AZIMUTH)
    block = (
        "<noiseAzimuthVector><swath>IW1</swath><firstAzimuthLine>0</firstAzimuthLine><firstRangeSample>0"
        "</firstRangeSample><lastAzimuthLine>899</lastAzimuthLine><lastRangeSample>599</lastRangeSample>"
        f'<line count="3">{line}</line><noiseAzimuthLut count="3">{factor}</noiseAzimuthLut></noiseAzimuthVector>'
    )
    return (
        f"<noise>{vectors('noiseRangeLut', 'noiseRangeVector', LINES, SAMPLES, noise())}"
        f'<noiseAzimuthVectorList count="1">{block}</noiseAzimuthVectorList></noise>'
    )


def noise_of(form):
    """Squared DN of the noise at every pixel."""
    power = on_image(noise())
    if form == "new":
        power[:, :600] *= np.interp(np.arange(SHAPE[0]), *AZIMUTH)[:, None]
    return power


def image(sigma0, form, targets=(), seed=0, border=0, residue=0, looks=4.4):
    """DN of an image of even backscatter, with bright points at (line, sample), and a border of some samples."""
    rng = np.random.default_rng(seed)
    level = np.full(SHAPE, sigma0)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    for line, sample in targets:
        level += 200 * np.exp(-((y - line) ** 2 + (x - sample) ** 2) / (2 * 0.9**2))
    power = level * on_image(calibration()) ** 2 + noise_of(form)
    power *= rng.gamma(looks, 1 / looks, SHAPE) if looks else 1.0
    dn = np.clip(np.rint(np.sqrt(power)), 1, 65535).astype("uint16")
    if border:
        dn[:, :border] = rng.integers(0, residue + 1, (SHAPE[0], border))
    return dn


def flat(lon, lat):
    return 0.0 * np.asarray(lon)


def write_grd(
    root, terrain=flat, form="new", *, targets=(), sigma0=(0.08, 0.016), pols=("VV", "VH"), kind="GRD", **more
):
    """A `.SAFE` folder under `root`; targets are (line, sample). Returns its path."""
    name = "S1A_IW_GRDH_1SDV_20240526T052031_20240526T052033_053000_066000_ABCD.SAFE"
    folder = root / name
    for part in ("annotation/calibration", "measurement"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, (pol, level) in enumerate(zip(pols, sigma0, strict=True), start=1):
        stem = f"s1a-iw-grd-{pol.lower()}-20240526t052031-20240526t052033-053000-066000-{number:03}"
        (folder / f"annotation/{stem}.xml").write_text(annotation_xml(pol, terrain, kind))
        table = vectors("sigmaNought", "calibrationVector", LINES, SAMPLES, calibration())
        (folder / f"annotation/calibration/calibration-{stem}.xml").write_text(f"<calibration>{table}</calibration>")
        (folder / f"annotation/calibration/noise-{stem}.xml").write_text(noise_xml(form))
        dn = image(level, form, targets, seed=number, **more)
        # real ones carry ground control points, which say no more than the annotation
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            write_raster(folder / f"measurement/{stem}.tiff", dn[np.newaxis], crs=None)
    (folder / "manifest.safe").write_text("<xfdu/>")
    return folder


def zipped(folder):
    path = folder.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{folder.name}/{file.relative_to(folder)}")
    return path


def hill(lon, lat):
    """Height in metres of a hill of 700 m, three kilometres wide, in the middle."""
    east = (np.asarray(lon) - CENTRE[0]) * 111_320 * np.cos(np.radians(CENTRE[1]))
    north = (np.asarray(lat) - CENTRE[1]) * 111_320
    return 100 + 700 * np.exp(-(east**2 + north**2) / (2 * 1500.0**2))


def write_dem(path, terrain=hill, lift=0.0):
    """An elevation model in degrees, finer than a second of arc."""
    step = 1 / 4800
    lon = CENTRE[0] + (np.arange(900) - 450 + 0.5) * step
    lat = CENTRE[1] - (np.arange(600) - 300 + 0.5) * step
    heights = (terrain(*np.meshgrid(lon, lat)) + lift).astype("float32")
    corner = Affine(step, 0, CENTRE[0] - 450 * step, 0, -step, CENTRE[1] + 300 * step)
    return write_raster(path, heights[np.newaxis], crs="EPSG:4326", transform=corner)


SIZE = 600
"""Side of the optical scene of 10 m, which lies inside the image."""
