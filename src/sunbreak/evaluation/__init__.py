"""Evaluate: run models on the samples of a data set and score them side by side.

The room is not called `evaluate`, as importing it would hide the function `sunbreak.evaluate`.
"""

from sunbreak.evaluation.answers import ALWAYS, CLOUDY, SMOOTH_FILL
from sunbreak.evaluation.files import write_report
from sunbreak.evaluation.land_cover import evaluate_land_cover
from sunbreak.evaluation.options import EvaluationOptions, Restorer
from sunbreak.evaluation.restoration import evaluate
from sunbreak.evaluation.scene_classes import evaluate_scene_classes

__all__ = [
    "ALWAYS",
    "CLOUDY",
    "SMOOTH_FILL",
    "EvaluationOptions",
    "Restorer",
    "evaluate",
    "evaluate_land_cover",
    "evaluate_scene_classes",
    "write_report",
]
