"""`deepbiq archive`: every picture of folders, lists or buckets scored into one table, restartable."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, redirect_stdout
from enum import Enum
from itertools import takewhile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.archive_summary import ArchiveSummary, print_summary, say_how_to_go_on
from deepbiq.cli.exit_codes import INTERRUPTED, USAGE
from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.output import say
from deepbiq.cli.progress import rated_progress
from deepbiq.cli.stopping import stopped_by_signals
from deepbiq.cores import usable_cores
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP
from deepbiq.plans import PLAN_HELP
from deepbiq.pooling import POOLINGS
from deepbiq.scale import SCALE_HELP

if TYPE_CHECKING:
    from deepbiq.archive.decoders import Decoders
    from deepbiq.archive.results import Results
    from deepbiq.archive.verifying import Verified

_WAITING_PER_CORE = 4
"""Decode processes that read from a network mostly wait for it. Of others one reads while each core computes."""


class Where(str, Enum):
    """What computes."""

    LOCAL = "local"
    RAY = "ray"


def archive(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Folders (to the bottom), files, globs, lists (.txt, .csv, .tsv, .parquet, or - for standard "
            "input), and URLs of folders, objects or globs (s3://, gs://, ...).",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(metavar="RESULTS", help="Folder of the results, made if it is missing.", show_default=False),
    ],
    column: Annotated[
        str | None,
        typer.Option(
            help="The column of CSV and Parquet lists that has the paths (default: path).", show_default=False
        ),
    ] = None,
    on: Annotated[Where, typer.Option(help="Compute on this machine, or on a Ray cluster.")] = Where.LOCAL,
    ray_address: Annotated[
        str | None,
        typer.Option(help="A running cluster, for --on ray (default: one on this machine).", show_default=False),
    ] = None,
    shard_rows: Annotated[
        int, typer.Option(min=1, help="Rows of one result file: what a crash costs at most.")
    ] = 1000,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read what is done again, and score again what holds other bytes.")
    ] = False,
    new_model: Annotated[
        bool, typer.Option("--new-model", help="Put another model's scores beside those that are in RESULTS.")
    ] = False,
    read_timeout: Annotated[
        float, typer.Option(min=0.1, help="Seconds after which a file that does not answer is given up.")
    ] = 60.0,
    decoders: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes that read and decode (default: one per core and one more; four per core for URLs). "
            "On Ray those of each decoding task (default: one; four for URLs).",
            show_default=False,
        ),
    ] = None,
    plan: Annotated[str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).")] = None,
    pool: Annotated[
        str | None, typer.Option(help=f"{', '.join(POOLINGS)} (default: the bundle's for the plan).")
    ] = None,
    scale: Annotated[str, typer.Option(help=SCALE_HELP)] = "auto",
    bundle: Annotated[
        Path | None, typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq).")
    ] = None,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Inferences at once (default: one per core; on Ray one per GPU, if any)."),
    ] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the summary is printed.")] = ResultFormat.TEXT,
) -> None:
    """Score an archive: one row per picture in a folder of Parquet files, bad files included.

    A second call goes on where the first one stopped and scores only what is new or has changed; so after Ctrl-C, a
    crash or a power cut the same command is given again. `deepbiq archive report RESULTS` makes a page of it.

    Exit codes: 0 every input has its row, 2 usage, nothing to score or a results folder that cannot be used,
    4 bundle or engine unusable, 130 interrupted.
    """
    require_extra("archive", "pyarrow", "fsspec", "imagehash", "PIL")
    if on is Where.RAY:
        require_extra("ray", "ray")
    from deepbiq.archive.decoders import Decoders
    from deepbiq.archive.grading import preparation_of, yardstick_of
    from deepbiq.archive.inputs import list_inputs
    from deepbiq.archive.results import Results
    from deepbiq.archive.run import run
    from deepbiq.scorer import load

    _check(sources, column, on, ray_address)
    # On Ray this machine scores nothing, it only settles what scoring means.
    own_threads = threads if on is Where.LOCAL else 1
    with ExitStack() as stack:
        scorer = stack.enter_context(
            load(bundle, engine=engine, precision=precision, plan=plan, pool=pool, scale=scale, threads=own_threads)
        )
        results = stack.enter_context(Results.open(out, yardstick_of(scorer), new_model=new_model))
        stopped = stack.enter_context(stopped_by_signals("finishing the pictures in work"))
        inputs = list_inputs(sources, column=column, note=say)
        stock = results.take_stock(takewhile(lambda _: not stopped(), inputs))
        if not stock.inputs and not stopped():
            say("nothing to score")
            raise typer.Exit(USAGE)
        count = decoders or _default_decoders(sources)
        processes = stack.enter_context(Decoders(preparation_of(scorer), count=count, timeout_s=read_timeout))
        verified = _verify(results, processes, stock.done, stopped) if verify else None
        if on is Where.RAY:
            from deepbiq.archive.on_ray import RayRun, grade_on_ray

            ray_run = RayRun(
                yardstick_of(scorer),
                preparation_of(scorer),
                bundle=bundle,
                engine=engine,
                actors=threads,
                processes=decoders or _default_decoders_of_task(sources),
                timeout_s=read_timeout,
                address=ray_address,
            )
            grade = grade_on_ray(ray_run, stopped)
        else:
            from deepbiq.archive.local import grade_locally

            grade = grade_locally(scorer, processes, stopped)
        # A cluster is kept busy across shards; one machine finishes each, so that a crash costs no more.
        at_once = None if on is Where.RAY else shard_rows
        start = perf_counter()
        done = stock.done - (0 if verified is None else verified.reopened)
        # Ray prints what it hears of lost workers and nodes; standard output is for the summary alone.
        with redirect_stdout(sys.stderr), rated_progress("scoring", stock.inputs - done) as advance:
            graded = run(results, grade, shard_rows=shard_rows, at_once=at_once, advance=advance, stopped=stopped)
        summary = ArchiveSummary(out, stock, graded, done, verified, perf_counter() - start)
        if stopped():
            say_how_to_go_on(summary)
            raise typer.Exit(INTERRUPTED)
        print_summary(summary, fmt)


def _check(sources: Sequence[str], column: str | None, on: Where, ray_address: str | None) -> None:
    from deepbiq.archive.lists import TABLE_ENDINGS

    if ray_address is not None and on is not Where.RAY:
        raise OptionError(f"--ray-address {ray_address} needs --on ray: without it this machine computes")
    if column is not None and not any(source.lower().endswith(TABLE_ENDINGS) for source in sources):
        raise OptionError(f"--column {column} needs a table as SOURCE: {', '.join(TABLE_ENDINGS)}")


def _default_decoders(sources: Sequence[str]) -> int:
    cores = usable_cores()
    return _WAITING_PER_CORE * cores if _any_remote(sources) else cores + 1


def _default_decoders_of_task(sources: Sequence[str]) -> int:
    return _WAITING_PER_CORE if _any_remote(sources) else 1


def _any_remote(sources: Sequence[str]) -> bool:
    from deepbiq.archive.remote import is_remote

    return any(map(is_remote, sources))


def _verify(results: Results, decoders: Decoders, done: int, stopped: Callable[[], bool]) -> Verified:
    from deepbiq.archive.verifying import verify

    with rated_progress("verifying", done) as advance:
        return verify(results, decoders, advance=advance, stopped=stopped)
