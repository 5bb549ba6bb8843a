"""`deepbiq bench files`: from files to scores."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Annotated, Any

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.progress import progress_bar
from deepbiq.engines import ENGINE_HELP
from deepbiq_benchmarks.checks import BOUND_MISSED, all_kept, check_lines, describe_all
from deepbiq_benchmarks.photographs import find_photographs

TILES = 96
"""Photographs that large pictures are tiled with: as many as there are tiles in the largest, or nearly."""


def files(
    photographs: Annotated[
        list[str],
        typer.Argument(
            help="Photographs: files, folders (searched to the bottom), globs. They are streamed, and tiled to "
            "large ones."
        ),
    ],
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every size.")] = 12,
    stream_pictures: Annotated[int, typer.Option(min=1, help="Most files of the stream.")] = 500,
    stream_rounds: Annotated[int, typer.Option(min=1, help="Rounds of stream and loop.")] = 3,
    results: Annotated[Path | None, typer.Option(help="Write the result as a file into this folder.")] = None,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Time what happens around the network: JPEGs of 0.3 to 48 megapixels, and streams of many files.

    Bounds: a 12-megapixel JPEG takes at most 3 times as long as one of 512x512; from 2 to 48 megapixels time grows
    no faster than entropy decoding does; 48 megapixels need at most 300 MB more memory; a stream scores at least
    1.15 times as many pictures a second as a loop over single calls, keeps 90 % of the cores busy, and gives the
    same scores in the same order. Run it with nothing else running. Ends with exit code 1 when a bound is missed.
    """
    from deepbiq.diagnosis import circumstances
    from deepbiq.scorer import load
    from deepbiq_benchmarks.file_material import write_jpegs
    from deepbiq_benchmarks.file_speed import checks_of_files, memory_of_sizes, stream_against_loop, time_sizes
    from deepbiq_benchmarks.results import check_writable, save_result

    check_writable(results)
    paths = find_photographs(photographs)
    streamed = paths[:stream_pictures]
    with (
        tempfile.TemporaryDirectory(prefix="deepbiq-files-") as folder,
        load(engine=engine) as scorer,
        progress_bar("rounds", rounds + 2 * stream_rounds) as advance,
    ):
        jpegs = write_jpegs(paths[:TILES], Path(folder))
        sizes = time_sizes(scorer, jpegs, rounds=rounds, advance=advance)
        memory = memory_of_sizes(jpegs, scorer.engine.name)
        stream = stream_against_loop(scorer, streamed, rounds=stream_rounds, advance=advance)
        identity = scorer.identity()
    checks = checks_of_files(sizes, memory, stream)
    passes = all_kept(checks)
    result = {
        "benchmark": "files",
        **identity,
        "sizes": sizes,
        "memory": memory,
        "stream": stream,
        "checks": describe_all(checks),
        "passes": passes,
        **circumstances(),
    }
    if results is not None:
        words = ("files", identity["plan"], identity["engine"], identity["precision"])
        typer.echo(f"deepbiq: wrote {save_result(results, words, result)}", err=True)
    typer.echo(json.dumps(result, indent=2) if fmt is ResultFormat.JSON else _as_text(result))
    if not passes:
        raise typer.Exit(BOUND_MISSED)


def _as_text(result: dict[str, Any]) -> str:
    stream, memory = result["stream"], result["memory"]
    lines = [f"{result['model']}, {result['engine']} {result['precision']}, plan {result['plan']}"]
    lines += [
        f"{row['megapixels']:5.1f} megapixels {row['bytes'] / 1e6:6.2f} MB: {row['score_ms']:6.1f} ms, entropy "
        f"decoding {row['entropy_ms']:5.1f} ms"
        for row in result["sizes"]
    ]
    lines += [
        f"memory {memory['smallest_mb']:.0f} MB, of the largest {memory['largest_mb']:.0f} MB",
        f"{stream['n']} files: loop {stream['loop_per_s']:.1f}/s, stream {stream['stream_per_s']:.1f}/s, cores "
        f"busy {100 * stream['loop_cores']:.0f} % and {100 * stream['stream_cores']:.0f} %",
    ]
    return "\n".join([*lines, *check_lines(result["checks"])])
