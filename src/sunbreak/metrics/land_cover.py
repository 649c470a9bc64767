"""Agreement of class maps: confusion matrix, intersection over union and its mean over classes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError, OptionError
from sunbreak.legend import LAND_COVER_LEGEND, LAND_COVER_NODATA


def confusion(
    prediction: npt.ArrayLike,
    target: npt.ArrayLike,
    *,
    classes: Sequence[int] = tuple(LAND_COVER_LEGEND),
    ignore: int = LAND_COVER_NODATA,
) -> npt.NDArray[np.int64]:
    """Count how often each class of the target was mapped as each class.

    Pixels unmapped in the target are left out; pixels unmapped only in the prediction count against their class.

    Args:
        prediction: Class codes, any shape.
        target: Class codes, the same shape.
        classes: Codes of the legend; the ESA WorldCover codes if not given.
        ignore: Code of unmapped pixels.

    Returns:
        Array (class, class + 1): rows are target classes, columns mapped classes, the last column unmapped pixels.

    Raises:
        GeometryError: Shapes differ.
        OptionError: A code is not in the legend.

    Example:
        >>> confusion([10, 10, 255], [10, 80, 80], classes=[10, 80])
        array([[1, 0, 0],
               [1, 0, 1]])
    """
    mapped, truth = np.asarray(prediction), np.asarray(target)
    if mapped.shape != truth.shape:
        raise GeometryError(f"the class maps have shapes {mapped.shape} and {truth.shape}; they must be alike")
    scored = truth != ignore
    codes = np.array([*classes, ignore])
    for name, values in (("prediction", mapped), ("target", truth)):
        unknown = np.setdiff1d(values[scored], codes)
        if unknown.size:
            raise OptionError(
                f"{name} holds codes {unknown.tolist()}, not in {list(classes)}; map the legend to these codes first"
            )
    order = np.argsort(codes)
    row = order[np.searchsorted(codes, truth[scored], sorter=order)]
    column = order[np.searchsorted(codes, mapped[scored], sorter=order)]
    count = len(classes)
    return np.bincount(row * (count + 1) + column, minlength=count * (count + 1)).reshape(count, count + 1)


def iou(matrix: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Intersection over union of every class.

    Args:
        matrix: From `confusion`; the sum of several counts a whole set at once.

    Returns:
        Array (class,) in 0..1; NaN for classes that neither map holds.

    Source:
        Jaccard 1912; Everingham et al. 2010, "The Pascal Visual Object Classes challenge", section 4.2.

    Example:
        >>> iou(confusion([10, 10, 80], [10, 80, 80], classes=[10, 80, 90]))
        array([0.5, 0.5, nan])
    """
    square = matrix[:, : len(matrix)]
    both = np.diag(square).astype(np.float64)
    either = matrix.sum(axis=1) + square.sum(axis=0) - both
    ratios = np.full(len(both), math.nan)
    np.divide(both, either, out=ratios, where=either > 0)
    return ratios


def accuracy(matrix: npt.NDArray[np.int64]) -> float:
    """Overall accuracy: the share of pixels that are mapped right.

    Args:
        matrix: From `confusion`, or the sum of several.

    Returns:
        Share in 0..1; NaN when no pixel is counted.

    Source:
        Congalton 1991, "A review of assessing the accuracy of classifications of remotely sensed data", Remote Sensing
        of Environment 37.

    Example:
        >>> accuracy(confusion([10, 10, 80, 255], [10, 80, 80, 80]))
        0.5
    """
    total = matrix.sum()
    return float(np.trace(matrix) / total) if total else math.nan


def mean_iou_of(matrix: npt.NDArray[np.int64], *, absent: Literal["left out", "zero"] = "left out") -> float:
    """Mean over classes of the intersection over union, in either of the two ways that are in use.

    Args:
        matrix: From `confusion`, or the sum of several.
        absent: What becomes of classes that the target does not hold: they are left out, so that the mean is over those
            present; or they count 0 in a mean over the whole legend.

    Returns:
        Mean in 0..1; NaN when no pixel is counted.

    Source:
        Counting 0 lowers the mean with every class that the data lacks; evaluators of joint restoration and mapping do
        so nevertheless, so both are given.

    Example:
        >>> matrix = confusion([10, 10, 80], [10, 80, 80], classes=[10, 80, 90, 95])
        >>> mean_iou_of(matrix), mean_iou_of(matrix, absent="zero")
        (0.5, 0.25)
    """
    present = matrix.sum(axis=1) > 0
    if not present.any():
        return math.nan
    total = float(iou(matrix)[present].sum())
    return total / (len(matrix) if absent == "zero" else int(present.sum()))
