"""Fine-tuning: the network learns quality, and the epoch whose scores agree best with people is kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from deepbiq.agreement import Correlations
from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.finetuning.batches import Batch, BatchPlan
from deepbiq_training.finetuning.course import Course, Task
from deepbiq_training.finetuning.curves import draw_curves
from deepbiq_training.finetuning.log import read_log
from deepbiq_training.finetuning.network import QualityNetwork
from deepbiq_training.finetuning.objectives import linear_score, make_objective
from deepbiq_training.finetuning.optimisation import make_optimizer
from deepbiq_training.finetuning.recipe import Recipe, fitting_crop_size
from deepbiq_training.finetuning.resumable import LOG_FILE, SAVE_SECONDS, ResumableRun
from deepbiq_training.finetuning.state import Best, Progress
from deepbiq_training.finetuning.validation import validate

CURVES_FILE = "curves.png"

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class FineTuned:
    """What came out.

    Attributes:
        backbone: With the averaged weights of the best epoch, on the CPU, in evaluation mode.
        last_layer: What the new last layer thinks of features, higher is better, on a scale of its own.
        progress: At the end.
    """

    backbone: Backbone
    last_layer: LinearRegressor
    progress: Progress


def fine_tune(
    backbone: Backbone,
    task: Task,
    recipe: Recipe,
    *,
    fabric: Fabric,
    folder: Path,
    save_seconds: float = SAVE_SECONDS,
) -> FineTuned:
    """Fine-tunes a network, or goes on with a fine-tuning that was interrupted.

    Args:
        backbone: With its pre-trained weights; changed in place.
        task: The pictures.
        recipe: The settings.
        fabric: Launched; every device runs this function.
        folder: For state, best weights, log and curves; made when missing. Several machines must share it.
        save_seconds: A state is written after so much time, and at the end of each epoch.

    Raises:
        CheckpointError: When the folder holds a fine-tuning with other settings, or a damaged one.
        EmptyClassError: When the loss is `classes` and a class has no member.
        ImageError: When a picture cannot be read.
        OptionError: When the crop size does not fit the network, or the pictures do not fill one step.
        TrainingError: When the loss is no longer a number.
        OSError: When the disk is full or the folder not writable.
    """
    return _FineTuning(backbone, task, recipe, fabric, folder, save_seconds).run()


class _FineTuning:
    """A run with what it minimises and how it is judged."""

    def __init__(
        self, backbone: Backbone, task: Task, recipe: Recipe, fabric: Fabric, folder: Path, save_seconds: float
    ) -> None:
        self._task, self._recipe, self._folder = task, recipe, folder
        self._device = fabric.device
        self._plan = BatchPlan(
            len(task.training), recipe.batch_size, recipe.accumulate, fabric.world_size, task.seed
        )
        spec = backbone.spec
        crop_size = fitting_crop_size(recipe.crop_size, spec.input_size, spec.stride)
        self._objective = make_objective(recipe.loss, [picture.mos for picture in task.training])
        network = QualityNetwork(backbone, self._objective.outputs, batch_norm=recipe.batch_norm, seed=task.seed)
        course = Course(
            label="fine-tuning",
            task=task,
            plan=self._plan,
            crop_size=crop_size,
            steps=recipe.epochs * self._plan.steps_per_epoch,
            validate_every=self._plan.steps_per_epoch,
            warmup=recipe.warmup,
            average_decay=recipe.average_decay,
            terms=self._objective.terms,
            settings={**asdict(recipe), "backbone": spec.name, "pre-trained weights": task.weights},
        )
        optimizer = make_optimizer(network, recipe)
        self._run = ResumableRun(
            network, optimizer, course, fabric=fabric, folder=folder, save_seconds=save_seconds
        )

    def run(self) -> FineTuned:
        """Trains from where the folder's state is, to the end."""
        self._run.module.train()
        progress = self._run.train(self._run.resume(), self._losses, self._judge, self._draw_curves)
        best = self._run.best_network()
        return FineTuned(best.backbone, linear_score(self._objective, best.last), progress)

    def _losses(self, batch: Batch) -> Mapping[str, Tensor]:
        outputs = self._run.module(torch.from_numpy(batch.crops).to(self._device))
        return self._objective.losses(outputs, torch.from_numpy(batch.mos).to(self._device))

    def _judge(self, progress: Progress) -> tuple[Progress, Correlations]:
        """Validates at the end of an epoch, keeps the best weights, and decides whether to stop."""
        epoch = progress.step // self._plan.steps_per_epoch
        found = validate(self._run.average, self._objective, self._task.validation, self._task.short_side)
        _LOG.info("epoch %d: validation PLCC %.4f, SROCC %.4f", epoch, found.plcc, found.srocc)
        if progress.best is None or found.srocc > progress.best.srocc:
            self._run.keep_best()
            return replace(progress, best=Best(epoch, found.plcc, found.srocc), stale_epochs=0), found
        stale = progress.stale_epochs + 1
        return replace(progress, stale_epochs=stale, finished=stale >= self._recipe.patience), found

    def _draw_curves(self) -> None:
        draw_curves(read_log(self._folder / LOG_FILE), self._folder / CURVES_FILE)
