"""`deepbiq bench accuracy`: how well a bundle's scores agree with people's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.progress import progress_bar
from deepbiq.datasets import dataset_names, find_dataset
from deepbiq.engines import ENGINE_HELP
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP


def accuracy(
    root: Annotated[Path, typer.Option(help="Folder of the data set in its official layout.")],
    dataset: Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")] = "biq2021",
    split: Annotated[
        str | None,
        typer.Option(help="Split of the data set (default: test, or all where it has none)."),
    ] = None,
    rating_scale: Annotated[
        str | None,
        typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better)."),
    ] = None,
    plan: Annotated[str | None, typer.Option(help="Sampling plan (default: the bundle's).")] = None,
    pool: Annotated[str | None, typer.Option(help="Pooling (default: the bundle's for the plan).")] = None,
    scale: Annotated[str, typer.Option(help="auto, native or the short side in pixels.")] = "auto",
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq).")
    ] = None,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    plot: Annotated[Path | None, typer.Option(help="Write a scatter plot (PNG, SVG, PDF).")] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Measure accuracy against human scores: PLCC, SROCC, KROCC, RMSE and MAE on the 0..100 scale.

    Correlations come with 95 % bootstrap intervals over pictures, and by subset; PLCC is taken without a fitted
    curve.
    """
    data_set = find_dataset(dataset, rating_scale)
    require_extra("bench", "scipy", "matplotlib")
    from deepbiq.datasets.prediction import predict
    from deepbiq.diagnosis import circumstances
    from deepbiq.scorer import load
    from deepbiq_benchmarks.accuracy import report
    from deepbiq_benchmarks.figures import save_figure
    from deepbiq_benchmarks.results import check_writable, save_result
    from deepbiq_benchmarks.scatter import draw_scatter

    check_writable(results, plot)
    split = split or data_set.split_or_all("test")
    pictures = data_set.read(root, split)
    with load(bundle, engine=engine, precision=precision, plan=plan, pool=pool, scale=scale) as scorer:
        with progress_bar("scoring", len(pictures)) as advance:
            predicted = predict(scorer, pictures, advance)
        identity = {"dataset": dataset, "split": split, **scorer.identity(), "scale": scale}
    identity["rating_scale"] = data_set.scale.describe()
    result = {**report(pictures, predicted, identity), **circumstances()}
    if results is not None:
        words = ("accuracy", dataset, split, result["plan"], result["engine"], result["precision"])
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    typer.echo(json.dumps(result, indent=2) if fmt is ResultFormat.JSON else _as_text(result))
    if plot is not None:
        save_figure(draw_scatter(pictures, predicted, result), plot)


def _as_text(result: dict[str, Any]) -> str:
    heading = "{dataset} {split}, {plan} ({pool}), {engine} {precision}, {model}".format(**result)
    rows = {"all": result, **result["subsets"]}
    width = max(6, *map(len, rows))
    lines = [f"{'':{width}}{'n':>6}  {'PLCC':23}{'SROCC':23}{'KROCC':8}{'RMSE':>6}{'MAE':>7}"]
    for subset, row in rows.items():
        name = f"{subset:{width}}"
        intervals = (
            f"{row[key]:.3f} [{row[f'{key}_ci95'][0]:.3f}, {row[f'{key}_ci95'][1]:.3f}]"
            for key in ("plcc", "srocc")
        )
        plcc, srocc = intervals
        lines.append(
            f"{name}{row['n']:6d}  {plcc:23}{srocc:23}{row['krocc']:<8.3f}{row['rmse']:6.2f}{row['mae']:7.2f}"
        )
    return "\n".join((heading, *lines))
