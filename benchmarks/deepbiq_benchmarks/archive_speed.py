"""What `deepbiq archive` costs: beside a bare stream on the same files, and on Ray by the number of pictures."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from deepbiq.archive.inputs import list_inputs
from deepbiq.archive.results import read_rows
from deepbiq.archive.schema import path_of
from deepbiq.cores import usable_cores
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.archive_material import make_archive
from deepbiq_benchmarks.archive_process import Watched, busy_seconds, run_watched
from deepbiq_benchmarks.checks import Check
from deepbiq_benchmarks.lines import fit_line

STREAM_SHARE = 0.95
GROWTH_MB = 150.0
SCORE_DIFFERENCE = 0.01
"""Score points. A stream scores its first pictures with all threads at once, which rounds otherwise in the last
digits; nothing else may differ."""
LINEAR_R2 = 0.99
_LOOK_S = 0.1
_RARE_LOOK_S = 2.0
"""Between two looks at the memory of a run that is timed: a look takes some milliseconds from it."""
_SLICE = 300
"""Pictures that a stream scores in one turn: long beside its end, when cores run out of work, and short beside the
seconds after which a file is given up and the minutes in which a shared machine's speed drifts."""
_FIRST_TURN_S = 10.0
"""The command has loaded and listed by then: it is only paused in the seconds that it states."""


@dataclass(frozen=True)
class Archived:
    """One run of `deepbiq archive`.

    Attributes:
        watched: The whole command, from the start of its interpreter on.
        seconds: Of it, those in which it graded: with starting processes or a cluster and writing the table,
            without loading and listing.
        scores: Score by path; None where there is an error.
        shard_bytes: Of all its Parquet files.
    """

    watched: Watched
    seconds: float
    scores: dict[str, float | None]
    shard_bytes: int


def run_archive(source: Path, scorer: Scorer, *, on: str, every_s: float, turns: Iterable[float] = ()) -> Archived:
    """Runs `deepbiq archive` once, into a folder of its own.

    Args:
        source: What is archived.
        scorer: Its engine, precision and plan are those of the run.
        on: `local` or `ray`.
        every_s: Seconds between two looks at its memory.
        turns: Seconds of its turns; see `run_watched`.
    """
    about = scorer.identity()
    with tempfile.TemporaryDirectory(prefix="deepbiq-results-") as results:
        command = [sys.executable, "-m", "deepbiq", "archive", os.fspath(source), "--out", results, "--on", on]
        command += ["--bundle", os.fspath(scorer.bundle.path), "--plan", about["plan"]]
        command += ["--engine", about["engine"], "--precision", about["precision"], "--format", "json"]
        watched = run_watched(command, every_s=every_s, turns=turns)
        rows = read_rows(Path(results), ["path", "path_bytes", "score"]).to_pylist()
        shard_bytes = sum(shard.stat().st_size for shard in Path(results).glob("*.parquet"))
    scores = {path_of(row["path"], row["path_bytes"]): row["score"] for row in rows}
    seconds = json.loads(watched.stdout)["seconds"] - watched.paused_s
    return Archived(watched, seconds, scores, shard_bytes)


@dataclass
class _Streamed:
    """A stream over files in slices.

    Attributes:
        scores: Score by path so far; None where there is an error.
        seconds: Of all slices.
        busy_s: Seconds of the machine's processors in that time.
    """

    scores: dict[str, float | None] = field(default_factory=dict)
    seconds: float = 0.0
    busy_s: float = 0.0

    def slices(self, scorer: Scorer, paths: Sequence[str]) -> Iterator[float]:
        """Streams one slice after the other; yields how long another's turn should be after each."""
        for first in range(0, len(paths), _SLICE):
            part = paths[first : first + _SLICE]
            busy, start = busy_seconds(), perf_counter()
            results = list(scorer.stream(part))
            took = perf_counter() - start
            self.busy_s += busy_seconds() - busy
            self.seconds += took
            self.scores.update(zip(part, (result.score for result in results), strict=True))
            yield took if first else max(took, _FIRST_TURN_S)


def against_stream(scorer: Scorer, source: Path, *, rounds: int, advance: Callable[[], None]) -> dict[str, Any]:
    """Times `deepbiq archive` against `scorer.stream` on the same files, in turns of some seconds.

    The stream runs in this process, warm. The archive is the command, in a process of its own that is paused while
    the stream has its turn: the rate is that which it states itself, without the pauses, and starting its decode
    processes counts.

    Args:
        scorer: What scores.
        source: A folder.
        rounds: Of each.
        advance: Called after each round.

    Returns:
        Pictures a second of both (medians), their ratio, the share of the cores that each kept busy, processor
        milliseconds a picture, seconds of the whole command, peak memory, and how the rows compare.
    """
    paths = [listed.path for listed in list_inputs([os.fspath(source)], note=lambda _: None)]
    n = len(paths)
    list(scorer.stream(paths[: 4 * usable_cores()]))
    streams: list[_Streamed] = []
    archives: list[Archived] = []
    for _ in range(rounds):
        stream = _Streamed()
        slices = stream.slices(scorer, paths)
        archives.append(run_archive(source, scorer, on="local", every_s=_RARE_LOOK_S, turns=slices))
        for _ in slices:  # those that are left when the archive is done
            pass
        streams.append(stream)
        advance()
    stream_s, stream_busy_s = np.median([(stream.seconds, stream.busy_s) for stream in streams], axis=0).tolist()
    archive_s = float(np.median([run.seconds for run in archives]))
    busy_s = float(np.median([run.watched.busy_s for run in archives]))
    wall_s = float(np.median([run.watched.wall_s for run in archives]))
    expected = streams[0].scores
    return {
        "n": n,
        "errors": sum(score is None for score in expected.values()),
        "rounds": rounds,
        "stream_per_s": n / stream_s,
        "archive_per_s": n / archive_s,
        "ratio": stream_s / archive_s,
        "stream_cores": stream_busy_s / stream_s / usable_cores(),
        "archive_cores": busy_s / wall_s / usable_cores(),
        "stream_cpu_ms": 1000 * stream_busy_s / n,
        "archive_cpu_ms": 1000 * busy_s / n,
        "archive_command_s": wall_s,
        "peak_mb": max(run.watched.peak_mb for run in archives),
        "row_bytes": archives[0].shard_bytes / n,
        "one_row_each": all(run.scores.keys() == expected.keys() for run in archives),
        "largest_difference": max(_largest_difference(run.scores, expected) for run in archives),
    }


def memory_of_few(scorer: Scorer, source: Path) -> float:
    """Measures the peak memory of archiving a small folder, in MB."""
    return run_archive(source, scorer, on="local", every_s=_LOOK_S).watched.peak_mb


def against_pictures(
    scorer: Scorer,
    photographs: Sequence[Path],
    sizes: Sequence[int],
    *,
    rounds: int,
    advance: Callable[[], None],
) -> dict[str, Any]:
    """Times archives of several sizes, on Ray and on this machine in turn, and fits a line to each.

    Args:
        scorer: What scores.
        photographs: What the archives are made of.
        sizes: Pictures of the archives, rising.
        rounds: Of each.
        advance: Called after each run.

    Returns:
        Seconds by number of pictures for both (medians); their lines, whose slope is what one more picture costs
        and whose intercept is what a run costs whatever it holds; and how the rows compare.
    """
    points = []
    for size in sizes:
        with tempfile.TemporaryDirectory(prefix="deepbiq-archive-") as folder:
            make_archive(photographs, Path(folder), pictures=size, broken=size // 100)
            n = size + size // 100
            runs: dict[str, list[Archived]] = {"ray": [], "local": []}
            for _ in range(rounds):
                for on, done in runs.items():
                    done.append(run_archive(Path(folder), scorer, on=on, every_s=_RARE_LOOK_S))
                    advance()
        expected = runs["local"][0].scores
        points.append(
            {
                "n": n,
                **{f"{on}_s": float(np.median([run.seconds for run in done])) for on, done in runs.items()},
                **{f"{on}_peak_mb": max(run.watched.peak_mb for run in done) for on, done in runs.items()},
                "one_row_each": len(expected) == n
                and all(run.scores.keys() == expected.keys() for run in runs["ray"]),
                "largest_difference": max(_largest_difference(run.scores, expected) for run in runs["ray"]),
            }
        )
    lines = {on: fit_line([p["n"] for p in points], [p[f"{on}_s"] for p in points]) for on in ("ray", "local")}
    return {
        "rounds": rounds,
        "points": points,
        **{f"{on}_line": asdict(line) if line else None for on, line in lines.items()},
    }


def checks_of_local(measured: dict[str, Any], few_mb: float) -> list[Check]:
    """Holds an archive on one machine against its bounds.

    Args:
        measured: From `against_stream`.
        few_mb: Peak memory of a small archive.
    """
    return [
        Check("archive / stream, pictures a second", measured["ratio"], STREAM_SHARE, at_least=True),
        Check("memory above that of a small archive, MB", measured["peak_mb"] - few_mb, GROWTH_MB),
        *_checks_of_rows([measured], "the stream's"),
    ]


def checks_of_ray(measured: dict[str, Any]) -> list[Check]:
    """Holds archives on Ray against their bounds.

    Args:
        measured: From `against_pictures`; a line through one size has no bound.
    """
    line, checks = measured["ray_line"], _checks_of_rows(measured["points"], "one machine's")
    if line is None:
        return checks
    return [Check("R2 of the line of seconds against pictures", line["r2"], LINEAR_R2, at_least=True), *checks]


def _checks_of_rows(measured: Sequence[dict[str, Any]], whose: str) -> list[Check]:
    complete = all(one["one_row_each"] for one in measured)
    difference = max(one["largest_difference"] for one in measured)
    return [
        Check("every input has one row", complete, "yes"),
        Check(f"largest difference from {whose} scores", difference, SCORE_DIFFERENCE),
    ]


def _largest_difference(found: dict[str, float | None], expected: dict[str, float | None]) -> float:
    """Compares scores of the same paths; infinite where only one of them has one."""
    largest = 0.0
    for path, score in expected.items():
        other = found.get(path)
        if score is None or other is None:
            largest = max(largest, 0.0 if score is other else float("inf"))
        else:
            largest = max(largest, abs(score - other))
    return largest
