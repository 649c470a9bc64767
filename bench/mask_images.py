"""The images on which masks are compared: real ones that somebody labelled, simulated clouds, and clear ones."""

from dataclasses import dataclass, field

import numpy as np
from odc.geo.geobox import GeoBox

from sunbreak.data import open_data
from sunbreak.data.manifest import read_manifest
from sunbreak.data.patch import read_patch, reflectance
from sunbreak.legend import SCL_TO_QUALITY, Quality

WORLDCEREAL_20M = ("B05", "B06", "B07", "B8A", "B11", "B12")
NEVER_TRAINED_ON = ("terramesh_s1_s2_lulc", "majortom_pair")
"""Sources whose licence keeps them out of training whatever their split."""
CIRRUS = 0.02
"""Median of B10 above which an image listed as clear lies under cirrus."""
KINDS = ("mixed", "thin", "broken")


@dataclass(frozen=True)
class Image:
    """An image with the classes that somebody gave its pixels."""

    name: str
    bands: tuple
    level: str
    optical: np.ndarray
    truth: np.ndarray
    pixel: float = 10.0
    """Pixel size in m, 0 where nobody says."""
    geobox: GeoBox | None = None

    def only(self, bands):
        """The same image with some of its bands."""
        keep = [self.bands.index(name) for name in bands]
        return Image(self.name, tuple(bands), self.level, self.optical[keep], self.truth, self.pixel, self.geobox)


@dataclass(frozen=True)
class ImageSet:
    """Images whose labels are of one kind."""

    title: str
    images: list = field(repr=False)
    shadow: bool = True
    """Whether the labels know shadow."""


def image_sets(root):
    """All sets of a collection, one by one."""
    rows = [row for row in read_manifest(str(root)) if row.path.suffix == ".tif"]
    yield ImageSet("hand labels (UKIS, 1 image, L1C, 6 bands)", [hand_labels(root)])
    yield from scl(root)
    for folder, title in (("sen12mscr_triplets", "16 triplets"), ("sen12mscr_partial", "31 pairs")):
        yield ImageSet(f"heuristic cloud masks of the {title} (L1C, 13 bands)", heuristic(rows, folder), shadow=False)
    unseen = list(simulated(root, rows, unseen=True))
    yield ImageSet("simulated clouds, unseen regions, L1C", [one for one in unseen if one.level == "L1C"])
    yield ImageSet("the same, B02 B03 B04 B08 only",
                   [one.only(("B02", "B03", "B04", "B08")) for one in unseen if one.level == "L1C"])  # fmt: skip
    yield ImageSet("simulated clouds, unseen regions, L2A", [one for one in unseen if one.level == "L2A"])


def hand_labels(root):
    with np.load(root / "ukis_cloud_labels/sentinel2_512.npz") as file:
        label = file["label"]
        truth = np.select([label == 4, label == 0], [Quality.THICK_CLOUD, Quality.SHADOW], Quality.CLEAR)
        optical = (np.moveaxis(file["s2"], -1, 0) / 10000).astype(np.float32)
        return Image(
            "UKIS_s2", tuple(map(str, file["s2_bands"])), "L1C", optical, truth.astype(np.uint8), pixel=0.0
        )  # not known; the label's authors take the image as it is


def scl(root):
    """Dates of small places with the scene classification of the processor; SCL is an algorithm, too."""
    codes = np.zeros(256, np.uint8)
    for code, quality in SCL_TO_QUALITY.items():
        codes[code] = quality
    fine, coarse = [], []
    for path in sorted((root / "worldcereal_s1_s2_series").glob("[02]*.npz")):
        with np.load(path) as file:
            box = [float(value) for value in file["bounds"]]
            planes, classes = file["s2_20m"], codes[file["scl_20m"]]
            grid = GeoBox.from_bbox(box, f"EPSG:{int(file['epsg'])}", shape=classes.shape[1:])
            bands, pixel = WORLDCEREAL_20M, 20.0
            if "s2_10m" in file:
                planes = np.concatenate([file["s2_10m"], planes.repeat(2, axis=2).repeat(2, axis=3)], axis=1)
                classes, grid = classes.repeat(2, axis=1).repeat(2, axis=2), None
                bands, pixel = ("B02", "B03", "B04", "B08", *bands), 10.0
            into = fine if pixel == 10.0 else coarse
            into += [Image(f"{path.stem}-{date}", bands, "L2A", _from_dn(plane), truth, pixel, grid)
                     for date, (plane, truth) in enumerate(zip(planes, classes, strict=True))]  # fmt: skip
    yield ImageSet("SCL, one place in Belgium (L2A, 10 bands, 64 x 64)", fine)
    yield ImageSet("SCL, two places (L2A, no visible bands, 32 x 32 at 20 m)", coarse)
    with np.load(root / "openeo_s1_s2_cube/belgium_2023-04.npz") as file:
        dates = zip(file["s2"], codes[file["scl"].astype(np.uint8)], strict=True)
        images = [Image(f"openeo-{date}", ("B01", "B04", "B08", "B11"), "L2A", _from_dn(plane), truth)
                  for date, (plane, truth) in enumerate(dates)]  # fmt: skip
    yield ImageSet("SCL, a field in Belgium (L2A, B01 B04 B08 B11, 66 x 64)", images)


def _from_dn(plane):
    return np.where((plane == 0) | (plane == 65535), np.nan, plane / 10000).astype(np.float32)


def heuristic(rows, folder):
    masks = {row.sample: row.path for row in rows if row.role == "mask" and folder in row.path.parts}
    images = []
    for row in rows:
        if row.role == "s2_cloudy" and row.sample in masks:
            cloud = read_patch(masks[row.sample]).values[0] == 1
            truth = np.where(cloud, Quality.THICK_CLOUD, Quality.CLEAR).astype(np.uint8)
            images.append(Image(row.sample, row.bands, row.level, reflectance(read_patch(row.path), row.dn_offset),
                                truth))  # fmt: skip
    return images


def simulated(root, rows, *, unseen):
    """Exact truth: clouds of three kinds laid over real clear images."""
    samples = {row.sample for row in rows if is_unseen(row) == unseen}
    spec = f"collection:{root},split=all,clouds=simulated,radar=any,seed=1"
    for kind in KINDS:
        for entry in open_data(f"{spec},kind={kind}").entries:
            if entry.name.rsplit("-sky", 1)[0].removesuffix("-L1C").removesuffix("-L2A") in samples:
                one = entry.load()
                if under_cirrus(one.bands, one.clear):  # its truth would call cirrus clear
                    continue
                yield Image(f"{one.name}-{kind}", one.bands, one.level, one.cloudy, one.quality)


def under_cirrus(bands, optical):
    """Whether an image listed as clear is not."""
    return "B10" in bands and bool(np.nanmedian(optical[bands.index("B10")]) > CIRRUS)


def is_unseen(row):
    """Whether no network may have been trained on this image."""
    return row.split != "train" or any(source in row.path.parts for source in NEVER_TRAINED_ON)


def clear_sets(rows):
    """Real images without cloud, as far as their lists know, by level and by whether networks may have seen them."""
    sets = {}
    for row in rows:
        if row.role != "s2_clear" or row.path.suffix != ".tif" or len({"B02", "B03", "B04"} & set(row.bands)) < 3:
            continue
        patch = read_patch(row.path)
        optical = reflectance(patch, row.dn_offset)
        cirrus = under_cirrus(row.bands, optical)
        title = f"{row.level}, {'unseen' if is_unseen(row) else 'training'} regions{', under cirrus' * cirrus}"
        truth = np.where(np.isfinite(optical).any(axis=0), Quality.CLEAR, Quality.NODATA).astype(np.uint8)
        images = sets.setdefault(title, ImageSet(title, [])).images
        images.append(Image(row.path.stem, row.bands, row.level, optical, truth, 10.0, patch.geobox))
    return [sets[title] for title in sorted(sets)]
