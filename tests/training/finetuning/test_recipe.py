from __future__ import annotations

import pytest

from deepbiq.cli.exit_codes import USAGE, exit_code_of
from deepbiq.errors import OptionError
from deepbiq_training.finetuning.recipe import RECIPES, Recipe, fitting_crop_size, recipe_named


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"loss": "mse"}, "unknown loss 'mse': use classes, ordinal, plcc, norm-in-norm, both"),
        ({"batch_norm": "none"}, "unknown batch-norm"),
        ({"precision": "16-mixed"}, "unknown precision"),
        ({"batch_size": 1}, "batch-size must be at least 2, got 1"),
        ({"accumulate": 0}, "accumulate must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"patience": 0}, "patience must be at least 1"),
        ({"learning_rate": 0.0}, r"learning-rate must be above 0, got 0\.0"),
        ({"weight_decay": -1.0}, "weight-decay must be 0 or more"),
        ({"warmup": 1.0}, "warmup must be in 0..1"),
        ({"average_decay": float("nan")}, "average-decay must be in 0..1"),
    ],
)
def test_settings_are_checked(changes, match):
    with pytest.raises(OptionError, match=match) as caught:
        Recipe(**changes)
    assert exit_code_of(caught.value) == USAGE


@pytest.mark.parametrize("size", [224, 256, 384, 512])
def test_crops_are_the_input_size_plus_strides(size):
    assert fitting_crop_size(size, 224, 32) == size


def test_without_a_size_crops_are_the_networks_own():
    assert fitting_crop_size(RECIPES["paper"].crop_size, 227, 32) == 227


@pytest.mark.parametrize("size", [192, 225, 500])
def test_other_crops_are_refused(size):
    with pytest.raises(OptionError, match="crop-size must be one of 224, 256, 288"):
        fitting_crop_size(size, 224, 32)


def test_the_default_recipe_has_its_name():
    assert recipe_named("default") == RECIPES["default"] == Recipe()
    with pytest.raises(OptionError, match="unknown recipe 'best': use default"):
        recipe_named("best")
