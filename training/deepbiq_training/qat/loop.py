"""The training loop of a quantisation-aware fine-tuning, on Lightning Fabric.

It is the loop of the ordinary fine-tuning with another aim: step, average, at the end of a round ranges and
validation, then log, then state. The same holds of it: each file is whole at any moment, everything random is a
function of the seed and the step, and a training that was killed ends with the weights of one that was not.
"""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from lightning_fabric import Fabric

from deepbiq.files import write_atomically
from deepbiq.regression import LinearRegressor
from deepbiq_training.backbones.backbone import Backbone
from deepbiq_training.backbones.conv_norm import fold_batch_norms
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.even_picks import pick_evenly
from deepbiq_training.finetuning.average import update_average
from deepbiq_training.finetuning.batches import Batch, BatchPlan, read_batches
from deepbiq_training.finetuning.log import TrainingLog
from deepbiq_training.finetuning.loop import SAVE_SECONDS, Task, TrainingError, digest_of
from deepbiq_training.finetuning.optimisation import PEAK, rate_factor, set_rates
from deepbiq_training.finetuning.recipe import fitting_crop_size
from deepbiq_training.finetuning.state import Progress, Trained, read_state, to_safetensors, write_state
from deepbiq_training.progress import track
from deepbiq_training.qat.flavours import flavour_named
from deepbiq_training.qat.network import Distance, WindowNetwork
from deepbiq_training.qat.placement import quantise, without_quantisers
from deepbiq_training.qat.ranges import copy_ranges, observe_ranges
from deepbiq_training.qat.recipe import QatRecipe
from deepbiq_training.qat.rounds import Round, best_round, read_rounds, write_rounds
from deepbiq_training.qat.validation import Validation
from deepbiq_training.whole_pictures import whole_pictures

STATE_FILE = "state.safetensors"
BEST_FILE = "best.safetensors"
ROUNDS_FILE = "rounds.json"
LOG_FILE = "log.csv"
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
    folder.mkdir(parents=True, exist_ok=True)
    return _Loop(backbone, regressor, task, recipe, fabric, folder, save_seconds).run()


class _Loop:
    """The parts that a step needs."""

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
        self._task, self._recipe, self._fabric, self._folder = task, recipe, fabric, folder
        self._save_seconds, self._like = save_seconds, backbone
        self._plan = BatchPlan(len(task.training), recipe.batch_size, 1, fabric.world_size, task.seed)
        self._crop_size = fitting_crop_size(recipe.crop_size, backbone.spec.input_size, backbone.spec.stride)
        self._before = WindowNetwork(fold_batch_norms(backbone)).requires_grad_(False).to(fabric.device)
        self._distance = Distance(regressor).to(fabric.device)
        network = WindowNetwork(quantise(backbone, flavour_named(recipe.flavour)))
        optimizer = _make_optimizer(network, recipe)
        self._module, self._optimizer = fabric.setup(network, optimizer)
        self._network = network
        self._average = copy.deepcopy(network).requires_grad_(False)
        self._trained = Trained(network, self._average, optimizer)
        self._validate = Validation(self._before, regressor, task.validation, task.short_side, fabric.device)
        self._configuration = _configuration(backbone, task, recipe, self._crop_size, fabric.world_size)
        self._log = TrainingLog(folder / LOG_FILE, Distance.terms)
        self._rounds: list[Round] = []

    def run(self) -> QuantisationAware:
        """Trains from where the folder's state is, to the end."""
        started = (self._folder / STATE_FILE).exists()
        progress = read_state(self._folder / STATE_FILE, self._configuration, self._trained)
        if started:
            found = read_rounds(self._folder / ROUNDS_FILE)
            self._rounds = [entry for entry in found if entry.step <= progress.step]
        else:
            self._judge(progress.step)
            self._write_state(progress)
        if not progress.finished:
            progress = self._train(progress)
        return QuantisationAware(self._best_backbone(), self._rounds, progress)

    def _train(self, progress: Progress) -> Progress:
        if self._fabric.is_global_zero:
            self._log.begin(progress.step)
        steps = range(progress.step, self._recipe.steps)
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
            for step in track(steps, "quantisation-aware fine-tuning"):
                rate, losses = self._step(step, batches)
                done = step + 1
                found = None if done % (self._recipe.steps // self._recipe.rounds) else self._judge(done)
                seconds = time.monotonic() - began
                progress = Progress(done, seconds, finished=done == self._recipe.steps)
                self._write_row(progress, rate, losses, found)
                if found or time.monotonic() - saved >= self._save_seconds:
                    self._write_state(progress)
                    saved = time.monotonic()
        return progress

    def _step(self, step: int, batches: Iterator[Batch]) -> tuple[float, dict[str, float]]:
        """Takes one step of the optimiser; returns its rate and the parts of the loss."""
        rate = set_rates(self._optimizer, rate_factor(step, self._recipe.steps, self._recipe.warmup))
        crops = torch.from_numpy(next(batches).crops).to(self._fabric.device)
        with torch.no_grad():
            wanted = self._before.features(crops)
        losses = self._distance(self._module(crops), wanted)
        values = {term: loss.item() for term, loss in losses.items()}
        if not all(map(math.isfinite, values.values())):
            raise TrainingError(f"the loss at step {step + 1} is not finite: {values}; lower the learning rate")
        self._fabric.backward(torch.stack(list(losses.values())).sum())
        self._optimizer.step()
        self._optimizer.zero_grad()
        update_average(self._average, self._network, step=step, decay=self._recipe.average_decay)
        return rate, values

    def _judge(self, step: int) -> Round:
        """Observes ranges on the averaged weights, hands them to the network, validates, and keeps the best.

        Every device does it for itself: each has the same weights, so each comes to the same decision.
        """
        observe_ranges(self._average, self._show_range_pictures)
        copy_ranges(self._average, self._network)
        found = self._validate(self._average, step)
        _LOG.info("step %d: %s", step, _sentence(found))
        self._rounds.append(found)
        if self._fabric.is_global_zero:
            if best_round(self._rounds) is found:
                write_atomically(self._folder / BEST_FILE, to_safetensors(self._average.state_dict()))
            write_rounds(self._folder / ROUNDS_FILE, self._rounds)
        return found

    def _show_range_pictures(self) -> None:
        """Shows pictures from the worst to the best, so that ranges hold for all of them."""
        ordered = sorted(self._task.training, key=lambda picture: (picture.mos, picture.path.name))
        pictures = pick_evenly(ordered, self._recipe.range_pictures)
        spec = self._average.backbone.spec
        for picture in whole_pictures(pictures, spec, self._task.short_side, self._fabric.device):
            self._average.features(picture)

    def _write_row(self, progress: Progress, rate: float, losses: Mapping[str, float], found: Round | None) -> None:
        if self._fabric.is_global_zero:
            self._log.append(
                {
                    "epoch": (progress.step - 1) // self._plan.steps_per_epoch + 1,
                    "step": progress.step,
                    "loss": sum(losses.values()),
                    **{f"loss_{term}": value for term, value in losses.items()},
                    "learning_rate": rate,
                    "validation_plcc": found.quantised.plcc if found else None,
                    "validation_srocc": found.quantised.srocc if found else None,
                    "seconds": progress.seconds,
                }
            )

    def _write_state(self, progress: Progress) -> None:
        if self._fabric.is_global_zero:
            write_state(self._folder / STATE_FILE, self._configuration, progress, self._trained)

    def _best_backbone(self) -> Backbone:
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        # The others must not look for the file before the first device has written it.
        self._fabric.barrier()
        network = copy.deepcopy(self._average).cpu()
        try:
            network.load_state_dict(load_file(self._folder / BEST_FILE))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise CheckpointError(
                f"{self._folder / BEST_FILE}: not the best weights of this training ({error}): delete {STATE_FILE} "
                "to begin again"
            ) from error
        return without_quantisers(network.backbone, self._like)


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


def _configuration(
    backbone: Backbone, task: Task, recipe: QatRecipe, crop_size: int, devices: int
) -> dict[str, str | int | float]:
    return {
        **{name.replace("_", "-"): value for name, value in asdict(recipe).items()},
        "crop-size": crop_size,
        "seed": task.seed,
        "training scale": task.short_side,
        "devices": devices,
        "backbone": backbone.spec.name,
        "trained weights": task.weights,
        "training pictures": digest_of(task.training),
        "validation pictures": digest_of(task.validation),
    }
