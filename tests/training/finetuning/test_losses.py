"""Every loss against its closed form, and its gradient against the direction that makes things better."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from deepbiq_training.finetuning.classes import CLASS_CENTRES
from deepbiq_training.finetuning.losses import (
    LABEL_SPREAD,
    correlation_loss,
    norm_in_norm_loss,
    ordinal_cross_entropy,
    soft_labels,
    weighted_cross_entropy,
)
from deepbiq_training.finetuning.objectives import (
    AbsoluteAndCorrelation,
    expected_centre,
    linear_score,
    make_objective,
)
from deepbiq_training.finetuning.recipe import LOSSES

MOS = torch.tensor([5.0, 30.0, 52.0, 77.0, 95.0, 61.0])
GENERATOR = np.random.default_rng(1)
PREDICTED = torch.tensor(GENERATOR.normal(size=6), dtype=torch.float32)


def test_weighted_cross_entropy_in_closed_form():
    class_scores = torch.tensor([[1.0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
    weights = torch.tensor([4.0, 1, 1, 1, 2])
    first, second = -math.log(math.e / (math.e + 4)), math.log(5)
    found = weighted_cross_entropy(class_scores, torch.tensor([0, 4]), weights)
    assert found.item() == pytest.approx((4 * first + 2 * second) / 2)


def test_weighted_cross_entropy_pulls_by_the_weight():
    class_scores = torch.zeros((2, 5), requires_grad=True)
    weighted_cross_entropy(class_scores, torch.tensor([0, 4]), torch.tensor([4.0, 1, 1, 1, 2])).backward()
    gradient = class_scores.grad
    assert gradient[0, 0] < 0 < gradient[0, 1]
    torch.testing.assert_close(gradient[0, 0], 2 * gradient[1, 4])


def test_soft_labels_in_closed_form():
    mos = 40.0
    raw = [math.exp(-((mos - centre) ** 2) / (2 * LABEL_SPREAD**2)) for centre in CLASS_CENTRES]
    found = soft_labels(torch.tensor([mos]))[0]
    np.testing.assert_allclose(found, np.array(raw) / sum(raw), rtol=1e-5)
    assert found[1] == pytest.approx(found[2].item()), "a border is shared by its two classes"


def test_soft_labels_peak_at_the_class_and_fall_off():
    labels = soft_labels(torch.tensor([0.0, 30.0, 100.0]))
    assert labels.argmax(dim=1).tolist() == [0, 1, 4]
    torch.testing.assert_close(labels.sum(dim=1), torch.ones(3))
    assert (labels[0].diff() < 0).all()
    assert (labels[2].diff() > 0).all()


def test_ordinal_cross_entropy_is_smallest_at_the_labels():
    labels = soft_labels(MOS)
    entropy = -(labels * labels.log()).sum(dim=1).mean()
    class_scores = labels.log().requires_grad_()
    found = ordinal_cross_entropy(class_scores, MOS)
    torch.testing.assert_close(found, entropy)
    found.backward()
    torch.testing.assert_close(class_scores.grad, torch.zeros_like(class_scores), atol=1e-6, rtol=0)
    assert ordinal_cross_entropy(torch.zeros((6, 5)), MOS).item() == pytest.approx(math.log(5))


def test_correlation_loss_is_one_minus_pearson():
    expected = 1 - np.corrcoef(PREDICTED, MOS)[0, 1]
    assert correlation_loss(PREDICTED, MOS).item() == pytest.approx(expected, abs=1e-6)
    assert correlation_loss(3 * MOS + 7, MOS).item() == pytest.approx(0, abs=1e-6)
    assert correlation_loss(-MOS, MOS).item() == pytest.approx(2, abs=1e-6)


def test_norm_in_norm_in_closed_form():
    predicted, mos = torch.tensor([1.0, -1.0]), torch.tensor([20.0, 60.0])
    assert norm_in_norm_loss(predicted, mos).item() == pytest.approx(1), "the bound, at opposite predictions"
    assert norm_in_norm_loss(-5 * predicted, mos).item() == pytest.approx(0, abs=1e-6)
    # Centred and at unit length: (-1, 0, 1) and (-1, -1, 2), over sqrt(2) and sqrt(6).
    difference = abs(-1 / 2**0.5 + 1 / 6**0.5) + 1 / 6**0.5 + abs(1 / 2**0.5 - 2 / 6**0.5)
    found = norm_in_norm_loss(torch.tensor([0.0, 1.0, 2.0]), torch.tensor([0.0, 0.0, 3.0]))
    assert found.item() == pytest.approx(difference / (2 * 3**0.5), rel=1e-5)


@pytest.mark.parametrize("loss", [correlation_loss, norm_in_norm_loss])
def test_relative_losses_ignore_scale_and_offset(loss):
    torch.testing.assert_close(loss(0.1 * PREDICTED - 4, MOS), loss(PREDICTED, MOS), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("loss", [correlation_loss, norm_in_norm_loss])
def test_a_batch_of_equal_values_gives_finite_gradients(loss):
    predicted = torch.zeros(4, requires_grad=True)
    loss(predicted, torch.full((4,), 50.0)).backward()
    assert predicted.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
def test_going_down_the_gradient_brings_scores_nearer_to_people(name):
    objective = make_objective(name, [*MOS.tolist(), 70.0])
    outputs = (
        0.01 * torch.randn((6, objective.outputs), generator=torch.Generator().manual_seed(0))
    ).requires_grad_()
    before = sum(objective.losses(outputs, MOS).values()).item()
    for _ in range(100):
        sum(objective.losses(outputs, MOS).values()).backward()
        with torch.no_grad():
            outputs -= 0.2 * outputs.grad
        outputs.grad = None
    losses = objective.losses(outputs, MOS)
    assert set(losses) == set(objective.terms)
    assert sum(losses.values()).item() < before
    assert np.corrcoef(objective.scores(outputs).detach(), MOS)[0, 1] > 0.9


def test_absolute_error_counts_in_standard_deviations():
    objective = AbsoluteAndCorrelation([40.0, 60.0])
    outputs = torch.tensor([[-1.0], [2.0]])
    losses = objective.losses(outputs, torch.tensor([40.0, 60.0]))
    assert losses["absolute"].item() == pytest.approx(0.5)
    assert losses["correlation"].item() == pytest.approx(0, abs=1e-6)
    assert objective.scores(outputs).tolist() == [40, 70]


def test_the_expected_centre_of_a_sure_class_is_its_centre():
    sure = torch.full((5, 5), -50.0)
    sure.fill_diagonal_(50.0)
    torch.testing.assert_close(expected_centre(sure), torch.tensor(CLASS_CENTRES))
    assert expected_centre(torch.zeros((1, 5))).item() == pytest.approx(50)


@pytest.mark.parametrize("name", LOSSES)
def test_the_last_layer_as_one_function_of_features_rises_with_the_score(name):
    objective = make_objective(name, [10.0, 30.0, 50.0, 70.0, 90.0])
    torch.manual_seed(0)
    last = torch.nn.Linear(6, objective.outputs)
    features = torch.rand((40, 6), generator=torch.Generator().manual_seed(0))
    optimizer = torch.optim.Adam(last.parameters(), lr=0.05)
    mos = 20 + 60 * features[:, 0]
    for _ in range(200):
        optimizer.zero_grad()
        sum(objective.losses(last(features), mos).values()).backward()
        optimizer.step()
    said = linear_score(objective, last).predict(features.numpy())
    assert np.corrcoef(said, mos)[0, 1] > 0.95


def test_a_single_output_is_its_own_function_of_features():
    last = torch.nn.Linear(3, 1)
    features = torch.rand((5, 3))
    expected = last(features).detach()[:, 0]
    np.testing.assert_allclose(
        linear_score(make_objective("plcc", [1.0, 2.0]), last).predict(features.numpy()), expected, rtol=1e-5
    )
