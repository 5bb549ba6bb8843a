"""Fine-tuned training: the network learns quality, then regressors are fitted on its features as on frozen ones.

A second run with the same settings goes on where the first was interrupted, in the fine-tuning as in the features.
"""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from typing import Literal

from lightning_fabric import Fabric

from deepbiq_training.configuration import check_out
from deepbiq_training.finetuning.course import Task
from deepbiq_training.finetuning.loop import FineTuned, fine_tune
from deepbiq_training.finetuning.origin import fine_tuned_origin
from deepbiq_training.finetuning.recipe import Recipe, fitting_crop_size
from deepbiq_training.frozen import (
    Agreements,
    FrozenSettings,
    describe_start,
    fit_and_write,
    load_pretrained,
    read_parts,
)

FOLDER = "fine-tuning"
"""Inside the checkpoint's folder: state, best weights, log and learning curves."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class FineTuneSettings:
    """What a fine-tuned training takes.

    Attributes:
        data: Pictures, folders, pre-trained weights, validation part and seed, as for a frozen training.
        recipe: How the network is fine-tuned.
        devices: Devices per machine; `auto` takes every GPU, or the one CPU.
        nodes: Machines.
    """

    data: FrozenSettings
    recipe: Recipe
    devices: int | Literal["auto"] = "auto"
    nodes: int = 1


def train_finetuned(settings: FineTuneSettings) -> Agreements | None:
    """Fine-tunes, fits the regressors and writes the checkpoint.

    Returns:
        What each plan and pooling reached on the validation part; None on every device but the first, whose work
        ends with the fine-tuning.

    Raises:
        DataSetError: When the data set is incomplete or pictures cannot be read.
        WeightsError: When the weights are not the backbone's.
        OptionError: When the parts or the recipe do not fit the data set or the network.
        EmptyClassError: When the loss is `classes` and a class has no member.
        CheckpointError: When the folder holds a fine-tuning or a finished checkpoint with other settings.
        TrainingError: When the loss is no longer a number.
        OSError: When the disk is full or a folder not writable.
    """
    data, recipe = settings.data, settings.recipe
    fabric = Fabric(devices=settings.devices, num_nodes=settings.nodes, precision=recipe.precision)
    fabric.launch()
    backbone, origin = load_pretrained(data)
    # A crop size that does not fit is found before the data set is read.
    fitting_crop_size(recipe.crop_size, backbone.spec.input_size, backbone.spec.stride)
    parts = read_parts(data)
    begun = {"recipe": asdict(recipe), "pre_trained": asdict(origin)}
    check_out(data.out, {**describe_start(data, parts, backbone, origin), "fine_tuning": begun})
    task = Task(
        training=parts.training_pictures,
        validation=parts.validation_pictures,
        short_side=data.short_side,
        seed=data.seed,
        weights=origin.key,
    )
    tuned = fine_tune(backbone, task, recipe, fabric=fabric, folder=data.out / FOLDER)
    if not fabric.is_global_zero:
        return None
    _LOG.info("fine-tuned for %d steps in %.0f s", tuned.progress.step, tuned.progress.seconds)
    extra = {"fine_tuning": {**begun, **_describe(tuned, fabric.world_size)}}
    tuned_origin = fine_tuned_origin(tuned.backbone, origin, data.data_set.name)
    return fit_and_write(data, parts, tuned.backbone, tuned_origin, extra, tuned.last_layer)


def _describe(tuned: FineTuned, devices: int) -> dict[str, object]:
    progress = tuned.progress
    return {
        "devices": devices,
        "steps": progress.step,
        "seconds": round(progress.seconds),
        "best": asdict(progress.best) if progress.best else None,
    }
