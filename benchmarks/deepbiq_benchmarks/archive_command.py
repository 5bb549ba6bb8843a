"""`deepbiq bench archive`: what archives cost, on this machine and on Ray."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.cli.archive import Where
from deepbiq.cli.progress import progress_bar
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import OptionError
from deepbiq.extras import require_extra
from deepbiq.graphs import PRECISION_HELP
from deepbiq_benchmarks.checks import BOUND_MISSED, Check, all_kept, check_lines, describe_all
from deepbiq_benchmarks.formats import TableFormat
from deepbiq_benchmarks.photographs import find_photographs

SIZES = (1000, 5000, 20000)

_Measured = tuple[dict[str, Any], list[Check]]
"""Figures for the result, and what they are held against."""


def archive(
    photographs: Annotated[
        list[str],
        typer.Argument(
            help="Photographs: files, folders (searched to the bottom), globs. They repeat under other names where "
            "there are few."
        ),
    ],
    on: Annotated[
        Where, typer.Option(help="local: against a stream. ray: against the number of pictures.")
    ] = Where.LOCAL,
    pictures: Annotated[
        list[int] | None,
        typer.Option(
            min=1, help="Pictures of the archive (default: 20000); with --on ray repeatable (1000, 5000, 20000)."
        ),
    ] = None,
    few: Annotated[
        int, typer.Option(min=1, help="Pictures of the small archive that memory is compared with.")
    ] = 200,
    rounds: Annotated[int, typer.Option(min=1, help="Rounds of everything that is timed in turn.")] = 3,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    plot: Annotated[Path | None, typer.Option(help="With --on ray: plot the lines (PNG, SVG, PDF).")] = None,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[TableFormat, typer.Option("--format", help="How the result is printed.")] = TableFormat.TEXT,
) -> None:
    """Time archives of many files, a hundredth of them broken: beside a bare stream, or on Ray beside this machine.

    Bounds on this machine: at least 95 % of a stream's pictures a second; at most 150 MB more memory, of all its
    processes together, than for a small archive. On Ray: seconds grow linearly with the number of pictures. Both:
    every input has one row, with the score that it has elsewhere. Run it with nothing else running. Ends with exit
    code 1 when a bound is missed.
    """
    require_extra("archive", "pyarrow", "fsspec", "imagehash", "PIL")
    if on is Where.RAY:
        require_extra("ray", "ray")
    if plot is not None:
        require_extra("bench", "matplotlib")
    from deepbiq.diagnosis import circumstances
    from deepbiq.scorer import load
    from deepbiq_benchmarks.archive_material import describe
    from deepbiq_benchmarks.archive_table import archive_table
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results, plot)
    if plot is not None and on is Where.LOCAL:
        raise OptionError("--plot draws the lines of --on ray; there is nothing to draw without it")
    sizes = sorted(set(pictures or (SIZES if on is Where.RAY else SIZES[-1:])))
    if on is Where.LOCAL and len(sizes) > 1:
        raise OptionError(f"--pictures is one number without --on ray, got {sizes}")
    paths = [path.absolute() for path in find_photographs(photographs)]
    described = describe(paths)
    with load(engine=engine, precision=precision) as scorer:
        measured, checks = (
            _measure_ray(scorer, paths, sizes, rounds)
            if on is Where.RAY
            else _measure_local(scorer, paths, sizes[0], few, rounds)
        )
        identity = scorer.identity()
    passes = all_kept(checks)
    held = {"checks": describe_all(checks), "passes": passes}
    about = {"benchmark": "archive", "on": on.value, **identity, "photographs": described}
    result = {**about, **measured, **held, **circumstances()}
    if results is not None:
        size = f"{described['mean_megapixels']:.2g}megapixels"
        words = ("archive", on.value, identity["plan"], identity["engine"], identity["precision"], size)
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    if fmt is TableFormat.JSON:
        typer.echo(json.dumps(result, indent=2))
    else:
        typer.echo(archive_table([result]) if fmt is TableFormat.MARKDOWN else _text(result))
    if plot is not None:
        from deepbiq_benchmarks.archive_plot import draw_archive
        from deepbiq_benchmarks.figures import save_figure

        save_figure(draw_archive(result), plot)
    if not passes:
        raise typer.Exit(BOUND_MISSED)


def _measure_local(scorer: Any, paths: list[Path], size: int, few: int, rounds: int) -> _Measured:
    from deepbiq_benchmarks.archive_material import make_archive
    from deepbiq_benchmarks.archive_speed import against_stream, checks_of_local, memory_of_few

    with (
        tempfile.TemporaryDirectory(prefix="deepbiq-archive-") as large,
        tempfile.TemporaryDirectory(prefix="deepbiq-archive-") as small,
        progress_bar("rounds", rounds + 1) as advance,
    ):
        make_archive(paths, Path(large), pictures=size, broken=size // 100)
        make_archive(paths, Path(small), pictures=few, broken=few // 100)
        few_mb = memory_of_few(scorer, Path(small))
        advance()
        measured = against_stream(scorer, Path(large), rounds=rounds, advance=advance)
    local = {**measured, "few": few + few // 100, "few_mb": few_mb}
    return {"n": measured["n"], "local": local}, checks_of_local(measured, few_mb)


def _measure_ray(scorer: Any, paths: list[Path], sizes: list[int], rounds: int) -> _Measured:
    from deepbiq_benchmarks.archive_speed import against_pictures, checks_of_ray

    with progress_bar("runs", 2 * rounds * len(sizes)) as advance:
        scaling = against_pictures(scorer, paths, sizes, rounds=rounds, advance=advance)
    return {"n": scaling["points"][-1]["n"], "scaling": scaling}, checks_of_ray(scaling)


def _text(result: dict[str, Any]) -> str:
    from deepbiq_benchmarks.archive_table import archive_lines

    lines = [f"{result['model']}, {result['engine']} {result['precision']}, plan {result['plan']}"]
    lines += archive_lines(result)
    for point in result.get("scaling", {}).get("points", []):
        lines.append(
            f"{point['n']:7d} inputs: on Ray {point['ray_s']:.1f} s, on this machine {point['local_s']:.1f} s"
        )
    return "\n".join([*lines, *check_lines(result["checks"])])
