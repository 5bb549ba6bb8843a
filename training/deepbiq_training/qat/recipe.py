"""The settings of a quantisation-aware fine-tuning that change the weights, in one fixed record."""

from __future__ import annotations

from dataclasses import dataclass

from deepbiq_training.finetuning.recipe import require
from deepbiq_training.qat.flavours import flavour_named


@dataclass(frozen=True)
class QatRecipe:
    """How the network learns to be quantised.

    Attributes:
        flavour: One of `deepbiq_training.qat.flavours.FLAVOURS`.
        steps: Steps of the optimiser.
        rounds: Into how many equal parts they are divided: after each, ranges are observed anew and the network is
            validated.
        crop_size: Side of the square training crops in pixels: the network's input size plus whole strides; None
            takes the input size itself.
        batch_size: Crops per step and device.
        learning_rate: Peak rate of weights. They are where they should be, and need only move within the grid.
        warmup: Share of all steps over which the rate rises, 0..1; then it falls along half a cosine.
        average_decay: Share of the old value that the moving average of the weights keeps at a step, 0..1.
        range_pictures: Training pictures that ranges of activations are observed on.
    """

    flavour: str = "tensorrt"
    steps: int = 400
    rounds: int = 4
    crop_size: int | None = None
    batch_size: int = 8
    learning_rate: float = 3e-5
    warmup: float = 0.05
    average_decay: float = 0.99
    range_pictures: int = 32

    def __post_init__(self) -> None:
        flavour_named(self.flavour)
        for name in ("rounds", "batch_size", "range_pictures"):
            require(name, getattr(self, name), getattr(self, name) >= 1, "at least 1")
        rule = f"a multiple of the {self.rounds} rounds"
        require("steps", self.steps, self.steps > 0 and self.steps % self.rounds == 0, rule)
        require("learning_rate", self.learning_rate, self.learning_rate > 0, "above 0")
        for name in ("warmup", "average_decay"):
            require(name, getattr(self, name), 0 <= getattr(self, name) < 1, "in 0..1, 1 left out")
