"""`deepbiq bench parity`: what every engine and precision of a bundle costs in accuracy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.progress import progress_bar
from deepbiq.datasets import dataset_names
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP, graph_key
from deepbiq.plans import PLAN_HELP, parse_plan
from deepbiq_benchmarks.checks import BOUND_MISSED
from deepbiq_benchmarks.parity_budget import Budget

if TYPE_CHECKING:
    from deepbiq_benchmarks.parity import Variant

PLANS = ("dense", "random:25", "grid:25", "whole")


def parity(
    bundle: Annotated[
        Path | None,
        typer.Argument(
            help="Folder or zip of a bundle (default: the one that ships with deepbiq).", show_default=False
        ),
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(help="Pictures without scores: files, folders (searched to the bottom), globs; repeatable."),
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of a data set in its official layout.")] = None,
    dataset: Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")] = "biq2021",
    split: Annotated[
        str | None, typer.Option(help="Split of the data set (default: test, or all where it has none).")
    ] = None,
    rating_scale: Annotated[
        str | None,
        typer.Option(help="Scale of the ratings in a csv: LOW..HIGH, or LOW..HIGH:lower (is better)."),
    ] = None,
    plan: Annotated[
        list[str] | None, typer.Option(help=f"{PLAN_HELP}; repeatable (default: {', '.join(PLANS)}).")
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="onnxruntime, rounded-fp16 (FP16 as a GPU stores it) or tensorrt; repeatable (default: all)."
        ),
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help=f"{PRECISION_HELP.removeprefix('auto, ')}; repeatable (default: all)."),
    ] = None,
    reference: Annotated[
        Path | None,
        typer.Option(help="Bundle whose FP32 graph is the reference, for example before it was made compact."),
    ] = None,
    reference_engine: Annotated[str, typer.Option(help="Engine of the reference.")] = "pytorch",
    max_drop: Annotated[float, typer.Option(help="Bound of the drop of PLCC and of SROCC.")] = Budget.max_drop,
    max_shift: Annotated[float, typer.Option(help="Bound of the mean shift in score points.")] = Budget.max_shift,
    max_flips: Annotated[
        float, typer.Option(help="Bound of the pictures whose label differs, in percent.")
    ] = Budget.max_flips,
    max_fp32_shift: Annotated[
        float, typer.Option(help="Bound of the largest shift of FP32 in score points.")
    ] = Budget.max_fp32_shift,
    plot: Annotated[Path | None, typer.Option(help="Write a plot of the shifts (PNG, SVG, PDF).")] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Compare every engine and precision of a bundle with its FP32 network in PyTorch, on the same pixels.

    Per plan: cosine of the features (mean, worst window), shift of the score (mean, 99 %, largest), drop of PLCC
    and SROCC where the pictures have human scores, labels that differ, size of the graph. What cannot run on this
    machine is listed with the reason. Ends with exit code 1 when a row is beyond the budget.
    """
    if plot is not None:
        require_extra("bench", "matplotlib")
    from deepbiq.bundle import default_bundle_path
    from deepbiq_benchmarks.parity_material import find_material
    from deepbiq_benchmarks.parity_result import Comparison, compare
    from deepbiq_benchmarks.parity_text import heading_of, print_rows
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results, plot)
    budget = Budget(max_drop, max_shift, max_flips, max_fp32_shift)
    path = default_bundle_path() if bundle is None else bundle
    comparison = Comparison(
        bundle=path,
        reference=reference or path,
        reference_engine=reference_engine,
        plans=_plans(plan, path),
        variants=_variants(engine or [], precision or [], path, reference or path, reference_engine),
        material=find_material(images or [], root, dataset, split, rating_scale),
        budget=budget,
    )
    plans, material = comparison.plans, comparison.material
    with progress_bar("comparing", len(plans) * len(material.paths)) as advance:
        outcome = compare(comparison, advance)
    result = outcome.result
    if results is not None:
        written = save_result(results, ("parity", *material.words, *plans), result)
        typer.echo(f"deepbiq: wrote {written}", err=True)
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps(result, indent=2))
    else:
        print_rows(result, outcome.rows)
    if plot is not None:
        from deepbiq_benchmarks.figures import save_figure
        from deepbiq_benchmarks.parity_plot import draw_parity

        save_figure(draw_parity(outcome.observations, budget, heading_of(result)), plot)
    if not result["within_budget"]:
        raise typer.Exit(BOUND_MISSED)


def _plans(wanted: list[str] | None, bundle: Path) -> list[str]:
    """Returns the plans asked for, or those of the usual ones that the bundle has regressors for."""
    from deepbiq.bundle import open_bundle

    if wanted:
        return list(dict.fromkeys(str(parse_plan(text)) for text in wanted))
    offered = open_bundle(bundle).manifest["plans"]
    return [plan for plan in PLANS if parse_plan(plan).family in offered]


def _variants(
    engines: list[str], precisions: list[str], bundle: Path, reference: Path, reference_engine: str
) -> list[Variant]:
    """Chooses the rows by the filters; a reference is not compared with itself."""
    from deepbiq_benchmarks.parity import VARIANTS, Variant

    known = list(dict.fromkeys(variant.engine for variant in VARIANTS))
    for name in engines:
        if name not in known:
            raise OptionError(f"unknown engine {name!r}: bench parity compares {', '.join(known)}")
    chosen = [
        variant
        for variant in VARIANTS
        if (not engines or variant.engine in engines)
        and (not precisions or variant.precision in {graph_key(name, variant.engine) for name in precisions})
        and not (variant == Variant(reference_engine, "fp32") and bundle.resolve() == reference.resolve())
    ]
    if not chosen:
        raise OptionError("nothing to compare: --engine and --precision leave no row but the reference")
    return chosen
