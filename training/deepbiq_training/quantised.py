"""Quantisation-aware training: a finished checkpoint in, the same network made ready for 8-bit integers out.

Nobody's scores are learnt here. The network as it was says what the features of training pictures should be, and
the network with quantisers learns to give them; so the regressors stay as they are.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from lightning_fabric import Fabric

from deepbiq.datasets import DataSet
from deepbiq.errors import OptionError
from deepbiq.even_picks import pick_evenly
from deepbiq.pooling import head_of
from deepbiq.regression import LinearRegressor, regressors_from_npz
from deepbiq_training.backbones import WeightsOrigin
from deepbiq_training.checkpoint import Checkpoint, read_checkpoint, versions_of, write_checkpoint
from deepbiq_training.configuration import check_out, differences
from deepbiq_training.finetuning.course import Task
from deepbiq_training.finetuning.origin import trained_origin
from deepbiq_training.finetuning.recipe import fitting_crop_size
from deepbiq_training.frozen import FrozenSettings, read_parts
from deepbiq_training.qat.loop import QuantisationAware, fine_tune_quantised
from deepbiq_training.qat.recipe import QatRecipe
from deepbiq_training.qat.rounds import Round

FOLDER = "quantisation"
"""Inside the new checkpoint's folder: state, best weights, rounds and log."""
EARLIER_METRICS = "validation (scene-disjoint), before quantisation-aware fine-tuning"
"""What the checkpoint's metrics are about afterwards: they were found with regressors that did not know that part,
and those are not kept."""

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class QuantiseSettings:
    """What a quantisation-aware training takes.

    Attributes:
        checkpoint: Folder of a finished training.
        root: The data set's folder, the same that the checkpoint was trained on.
        out: Folder of the new checkpoint.
        data_set: That data set.
        recipe: How the network learns.
        validation_pictures: At most so many pictures of the checkpoint's validation part; None takes all.
        seed: Draws the training crops.
        devices: Devices per machine; `auto` takes every GPU, or the one CPU.
        nodes: Machines.
    """

    checkpoint: Path
    root: Path
    out: Path
    data_set: DataSet
    recipe: QatRecipe
    validation_pictures: int | None = None
    seed: int = 0
    devices: int | Literal["auto"] = "auto"
    nodes: int = 1


def train_quantised(settings: QuantiseSettings) -> list[Round] | None:
    """Teaches a checkpoint's network to be quantised and writes it as a checkpoint of its own.

    Returns:
        The validation before any step, and of the round whose weights were kept, which may be the same; None on
        every device but the first.

    Raises:
        CheckpointError: When the checkpoint is not an intact one, or the folder holds a training or a finished
            checkpoint with other settings.
        DataSetError: When the data set is incomplete or pictures cannot be read.
        OptionError: When the pictures are not those of the checkpoint, or the recipe does not fit the network.
        TrainingError: When the loss is no longer a number.
        OSError: When the disk is full or a folder not writable.
    """
    if settings.out.resolve() == settings.checkpoint.resolve():
        raise OptionError(f"--out {settings.out} is the checkpoint itself: choose another folder")
    checkpoint = read_checkpoint(settings.checkpoint)
    spec = checkpoint.backbone.spec
    # What does not fit is found before the data set is read.
    fitting_crop_size(settings.recipe.crop_size, spec.input_size, spec.stride)
    regressor = _dense_regressor(checkpoint, settings.checkpoint)
    _check_data_set(checkpoint, settings)
    fabric = Fabric(devices=settings.devices, num_nodes=settings.nodes)
    fabric.launch()
    task = _task(checkpoint, settings)
    begun = {
        "recipe": asdict(settings.recipe),
        "seed": settings.seed,
        "weights_before": asdict(WeightsOrigin(**checkpoint.description["weights"])),
    }
    check_out(settings.out, {**checkpoint.description, "qat": begun})
    trained = fine_tune_quantised(
        checkpoint.backbone, regressor, task, settings.recipe, fabric=fabric, folder=settings.out / FOLDER
    )
    if not fabric.is_global_zero:
        return None
    if trained.best.step == 0:
        _LOG.warning(
            "no round was better than the network as it was, which is kept: take more steps or another rate"
        )
    write_checkpoint(
        settings.out, _describe(checkpoint, trained, settings, begun), trained.backbone, checkpoint.regressors
    )
    return [trained.rounds[0], trained.best]


def _dense_regressor(checkpoint: Checkpoint, folder: Path) -> LinearRegressor:
    """Reads the regressor of average pooling under the dense plan, which every training makes its default."""
    plan = checkpoint.description["plans"]["dense"]
    heads = regressors_from_npz(checkpoint.regressors[plan["regressors"]], name=str(folder / plan["regressors"]))
    return heads[head_of(plan["pooling"])]


def _check_data_set(checkpoint: Checkpoint, settings: QuantiseSettings) -> None:
    trained_on = checkpoint.description["data_set"]["name"]
    if settings.data_set.name != trained_on:
        raise OptionError(
            f"{settings.checkpoint} was trained on {trained_on}, not on {settings.data_set.name}: its validation "
            f"part must stay unseen, so give --dataset {trained_on}"
        )


def _task(checkpoint: Checkpoint, settings: QuantiseSettings) -> Task:
    """Reads the pictures and draws the checkpoint's own validation part again."""
    told = checkpoint.description
    # Asked for as many pictures as were drawn, the same scenes are drawn.
    drawn = told["validation"]
    parts = read_parts(
        FrozenSettings(
            root=settings.root,
            out=settings.out,
            data_set=settings.data_set,
            validation_pictures=drawn["pictures"],
            seed=drawn["seed"],
        )
    )
    found = (len(parts.pictures), int(parts.validation.sum()))
    wanted = (told["data_set"]["pictures"], drawn["pictures"])
    if found != wanted:
        raise OptionError(
            f"{settings.root} has {found[0]} pictures, {found[1]} of them to validate, but {settings.checkpoint} "
            f"was trained on {wanted[0]}, {wanted[1]} of them to validate: give the data set that it was trained on"
        )
    # Older checkpoints do not tell their pictures.
    differing = differences(told.get("pictures", parts.digests), parts.digests)
    if differing:
        raise OptionError(
            f"{settings.root} has other pictures or scores than {settings.checkpoint} was trained on, whose "
            f"validation part must stay unseen: {'; '.join(differing)}. Give the data set that it was trained on"
        )
    return Task(
        training=parts.training_pictures,
        # Evenly, as data sets are often sorted by kind.
        validation=pick_evenly(parts.validation_pictures, settings.validation_pictures or drawn["pictures"]),
        short_side=told["training_scale"]["short_side"],
        seed=settings.seed,
        weights=WeightsOrigin(**told["weights"]).key,
    )


def _describe(
    checkpoint: Checkpoint, trained: QuantisationAware, settings: QuantiseSettings, begun: Mapping[str, object]
) -> dict[str, object]:
    kept: Mapping[str, Any] = {
        name: value for name, value in checkpoint.description.items() if name not in ("schema", "files")
    }
    before = WeightsOrigin(**kept["weights"])
    origin = trained_origin(trained.backbone, before, f"quantisation-aware fine-tuned on {settings.data_set.name}")
    return {
        **kept,
        "weights": asdict(origin),
        "metrics": [{**entry, "split": EARLIER_METRICS} for entry in kept["metrics"]],
        "qat": {
            **begun,
            "kept_step": trained.best.step,
            "before": _costs(trained.rounds[0]),
            "after": _costs(trained.best),
            "seconds": round(trained.progress.seconds),
            "versions": _versions(),
        },
    }


def _costs(found: Round) -> dict[str, object]:
    return {"int8_against_its_fp32": asdict(found.quantised), "fp32_against_the_former": asdict(found.floats)}


def _versions() -> dict[str, str]:
    import torch
    import torchao

    return versions_of({"torch": torch, "torchao": torchao})
