"""Distillation of one teacher and of three."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sunbreak.errors import GeometryError
from sunbreak.train.transfer.distillation import kd_loss, teacher_loss
from sunbreak.train.transfer.regulation import Regulation, constant, regulate

seeds = st.integers(0, 2**31 - 1)
temperatures = st.floats(0.5, 10)


def draw(seed, *shape, spread=5.0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)) * spread


def table(weights):
    return torch.from_numpy(np.stack(weights, axis=1))


@given(seeds, temperatures)
def test_equal_logits_cost_nothing_and_give_no_gradient(seed, temperature):
    student = draw(seed, 6, 4).requires_grad_()
    loss = kd_loss(student, student.detach().clone(), temperature)
    loss.sum().backward()
    assert loss.tolist() == [0.0] * 6
    assert student.grad.abs().max() < 1e-5


@given(seeds, temperatures)
def test_distillation_is_never_negative(seed, temperature):
    assert (kd_loss(draw(seed, 6, 4), draw(seed + 1, 6, 4), temperature) >= -1e-4).all()


@given(seeds, temperatures, st.floats(-50, 50))
def test_a_shift_of_all_logits_changes_nothing(seed, temperature, shift):
    student, teacher = draw(seed, 6, 4), draw(seed + 1, 6, 4)
    shifted = kd_loss(student + shift, teacher - shift, temperature)
    torch.testing.assert_close(shifted, kd_loss(student, teacher, temperature), rtol=1e-3, atol=1e-3)


def test_the_loss_is_the_divergence_times_the_squared_temperature():
    student, teacher = draw(1, 6, 4).double(), draw(2, 6, 4).double()
    p, q = (teacher / 3).softmax(1), (student / 3).softmax(1)
    torch.testing.assert_close(
        kd_loss(student, teacher, 3.0).double(), 9 * (p * (p / q).log()).sum(1), rtol=1e-5, atol=0
    )


def test_the_teacher_gets_no_gradient():
    student, teacher = draw(3, 6, 4).requires_grad_(), draw(4, 6, 4).requires_grad_()
    kd_loss(student, teacher).sum().backward()
    assert teacher.grad is None
    assert student.grad.abs().sum() > 0


def test_neither_teachers_nor_weights_get_a_gradient():
    student, teachers = draw(3, 6, 4).requires_grad_(), draw(4, 6, 3, 4).requires_grad_()
    for applied in ("loss", "logits"):
        weights = torch.rand(6, 3, requires_grad=True)
        teacher_loss(student, teachers, weights, applied=applied).sum().backward()
        assert teachers.grad is None
        assert weights.grad is None


def test_following_the_gradient_brings_the_student_to_the_teacher():
    teacher, student = draw(5, 6, 4, spread=2.0), torch.zeros(6, 4, requires_grad=True)
    optimiser = torch.optim.Adam([student], lr=0.1)
    for _ in range(200):
        optimiser.zero_grad()
        kd_loss(student, teacher).sum().backward()
        optimiser.step()
    torch.testing.assert_close(student.softmax(1), teacher.softmax(1), atol=0.02, rtol=0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite_where_probabilities_vanish(dtype):
    student = torch.tensor([[60_000.0, -60_000.0], [0.0, 0.0]], dtype=dtype, requires_grad=True)
    teachers = torch.tensor([[-60_000.0, 60_000.0], [60_000.0, -60_000.0]], dtype=dtype)[:, None].expand(2, 3, 2)
    for applied in ("loss", "logits"):
        student.grad = None
        loss = teacher_loss(student, teachers, torch.ones(2, 3), temperature=1.0, applied=applied)
        (loss / 1e6).sum().backward()
        assert torch.isfinite(loss).all()
        assert torch.isfinite(student.grad).all()


@given(seeds, temperatures)
def test_the_source_alone_is_plain_distillation(seed, temperature):
    student, teachers = draw(seed, 6, 4), draw(seed + 1, 6, 3, 4)
    alone = teacher_loss(student, teachers, table(constant(6)), temperature)
    assert torch.equal(alone, kd_loss(student, teachers[:, 0], temperature))


@given(seeds)
def test_weights_act_sample_by_sample_and_teacher_by_teacher(seed):
    student, teachers = draw(seed, 6, 4), draw(seed + 1, 6, 3, 4)
    weights = regulate(*teachers.unbind(1), Regulation(mode="inverse_share"))
    expected = sum(
        torch.from_numpy(w).float() * kd_loss(student, z) for w, z in zip(weights, teachers.unbind(1), strict=True)
    )
    torch.testing.assert_close(teacher_loss(student, teachers, table(weights)), expected)


@given(seeds)
def test_both_ways_to_apply_weights_agree_where_all_are_one(seed):
    student, teachers = draw(seed, 6, 4), draw(seed + 1, 6, 3, 4)
    ones = torch.ones(6, 3)
    assert torch.equal(
        teacher_loss(student, teachers, ones, applied="loss"), teacher_loss(student, teachers, ones, applied="logits")
    )


def test_weighted_logits_flatten_the_teacher_where_a_weighted_loss_mutes_it():
    student, teachers = torch.zeros(1, 2), torch.tensor([[[0.0, 0.0], [8.0, 0.0], [0.0, 0.0]]])
    muted = torch.tensor([[1.0, 0.0, 1.0]])
    assert teacher_loss(student, teachers, muted, applied="loss").item() == 0
    assert teacher_loss(student, teachers, muted, applied="logits").item() == 0
    certain = torch.tensor([[8.0, 0.0]])
    assert teacher_loss(certain, teachers, muted, applied="logits") > teacher_loss(certain, teachers, muted)


def test_classes_that_differ_are_refused():
    with pytest.raises(GeometryError, match="same patches and classes"):
        kd_loss(torch.zeros(2, 3), torch.zeros(2, 4))
    with pytest.raises(GeometryError, match=r"patch, 3, class"):
        teacher_loss(torch.zeros(2, 3), torch.zeros(2, 3, 4), torch.ones(2, 3))
    with pytest.raises(GeometryError):
        teacher_loss(torch.zeros(2, 3), torch.zeros(2, 3, 3), torch.ones(2))
