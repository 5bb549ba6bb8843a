"""Experiment III: the network fine-tuned on each split's training part, beside the pre-trained one (Table 4)."""

from __future__ import annotations

import hashlib
import json
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path

from lightning_fabric import Fabric

from deepbiq.plans import Plan
from deepbiq.pooling import POOLINGS, Pooling
from deepbiq_training.configuration import picture_digest
from deepbiq_training.experiments import names
from deepbiq_training.experiments.material import Material
from deepbiq_training.experiments.network import Network
from deepbiq_training.experiments.outcome import Outcome, describe_outcomes
from deepbiq_training.experiments.protocol import Protocol, Split, draw_splits
from deepbiq_training.experiments.regression import split_outcomes
from deepbiq_training.experiments.report import (
    Report,
    draw_boxes,
    markdown_table,
    outcome_cells,
    outcome_header,
)
from deepbiq_training.finetuning.course import Task
from deepbiq_training.finetuning.loop import fine_tune
from deepbiq_training.finetuning.origin import fine_tuned_origin
from deepbiq_training.finetuning.recipe import Recipe
from deepbiq_training.progress import track

_LABELS = {"pre-trained": False, "fine-tuned": True}


def compare_finetuned(
    material: Material, pretrained: Network, protocol: Protocol, plan: Plan, recipe: Recipe, folder: Path
) -> Report:
    """Runs Experiment III.

    Each split fine-tunes a network of its own: its validation part chooses the epoch as it chooses C and epsilon,
    and its test part is seen by neither. An interrupted experiment goes on where it stopped.

    Args:
        material: The pictures.
        pretrained: Where every fine-tuning starts.
        protocol: How pictures are split.
        plan: Which crops are taken for the features.
        recipe: Of the fine-tuning.
        folder: For the fine-tunings of all experiments: in it a folder for each, in that one for each split.

    Raises:
        CheckpointError: When a fine-tuning in the folder is damaged.
        DataSetError: When pictures cannot be read.
        EmptyClassError: When the loss is `classes` and a split's training part lacks one.
        FitError: When a regressor cannot be fitted.
        OptionError: When the recipe does not fit the network, or a part would have too few pictures.
        OSError: When the disk is full or the folder not writable.
        TrainingError: When the loss is no longer a number.
    """
    splits = draw_splits(material.groups, protocol)
    folder = folder / _folder_name(material, pretrained, protocol, recipe)
    before = pretrained.features(material.pictures, plan)
    found: dict[str, list[dict[Pooling, Outcome]]] = {label: [] for label in _LABELS}
    for number, split in enumerate(track(splits, "splits")):
        found["pre-trained"].append(split_outcomes(before, material, split, plan))
        tuned = _fine_tune(pretrained, material, split, recipe, folder / f"split-{number}", protocol.seed)
        after = tuned.features(material.pictures, plan)
        found["fine-tuned"].append(split_outcomes(after, material, split, plan, last_layer=tuned.last_layer))
    rows = {
        f"{label}, {pooling}": [outcomes[pooling] for outcomes in found[label]]
        for pooling in POOLINGS
        for label in _LABELS
    }
    title = f"Experiment III: fine-tuned, {plan}"
    return Report(
        name=f"experiment-{names.FINETUNED}-{material.description['dataset']}-{pretrained.backbone.spec.name}",
        title=title,
        result={
            "experiment": names.FINETUNED,
            "material": material.description,
            "protocol": asdict(protocol),
            "plan": str(plan),
            "recipe": asdict(recipe),
            **pretrained.describe(),
            "rows": [
                {
                    "pooling": pooling,
                    "fine_tuned": fine_tuned,
                    **describe_outcomes(rows[f"{label}, {pooling}"]),
                }
                for pooling in POOLINGS
                for label, fine_tuned in _LABELS.items()
            ],
        },
        table=markdown_table(
            ("network, pooling", *outcome_header(rows["fine-tuned, feature-avg"])),
            [[label, *outcome_cells(outcomes)] for label, outcomes in rows.items()],
        ),
        figure=draw_boxes(title, rows),
    )


def _folder_name(material: Material, pretrained: Network, protocol: Protocol, recipe: Recipe) -> str:
    """Names an experiment by all that its fine-tunings depend on, so that others have a folder of their own."""
    settings = {
        # The first splits are the same, however many there are.
        "protocol": asdict(replace(protocol, iterations=1)),
        "recipe": asdict(recipe),
        "weights": pretrained.origin.key,
        "short_side": pretrained.short_side,
        "pictures": picture_digest(material.pictures),
        "split_by": material.description["split_by"],
    }
    digest = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
    return f"{material.description['dataset']}-{pretrained.backbone.spec.name}-{digest[:8]}"


def _fine_tune(
    pretrained: Network, material: Material, split: Split, recipe: Recipe, folder: Path, seed: int
) -> Network:
    fabric = Fabric(accelerator="auto", devices=1, precision=recipe.precision)
    fabric.launch()
    task = Task(
        training=material.at(split.training),
        validation=material.at(split.validation),
        short_side=pretrained.short_side,
        seed=seed,
        weights=pretrained.origin.key,
    )
    # The pre-trained network must stay as it is for the next split.
    tuned = fine_tune(deepcopy(pretrained.backbone), task, recipe, fabric=fabric, folder=folder)
    data = f"{material.description['dataset']}, {folder.name}"
    origin = fine_tuned_origin(tuned.backbone, pretrained.origin, data)
    return replace(pretrained, backbone=tuned.backbone, origin=origin, last_layer=tuned.last_layer)
