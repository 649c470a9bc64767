"""Plain folders of pictures, one folder a class: aerial scene sets in red, green and blue."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import rasterio
from rasterio.errors import RasterioError

from sunbreak.bands import LEVELS, Level
from sunbreak.data.labelled.clouds import CLOUD_OPTIONS, clouded
from sunbreak.data.labelled.files import class_folders, largest, without_clouds
from sunbreak.data.labelled.patches import LabelledEntry, PatchSet
from sunbreak.data.sample import FloatArray, Sample
from sunbreak.data.spec import Option, Spec, SpecForm
from sunbreak.errors import GeometryError, RasterError
from sunbreak.legend import Quality
from sunbreak.rasters.raster import GDAL_OPTIONS, check_path, georeferencing_optional

BANDS: Final = ("B04", "B03", "B02")
"""Red, green and blue, in the order of the pictures."""
SUFFIXES: Final = (".jpg", ".jpeg", ".png", ".tif", ".tiff")
SIGNATURES: Final[dict[bytes, str]] = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n": "PNG",
    b"II*\0": "GTiff",
    b"MM\0*": "GTiff",
}
"""First bytes and drivers; what a file is named does not matter."""
READ_OPTIONS: Final[dict[str, Any]] = {
    **GDAL_OPTIONS,
    # read all at once, a PNG that is cut off would end in black without an error
    "GDAL_PNG_WHOLE_IMAGE_OPTIM": "NO",
    "GDAL_PNG_SINGLE_BLOCK": "NO",
}
"""How GDAL reads pictures that nobody vouches for."""
MAX_SIDE: Final = 8192
"""Longest side of a picture in pixels; the largest of the public sets have 600."""
SHARES: Final[dict[str, float]] = {"train": 0.6, "val": 0.2, "test": 0.2}
"""Shares of the splits."""
ALL: Final = "all"
FORM: Final = SpecForm(
    path="a folder that holds one folder of pictures a class",
    options={
        "split": Option(ALL, "pictures to take, by a hash of their names", (ALL, *SHARES)),
        "white": Option(0.3, "reflectance of the value 255", low=0.01, high=2.0),
        "level": Option("L2A", "processing level that the pictures stand for", LEVELS),
        "size": Option(64, "height and width that the pictures are reduced to", low=8, high=1024),
        **CLOUD_OPTIONS,
    },
)
"""Options of `class-folders:PATH`.

Pictures are stretched for the eye, so that nobody knows the reflectance of their 255. The true-colour pictures of
Copernicus turn white at 0.3558 (L1C) and at 0.2 (L2A): 0.3 lies between them, and puts vegetation, soil and roofs
about where Sentinel-2 sees them.

Source: Copernicus SentiWiki, S2 Products, true colour image (DN 3558 and 2000 become 255).
"""


@dataclass(frozen=True)
class _Picture:
    """A picture that has not been read yet."""

    path: Path
    name: str
    white: float
    level: Level
    size: int

    def load(self) -> Sample:
        """Read it."""
        values = _read(self.path)
        if min(values.shape[1:]) < self.size:
            height, width = values.shape[1:]
            raise GeometryError(
                f"{self.path}: is {width} x {height} pixels, too small for size={self.size}; give a smaller size"
            )
        reflectance = shrink(values, self.size) * np.float32(self.white / 255)
        quality = np.full((self.size, self.size), Quality.CLEAR, np.uint8)
        return without_clouds(
            Sample(name=self.name, region=self.name, level=self.level, bands=BANDS, cloudy=reflectance, quality=quality)
        )


def open_class_folders(spec: Spec) -> PatchSet:
    """List pictures in class folders, as in UC Merced, PatternNet, RESISC45 and AID.

    Pictures of 8 bits in red, green and blue (JPEG, PNG, TIFF) become reflectance, 255 being `white`, and are reduced
    by area averaging to `size`, of oblong ones the middle square. They have no processing level. Unless `level` says
    otherwise they count as L2A: they are taken from low above the ground, and stretched from black to white, so that no
    haze of the atmosphere is left in them. With `level=L1C` a classifier trained on them can be used for L1C images;
    the values stay the same, and `white` is the way to make them brighter.

    Nobody says where they lie: each is its own region, and the split is drawn by a hash of class and file name, 60 %
    train, 20 % val, 20 % test, the same on every machine. Neighbours may lie on both sides of it.

    Args:
        spec: `class-folders:PATH` with the options of `FORM`. The class folders are found at or below PATH.

    Returns:
        The patches by class and name, unread; without radar.

    Raises:
        OptionError: There are no class folders, or nothing is selected.
    """
    found = largest(spec, class_folders(spec.path, _is_picture), spec.path, "<Class>/<picture>.jpg, .png or .tif")
    entries = []
    for label, (folder, files) in enumerate(found.images.items()):
        for file in files:
            name = f"{folder}/{file}"
            if spec["split"] in (ALL, _split(name)):
                picture = _Picture(found.folder / folder / file, name, spec["white"], spec["level"], spec["size"])
                entries.append(LabelledEntry(name, name, label, picture.load))
    return PatchSet(
        spec=spec,
        split=spec["split"],
        classes=found.classes,
        bands=BANDS,
        level=spec["level"],
        size=spec["size"],
        has_radar=False,
        knows_cloud=True,
        entries=clouded(entries, spec),
    )


def shrink(image: npt.NDArray[np.generic], size: int) -> FloatArray:
    """Reduce the middle square of an image by area averaging.

    Args:
        image: (band, y, x), at least `size` on each side.
        size: Height and width of the result.

    Returns:
        (band, size, size), float32; every value is the mean over the area of its pixel.

    Example:
        >>> shrink(np.array([[[0, 2, 4], [0, 2, 4]]]), 1)
        array([[[1.]]], dtype=float32)
    """
    height, width = image.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[:, top : top + side, left : left + side].astype(np.float32)
    weights = _shares(side, size)
    small: FloatArray = (weights @ square @ weights.T).astype(np.float32)
    return small


def _shares(side: int, size: int) -> FloatArray:
    """Share of every pixel in every reduced one, (size, side); rows sum to 1."""
    edges = np.arange(size + 1) * (side / size)
    start, end = edges[:-1, None], edges[1:, None]
    pixel = np.arange(side)
    overlap = np.clip(np.minimum(end, pixel + 1) - np.maximum(start, pixel), 0, None)
    shares: FloatArray = (overlap / overlap.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _is_picture(_folder: str, name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def _split(name: str) -> str:
    draw = int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "big") / 2.0**32
    return "train" if draw < SHARES["train"] else "val" if draw < SHARES["train"] + SHARES["val"] else "test"


def _read(path: Path) -> npt.NDArray[np.uint8]:
    """The three bands of a picture."""
    resolved = check_path(path)
    with resolved.open("rb") as file:
        start = file.read(8)
    driver = next((driver for signature, driver in SIGNATURES.items() if start.startswith(signature)), None)
    if driver is None:
        raise RasterError(f"{path}: is no JPEG, PNG or TIFF, whatever its name says; fetch it again, or take it away")
    try:
        with georeferencing_optional(), rasterio.Env(**READ_OPTIONS):
            opened = rasterio.open(resolved, driver=driver)
        with opened as picture, rasterio.Env(**READ_OPTIONS):
            if picture.count != len(BANDS) or set(picture.dtypes) != {"uint8"}:
                raise RasterError(
                    f"{path}: holds {picture.count} bands of {picture.dtypes[0]}, expected red, green and blue of 8"
                    " bits; convert it, or take it away"
                )
            if max(picture.shape) > MAX_SIDE:
                raise RasterError(
                    f"{path}: is {picture.width} x {picture.height} pixels; cut it into pictures of scenes"
                )
            return np.asarray(picture.read(), dtype=np.uint8)
    except (RasterioError, rasterio._err.CPLE_BaseError) as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise RasterError(f"{path}: cannot be read ({reason}); fetch it again, or take it away") from error
