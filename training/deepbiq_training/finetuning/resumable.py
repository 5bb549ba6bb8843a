"""A training that goes on where it was interrupted, on Lightning Fabric, whose work devices and precision are.

What is here is the order of things: step, average, now and then validation, then log, then state. Each file is
whole at any moment, and everything random is a function of the seed and the step, so a training that was killed
ends with the weights of one that was not: bit for bit on CPUs, with the same number of threads.
"""

from __future__ import annotations

import copy
import hashlib
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Generic

import torch
from lightning_fabric import Fabric
from torch import Tensor

from deepbiq.agreement import Correlations
from deepbiq.errors import DeepBIQError
from deepbiq.files import write_atomically
from deepbiq_training.checkpoint import CheckpointError
from deepbiq_training.finetuning.average import update_average
from deepbiq_training.finetuning.batches import Batch, read_batches
from deepbiq_training.finetuning.course import Course
from deepbiq_training.finetuning.log import TrainingLog
from deepbiq_training.finetuning.optimisation import rate_factor, set_rates
from deepbiq_training.finetuning.state import Progress, Trained, read_state, to_safetensors, write_state
from deepbiq_training.memory_format import Network, lay_out
from deepbiq_training.progress import track

STATE_FILE = "state.safetensors"
BEST_FILE = "best.safetensors"
LOG_FILE = "log.csv"
SAVE_SECONDS = 60.0
"""A state of EfficientNet-Lite0 is 75 MB and takes a second to write."""

Losses = Callable[[Batch], Mapping[str, Tensor]]
"""Computes the parts of the loss on a batch, () float32 by name; their sum is minimised."""
Judge = Callable[[Progress], tuple[Progress, Correlations]]
"""Validates the average. It returns the progress, finished where it is time to stop, and the agreement with people.

Every device judges for itself: each has the same weights, so each comes to the same decision."""


class TrainingError(DeepBIQError, RuntimeError):
    """A fine-tuning cannot go on: the loss is no longer a number."""


class ResumableRun(Generic[Network]):
    """Takes a network through its course, and keeps state, log and best weights in a folder.

    Args:
        network: Trained in place, on the fabric's device.
        optimizer: Over its parameters.
        course: What is done.
        fabric: Launched; every device does the same.
        folder: Made when missing. Several machines must share it.
        save_seconds: A state is written after so much time, and after each validation.

    Attributes:
        module: The network, to be called where gradients are wanted.
        average: Its moving average, in evaluation mode.

    Raises:
        OSError: When the folder cannot be made.
    """

    def __init__(
        self,
        network: Network,
        optimizer: torch.optim.Optimizer,
        course: Course,
        *,
        fabric: Fabric,
        folder: Path,
        save_seconds: float,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._course, self._fabric, self._folder, self._save_seconds = course, fabric, folder, save_seconds
        self.module, self._optimizer = fabric.setup(network, optimizer)
        self.average = copy.deepcopy(network).eval().requires_grad_(False)
        self._configuration = course.configuration
        self._trained = Trained(network, self.average, optimizer)
        self._log = TrainingLog(folder / LOG_FILE, course.terms)

    @property
    def has_state(self) -> bool:
        """Whether the folder holds a state to go on from."""
        return (self._folder / STATE_FILE).exists()

    def resume(self) -> Progress:
        """Reads the folder's state, where there is one.

        Raises:
            CheckpointError: When it is of another configuration, or damaged.
        """
        return read_state(self._folder / STATE_FILE, self._configuration, self._trained)

    def train(
        self, progress: Progress, losses_of: Losses, judge: Judge, show: Callable[[], object] = lambda: None
    ) -> Progress:
        """Takes the steps that are left.

        Args:
            progress: So far.
            losses_of: Asks `module` about a batch.
            judge: Asks `average` about the validation part.
            show: Shows the log after each validation; called on the first device only.

        Raises:
            ImageError: When a picture cannot be read.
            TrainingError: When the loss is no longer a number.
            OSError: When the disk is full or the folder not writable.
        """
        if progress.finished:
            return progress
        if self._fabric.is_global_zero:
            self._log.begin(progress.step)
        steps = range(progress.step, self._course.steps)
        began = time.monotonic() - progress.seconds
        saved = time.monotonic()
        with closing(self._read_batches(steps)) as batches:
            for step in track(steps, self._course.label):
                rate, losses = self._step(step, batches, losses_of)
                done, found = step + 1, None
                progress = replace(progress, step=done)
                if done % self._course.validate_every == 0:
                    progress, found = judge(progress)
                stops = progress.finished
                seconds = time.monotonic() - began
                progress = replace(progress, seconds=seconds, finished=stops or done == self._course.steps)
                if self._fabric.is_global_zero:
                    self._write_row(progress, rate, losses, found)
                    if found:
                        show()
                if found or time.monotonic() - saved >= self._save_seconds:
                    self.write_state(progress)
                    saved = time.monotonic()
                if stops:
                    break
        return progress

    def write_state(self, progress: Progress) -> None:
        """Writes what the next run goes on from.

        Raises:
            OSError: When the disk is full or the folder not writable.
        """
        if self._fabric.is_global_zero:
            write_state(self._folder / STATE_FILE, self._configuration, progress, self._trained)

    def keep_best(self) -> None:
        """Writes the average as the best weights so far.

        Raises:
            OSError: When the disk is full or the folder not writable.
        """
        if self._fabric.is_global_zero:
            write_atomically(self._folder / BEST_FILE, to_safetensors(self.average.state_dict()))

    def best_network(self) -> Network:
        """Reads the best weights into a copy of the network, on the CPU, in evaluation mode.

        Raises:
            CheckpointError: When the file is missing or damaged.
        """
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        # The others must not look for the file before the first device has written it.
        self._fabric.barrier()
        network = lay_out(copy.deepcopy(self.average).cpu(), torch.contiguous_format)
        try:
            network.load_state_dict(load_file(self._folder / BEST_FILE))
        except (OSError, SafetensorError, RuntimeError) as error:
            raise CheckpointError(
                f"{self._folder / BEST_FILE}: not the best weights of this fine-tuning ({error}): delete "
                f"{STATE_FILE} to begin again"
            ) from error
        return network

    def _read_batches(self, steps: range) -> Generator[Batch, None, None]:
        course = self._course
        return read_batches(
            course.task.training,
            course.plan,
            steps=steps,
            device=self._fabric.global_rank,
            crop_size=course.crop_size,
            short_side=course.task.short_side,
        )

    def _step(self, step: int, batches: Iterator[Batch], losses_of: Losses) -> tuple[float, Mapping[str, float]]:
        """Takes one step of the optimiser.

        Returns:
            The lowest rate, and the parts of the loss, averaged over the passes of this device.
        """
        course = self._course
        # Only networks with dropout draw from it.
        torch.manual_seed(_step_seed(course.task.seed, step, self._fabric.global_rank))
        rate = set_rates(self._optimizer, rate_factor(step, course.steps, course.warmup))
        passes = course.plan.accumulate
        sums = dict.fromkeys(course.terms, 0.0)
        for number, batch in enumerate(islice(batches, passes), start=1):
            with self._fabric.no_backward_sync(self.module, enabled=number < passes):
                losses = losses_of(batch)
                self._fabric.backward(torch.stack(list(losses.values())).sum() / passes)
            for term, loss in losses.items():
                sums[term] += loss.item() / passes
        if not all(map(math.isfinite, sums.values())):
            raise TrainingError(f"the loss at step {step + 1} is not finite: {sums}; lower the learning rates")
        self._optimizer.step()
        self._optimizer.zero_grad()
        update_average(self.average, self._trained.network, step=step, decay=course.average_decay)
        return rate, sums

    def _write_row(
        self, progress: Progress, rate: float, losses: Mapping[str, float], found: Correlations | None
    ) -> None:
        self._log.append(
            {
                "epoch": (progress.step - 1) // self._course.plan.steps_per_epoch + 1,
                "step": progress.step,
                "loss": sum(losses.values()),
                **{f"loss_{term}": value for term, value in losses.items()},
                "learning_rate": rate,
                "validation_plcc": found.plcc if found else None,
                "validation_srocc": found.srocc if found else None,
                "seconds": progress.seconds,
            }
        )


def _step_seed(seed: int, step: int, device: int) -> int:
    digest = hashlib.blake2b(f"{seed} {step} {device}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
