"""`deepbiq bench scaling`: how cost grows with crops, megapixels, batch and threads, beside the machine's roof."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.cores import usable_cores
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import GRAPH_HELP, graph_key
from deepbiq_benchmarks.checks import BOUND_MISSED
from deepbiq_benchmarks.formats import TableFormat


def scaling(
    picture: Annotated[Path, typer.Argument(help="A photo of which pictures of every size are made.")],
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq).")
    ] = None,
    precision: Annotated[
        list[str] | None,
        typer.Option(help=f"{GRAPH_HELP}; repeatable (default: fp32, int8)."),
    ] = None,
    engine: Annotated[str, typer.Option(help="deepbiq's engine, one for CPUs.")] = "onnxruntime",
    crops: Annotated[
        list[int] | None, typer.Option(min=1, help="N of random:N; repeatable (default: 1 to 100).")
    ] = None,
    megapixels: Annotated[
        list[float] | None, typer.Option(min=0.01, help="Size of a photo; repeatable (default: 0.25 to 24).")
    ] = None,
    batch: Annotated[
        list[int] | None,
        typer.Option(min=1, help="Crops in one run of the network; repeatable (default: 1 to 25)."),
    ] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every point.")] = 6,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads, the most of the series of threads (default: one per core).")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Write a plot of all series (PNG, SVG, PDF).")] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[TableFormat, typer.Option("--format", help="How the result is printed.")] = TableFormat.TEXT,
) -> None:
    """Measure how time grows with crops, megapixels, batch and threads, and that memory stays bounded.

    Every point stands beside the least time that this machine needs for its multiply-adds and bytes, at rates that
    are measured first: matrix products in FP32 and INT8, and copies in memory. Run it with nothing else running.
    Ends with exit code 1 when memory grows by more than 30 MB per megapixel from 6.6 megapixels on.
    """
    require_extra("peers", "onnx")
    if plot is not None:
        require_extra("bench", "matplotlib")
    from deepbiq.bundle import default_bundle_path
    from deepbiq_benchmarks.peers_material import read_bgr
    from deepbiq_benchmarks.results import check_writable, save_result
    from deepbiq_benchmarks.scaling import BATCHES, CROPS, MEGAPIXELS, ScalingPlan, measure_scaling
    from deepbiq_benchmarks.scaling_text import scaling_table, scaling_text

    check_writable(results, plot)
    if megapixels and not all(map(isfinite, megapixels)):
        raise OptionError(f"--megapixels is a number of at least 0.01, got {megapixels}")
    precisions = list(dict.fromkeys(precision or ["fp32", "int8"]))
    for text in precisions:
        graph_key(text, "onnxruntime")
    plan = ScalingPlan(
        bundle=default_bundle_path() if bundle is None else bundle,
        precisions=precisions,
        engine=engine,
        picture=read_bgr(picture),
        threads=threads or usable_cores(),
        rounds=rounds,
        crops=sorted(set(crops or CROPS)),
        megapixels=sorted(set(megapixels or MEGAPIXELS)),
        batches=sorted(set(batch or BATCHES)),
    )
    result = measure_scaling(plan, lambda text: typer.echo(f"deepbiq: {text}", err=True))
    if results is not None:
        written = save_result(results, ("scaling", result["engine"], f"threads{plan.threads}"), result)
        typer.echo(f"deepbiq: wrote {written}", err=True)
    if fmt is TableFormat.JSON:
        typer.echo(json.dumps(result, indent=2))
    else:
        typer.echo(scaling_table([result]) if fmt is TableFormat.MARKDOWN else scaling_text(result))
    if plot is not None:
        from deepbiq_benchmarks.figures import save_figure
        from deepbiq_benchmarks.scaling_plot import draw_scaling

        save_figure(draw_scaling(result), plot)
    if not result["passes"]:
        raise typer.Exit(BOUND_MISSED)
