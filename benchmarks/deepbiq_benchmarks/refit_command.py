"""`deepbiq bench refit`: what a refit is worth by the number of ratings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.progress import progress_bar
from deepbiq.errors import OptionError
from deepbiq.plans import PLAN_HELP


def refit(
    pool: Annotated[
        Path,
        typer.Argument(
            help="CSV with path, score (0..100) and, where scenes repeat, group: pictures to draw ratings from. "
            "The network should not have been trained on them."
        ),
    ],
    test: Annotated[Path, typer.Argument(help="CSV of the same kind: other pictures, to test on.")],
    data: Annotated[str, typer.Option(help="What the pictures are called in the result.")] = "own ratings",
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    plan: Annotated[str, typer.Option(help=f"{PLAN_HELP}.")] = "dense",
    count: Annotated[
        list[int] | None,
        typer.Option(help="Number of ratings; repeatable. Default: 50, 100, 300, 500.", show_default=False),
    ] = None,
    old_pictures: Annotated[
        int, typer.Option(min=10, help="Pictures of the pool that a second old head is fitted to.")
    ] = 60,
    draws: Annotated[int, typer.Option(min=1, help="How often ratings are drawn.")] = 5,
    random_draws: Annotated[int, typer.Option(min=0, help="How often random scores are tried.")] = 200,
    random_count: Annotated[
        list[int] | None,
        typer.Option(help="Number of random scores; repeatable. Default: 30, 100.", show_default=False),
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Refit old heads to ever more ratings, and test them on other pictures.

    The old heads are the bundle's own and one that was fitted to a few pictures of the pool. Every refit is done
    three ways: drawn to the old head, drawn to zero, and as cross-validation chooses; `accepted` is the share of
    draws that `deepbiq refit` would not refuse. Scores that are drawn by chance must be refused.
    """
    from deepbiq.bundle import default_bundle_path, open_bundle
    from deepbiq.datasets.ratings_csv import DEFAULT_SCALE
    from deepbiq.diagnosis import circumstances
    from deepbiq.plans import parse_plan
    from deepbiq.reference import ENGINE, FP32
    from deepbiq.refitting.ratings import read_ratings
    from deepbiq_benchmarks.refit import HeldBack, load_material, refusals_of_random_scores, rows_of_refits
    from deepbiq_benchmarks.refit_table import refit_table
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results)
    opened, wanted = open_bundle(default_bundle_path() if bundle is None else bundle), parse_plan(plan)
    rated = [read_ratings(file, DEFAULT_SCALE) for file in (pool, test)]
    counts, random_counts = count or [50, 100, 300, 500], (random_count or [30, 100]) if random_draws else []
    if max(*counts, *random_counts, 0) + old_pictures > len(rated[0].paths):
        raise OptionError(
            f"{pool} has {len(rated[0].paths)} pictures: too few for {max(counts)} ratings and an old head"
        )
    steps = (
        sum(len(ratings.paths) for ratings in rated) + 2 * len(counts) * draws + len(random_counts) * random_draws
    )
    with progress_bar("pictures and refits", steps) as advance:
        material, tested = (load_material(opened, wanted, ratings, advance) for ratings in rated)
        assert tested.scores is not None
        rows = rows_of_refits(
            material,
            HeldBack(tested.features, tested.scores),
            counts=counts,
            old_pictures=old_pictures,
            draws=draws,
            advance=advance,
        )
        random = [refusals_of_random_scores(material, number, random_draws, advance) for number in random_counts]
    result = {
        "benchmark": "refit",
        "data": data,
        "pool_n": len(rated[0].paths),
        "pool_sha256": rated[0].sha256,
        "test_n": len(rated[1].paths),
        "test_sha256": rated[1].sha256,
        "plan": str(wanted),
        "engine": ENGINE,
        "precision": FP32,
        "model": opened.model_id,
        "rows": rows,
        "random": random,
        **circumstances(),
    }
    if results is not None:
        typer.echo(f"deepbiq: wrote {save_result(results, ('refit', data), result)}", err=True)
    typer.echo(json.dumps(result, indent=2) if fmt is ResultFormat.JSON else refit_table([result]))
