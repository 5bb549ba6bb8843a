"""The training loop, on Lightning Fabric, whose work devices, machines, precision and accumulation are.

What is here is the order of things: step, average, at the end of an epoch validation, then log, then state. Each
file is whole at any moment, and everything random is a function of the seed and the step, so a training that was
killed ends with the weights of one that was not: bit for bit on CPUs, with the same number of threads.
"""

from __future__ import annotations

import copy
import hashlib
import json
import logging
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path

import torch
from lightning_fabric import Fabric

from deepbiq.agreement import Correlations
from deepbiq.datasets import RatedPicture
from deepbiq.errors import DeepBIQError
from deepbiq.files import write_atomically
from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.finetuning.average import update_average
from deepbiq_training.finetuning.batches import Batch, BatchPlan, read_batches
from deepbiq_training.finetuning.curves import draw_curves
from deepbiq_training.finetuning.log import TrainingLog, read_log
from deepbiq_training.finetuning.network import QualityNetwork
from deepbiq_training.finetuning.objectives import linear_score, make_objective
from deepbiq_training.finetuning.optimisation import make_optimizer, rate_factor, set_rates
from deepbiq_training.finetuning.recipe import Recipe
from deepbiq_training.finetuning.state import (
    Best,
    Configuration,
    Progress,
    Trained,
    read_state,
    to_safetensors,
    write_state,
)
from deepbiq_training.finetuning.validation import validate
from deepbiq_training.memory_format import lay_out
from deepbiq_training.progress import track

STATE_FILE = "state.safetensors"
BEST_FILE = "best.safetensors"
LOG_FILE = "log.csv"
CURVES_FILE = "curves.png"
SAVE_SECONDS = 60.0
"""A state of EfficientNet-Lite0 is 75 MB and takes a second to write."""

_LOG = logging.getLogger(__name__)


class TrainingError(DeepBIQError, RuntimeError):
    """A fine-tuning cannot go on: the loss is no longer a number."""


@dataclass(frozen=True, eq=False)
class Task:
    """What is learnt.

    Attributes:
        training: Pictures to learn from.
        validation: Pictures that choose the best epoch; they share no scene with the others.
        short_side: The training scale in pixels.
        seed: Draws the last layer, the order, crops and flips.
        weights: SHA-256 of the backbone's pre-trained weights.
    """

    training: Sequence[RatedPicture]
    validation: Sequence[RatedPicture]
    short_side: int
    seed: int
    weights: str


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
    folder.mkdir(parents=True, exist_ok=True)
    return _Loop(backbone, task, recipe, fabric, folder, save_seconds).run()


class _Loop:
    """The parts that a step needs."""

    def __init__(
        self, backbone: Backbone, task: Task, recipe: Recipe, fabric: Fabric, folder: Path, save_seconds: float
    ) -> None:
        self._task, self._recipe, self._fabric, self._folder = task, recipe, fabric, folder
        self._save_seconds = save_seconds
        self._plan = BatchPlan(
            len(task.training), recipe.batch_size, recipe.accumulate, fabric.world_size, task.seed
        )
        self._crop_size = recipe.crop_size_for(backbone.spec.input_size, backbone.spec.stride)
        self._total = recipe.epochs * self._plan.steps_per_epoch
        self._objective = make_objective(recipe.loss, [picture.mos for picture in task.training])
        network = QualityNetwork(backbone, self._objective.outputs, batch_norm=recipe.batch_norm, seed=task.seed)
        optimizer = make_optimizer(network, recipe)
        self._module, self._optimizer = fabric.setup(network, optimizer)
        self._average = copy.deepcopy(network).eval().requires_grad_(False)
        self._trained = Trained(network, self._average, optimizer)
        self._configuration = _configuration(backbone, task, recipe, fabric.world_size)
        self._log = TrainingLog(folder / LOG_FILE, self._objective.terms)

    def run(self) -> FineTuned:
        """Trains from where the folder's state is, to the end."""
        progress = read_state(self._folder / STATE_FILE, self._configuration, self._trained)
        if not progress.finished:
            progress = self._train(progress)
        best = self._best_network()
        return FineTuned(best.backbone, linear_score(self._objective, best.last), progress)

    def _train(self, progress: Progress) -> Progress:
        if self._fabric.is_global_zero:
            self._log.begin(progress.step)
        steps = range(progress.step, self._total)
        batches = read_batches(
            self._task.training,
            self._plan,
            steps=steps,
            device=self._fabric.global_rank,
            crop_size=self._crop_size,
            short_side=self._task.short_side,
        )
        began = time.monotonic() - progress.seconds
        saved = time.monotonic()
        with closing(batches):
            for step in track(steps, "fine-tuning"):
                rate, losses = self._step(step, batches)
                progress, found = self._judge(replace(progress, step=step + 1, seconds=time.monotonic() - began))
                self._write_row(progress, rate, losses, found)
                if found or time.monotonic() - saved >= self._save_seconds:
                    self._write_state(progress)
                    saved = time.monotonic()
                if progress.finished:
                    break
        return progress

    def _step(self, step: int, batches: Iterator[Batch]) -> tuple[float, dict[str, float]]:
        """Takes one step of the optimiser.

        Returns:
            The pre-trained layers' rate, and the parts of the loss, averaged over the passes of this device.
        """
        recipe = self._recipe
        self._module.train()
        # Only networks with dropout draw from it.
        torch.manual_seed(_step_seed(self._task.seed, step, self._fabric.global_rank))
        rate = set_rates(self._optimizer, rate_factor(step, self._total, recipe.warmup))
        sums = dict.fromkeys(self._objective.terms, 0.0)
        for number, batch in enumerate(islice(batches, recipe.accumulate), start=1):
            waits = number < recipe.accumulate
            with self._fabric.no_backward_sync(self._module, enabled=waits):
                for term, value in self._backward(batch).items():
                    sums[term] += value / recipe.accumulate
        if not all(map(math.isfinite, sums.values())):
            raise TrainingError(f"the loss at step {step + 1} is not finite: {sums}; lower the learning rates")
        self._optimizer.step()
        self._optimizer.zero_grad()
        update_average(self._average, self._trained.network, step=step, decay=recipe.average_decay)
        return rate, sums

    def _backward(self, batch: Batch) -> dict[str, float]:
        device = self._fabric.device
        outputs = self._module(torch.from_numpy(batch.crops).to(device))
        losses = self._objective.losses(outputs, torch.from_numpy(batch.mos).to(device))
        self._fabric.backward(torch.stack(list(losses.values())).sum() / self._recipe.accumulate)
        return {term: loss.item() for term, loss in losses.items()}

    def _judge(self, progress: Progress) -> tuple[Progress, Correlations | None]:
        """Validates at the end of an epoch, keeps the best weights, and decides whether to stop.

        Every device does it for itself: each has the same weights, so each comes to the same decision.
        """
        epoch, within = divmod(progress.step, self._plan.steps_per_epoch)
        if within:
            return progress, None
        found = validate(self._average, self._objective, self._task.validation, self._task.short_side)
        _LOG.info("epoch %d: validation PLCC %.4f, SROCC %.4f", epoch, found.plcc, found.srocc)
        if progress.best is None or found.srocc > progress.best.srocc:
            progress = replace(progress, best=Best(epoch, found.plcc, found.srocc), stale_epochs=0)
            if self._fabric.is_global_zero:
                write_atomically(self._folder / BEST_FILE, to_safetensors(self._average.state_dict()))
        else:
            progress = replace(progress, stale_epochs=progress.stale_epochs + 1)
        stops = progress.step == self._total or progress.stale_epochs >= self._recipe.patience
        return replace(progress, finished=stops), found

    def _write_row(
        self, progress: Progress, rate: float, losses: Mapping[str, float], found: Correlations | None
    ) -> None:
        if not self._fabric.is_global_zero:
            return
        self._log.append(
            {
                "epoch": (progress.step - 1) // self._plan.steps_per_epoch + 1,
                "step": progress.step,
                "loss": sum(losses.values()),
                **{f"loss_{term}": value for term, value in losses.items()},
                "learning_rate": rate,
                "validation_plcc": found.plcc if found else None,
                "validation_srocc": found.srocc if found else None,
                "seconds": progress.seconds,
            }
        )
        if found:
            draw_curves(read_log(self._log.path), self._folder / CURVES_FILE)

    def _write_state(self, progress: Progress) -> None:
        if self._fabric.is_global_zero:
            write_state(self._folder / STATE_FILE, self._configuration, progress, self._trained)

    def _best_network(self) -> QualityNetwork:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        # The others must not look for the file before the first device has written it.
        self._fabric.barrier()
        network = lay_out(copy.deepcopy(self._average).cpu(), torch.contiguous_format)
        try:
            network.load_state_dict(load_file(self._folder / BEST_FILE))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise CheckpointError(
                f"{self._folder / BEST_FILE}: not the best weights of this fine-tuning ({error}): delete "
                f"{STATE_FILE} to begin again"
            ) from error
        return network.eval()


def _step_seed(seed: int, step: int, device: int) -> int:
    digest = hashlib.blake2b(f"{seed} {step} {device}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def _configuration(backbone: Backbone, task: Task, recipe: Recipe, devices: int) -> Configuration:
    return {
        **{name.replace("_", "-"): value for name, value in asdict(recipe).items()},
        "crop-size": recipe.crop_size_for(backbone.spec.input_size, backbone.spec.stride),
        "seed": task.seed,
        "training scale": task.short_side,
        "devices": devices,
        "backbone": backbone.spec.name,
        "pre-trained weights": task.weights,
        "training pictures": digest_of(task.training),
        "validation pictures": digest_of(task.validation),
    }


def digest_of(pictures: Sequence[RatedPicture]) -> str:
    """Tells lists of pictures apart: how many, and a checksum of their names (with the folder) and scores."""
    listed = json.dumps([[*picture.path.parts[-2:], picture.mos] for picture in pictures])
    return f"{len(pictures)} ({hashlib.sha256(listed.encode()).hexdigest()[:16]})"
