"""`deepbiq score`: pictures in, scores out, and an exit code that a script can act on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.exit_codes import BELOW_MIN_SCORE, PASS, UNREADABLE_IMAGE, USAGE
from deepbiq.cli.maps import MapFolder
from deepbiq.cli.output import Format, say, writer_for
from deepbiq.cli.progress import progress_bar
from deepbiq.configuration import THREADS_HELP
from deepbiq.engines import ENGINE_HELP
from deepbiq.errors import OptionError
from deepbiq.graphs import PRECISION_HELP
from deepbiq.inputs import Expansion, expand
from deepbiq.labels import SCORE_MAX, SCORE_MIN
from deepbiq.plans import PLAN_HELP
from deepbiq.pooling import POOLINGS
from deepbiq.result import Failure, Score
from deepbiq.scale import SCALE_HELP

if TYPE_CHECKING:
    from deepbiq.scorer import Scorer


def score(
    pictures: Annotated[
        list[str], typer.Argument(help="Files, folders, globs, or - for a list of paths on standard input.")
    ],
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help="Search folders to the bottom.")] = False,
    plan: Annotated[str | None, typer.Option(help=f"{PLAN_HELP} (default: the bundle's, dense).")] = None,
    pool: Annotated[
        str | None, typer.Option(help=f"{', '.join(POOLINGS)} (default: the bundle's for the plan).")
    ] = None,
    scale: Annotated[str, typer.Option(help=SCALE_HELP)] = "auto",
    min_score: Annotated[
        float | None,
        typer.Option(help="0..100: end with exit code 1 if a picture scores below this."),
    ] = None,
    map_folder: Annotated[
        Path | None,
        typer.Option("--map", metavar="FOLDER", help="Write a quality map over each picture into this folder."),
    ] = None,
    fmt: Annotated[Format, typer.Option("--format", help="How results are printed.")] = Format.TEXT,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder or zip of a bundle (default: the one that ships with deepbiq)."),
    ] = None,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "auto",
    precision: Annotated[str, typer.Option(help=f"{PRECISION_HELP}.")] = "auto",
    threads: Annotated[int | None, typer.Option(min=1, help=THREADS_HELP)] = None,
) -> None:
    """Score pictures: 0 is bad, 100 is excellent.

    Results go to stdout, one per picture, in order; faults of single pictures go to stderr and the others are still
    scored. Pictures larger than the bundle's training scale are looked at reduced to it (see --scale).

    Exit codes: 0 all pass, 1 a picture is below --min-score, 2 usage, nothing to score, or an output cannot be
    written, 3 a picture could not be read or found, 4 bundle or engine unusable, or an unexpected error.
    """
    from deepbiq.scorer import load

    if min_score is not None and not SCORE_MIN <= min_score <= SCORE_MAX:
        raise OptionError(f"--min-score is a score, 0..100, got {min_score}")
    counts = _Counts(min_score)
    paths = expand(pictures, recursive=recursive, note=say)
    maps = None if map_folder is None else MapFolder(map_folder)
    with load(
        bundle, engine=engine, precision=precision, plan=plan, pool=pool, scale=scale, threads=threads
    ) as scorer:
        writer = writer_for(fmt)
        try:
            with _progress() as advance:
                for result in _results(scorer, paths, maps):
                    counts.add(result)
                    writer.write(result)
                    advance()
        finally:
            writer.finish()
    code = counts.exit_code(paths, maps)
    if code == USAGE and not counts.seen:
        say("nothing to score")
    raise typer.Exit(code)


def _results(scorer: Scorer, paths: Expansion, maps: MapFolder | None) -> Iterator[Score | Failure]:
    if maps is None:
        yield from scorer.stream(paths, ready=paths.ready)
        return
    for result in scorer.stream_drawn(paths, ready=paths.ready):
        if isinstance(result, Failure):
            yield result
        else:
            score, overlay_bgr = result
            maps.write(score.path or "", overlay_bgr)
            yield score


@dataclass
class _Counts:
    """What the exit code depends on."""

    min_score: float | None
    seen: int = 0
    unreadable: int = 0
    below: int = 0

    def add(self, result: Score | Failure) -> None:
        self.seen += 1
        if isinstance(result, Failure):
            self.unreadable += 1
        elif self.min_score is not None and result.score < self.min_score:
            self.below += 1

    def exit_code(self, paths: Expansion, maps: MapFolder | None) -> int:
        """A picture that could not be read, or found, outranks one below the threshold: nobody knows its score."""
        if self.unreadable or paths.unreadable or (self.seen and paths.unmatched):
            return UNREADABLE_IMAGE
        if self.below:
            return BELOW_MIN_SCORE
        return USAGE if not self.seen or (maps is not None and maps.unwritten) else PASS


def _progress() -> AbstractContextManager[Callable[[], None]]:
    # Results that appear on the terminal are progress enough, and a bar would tear them.
    return nullcontext(lambda: None) if sys.stdout.isatty() else progress_bar("scoring", None)
