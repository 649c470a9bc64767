"""The archive of a place: a folder of files, an array file, or the items of a STAC catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sunbreak.bands import LEVELS, OFFSETS
from sunbreak.data.archive.arrays import open_arrays
from sunbreak.data.archive.folder import open_folder
from sunbreak.data.archive.images import AUTO, Archive, DatedImage
from sunbreak.data.archive.search import is_api
from sunbreak.data.archive.stac import open_items
from sunbreak.data.sample import Detector
from sunbreak.data.spec import Option, Spec, SpecForm, parse_spec
from sunbreak.errors import OptionError

__all__ = ["FORM", "Archive", "DatedImage", "open_archive"]

CLOUD_KINDS: Final = ("mixed", "thin", "thick", "broken", "overcast", "fog")
FORM: Final = SpecForm(
    path="an archive: a folder with optical/, an .npz file, a .json file of STAC items, or the address of a STAC API",
    options={
        "from": Option("", "first day of the inputs, as in 2020-01-31"),
        "until": Option("", "last day of the inputs"),
        "radar_days": Option(12, "most days between optical and radar image", low=0, high=1000),
        "quality_map": Option("sunbreak", "codes of the files in quality/", ("sunbreak", "scl")),
        "level": Option(AUTO, "processing level, where the files do not tell", (AUTO, *LEVELS)),
        "offset": Option(AUTO, "number to add to the DN, where the files do not tell", (AUTO, *map(str, OFFSETS))),
        "bands": Option("", "names of the optical bands, joined by +, where the files do not tell"),
        "bbox": Option("", "west:south:east:north in degrees; STAC only, and a must for a search"),
        "collections": Option("sentinel-2-l2a+sentinel-1-rtc", "what a STAC API is searched for, joined by +"),
        "clouds": Option("simulated", "laid on clear dates, or those of cloudy dates", ("simulated", "real")),
        "series": Option("earlier", "which other dates stand beside an input", ("earlier", "all")),
        "min_cloud": Option(0.05, "smallest share of cloud of an input; clouds=real", low=0.0, high=1.0),
        "max_cloud": Option(0.02, "largest share of cloud, shadow and no data of a clear date", low=0.0, high=1.0),
        "size": Option(512, "longest side of the samples in pixels: the middle of larger images", low=16, high=4096),
        "cover": Option(0.3, "share of the sky under simulated cloud", low=0.0, high=1.0),
        "kind": Option("mixed", "sort of simulated sky", CLOUD_KINDS),
        "draws": Option(1, "simulated skies a clear date", low=1, high=1000),
        "seed": Option(0, "seed of the simulated skies", low=0),
    },
)
"""Options of `archive:PATH`."""


def open_archive(spec: str | Spec, detector: Detector | None = None) -> Archive:
    """List the dated images of an archive; no pixel is kept.

    Args:
        spec: `archive:PATH` with the options of `FORM`. Only `from`, `until`, `radar_days`, and what says how files
            are read (`quality_map`, `level`, `offset`, `bands`, `bbox`) matter here; the rest is for samples.
        detector: Finds cloud and shadow on days without quality classes; without it all of them counts as clear.

    Returns:
        The images, unread, and what was skipped with the reason.

    Raises:
        OptionError: There is no such archive, it holds no image that can be used, or an option does not fit.
        RasterError: The file is damaged.

    Example:
        >>> open_archive("archive:missing.npz")
        Traceback (most recent call last):
        sunbreak.errors.OptionError: missing.npz: no such file or folder; give the path of an archive
    """
    read = parse_spec(spec, {"archive": FORM}) if isinstance(spec, str) else spec
    path = Path(read.path)
    if is_api(read.path):
        return open_items(read, detector)
    if path.is_dir():
        return open_folder(read, detector)
    if not path.is_file():
        raise OptionError(f"{read.path}: no such file or folder; give the path of an archive")
    opener = {".npz": open_arrays, ".json": open_items, ".geojson": open_items}.get(path.suffix.lower())
    if opener is None:
        raise OptionError(f"{read.path}: is no archive; give {FORM.path.removeprefix('an archive: ')}")
    return opener(read, detector)
