"""What a fine-tuning learns from, and what it does from the first step to the last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from deepbiq.datasets import RatedPicture
from deepbiq_training.configuration import Configuration, picture_digest
from deepbiq_training.finetuning.batches import BatchPlan


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt.

    Attributes:
        training: Pictures to learn from.
        validation: Pictures that choose the best weights; they share no scene with the others.
        short_side: The training scale in pixels.
        seed: Draws the order, crops and flips, and a new last layer where there is one.
        weights: SHA-256 of the weights that it starts from.
    """

    training: Sequence[RatedPicture]
    validation: Sequence[RatedPicture]
    short_side: int
    seed: int
    weights: str


@dataclass(frozen=True, eq=False)
class Course:
    """How it is learnt.

    Attributes:
        label: What to call it.
        task: The pictures.
        plan: Which of them when.
        crop_size: Side of the training crops in pixels.
        steps: Steps of the optimiser, unless validation ends them sooner.
        validate_every: Steps from one validation to the next.
        warmup: Share of all steps over which the rates rise, 0..1.
        average_decay: Share of the old value that the moving average of the weights keeps at a step, 0..1.
        terms: Names of the parts of the loss.
        settings: What else the weights depend on, by name; those of the recipe among them.
    """

    label: str
    task: Task
    plan: BatchPlan
    crop_size: int
    steps: int
    validate_every: int
    warmup: float
    average_decay: float
    terms: tuple[str, ...]
    settings: Mapping[str, str | int | float]

    @property
    def configuration(self) -> Configuration:
        """What a run must share with the one that it goes on from."""
        return {
            **{name.replace("_", "-"): value for name, value in self.settings.items()},
            "crop-size": self.crop_size,
            "seed": self.task.seed,
            "training scale": self.task.short_side,
            "devices": self.plan.devices,
            "training pictures": picture_digest(self.task.training),
            "validation pictures": picture_digest(self.task.validation),
        }
