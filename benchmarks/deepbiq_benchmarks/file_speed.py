"""From files to scores: how cost grows with megapixels, and how many pictures a second a stream scores."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import cv2
import numpy as np

from deepbiq.cores import usable_cores
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.alternation import time_in_turn
from deepbiq_benchmarks.checks import Check
from deepbiq_benchmarks.processes import peak_memory_mb

LARGE_RATIO = 3.0
LARGE_MEGAPIXELS = 12
LARGEST_MEMORY_MB = 300.0
STREAM_RATIO = 1.15
STREAM_CORES = 0.9


def time_sizes(
    scorer: Scorer, files: Mapping[float, Path], *, rounds: int, advance: Callable[[], None]
) -> list[dict[str, Any]]:
    """Times scoring and bare entropy decoding of JPEGs of several sizes, in turn.

    Entropy decoding is what libjpeg cannot leave out at any scale: it is timed by decoding to an eighth, where
    hardly anything else is done.

    Args:
        scorer: What scores.
        files: JPEGs by megapixels, smallest first.
        rounds: Turns of each.
        advance: Called after each round.

    Returns:
        For each size: median milliseconds from file to score, by stage, and of the entropy decoding.
    """
    calls: dict[str, Callable[[], object]] = {}
    for megapixels, path in files.items():
        data = np.frombuffer(path.read_bytes(), np.uint8)
        calls[f"score {megapixels}"] = partial(scorer, path)
        calls[f"entropy {megapixels}"] = partial(cv2.imdecode, data, cv2.IMREAD_REDUCED_COLOR_8)
    timed = time_in_turn(calls, rounds, advance)
    return [
        {
            "megapixels": megapixels,
            "bytes": path.stat().st_size,
            "score_ms": timed[f"score {megapixels}"].ms,
            "entropy_ms": timed[f"entropy {megapixels}"].ms,
            "n": rounds,
        }
        for megapixels, path in files.items()
    ]


def memory_of_sizes(files: Mapping[float, Path], engine: str) -> dict[str, float]:
    """Measures the peak memory of processes that score the smallest and the largest file, in MB."""
    command = [sys.executable, "-m", "deepbiq", "score", "--engine", engine]
    sizes = sorted(files)
    return {
        name: peak_memory_mb([*command, os.fspath(files[size])])
        for name, size in (("smallest_mb", sizes[0]), ("largest_mb", sizes[-1]))
    }


def stream_against_loop(
    scorer: Scorer, paths: Sequence[Path], *, rounds: int, advance: Callable[[], None]
) -> dict[str, Any]:
    """Times `stream` against a loop over single calls on the same files, in turn.

    Args:
        scorer: What scores.
        paths: Files that can be scored.
        rounds: Of each.
        advance: Called after each half of a round.

    Returns:
        Pictures a second of both (of the median round), their ratio, the share of the usable cores that each kept
        busy, and whether both gave the same scores in the same order.
    """
    loop: list[tuple[float, float]] = []
    stream: list[tuple[float, float]] = []
    same = True
    for _ in range(rounds):
        one_by_one, clocks = _clocked(lambda: [scorer(path).score for path in paths])
        loop.append(clocks)
        advance()
        streamed, clocks = _clocked(lambda: [result.score for result in scorer.stream(paths)])
        stream.append(clocks)
        advance()
        same = same and one_by_one == streamed
    loop_s, stream_s = (float(np.median([wall for wall, _ in taken])) for taken in (loop, stream))
    return {
        "n": len(paths),
        "rounds": rounds,
        "loop_per_s": len(paths) / loop_s,
        "stream_per_s": len(paths) / stream_s,
        "ratio": loop_s / stream_s,
        "loop_cores": _share_of_cores(loop),
        "stream_cores": _share_of_cores(stream),
        "same_scores_in_order": same,
    }


def checks_of_files(
    sizes: Sequence[Mapping[str, Any]], memory: Mapping[str, float], stream: Mapping[str, Any]
) -> list[Check]:
    """Holds what was measured against its bounds.

    Args:
        sizes: From `time_sizes`.
        memory: From `memory_of_sizes`.
        stream: From `stream_against_loop`.
    """
    by_size = {row["megapixels"]: row for row in sizes}
    smallest, large = sizes[0], by_size[LARGE_MEGAPIXELS]
    first, last = sizes[1], sizes[-1]
    growth = {name: last[name] / first[name] for name in ("score_ms", "entropy_ms")}
    grown = memory["largest_mb"] - memory["smallest_mb"]
    large_ratio = large["score_ms"] / smallest["score_ms"]
    sizes_grown = f"growth from {first['megapixels']} to {last['megapixels']} megapixels"
    same = stream["same_scores_in_order"]
    return [
        Check("12 megapixels / 512x512", large_ratio, LARGE_RATIO),
        Check(f"{sizes_grown}, against entropy decoding", growth["score_ms"], growth["entropy_ms"]),
        Check("memory of the largest above the smallest, MB", grown, LARGEST_MEMORY_MB),
        Check("stream / loop, pictures a second", stream["ratio"], STREAM_RATIO, at_least=True),
        Check("share of the cores that the stream keeps busy", stream["stream_cores"], STREAM_CORES, at_least=True),
        Check("scores of the stream are those of the loop, in order", same, "the same"),
    ]


def _clocked(work: Callable[[], list[float | None]]) -> tuple[list[float | None], tuple[float, float]]:
    """Returns what work gives, with its seconds by the wall clock and of the processor."""
    wall, cpu = perf_counter(), process_time()
    result = work()
    return result, (perf_counter() - wall, process_time() - cpu)


def _share_of_cores(taken: Sequence[tuple[float, float]]) -> float:
    return float(np.median([cpu / wall for wall, cpu in taken])) / usable_cores()
