"""`deepbiq bench peers`: speed beside accuracy, of deepbiq and of what else could be used."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.cli.progress import progress_bar
from deepbiq.cores import usable_cores
from deepbiq.datasets import dataset_names
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import GRAPH_HELP, graph_key
from deepbiq.plans import PLAN_HELP, parse_plan
from deepbiq_benchmarks.checks import BOUND_MISSED
from deepbiq_benchmarks.formats import TableFormat

PLANS = ("dense", "random:25", "grid:25", "whole")
PRECISIONS = ("fp32", "int8")
CPU_ENGINES = ("onnxruntime", "openvino")


def peers(
    root: Annotated[
        Path | None, typer.Option(help="Folder of a data set in its official layout: for the accuracies.")
    ] = None,
    dataset: Annotated[str, typer.Option(help=f"Name of the data set: {', '.join(dataset_names())}.")] = "biq2021",
    split: Annotated[
        str | None, typer.Option(help="Split of the data set (default: test, or all where it has none).")
    ] = None,
    images: Annotated[
        list[str] | None,
        typer.Option(
            help="Pictures to time: files, folders (searched to the bottom), globs; repeatable (default: some of "
            "the data set)."
        ),
    ] = None,
    timed_pictures: Annotated[int, typer.Option(min=1, help="Most pictures that are timed.")] = 4,
    accuracy_pictures: Annotated[
        int | None, typer.Option(min=3, help="Pictures of the split that are rated (default: all).")
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq).")
    ] = None,
    plan: Annotated[
        list[str] | None, typer.Option(help=f"{PLAN_HELP}; repeatable (default: {', '.join(PLANS)}).")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help=f"{GRAPH_HELP}; repeatable (default: {', '.join(PRECISIONS)})."),
    ] = None,
    engine: Annotated[
        list[str] | None,
        typer.Option(
            help="deepbiq's engine of those rows; repeatable (default: those for CPUs that this deepbiq has)."
        ),
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(help="Part of a row's name: only rows that hold one run, and the default call; repeatable."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every row on every picture.")] = 9,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads of every library (default: one per core).")
    ] = None,
    compare: Annotated[
        Path | None, typer.Option(help="An earlier results file: all ratios must agree within 10 %.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a plot of accuracy by time (PNG, SVG, PDF).")] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[TableFormat, typer.Option("--format", help="How the result is printed.")] = TableFormat.TEXT,
) -> None:
    """Time deepbiq beside what else could be used, in turn in one process, with the accuracy of each.

    The paper's 25 crops in PyTorch, ONNX Runtime and OpenVINO, measures from other packages, and every plan and
    precision of deepbiq, each with its multiply-adds and the least time that this machine needs for them. What
    cannot run is listed with the reason. Run it with nothing else running. Ends with exit code 1 when a bound is
    missed.
    """
    require_extra("peers", "onnx")
    if plot is not None:
        require_extra("bench", "matplotlib")
    from deepbiq.bundle import default_bundle_path
    from deepbiq.engines import engine_names
    from deepbiq_benchmarks.peers_material import find_peers_material
    from deepbiq_benchmarks.peers_result import PeersPlan, compare_with_peers
    from deepbiq_benchmarks.peers_text import checks_table, peers_table, peers_text
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results, plot)
    earlier = None if compare is None else _rows_of(compare)
    names = [str(parse_plan(text)) for text in plan or PLANS]
    for text in precision or ():
        graph_key(text, "onnxruntime")
    for name in engine or ():
        if name not in engine_names():
            raise OptionError(f"unknown engine {name!r}: this deepbiq has {', '.join(engine_names())}")
    material = find_peers_material(root, dataset, split, images or [], timed_pictures, accuracy_pictures)
    wanted = PeersPlan(
        bundle=default_bundle_path() if bundle is None else bundle,
        plans=names,
        precisions=precision or PRECISIONS,
        engines=engine or [name for name in CPU_ENGINES if name in engine_names()],
        threads=threads or usable_cores(),
        rounds=rounds,
        wanted=peer or [],
        material=material,
    )
    steps = len(material.timed) + len(material.rated)
    with progress_bar("comparing", steps) as advance:
        result = compare_with_peers(wanted, earlier, lambda text: typer.echo(f"deepbiq: {text}", err=True), advance)
    if results is not None:
        words = ("peers", *filter(None, (material.dataset, material.split)), f"threads{wanted.threads}")
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    printed = {
        TableFormat.TEXT: lambda: peers_text(result),
        TableFormat.JSON: lambda: json.dumps(result, indent=2),
        TableFormat.MARKDOWN: lambda: f"{peers_table([result])}\n\n{checks_table([result])}",
    }
    typer.echo(printed[fmt]())
    if plot is not None:
        from deepbiq_benchmarks.figures import save_figure
        from deepbiq_benchmarks.peers_plot import draw_peers

        save_figure(draw_peers(result), plot)
    if not result["passes"]:
        raise typer.Exit(BOUND_MISSED)


def _rows_of(path: Path) -> list[dict[str, Any]]:
    """Reads the rows of an earlier result."""
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        rows: list[dict[str, Any]] = result["rows"]
        named = result["benchmark"] == "peers" and all({"name", "ratio"} <= row.keys() for row in rows)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise OptionError(f"--compare {path} is no result of bench peers: {error}") from error
    if not named:
        raise OptionError(f"--compare {path} is no result of bench peers")
    return rows
