"""Losses of distillation: one teacher, and the three regulated teachers of the fusion student.

Re-implementation from the published abstract and figures of ESCCS: that every loss compares outputs, never features,
and that the regulation acts between teachers and student is published; the form of the loss is inferred.

Source: Hinton et al., Distilling the knowledge in a neural network, arXiv 1503.02531, for the soft targets; Wang et
al., arXiv 2501.04283, figures 3 and 4, for what is compared.
"""

from __future__ import annotations

from typing import Final

from torch import Tensor
from torch.nn import functional

from sunbreak.errors import GeometryError
from sunbreak.train.transfer.options import Applied

TEMPERATURE: Final = 4.0
"""Softens teacher and student alike.

Source: the default of the usual soft-target code; the published method does not say. Inferred.
"""


def kd_loss(student: Tensor, teacher: Tensor, temperature: float = TEMPERATURE) -> Tensor:
    """Divergence of the student from the teacher's softened output, KL(teacher, student) x temperature².

    Computed in single precision; the teacher gets no gradient.

    Args:
        student: Logits, (n, class), any float type.
        teacher: Logits, same shape; finite.
        temperature: Divides both logits, above 0.

    Returns:
        (n,), float32, at least 0 up to rounding; exactly 0 for equal logits.

    Raises:
        GeometryError: Shapes differ: teacher and student must know the same classes.

    Source: Hinton et al., arXiv 1503.02531, section 2; the square keeps gradients of one size over temperatures.

    Example:
        >>> import torch
        >>> kd_loss(torch.tensor([[2.0, 0.0]]), torch.tensor([[2.0, 0.0]])).item()
        0.0
    """
    if student.shape != teacher.shape:
        raise GeometryError(
            f"student logits {tuple(student.shape)}, teacher logits {tuple(teacher.shape)}: "
            "teacher and student need the same patches and classes"
        )
    # Half precision holds neither the logarithms nor their differences.
    goal = functional.log_softmax(teacher.detach().float() / temperature, dim=-1)
    said = functional.log_softmax(student.float() / temperature, dim=-1)
    return temperature**2 * (goal.exp() * (goal - said)).sum(dim=-1)


def teacher_loss(
    student: Tensor,
    teachers: Tensor,
    weights: Tensor,
    temperature: float = TEMPERATURE,
    applied: Applied = "loss",
) -> Tensor:
    """Weighted sum of the distillation from the three teachers.

    Args:
        student: Logits of the fusion student, (n, class).
        teachers: Logits of source, optical and radar teacher, (n, 3, class), in the order of `regulation.Weights`.
        weights: Their weights, (n, 3), at least 0.
        temperature: Divides all logits, above 0.
        applied: "loss": a weight multiplies its teacher's loss. "logits": it multiplies its teacher's logits, so that
            a weight below 1 flattens what the teacher says, and 0 makes it say nothing of any class.

    Returns:
        (n,), float32.

    Raises:
        GeometryError: Shapes do not fit together.

    Source: inferred; Wang et al., arXiv 2501.04283, figure 4, shows a multiplier on the auxiliaries' outputs.

    Example:
        >>> import torch
        >>> student, teachers = torch.tensor([[1.0, 0.0]]), torch.randn(1, 3, 2)
        >>> alone = teacher_loss(student, teachers, torch.tensor([[1.0, 0.0, 0.0]]))
        >>> bool(alone == kd_loss(student, teachers[:, 0]))
        True
    """
    samples, classes = student.shape
    if teachers.shape != (samples, 3, classes) or weights.shape != (samples, 3):
        raise GeometryError(
            f"student {tuple(student.shape)}, teachers {tuple(teachers.shape)}, weights {tuple(weights.shape)}: "
            "give logits (patch, class), (patch, 3, class) and weights (patch, 3)"
        )
    factors = weights.detach().float()
    repeated = student[:, None].expand_as(teachers)
    if applied == "logits":
        return kd_loss(repeated, teachers.float() * factors[..., None], temperature).sum(dim=1)
    return (factors * kd_loss(repeated, teachers, temperature)).sum(dim=1)
