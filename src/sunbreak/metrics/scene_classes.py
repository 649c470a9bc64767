"""Agreement of scene classes: one class a patch, said by a model, against the class that it has."""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from sunbreak.errors import GeometryError, OptionError
from sunbreak.metrics.groups import BINS, coverage_bin
from sunbreak.metrics.land_cover import accuracy, confusion

Matrix = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

FULLY_COVERED: Final = 0.995
"""Share of cloud from which on a patch counts as fully covered."""
COVERED: Final = "fully covered"
"""Name of that bin."""
COVERS: Final[tuple[str, ...]] = (*BINS, COVERED)
"""Bins of cloud cover that patches are told apart by; those fully covered are not in the last of `BINS`."""


class ClassScores(NamedTuple):
    """Scores of one model on a set of patches; NaN where nothing is defined."""

    patches: int
    """Patches that were classified."""
    classes: int
    """Classes that the truth holds."""
    accuracy: float
    """Overall accuracy, the share of patches classified right."""
    average_accuracy: float
    """Mean over classes of the share of their patches classified right."""
    macro_f1: float
    """Mean over classes of the harmonic mean of precision and recall."""
    kappa: float
    """Agreement beyond chance, 1 at best."""
    ece: float
    """Expected calibration error, 0 at best."""


def cover_of(cloud: float) -> str:
    """The bin of cloud cover that a patch belongs to.

    Args:
        cloud: Share of cloud, 0..1.

    Returns:
        One of `COVERS`.

    Example:
        >>> cover_of(0.2), cover_of(0.99), cover_of(1.0)
        ('20-40 %', '80-100 %', 'fully covered')
    """
    return COVERED if cloud >= FULLY_COVERED else coverage_bin(cloud)


def scene_confusion(answers: npt.ArrayLike, labels: npt.ArrayLike, count: int) -> Matrix:
    """Count how often each class was taken for each class.

    Args:
        answers: Place of the class that was said, (patch,).
        labels: Place of the class that it is, (patch,).
        count: Number of classes.

    Returns:
        Array (class, class): rows are true classes, columns said ones.

    Raises:
        GeometryError: Shapes differ.
        OptionError: A place is not in 0..count-1; leave unlabelled patches out.

    Source:
        Congalton 1991, "A review of assessing the accuracy of classifications of remotely sensed data", Remote Sensing
        of Environment 37.

    Example:
        >>> scene_confusion([0, 1, 1], [0, 0, 1], 2)
        array([[1, 1],
               [0, 1]])
    """
    said, truth = np.asarray(answers), np.asarray(labels)
    if said.ndim != 1 or said.shape != truth.shape:
        raise GeometryError(f"answers have shape {said.shape} and labels {truth.shape}; both must be (patch,)")
    for name, values in (("answers", said), ("labels", truth)):
        wrong = values[(values < 0) | (values >= count)]
        if wrong.size:
            raise OptionError(f"{name} hold {wrong[0]}, no class of 0..{count - 1}; leave unlabelled patches out")
    return confusion(said, truth, classes=range(count), ignore=-1)[:, :count]


def class_accuracies(matrix: Matrix) -> FloatArray:
    """Share of the patches of every class that were classified right.

    Args:
        matrix: From `scene_confusion`.

    Returns:
        Array (class,) in 0..1; NaN for classes that the truth does not hold.

    Source:
        Congalton 1991 (there: producer's accuracy).

    Example:
        >>> class_accuracies(scene_confusion([0, 1, 1], [0, 0, 1], 3))
        array([0.5, 1. , nan])
    """
    return _ratio(np.diag(matrix), matrix.sum(axis=1))


def average_accuracy(matrix: Matrix) -> float:
    """Mean of the class accuracies, so that rare classes count as much as common ones.

    Args:
        matrix: From `scene_confusion`.

    Returns:
        Mean over the classes that the truth holds, 0..1; NaN without a patch.

    Source:
        Brodersen et al. 2010, "The balanced accuracy and its posterior distribution", ICPR, of two classes; here of any
        number.

    Example:
        >>> average_accuracy(scene_confusion([0, 1, 1], [0, 0, 1], 3))
        0.75
    """
    return _mean(class_accuracies(matrix)[matrix.sum(axis=1) > 0])


def macro_f1(matrix: Matrix) -> float:
    """Mean over classes of F1, the harmonic mean of precision and recall.

    Args:
        matrix: From `scene_confusion`.

    Returns:
        Mean over the classes that the truth holds, 0..1; NaN without a patch.

    Source:
        Opitz, Burst 2019, "Macro F1 and macro F1", arXiv:1911.03347: the mean of F1, not F1 of the means.

    Example:
        >>> round(macro_f1(scene_confusion([0, 1, 1], [0, 0, 1], 3)), 6)
        0.666667
    """
    present = matrix.sum(axis=1) > 0
    ratios = _ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))
    return _mean(ratios[present])


def kappa(matrix: Matrix) -> float:
    """Cohen's kappa: agreement beyond what chance would give with the same shares of classes.

    Args:
        matrix: From `scene_confusion`.

    Returns:
        1 where all agree, 0 at chance; NaN without a patch, and where one class is all that is there and all that is
        said.

    Source:
        Cohen 1960, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20.

    Example:
        >>> round(kappa(scene_confusion([0, 1, 1], [0, 0, 1], 2)), 6)
        0.4
    """
    total = int(matrix.sum())
    by_chance = int((matrix.sum(axis=0) * matrix.sum(axis=1)).sum())
    if total * total == by_chance:
        return math.nan
    return (total * int(np.trace(matrix)) - by_chance) / (total * total - by_chance)


def contribution(both: npt.ArrayLike, one: npt.ArrayLike, other: npt.ArrayLike) -> FloatArray:
    """What one of two modalities gives to the fused answer, patch by patch.

    A right answer is worth 2 from both and 1 from one alone, a wrong one nothing; the contribution is the mean gain
    from adding the modality to nothing and to the other one. Those of the two modalities add up to the worth of the
    fused answer.

    Args:
        both: Whether the fused answer is right, (patch,).
        one: Whether the modality is right alone, (patch,).
        other: Whether the other one is right alone, (patch,).

    Returns:
        Array (patch,) of -0.5, 0, 0.5, 1 or 1.5; 1 where each of the two would do.

    Raises:
        GeometryError: Shapes differ.

    Source:
        Shapley 1953, "A value for n-person games"; worths as in Wei et al. 2024, "Enhancing multimodal cooperation via
        sample-level modality valuation", CVPR.

    Example:
        >>> contribution([True, True, False], [True, False, False], [True, True, True])
        array([ 1. ,  0.5, -0.5])
    """
    fused, alone, rest = (np.asarray(values, dtype=bool) for values in (both, one, other))
    if not fused.shape == alone.shape == rest.shape:
        raise GeometryError(f"answers have shapes {fused.shape}, {alone.shape} and {rest.shape}; they must be alike")
    worth: FloatArray = (1.0 * alone + 2.0 * fused - 1.0 * rest) / 2
    return worth


def class_scores(matrix: Matrix, *, ece: float = math.nan) -> ClassScores:
    """All scores of the answers of one model.

    Args:
        matrix: From `scene_confusion`.
        ece: From `expected_calibration_error`; NaN for answers without confidence.

    Returns:
        The scores.

    Example:
        >>> scores = class_scores(scene_confusion([0, 1, 1], [0, 0, 1], 3))
        >>> scores.patches, scores.classes, round(scores.accuracy, 6)
        (3, 2, 0.666667)
    """
    return ClassScores(
        patches=int(matrix.sum()),
        classes=int((matrix.sum(axis=1) > 0).sum()),
        accuracy=accuracy(matrix),
        average_accuracy=average_accuracy(matrix),
        macro_f1=macro_f1(matrix),
        kappa=kappa(matrix),
        ece=ece,
    )


def _ratio(part: Matrix, whole: Matrix) -> FloatArray:
    ratios = np.full(len(whole), math.nan)
    np.divide(part, whole, out=ratios, where=whole > 0)
    return ratios


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if values.size else math.nan
