"""`deepbiq experiment`: the verbs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from deepbiq.errors import OptionError
from deepbiq_training.experiments import options
from deepbiq_training.experiments.options import DEFAULT_WORK

if TYPE_CHECKING:
    from deepbiq_training.finetuning.recipe import LossName


def pretrained(
    root: options.Root,
    results: options.Results,
    dataset: options.Dataset = "biq2021",
    rating_scale: options.RatingScale = None,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="BACKBONE, BACKBONE=WEIGHTS or BACKBONE=WEIGHTS,MEAN; give it once for each set of weights.",
            show_default="efficientnet_lite0",
        ),
    ] = None,
    pictures: options.Pictures = None,
    by_scene: options.ByScene = False,
    splits: options.Splits = 10,
    seed: options.Seed = 0,
    work: options.Work = DEFAULT_WORK,
) -> None:
    """Experiment I (Table 2): the whole picture, shrunk and cut, per set of pre-trained weights.

    Median PLCC, SROCC, RMSE and MAE over random splits into 80 % and 20 %, the SVR's C and epsilon chosen inside
    the 80 %.
    """
    options.prepare()
    from deepbiq_training.experiments.material import read_material
    from deepbiq_training.experiments.pretrained import compare_pretrained
    from deepbiq_training.experiments.protocol import AUTHENTIC
    from deepbiq_training.experiments.report import check_folder

    choice = options.choose(root, dataset, rating_scale, pictures, by_scene=by_scene, seed=seed)
    with _writing(results, work):
        check_folder(results)
        networks = [options.load_network(*_parse_network(text), work) for text in network or ["efficientnet_lite0"]]
        protocol = options.protocol_of(AUTHENTIC, splits, seed)
        options.finish(results, compare_pretrained(read_material(choice), networks, protocol))


def pooling(
    root: options.Root,
    results: options.Results,
    dataset: options.Dataset = "biq2021",
    rating_scale: options.RatingScale = None,
    backbone: options.BackboneName = "efficientnet_lite0",
    weights: options.Weights = None,
    mean: options.Mean = None,
    max_crops: Annotated[
        int, typer.Option(min=5, help="Numbers of crops are 5, 10, 15 and so on up to this.")
    ] = 50,
    pictures: options.Pictures = None,
    by_scene: options.ByScene = False,
    splits: options.Splits = 10,
    seed: options.Seed = 0,
    work: options.Work = DEFAULT_WORK,
) -> None:
    """Experiment II (Table 3): 5 to 50 crops in steps of 5, joined in seven ways.

    Feature minimum, average and maximum, concatenation, prediction minimum, average and maximum; the best number of
    crops of each is the smallest that a two-sample t-test cannot tell from the one with the highest SROCC.
    """
    options.prepare()
    from deepbiq_training.experiments.material import read_material
    from deepbiq_training.experiments.pooling import CROP_COUNTS, compare_poolings
    from deepbiq_training.experiments.protocol import AUTHENTIC
    from deepbiq_training.experiments.report import check_folder

    choice = options.choose(root, dataset, rating_scale, pictures, by_scene=by_scene, seed=seed)
    with _writing(results, work):
        check_folder(results)
        network = options.load_network(backbone, weights, mean, work)
        protocol = options.protocol_of(AUTHENTIC, splits, seed)
        step = CROP_COUNTS[0]
        counts = range(step, max_crops + 1, step)
        options.finish(results, compare_poolings(read_material(choice), network, protocol, counts))


def finetuned(
    root: options.Root,
    results: options.Results,
    dataset: options.Dataset = "biq2021",
    rating_scale: options.RatingScale = None,
    backbone: options.BackboneName = "efficientnet_lite0",
    weights: options.Weights = None,
    mean: options.Mean = None,
    plan: Annotated[str, typer.Option(help="Crops that features are taken of.")] = "random:25",
    recipe: Annotated[str, typer.Option(help="Settings of the fine-tuning: paper or default.")] = "paper",
    loss: Annotated[
        str | None,
        typer.Option(
            help="classes (the paper's), ordinal, plcc, norm-in-norm or both.", show_default="the recipe's"
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the training pictures, at most.", show_default="the recipe's"),
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Crops per pass.", show_default="the recipe's")
    ] = None,
    pictures: options.Pictures = None,
    by_scene: options.ByScene = False,
    splits: options.Splits = 10,
    seed: options.Seed = 0,
    work: options.Work = DEFAULT_WORK,
) -> None:
    """Experiment III (Table 4): the network fine-tuned on each split, beside the pre-trained one.

    Every split fine-tunes a network of its own, so this takes as long as so many trainings. An interrupted
    experiment goes on where it stopped when it is started again with the same options.
    """
    options.prepare("lightning_fabric")
    from deepbiq.plans import parse_plan
    from deepbiq_training.experiments.finetuned import compare_finetuned
    from deepbiq_training.experiments.material import read_material
    from deepbiq_training.experiments.protocol import AUTHENTIC
    from deepbiq_training.experiments.report import check_folder
    from deepbiq_training.finetuning.recipe import recipe_named

    named = recipe_named(recipe)
    chosen = replace(
        named,
        loss=cast("LossName", loss or named.loss),  # checked by Recipe
        epochs=epochs or named.epochs,
        batch_size=batch_size or named.batch_size,
    )
    sampled = parse_plan(plan)
    choice = options.choose(root, dataset, rating_scale, pictures, by_scene=by_scene, seed=seed)
    with _writing(results, work):
        check_folder(results)
        network = options.load_network(backbone, weights, mean, work)
        protocol = options.protocol_of(AUTHENTIC, splits, seed)
        material = read_material(choice)
        report = compare_finetuned(material, network, protocol, sampled, chosen, work / "fine-tuning")
        options.finish(results, report)


def synthetic(
    root: options.Root,
    results: options.Results,
    dataset: options.Dataset,
    backbone: options.BackboneName = "efficientnet_lite0",
    weights: options.Weights = None,
    mean: options.Mean = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Take the network of a checkpoint, fine-tuned on another data set.")
    ] = None,
    rating_scale: options.RatingScale = None,
    plan: Annotated[str, typer.Option(help="Crops or windows that features are taken of.")] = "random:25",
    pool: Annotated[str, typer.Option(help="How they are joined.")] = "prediction-avg",
    splits: options.Splits = 100,
    seed: options.Seed = 0,
    work: options.Work = DEFAULT_WORK,
) -> None:
    """The synthetic protocol (Tables 6 to 9): 60/20/20 % by reference picture, only the SVR trained again."""
    options.prepare()
    from deepbiq.plans import parse_plan
    from deepbiq.pooling import parse_pooling
    from deepbiq_training.experiments.material import read_material
    from deepbiq_training.experiments.protocol import SYNTHETIC
    from deepbiq_training.experiments.report import check_folder
    from deepbiq_training.experiments.synthetic import run_synthetic

    if checkpoint is not None and (weights is not None or mean is not None):
        raise OptionError("--checkpoint has its own weights: leave out --weights and --mean")
    sampled, joined = parse_plan(plan), parse_pooling(pool)
    choice = options.choose(root, dataset, rating_scale, None, by_scene=False, seed=seed)
    with _writing(results, work):
        check_folder(results)
        if checkpoint is None:
            network = options.load_network(backbone, weights, mean, work)
        else:
            network = options.load_checkpoint(checkpoint, work)
        protocol = options.protocol_of(SYNTHETIC, splits, seed)
        options.finish(results, run_synthetic(read_material(choice), network, protocol, sampled, joined))


def unseen(
    root: options.Root,
    results: options.Results,
    dataset: options.Dataset = "biq2021",
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq).")
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Sampling plan (default: the bundle's).")] = None,
) -> None:
    """A bundle on the official test part, by whether the scene occurs in the training part too.

    A split by picture leaves the same scene under other camera settings in both parts, which flatters.
    """
    options.prepare()
    from deepbiq.scorer import load
    from deepbiq_training.experiments.report import check_folder
    from deepbiq_training.experiments.unseen import compare_unseen

    data_set = options.find_readable(dataset, None)
    training, test = (data_set.read(root, split) for split in ("train", "test"))
    with _writing(results), load(bundle, plan=plan) as scorer:
        check_folder(results)
        options.finish(results, compare_unseen(dataset, training, test, scorer))


def summary(
    results: Annotated[Path, typer.Option(help="Folder that the experiments wrote into.")],
    dataset: options.Dataset = "biq2021",
) -> None:
    """The best of each experiment beside what others published (Table 5)."""
    options.prepare()
    from deepbiq_training.experiments.summary import summarise

    with _writing(results):
        options.finish(results, summarise(results, dataset))


def _parse_network(text: str) -> tuple[str, Path | None, Path | None]:
    backbone, _, files = text.partition("=")
    weights, _, mean = files.partition(",")
    return backbone, Path(weights) if weights else None, Path(mean) if mean else None


@contextmanager
def _writing(*folders: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OptionError(f"cannot write to {' or '.join(map(str, folders))}: {error}") from error
