"""What only a fresh process shows: the time until its first score, and its peak memory."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from deepbiq_benchmarks.latency import Conditions
from deepbiq_benchmarks.latency_picture import BenchPicture
from deepbiq_benchmarks.processes import peak_memory_mb, run_process


def measure_fresh(conditions: Conditions, picture: BenchPicture, processes: int) -> dict[str, Any]:
    """Starts processes that import deepbiq, load a scorer and score one picture.

    Args:
        conditions: What they load. Its files are in the system's cache already, a TensorRT engine in deepbiq's.
        picture: What they score.
        processes: How many are timed, at least 1; one more is watched for its memory.

    Returns:
        `cold_start`: medians in milliseconds of the steps, of their sum `total_ms` and of the whole process
        `process_ms`, with their number `n`; and `peak_memory_mb`, the resident memory of such a process.

    Raises:
        EngineError: When a process fails.
    """
    with _file_of(picture) as path:
        options = json.dumps(asdict(conditions))
        command = [sys.executable, "-m", "deepbiq_benchmarks.cold_start", path, options]
        timed = [_time(command) for _ in range(processes)]
        peak_mb = peak_memory_mb(command)
    medians = {name: round(median(times[name] for times in timed), 3) for name in timed[0]}
    return {"cold_start": {**medians, "n": processes}, "peak_memory_mb": round(peak_mb, 1)}


def _time(command: list[str]) -> dict[str, float]:
    start = perf_counter()
    steps: dict[str, float] = json.loads(run_process(command))
    return {**steps, "total_ms": sum(steps.values()), "process_ms": 1000 * (perf_counter() - start)}


@contextmanager
def _file_of(picture: BenchPicture) -> Iterator[str]:
    """Lends the path of a picture; one that was made in memory gets a file for as long."""
    if isinstance(picture.source, str):
        yield picture.source
        return
    with TemporaryDirectory(prefix="deepbiq-latency-") as folder:
        file = Path(folder) / "picture.jpg"
        file.write_bytes(picture.data)
        yield str(file)
