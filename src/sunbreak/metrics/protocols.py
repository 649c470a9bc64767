"""Named protocols: the exact definitions under which published scores were made, and our own.

The same predictions scored under two of them differ by up to 1.7 dB, so no score is printed without its protocol. The
published ones were read in the code named by `source`; regions other than `all` are our extension of their per-pixel
metrics, and SSIM by region stays away where the published code has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Literal

from sunbreak.errors import OptionError
from sunbreak.metrics.regions import Region
from sunbreak.metrics.structure import SsimWindow

Metric = Literal["psnr", "ssim", "sam", "mae", "rmse"]
METRICS: Final[tuple[Metric, ...]] = ("psnr", "ssim", "sam", "mae", "rmse")
OFF_CENTER: Final = SsimWindow(center=5.5, border="zero")
"""The window whose peak lies half a pixel beside its centre."""


@dataclass(frozen=True)
class Protocol:
    """One way to score an image; the mean over images and the pooled PSNR follow from it."""

    name: str
    """Identifier, printed with every score."""
    source: str
    """Where the definition was read."""
    notes: str
    """What is peculiar to it."""
    clamp_prediction: bool
    """Clip the prediction to reflectance 0..1."""
    clamp_target: bool
    """Clip the target to reflectance 0..1."""
    ssim: SsimWindow
    """Window and border of SSIM."""
    metrics: tuple[Metric, ...] = METRICS
    """Metrics that the protocol defines; others are left out."""
    crop: int | None = None
    """Side in pixels of the central square that is scored; None scores the whole image."""
    mse_floor: float = 0.0
    """Smallest mean squared error that counts in PSNR."""
    perfect_psnr: float = math.inf
    """PSNR in dB of an image without any error."""
    sam_clamp: bool = True
    """Bring the cosine into -1..1; without, an image with equal spectra may have no SAM."""
    sam_of_zero: float = math.nan
    """Angle in degrees of a spectrum that is zero in all bands; NaN leaves the image without SAM."""
    regions: tuple[Region, ...] = ("all",)
    """Parts of the image that are scored if nobody asks for others."""
    ssim_by_region: bool = False
    """SSIM is defined on parts of the image, as the mean of the full image's map."""


PROTOCOLS: Final[dict[str, Protocol]] = {
    protocol.name: protocol
    for protocol in (
        Protocol(
            name="sunbreak",
            source="this package",
            notes=(
                "No clamp on either side: values are scored as a user gets them. MSE floor 1e-10 (100 dB), below the "
                "rounding error of stored DN. SSIM windows are cut at the border and at missing pixels."
            ),
            clamp_prediction=False,
            clamp_target=False,
            ssim=SsimWindow(border="cut"),
            mse_floor=1e-10,
            sam_of_zero=90.0,
            regions=("cloud", "shadow", "all"),
            ssim_by_region=True,
        ),
        Protocol(
            name="uncrtaints",
            source="PatrickTUM/UnCRtainTS, model/src/learning/metrics.py; Ebel et al. 2023",
            notes="Whole patch, PSNR per image, mean of the images with a finite value; the loader clips to 0..1.",
            clamp_prediction=True,
            clamp_target=True,
            ssim=SsimWindow(border="zero"),
        ),
        Protocol(
            name="hpncr",
            source="G-pz/HPN-CR, utils/metric.py and test.py",
            notes="Window of SSIM half a pixel off centre; arc cosine of SAM unguarded; PSNR of a perfect image 100.",
            clamp_prediction=True,
            clamp_target=True,
            ssim=OFF_CENTER,
            metrics=("psnr", "ssim", "sam", "mae"),
            perfect_psnr=100.0,
            sam_clamp=False,
        ),
        Protocol(
            name="geocr",
            source="KAIST-VICLab/GeoCR, geocr/metrics/masked.py",
            notes="All 13 bands, float64 angles, SSIM map averaged over the mask.",
            clamp_prediction=True,
            clamp_target=True,
            ssim=SsimWindow(border="zero"),
            mse_floor=1e-12,
            sam_of_zero=90.0,
            ssim_by_region=True,
        ),
        Protocol(
            name="glfcr",
            source="xufangchn/GLF-CR, metrics.py; Xu et al. 2022",
            notes="Central 128 x 128 of each patch; window of SSIM half a pixel off centre; no SAM, MAE or RMSE.",
            clamp_prediction=False,
            clamp_target=True,
            ssim=OFF_CENTER,
            metrics=("psnr", "ssim"),
            crop=128,
            perfect_psnr=100.0,
        ),
        Protocol(
            name="dsen2cr",
            source="ameraner/dsen2-cr, Code/tools/image_metrics.py; Meraner et al. 2020",
            notes=(
                "Central 128 x 128; SSIM on whole windows only. Published PSNR pools each batch: the mean here is that "
                "of batches of one, the pooled one that of a single batch. SAM in degrees, errors in reflectance."
            ),
            clamp_prediction=False,
            clamp_target=True,
            ssim=SsimWindow(border="valid"),
            crop=128,
        ),
    )
}
"""Protocols by name."""


def get_protocol(name: str) -> Protocol:
    """Look a protocol up.

    Args:
        name: For example `sunbreak`.

    Returns:
        The protocol.

    Raises:
        OptionError: There is no such protocol; the message lists those there are.

    Example:
        >>> get_protocol("glfcr").crop
        128
    """
    if name not in PROTOCOLS:
        raise OptionError(f"protocol {name!r} is unknown; choose from {', '.join(PROTOCOLS)}")
    return PROTOCOLS[name]
