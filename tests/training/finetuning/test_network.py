from __future__ import annotations

import pytest
import torch
from torch import nn

from deepbiq_training.backbones.conv_norm import ConvNorm
from deepbiq_training.finetuning.average import update_average
from deepbiq_training.finetuning.network import HEAD_STD, QualityNetwork
from deepbiq_training.finetuning.optimisation import make_optimizer, rate_factor, set_rates
from deepbiq_training.finetuning.recipe import Recipe
from tests.training.finetuning.tiny import TinyBackbone


def network(batch_norm="frozen", seed=0):
    return QualityNetwork(TinyBackbone(), 6, batch_norm=batch_norm, seed=seed)


def crops(count=4, size=64):
    return torch.randint(
        0, 256, (count, size, size, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(1)
    )


def norms(module):
    return [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]


def test_frozen_statistics_stay_while_their_scales_learn():
    learning = network().train()
    before = [norm.running_mean.clone() for norm in norms(learning)]
    learning(crops()).square().sum().backward()
    for norm, mean in zip(norms(learning), before, strict=True):
        assert not norm.training
        torch.testing.assert_close(norm.running_mean, mean, rtol=0, atol=0)
        assert norm.weight.grad.abs().sum() > 0
        assert norm.bias.grad.abs().sum() > 0
    assert learning.backbone.training


def test_batch_statistics_move():
    learning = network("batch").train()
    before = norms(learning)[0].running_mean.clone()
    learning(crops())
    assert norms(learning)[0].training
    assert not torch.equal(norms(learning)[0].running_mean, before)


def test_folding_frozen_statistics_changes_neither_values_nor_gradients():
    part = ConvNorm(6, 6, kernel=5, stride=2, groups=6).double().eval()
    nn.init.uniform_(part.norm.running_mean)
    nn.init.uniform_(part.norm.running_var, 0.5, 2)
    nn.init.uniform_(part.norm.weight, 0.5, 2)
    maps = torch.rand((2, 6, 16, 16), dtype=torch.float64)
    padded = nn.functional.pad(maps, (part.before, part.after, part.before, part.after))
    folded, apart = part(maps), part.norm(part.conv(padded))
    torch.testing.assert_close(folded, apart)
    parameters = list(part.parameters())
    direction = torch.rand_like(apart)
    for one, other in zip(
        torch.autograd.grad((folded * direction).sum(), parameters),
        torch.autograd.grad((apart * direction).sum(), parameters),
        strict=True,
    ):
        torch.testing.assert_close(one, other)


def test_the_backbones_own_classifier_takes_no_part():
    frozen = {name for name, parameter in network().named_parameters() if not parameter.requires_grad}
    assert frozen == {"backbone.classifier.weight", "backbone.classifier.bias"}


def test_the_new_layer_is_small_and_seeded():
    one, same, other = network(seed=1).last, network(seed=1).last, network(seed=2).last
    assert torch.equal(one.weight, same.weight)
    assert not torch.equal(one.weight, other.weight)
    assert one.weight.std().item() == pytest.approx(HEAD_STD, rel=0.4)
    assert not one.bias.any()


def test_a_picture_is_the_average_of_its_windows():
    looking = network().eval()
    picture = crops(1, 72)
    feature_map = looking.backbone.feature_map((picture.permute(0, 3, 1, 2).flip(1).float() - 127) / 128)
    windows = [
        looking.backbone.feature_vector(
            feature_map[:, :, max(row - 7, 0) : row + 8, max(column - 7, 0) : column + 8]
        )
        for row in range(18)
        for column in range(18)
    ]
    torch.testing.assert_close(looking(picture), looking.last(torch.stack(windows).mean(dim=0)))


def test_the_new_layer_learns_faster_and_biases_do_not_decay():
    learning = network()
    optimizer = make_optimizer(learning, Recipe(learning_rate=1e-4, head_learning_rate=1e-3, weight_decay=0.1))
    found = {
        id(parameter): (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for parameter in group["params"]
    }
    assert found[id(learning.last.weight)] == (1e-3, 0.1)
    assert found[id(learning.last.bias)] == (1e-3, 0.0)
    assert found[id(learning.backbone.first.conv.weight)] == (1e-4, 0.1)
    assert found[id(learning.backbone.first.norm.weight)] == (1e-4, 0.0)
    assert id(learning.backbone.classifier.weight) not in found
    assert set_rates(optimizer, 0.5) == 5e-5
    assert set_rates(optimizer, 1.0) == 1e-4


def test_rates_rise_and_fall_in_closed_form():
    factors = [rate_factor(step, 100, 0.2) for step in range(100)]
    assert factors[0] == pytest.approx(1 / 20)
    assert factors[9] == pytest.approx(0.5)
    assert factors[19] == factors[20] == 1
    assert factors[60] == pytest.approx(0.5)
    assert 0 < factors[99] < 0.001
    assert rate_factor(0, 10, 0.0) == 1


def test_the_average_in_closed_form():
    average, moving = nn.Linear(1, 1), nn.Linear(1, 1)
    nn.init.zeros_(average.weight)
    nn.init.ones_(moving.weight)
    update_average(average, moving, step=0, decay=0.9)
    assert average.weight.item() == pytest.approx(0.9), "the first weights are forgotten quickly: d = 1 / 10"
    update_average(average, moving, step=10**6, decay=0.9)
    assert average.weight.item() == pytest.approx(0.91)


def test_the_average_takes_over_statistics():
    average, moving = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
    moving.running_mean += 5
    update_average(average, moving, step=0, decay=0.9)
    torch.testing.assert_close(average.running_mean, moving.running_mean)
