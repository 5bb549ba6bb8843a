"""Quantisation-aware fine-tuning: the network learns to be quantised, and the round that it costs least is kept."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric
from torch import Tensor

from deepbiq.agreement import Correlations
from deepbiq.even_picks import pick_evenly
from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.conv_norm import fold_batch_norms
from deepbiq_training.finetuning.batches import Batch, BatchPlan
from deepbiq_training.finetuning.course import Course, Task
from deepbiq_training.finetuning.optimisation import PEAK
from deepbiq_training.finetuning.recipe import fitting_crop_size
from deepbiq_training.finetuning.resumable import SAVE_SECONDS, ResumableRun
from deepbiq_training.finetuning.state import Progress
from deepbiq_training.qat.flavours import flavour_named
from deepbiq_training.qat.network import Distance, WindowNetwork
from deepbiq_training.qat.placement import quantise, without_quantisers
from deepbiq_training.qat.ranges import copy_ranges, observe_ranges
from deepbiq_training.qat.recipe import QatRecipe
from deepbiq_training.qat.rounds import Round, best_round, read_rounds, write_rounds
from deepbiq_training.qat.validation import Validation
from deepbiq_training.whole_pictures import whole_pictures

ROUNDS_FILE = "rounds.json"
BIAS_RATE = 10
"""How much faster biases learn than weights: they are some ten times as large."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class QuantisationAware:
    """What came out.

    Attributes:
        backbone: An ordinary network with the averaged weights of the best round, on the CPU, in evaluation mode.
        rounds: All of them, the first before any step.
        progress: At the end.
    """

    backbone: Backbone
    rounds: list[Round]
    progress: Progress

    @property
    def best(self) -> Round:
        """The round whose weights the network has."""
        return best_round(self.rounds)


def fine_tune_quantised(
    backbone: Backbone,
    regressor: LinearRegressor,
    task: Task,
    recipe: QatRecipe,
    *,
    fabric: Fabric,
    folder: Path,
    save_seconds: float = SAVE_SECONDS,
) -> QuantisationAware:
    """Teaches a network to be quantised, or goes on with a training that was interrupted.

    Args:
        backbone: The trained network; it is not changed.
        regressor: Of average pooling under the dense plan.
        task: The pictures.
        recipe: The settings.
        fabric: Launched; every device runs this function.
        folder: For state, best weights, rounds and log; made when missing. Several machines must share it.
        save_seconds: A state is written after so much time, and at the end of each round.

    Raises:
        CheckpointError: When the folder holds a training with other settings, or a damaged one.
        ImageError: When a picture cannot be read.
        OptionError: When the crop size does not fit the network, or the pictures do not fill one step.
        TrainingError: When the loss is no longer a number.
        OSError: When the disk is full or the folder not writable.
    """
    return _QuantisedFineTuning(backbone, regressor, task, recipe, fabric, folder, save_seconds).run()


class _QuantisedFineTuning:
    """A run with what it minimises and how it is judged."""

    def __init__(
        self,
        backbone: Backbone,
        regressor: LinearRegressor,
        task: Task,
        recipe: QatRecipe,
        fabric: Fabric,
        folder: Path,
        save_seconds: float,
    ) -> None:
        self._task, self._recipe, self._fabric, self._like = task, recipe, fabric, backbone
        plan = BatchPlan(len(task.training), recipe.batch_size, 1, fabric.world_size, task.seed)
        spec = backbone.spec
        crop_size = fitting_crop_size(recipe.crop_size, spec.input_size, spec.stride)
        self._before = WindowNetwork(fold_batch_norms(backbone)).requires_grad_(False).to(fabric.device)
        self._distance = Distance(regressor).to(fabric.device)
        self._network = WindowNetwork(quantise(backbone, flavour_named(recipe.flavour)))
        course = Course(
            label="quantisation-aware fine-tuning",
            task=task,
            plan=plan,
            crop_size=crop_size,
            steps=recipe.steps,
            validate_every=recipe.steps // recipe.rounds,
            warmup=recipe.warmup,
            average_decay=recipe.average_decay,
            terms=Distance.terms,
            settings={**asdict(recipe), "backbone": spec.name, "trained weights": task.weights},
        )
        optimizer = _make_optimizer(self._network, recipe)
        self._run = ResumableRun(
            self._network, optimizer, course, fabric=fabric, folder=folder, save_seconds=save_seconds
        )
        self._validate = Validation(self._before, regressor, task.validation, task.short_side, fabric.device)
        self._rounds_file = folder / ROUNDS_FILE
        self._rounds: list[Round] = []

    def run(self) -> QuantisationAware:
        """Trains from where the folder's state is, to the end."""
        started = self._run.has_state
        progress = self._run.resume()
        if started:
            self._rounds = [found for found in read_rounds(self._rounds_file) if found.step <= progress.step]
        else:
            self._judge(progress)
            self._run.write_state(progress)
        progress = self._run.train(progress, self._losses, self._judge)
        best = self._run.best_network()
        return QuantisationAware(without_quantisers(best.backbone, self._like), self._rounds, progress)

    def _losses(self, batch: Batch) -> Mapping[str, Tensor]:
        crops = torch.from_numpy(batch.crops).to(self._fabric.device)
        with torch.no_grad():
            wanted = self._before.features(crops)
        losses: Mapping[str, Tensor] = self._distance(self._run.module(crops), wanted)
        return losses

    def _judge(self, progress: Progress) -> tuple[Progress, Correlations]:
        """Observes ranges on the averaged weights, hands them to the network, validates, and keeps the best."""
        observe_ranges(self._run.average, self._show_range_pictures)
        copy_ranges(self._run.average, self._network)
        found = self._validate(self._run.average, progress.step)
        _LOG.info("step %d: %s", progress.step, _sentence(found))
        self._rounds.append(found)
        if best_round(self._rounds) is found:
            self._run.keep_best()
        if self._fabric.is_global_zero:
            write_rounds(self._rounds_file, self._rounds)
        return progress, found.quantised

    def _show_range_pictures(self) -> None:
        """Shows pictures from the worst to the best, so that ranges hold for all of them."""
        average, task = self._run.average, self._task
        ordered = sorted(task.training, key=lambda picture: (picture.mos, picture.path.name))
        pictures = pick_evenly(ordered, self._recipe.range_pictures)
        for picture in whole_pictures(pictures, average.backbone.spec, task.short_side, self._fabric.device):
            average.features(picture)


def _make_optimizer(network: WindowNetwork, recipe: QatRecipe) -> torch.optim.Adam:
    """Makes Adam: nothing decays, as the weights are where they should be."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    rates = {True: BIAS_RATE * recipe.learning_rate, False: recipe.learning_rate}
    return torch.optim.Adam(
        [
            {"params": [one for one in trained if (one.ndim == 1) is bias], "lr": rate, PEAK: rate}
            for bias, rate in rates.items()
        ]
    )


def _sentence(found: Round) -> str:
    parts = (("INT8 against its FP32", found.quantised), ("its FP32 against the old", found.floats))
    return "; ".join(
        f"{title}: SROCC {part.srocc:.4f} ({-part.srocc_drop:+.4f}), mean shift {part.mean_shift:.2f}, "
        f"{part.flips:.1%} of labels differ"
        for title, part in parts
    )
