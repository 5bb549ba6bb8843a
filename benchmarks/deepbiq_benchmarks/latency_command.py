"""`deepbiq bench latency`: how long a score takes on this machine, stage by stage."""

from __future__ import annotations

import json
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.configuration import THREADS_HELP
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP
from deepbiq.plans import PLAN_HELP
from deepbiq.scale import SCALE_HELP
from deepbiq_benchmarks.latency import MAX_VARIATION, Conditions, Load
from deepbiq_benchmarks.latency_sweep import Over, parse_values, situations


def latency(
    picture: Annotated[
        Path | None,
        typer.Argument(help="A photo (default: a 512x512 JPEG made in memory).", show_default=False),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq)."),
    ] = None,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    plan: Annotated[str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).")] = None,
    scale: Annotated[str, typer.Option(help=SCALE_HELP)] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures of a request; from 2 on they are streamed.")] = 1,
    concurrency: Annotated[int, typer.Option(min=1, help="Callers at once, all on one scorer.")] = 1,
    count: Annotated[
        int, typer.Option("--count", "--n", min=1, help="Counted requests, all callers together.")
    ] = Load.count,
    warm_up: Annotated[int, typer.Option(min=0, help="Uncounted requests of each caller.")] = Load.warm_up,
    cold_starts: Annotated[
        int, typer.Option(min=0, help="Fresh processes timed until their first score; 0 for none.")
    ] = 5,
    max_variation: Annotated[
        float,
        typer.Option(min=0, help="Standard deviation over mean above which a run is repeated once."),
    ] = MAX_VARIATION,
    sweep: Annotated[Over | None, typer.Option(help="Also measure latency against one of these.")] = None,
    at: Annotated[
        str | None, typer.Option(help="Values of the sweep, for example 1,5,25 (default: the usual ones).")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(help="Draw distribution and sweep (PNG, SVG, PDF); needs the extra bench.")
    ] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Measure how long a score takes, stage by stage; run it with nothing else running.

    Percentiles of decode, sample, infer, regress, their total and the whole request; throughput; time and peak
    memory of fresh processes. A run whose times vary too much is repeated once, and the result says so if it
    still does. On NVIDIA devices also power mode, clocks and temperatures, and with TensorRT copies and compute
    by CUDA events.

    Exit codes: 0 measured, 2 usage, 3 the picture could not be read, 4 bundle or engine unusable.
    """
    if plot is not None:
        require_extra("bench", "matplotlib")
    if at is not None and sweep is None:
        raise OptionError(f"--at gives the values of a sweep: choose one by --sweep, one of {_sweeps()}")
    if not isfinite(max_variation):
        raise OptionError(f"--max-variation is a number from 0 on, got {max_variation}")
    values = parse_values(sweep, at) if sweep else ()
    from deepbiq_benchmarks.latency_picture import make_picture, open_picture
    from deepbiq_benchmarks.latency_result import Request, measure_latency, words_of
    from deepbiq_benchmarks.latency_text import as_text
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results, plot)
    source = str(bundle) if bundle else None
    conditions = Conditions(source, engine, precision, plan, scale, threads)
    photo = open_picture(picture) if picture else make_picture()
    load = Load(count, warm_up, batch, concurrency)
    points = (sweep, situations(sweep, values, conditions, photo)) if sweep else None
    request = Request(conditions, photo, load, max_variation, cold_starts, points)
    with conditions.load() as scorer:
        outcome = measure_latency(scorer, request)
    if results is not None:
        typer.echo(f"deepbiq: wrote {save_result(results, words_of(request, outcome), outcome.result)}", err=True)
    typer.echo(json.dumps(outcome.result, indent=2) if fmt is ResultFormat.JSON else as_text(outcome.result))
    if plot is not None:
        from deepbiq_benchmarks.figures import save_figure
        from deepbiq_benchmarks.latency_plot import draw_latency

        save_figure(draw_latency(outcome.run, outcome.result), plot)


def _sweeps() -> str:
    return ", ".join(over.value for over in Over)
