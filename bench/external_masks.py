"""Masks of other programmes, for the study only; runs under a Python that has them and knows nothing of Sunbreak.

    PYTHON external_masks.py s2cloudless|ukis-csmask IN.npz OUT.npz

IN holds `N.optical` (band, y, x), float32, reflectance, `N.bands`, `N.level` and `N.pixel` (m; 0 = take pixels as they
are) for N = 0, 1, ...; OUT gets the classes of `sunbreak.legend.Quality` as `N` for every image that the programme can
read. Exit code 3: it is not installed.

    python -m venv STUDY && STUDY/bin/pip install s2cloudless 'ukis-csmask[cpu]'
"""

import sys
import warnings

import numpy as np

S2CLOUDLESS = ("B01", "B02", "B04", "B05", "B08", "B8A", "B09", "B10", "B11", "B12")
UKIS = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "B12": "swir22"}
UKIS_PIXEL = 30
"""m; the pixel size its authors recommend."""


def s2cloudless(optical, bands, level, pixel):
    """Threshold and averaging as its documentation advises for 10 m; no dilation, as for the others."""
    from s2cloudless import S2PixelCloudDetector

    if level != "L1C" or not set(S2CLOUDLESS) <= set(bands):
        return None
    average = max(1, round(220 / (pixel or 10)))
    detector = S2PixelCloudDetector(threshold=0.4, average_over=average, dilation_size=None)
    image = np.nan_to_num(optical)[[bands.index(name) for name in S2CLOUDLESS]]
    return np.where(detector.get_cloud_masks(np.moveaxis(image, 0, -1)[np.newaxis])[0] > 0, 3, 1)


def ukis(optical, bands, level, pixel):
    """The model of 6 bands, or of 4 where the short-wave infrared is missing."""
    from ukis_csmask.mask import CSmask

    if not {"B02", "B03", "B04", "B08"} <= set(bands):
        return None
    names = list(UKIS) if {"B11", "B12"} <= set(bands) else list(UKIS)[:4]
    image = np.nan_to_num(optical)[[bands.index(name) for name in names]]
    step = max(1, round(UKIS_PIXEL / pixel)) if pixel > 0 else 1
    height, width = image.shape[1:]
    image = np.pad(image, ((0, 0), (0, -height % step), (0, -width % step)), mode="edge")
    image = image.reshape(len(names), image.shape[1] // step, step, image.shape[2] // step, step).mean((2, 4))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # images below 256 x 256 pixels
        found = CSmask(
            np.moveaxis(image, 0, -1).astype(np.float32), [UKIS[name] for name in names], product_level=level.lower(),
            providers=["CPUExecutionProvider"], intra_op_num_threads=2,
        ).csm[..., 0]  # fmt: skip
    fine = found.repeat(step, axis=0).repeat(step, axis=1)[:height, :width]
    return np.array([1, 3, 4])[fine]


def main(name, given, out):
    programme = {"s2cloudless": s2cloudless, "ukis-csmask": ukis}[name]
    try:
        __import__({"s2cloudless": "s2cloudless", "ukis-csmask": "ukis_csmask.mask"}[name])
    except ImportError as error:
        print(error, file=sys.stderr)
        sys.exit(3)
    found = {}
    with np.load(given) as file:
        for index in range(len(file.files) // 4):
            told = [str(file[f"{index}.level"]), float(file[f"{index}.pixel"])]
            quality = programme(file[f"{index}.optical"], [str(band) for band in file[f"{index}.bands"]], *told)
            if quality is not None:
                found[str(index)] = quality.astype(np.uint8)
    np.savez_compressed(out, **found)


if __name__ == "__main__":
    main(*sys.argv[1:])
