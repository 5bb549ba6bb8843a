"""The recipe: every setting of a fine-tuning that changes the weights, in one fixed record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from deepbiq.errors import OptionError

LossName = Literal["classes", "ordinal", "plcc", "norm-in-norm", "both"]
BatchNormPolicy = Literal["frozen", "batch"]
# 16-bit floats of the IEEE kind would need a loss scaler, whose state a checkpoint would have to hold too.
Precision = Literal["32-true", "bf16-mixed"]

LOSSES: tuple[LossName, ...] = get_args(LossName)
BATCH_NORM_POLICIES: tuple[BatchNormPolicy, ...] = get_args(BatchNormPolicy)
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


@dataclass(frozen=True)
class Recipe:
    """How the network is fine-tuned; the defaults are the recipe `default`.

    Attributes:
        loss: What is minimised, see `deepbiq_training.finetuning.objectives`.
        crop_size: Side of the square training crops in pixels: the network's input size plus whole strides; None
            takes the input size itself.
        batch_size: Crops per pass and device, at least 2. The correlation losses compare within a pass.
        accumulate: Passes whose gradients make one step of the optimiser.
        epochs: Passes over the training part, at most.
        learning_rate: Peak rate of the pre-trained layers.
        head_learning_rate: Peak rate of the last layer, which starts from scratch.
        weight_decay: AdamW's, on weights but not on biases and normalisations.
        warmup: Share of all steps over which the rates rise, 0..1.
        average_decay: Share of the old value that the moving average of the weights keeps at a step, 0..1.
        batch_norm: `frozen` normalises by ImageNet's statistics: those of a few crops are noise, and the crops of a
            batch would influence each other's scores; frozen ones also fold into the convolutions, which saves
            time on CPUs. `batch` uses and updates the batch's own, for 32 crops and more.
        precision: `32-true`, or `bf16-mixed` on devices that compute with bfloat16.
        patience: Epochs without a better SROCC on the validation part after which the training ends.
    """

    loss: LossName = "both"
    crop_size: int | None = 384
    batch_size: int = 16
    accumulate: int = 1
    epochs: int = 8
    learning_rate: float = 1e-4
    head_learning_rate: float = 1e-3
    weight_decay: float = 1e-2
    warmup: float = 0.05
    average_decay: float = 0.998
    batch_norm: BatchNormPolicy = "frozen"
    precision: Precision = "32-true"
    patience: int = 4

    def __post_init__(self) -> None:
        _require_choice("loss", self.loss, LOSSES)
        _require_choice("batch_norm", self.batch_norm, BATCH_NORM_POLICIES)
        _require_choice("precision", self.precision, PRECISIONS)
        for name, least in (("batch_size", 2), ("accumulate", 1), ("epochs", 1), ("patience", 1)):
            require(name, getattr(self, name), getattr(self, name) >= least, f"at least {least}")
        for name in ("learning_rate", "head_learning_rate"):
            require(name, getattr(self, name), getattr(self, name) > 0, "above 0")
        require("weight_decay", self.weight_decay, self.weight_decay >= 0, "0 or more")
        for name in ("warmup", "average_decay"):
            require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "in 0..1, 1 left out")


def fitting_crop_size(crop_size: int | None, input_size: int, stride: int) -> int:
    """Returns the side of training crops in pixels; without one it is the network's own.

    Args:
        crop_size: What is asked for.
        input_size: Side of the network's own crop in pixels.
        stride: Pixels from one window to the next.

    Raises:
        OptionError: When crops would not hold a whole number of windows.
    """
    size = input_size if crop_size is None else crop_size
    fits = size >= input_size and (size - input_size) % stride == 0
    sizes = ", ".join(str(input_size + stride * i) for i in range(6))
    require("crop_size", size, fits, f"one of {sizes} and so on, in steps of {stride}")
    return size


def require(name: str, value: object, holds: bool, rule: str) -> None:
    """Checks a setting.

    Args:
        name: Of the setting, as a field.
        value: What it is.
        holds: Whether the rule does.
        rule: In words.

    Raises:
        OptionError: When it does not; the message names the option, the rule and the value.
    """
    if not holds:
        raise OptionError(f"{name.replace('_', '-')} must be {rule}, got {value}")


def _require_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise OptionError(f"unknown {name.replace('_', '-')} {value!r}: use {', '.join(choices)}")


RECIPES: Mapping[str, Recipe] = MappingProxyType(
    {"default": Recipe(), "paper": Recipe(loss="classes", crop_size=None)}
)
"""`default` is the recipe of the bundle that comes with deepbiq; `paper` takes the paper's loss and crops."""


def recipe_named(name: str) -> Recipe:
    """Finds a recipe.

    Raises:
        OptionError: When there is none of this name.
    """
    if name not in RECIPES:
        raise OptionError(f"unknown recipe {name!r}: use {', '.join(RECIPES)}")
    return RECIPES[name]
