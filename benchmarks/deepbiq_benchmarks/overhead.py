"""What deepbiq adds: to one run of the network, to a process that only imports its libraries, to memory.

Both sides of every ratio are measured in turn within one run, so the machine's mood hits both alike.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from deepbiq.engines.prepared import session_options
from deepbiq.engines.projecting import project
from deepbiq.graphs import graph_of
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.processes import peak_memory_mb, run_process

LIBRARIES = "import numpy, cv2, onnxruntime"
MODULES_NOT_IMPORTED = ("cv2", "onnxruntime")


def call_against_bare_run(
    scorer: Scorer, *, warm_up: int, rounds: int, threads: int | None = None
) -> dict[str, Any]:
    """Times a `dense` call on a 512x512 array against ONNX Runtime alone on the graph that it runs, same picture.

    Args:
        scorer: Plan `dense`, engine `onnxruntime`, default threads.
        warm_up: Uncounted rounds.
        rounds: Counted rounds; each times one call and one bare run.
        threads: Of the bare run; None leaves the choice to ONNX Runtime, as it is the scorer's.

    Returns:
        Medians in milliseconds and the ratio of the medians.
    """
    import onnxruntime as ort

    whole = graph_of(scorer.bundle, scorer.engine.precision, "onnxruntime")
    graph = project(whole, scorer.setting.projection) or whole
    session = ort.InferenceSession(graph.model, session_options(threads or 0), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    feeds = {graph.input_name: picture[None]}
    call, bare = _alternate(
        lambda: scorer(picture), lambda: session.run([graph.output_name], feeds), warm_up=warm_up, rounds=rounds
    )
    return {
        "call_ms": 1000 * call,
        "bare_run_ms": 1000 * bare,
        "ratio": call / bare,
        "warm_up": warm_up,
        "n": rounds,
    }


def process_against_imports(picture: Path, *, warm_up: int, rounds: int) -> dict[str, Any]:
    """Times `deepbiq score PICTURE` as a whole process against one that imports the libraries and ends.

    Returns:
        Medians in milliseconds, the ratio of the medians, and the peak memory of a score process in MB.
    """
    command = [sys.executable, "-m", "deepbiq", "score", str(picture)]
    score, imports = _alternate(
        lambda: run_process(command),
        lambda: run_process([sys.executable, "-c", LIBRARIES]),
        warm_up=warm_up,
        rounds=rounds,
    )
    return {
        "score_process_ms": 1000 * score,
        "imports_process_ms": 1000 * imports,
        "ratio": score / imports,
        "peak_memory_mb": peak_memory_mb(command),
        "warm_up": warm_up,
        "n": rounds,
    }


def modules_of_import() -> list[str]:
    """Returns which of the heavy libraries `import deepbiq` imports; the list should be empty."""
    check = f"import deepbiq, sys; print(*[m for m in {MODULES_NOT_IMPORTED!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.split()


def _alternate(
    left: Callable[[], object], right: Callable[[], object], *, warm_up: int, rounds: int
) -> tuple[float, float]:
    """Runs two functions in turn; returns the median seconds of each."""
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(warm_up + rounds):
        for function, taken in zip((left, right), times, strict=True):
            start = perf_counter()
            function()
            taken.append(perf_counter() - start)
    return median(times[0][warm_up:]), median(times[1][warm_up:])
