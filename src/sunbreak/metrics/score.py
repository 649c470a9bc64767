"""Score an image under a protocol, by region, and average scores over images."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sunbreak.metrics.arrays import BoolArray, as_pair
from sunbreak.metrics.pixelwise import mae, mse, psnr_of_mse
from sunbreak.metrics.protocols import Metric, Protocol
from sunbreak.metrics.regions import Region, region_mask
from sunbreak.metrics.spectral import sam_map
from sunbreak.metrics.structure import mean_of_map, ssim_map


@dataclass(frozen=True)
class Scores:
    """Scores of one image, or their average; NaN where the protocol or the region defines none."""

    psnr: float
    """Peak signal-to-noise ratio in dB; of an average: the mean over images."""
    psnr_pooled: float
    """Ratio of the error pooled over all values in dB; of a single image the same as `psnr`."""
    ssim: float
    """Structural similarity, -1..1."""
    sam: float
    """Spectral angle in degrees."""
    mae: float
    """Mean absolute error in reflectance."""
    rmse: float
    """Root mean squared error in reflectance."""
    mse: float
    """Mean squared error in squared reflectance, over all values."""
    values: int
    """Values scored: pixels x bands."""
    images: int = 1
    """Images that hold scored pixels."""


def score(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    quality: npt.ArrayLike,
    protocol: Protocol,
    regions: Sequence[Region] = ("all",),
) -> dict[Region, Scores]:
    """Score one image under a protocol.

    Pixels without data, in the quality or in any band of the target, are never scored. A value missing from the
    prediction at a scored pixel makes the scores NaN.

    Args:
        prediction: (band, y, x), reflectance.
        target: (band, y, x), reflectance, NaN = missing.
        quality: Classes of the input, (y, x), codes of `legend.Quality`.
        protocol: From `protocols.get_protocol`.
        regions: Regions to score.

    Returns:
        Scores by region.

    Raises:
        GeometryError: Shapes differ.
        OptionError: A region is unknown.

    Example:
        >>> from sunbreak.metrics.protocols import get_protocol
        >>> image = np.full((3, 16, 16), 0.2)
        >>> quality = np.full((16, 16), 3)
        >>> scores = score(image + 0.1, image, quality, get_protocol("sunbreak"), ["cloud"])["cloud"]
        >>> round(scores.psnr, 6), round(scores.mae, 6)
        (20.0, 0.1)
    """
    first, second, _ = as_pair(prediction, target, quality)
    classes = np.asarray(quality)
    if protocol.crop is not None:
        rows, cols = (_central(size, protocol.crop) for size in classes.shape)
        first, second, classes = first[:, rows, cols], second[:, rows, cols], classes[rows, cols]
    first = first.clip(0, 1) if protocol.clamp_prediction else first
    second = second.clip(0, 1) if protocol.clamp_target else second
    known = np.isfinite(second).all(axis=0)
    masks = {region: region_mask(classes, region) & known for region in regions}
    similarity = angles = None
    if "ssim" in protocol.metrics and (protocol.ssim_by_region or "all" in regions):
        similarity = ssim_map(first, second, window=protocol.ssim)
    if "sam" in protocol.metrics:
        angles = sam_map(first, second, clamp=protocol.sam_clamp, of_zero=protocol.sam_of_zero)

    def of_region(region: Region, mask: BoolArray) -> Scores:
        error, count = mse(first, second, mask), int(mask.sum()) * len(first)
        ratio = psnr_of_mse(error, floor=protocol.mse_floor, perfect=protocol.perfect_psnr)
        with_ssim = similarity is not None and (region == "all" or protocol.ssim_by_region)
        return Scores(
            psnr=_if("psnr", protocol, ratio),
            psnr_pooled=_if("psnr", protocol, ratio),
            ssim=mean_of_map(similarity, mask, protocol.ssim) if with_ssim and similarity is not None else math.nan,
            sam=float(angles[mask].mean()) if angles is not None and count else math.nan,
            mae=_if("mae", protocol, mae(first, second, mask)),
            rmse=_if("rmse", protocol, math.sqrt(error)),
            mse=error,
            values=count,
            images=int(count > 0),
        )

    return {region: of_region(region, mask) for region, mask in masks.items()}


def average(scores: Iterable[Scores], protocol: Protocol) -> Scores:
    """Average over images: the mean of each metric, and the PSNR of the pooled error beside it.

    Images without scored pixels count nowhere; an image where a single metric has no value is left out of that
    metric's mean.

    Args:
        scores: Scores of single images, of one region.
        protocol: The protocol they were made under.

    Returns:
        The averaged scores.

    Example:
        >>> from sunbreak.metrics.protocols import get_protocol
        >>> made = [Scores(p, p, 0.9, 5.0, 0.1, 0.1, 10 ** (-p / 10), 100) for p in (20.0, 40.0)]
        >>> mean = average(made, get_protocol("sunbreak"))
        >>> mean.psnr, round(mean.psnr_pooled, 2)
        (30.0, 22.97)
    """
    scored = [one for one in scores if one.images and not math.isnan(one.mse)]
    values = sum(one.values for one in scored)
    pooled = sum(one.mse * one.values for one in scored) / values if values else math.nan
    ratio = psnr_of_mse(pooled, floor=protocol.mse_floor, perfect=protocol.perfect_psnr)
    return Scores(
        psnr=_mean([one.psnr for one in scored]),
        psnr_pooled=_if("psnr", protocol, ratio),
        ssim=_mean([one.ssim for one in scored]),
        sam=_mean([one.sam for one in scored]),
        mae=_mean([one.mae for one in scored]),
        rmse=_mean([one.rmse for one in scored]),
        mse=pooled,
        values=values,
        images=sum(one.images for one in scored),
    )


def _mean(values: Sequence[float]) -> float:
    present = [value for value in values if not math.isnan(value)]
    return sum(present) / len(present) if present else math.nan


def _if(metric: Metric, protocol: Protocol, value: float) -> float:
    return value if metric in protocol.metrics else math.nan


def _central(size: int, crop: int) -> slice:
    start = max(size - crop, 0) // 2
    return slice(start, start + min(size, crop))
