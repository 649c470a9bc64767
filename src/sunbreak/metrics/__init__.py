"""Metrics and the named protocols that define them; everything that prints a score goes through here."""

from sunbreak.metrics.calibration import Coverage, coverage, gaussian_nll
from sunbreak.metrics.confidence import expected_calibration_error
from sunbreak.metrics.land_cover import accuracy, confusion, iou, mean_iou_of
from sunbreak.metrics.matching import match_to_input
from sunbreak.metrics.pixelwise import mae, mse, per_band, psnr, rmse
from sunbreak.metrics.protocols import PROTOCOLS, Protocol, get_protocol
from sunbreak.metrics.regions import REGIONS, Region, region_mask
from sunbreak.metrics.scene_classes import (
    average_accuracy,
    class_accuracies,
    contribution,
    kappa,
    macro_f1,
    scene_confusion,
)
from sunbreak.metrics.score import Scores, average, score
from sunbreak.metrics.spectral import sam
from sunbreak.metrics.structure import SsimWindow, ssim

__all__ = [
    "PROTOCOLS",
    "REGIONS",
    "Coverage",
    "Protocol",
    "Region",
    "Scores",
    "SsimWindow",
    "accuracy",
    "average",
    "average_accuracy",
    "class_accuracies",
    "confusion",
    "contribution",
    "coverage",
    "expected_calibration_error",
    "gaussian_nll",
    "get_protocol",
    "iou",
    "kappa",
    "macro_f1",
    "mae",
    "match_to_input",
    "mean_iou_of",
    "mse",
    "per_band",
    "psnr",
    "region_mask",
    "rmse",
    "sam",
    "scene_confusion",
    "score",
    "ssim",
]
