"""What deepbiq adds: to one run of the network, to a process that only imports its libraries, to memory.

Both sides of every ratio are measured in turn within one run, so the machine's mood hits both alike.
"""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from deepbiq.engines.prepared import session_options
from deepbiq.engines.projecting import project
from deepbiq.graphs import graph_of
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.alternation import METHOD, Ratios, Times, summarise, time_call, time_in_pairs
from deepbiq_benchmarks.processes import peak_memory_mb, run_process

LIBRARIES = "import numpy, cv2, onnxruntime"
MODULES_NOT_IMPORTED = ("cv2", "onnxruntime")


def call_against_bare_run(scorer: Scorer, *, rounds: int, threads: int | None = None) -> dict[str, Any]:
    """Times a `dense` call on a 512x512 array against ONNX Runtime alone on the graph that it runs, same picture.

    Args:
        scorer: Plan `dense`, engine `onnxruntime`, default threads.
        rounds: Turns of each.
        threads: Of the bare run; None leaves the choice to ONNX Runtime, as it is the scorer's.

    Returns:
        Medians in milliseconds, and the median of the ratios of turns that follow each other.
    """
    import onnxruntime as ort

    whole = graph_of(scorer.bundle, scorer.engine.precision, "onnxruntime")
    graph = project(whole, scorer.setting.projection) or whole
    session = ort.InferenceSession(graph.model, session_options(threads or 0), providers=["CPUExecutionProvider"])
    picture = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    feeds = {graph.input_name: picture[None]}
    both = {"bare run": lambda: session.run([graph.output_name], feeds), "call": lambda: scorer(picture)}
    faults: dict[str, list[Exception]] = {}
    times: Times = {}
    ratios: Ratios = {}
    time_in_pairs(both, "bare run", rounds, faults, times, ratios)
    for errors in faults.values():
        raise errors[0]
    bare, call = (summarise(times[name]).ms for name in both)
    return {"call_ms": call, "bare_run_ms": bare, "ratio": median(ratios["call"]), **METHOD, "n": rounds}


def process_against_imports(picture: Path, *, warm_up: int, rounds: int) -> dict[str, Any]:
    """Times `deepbiq score PICTURE` as a whole process against one that imports the libraries and ends.

    Returns:
        Medians in milliseconds, the ratio of the medians, and the peak memory of a score process in MB.
    """
    command = [sys.executable, "-m", "deepbiq", "score", str(picture)]
    commands = (command, [sys.executable, "-c", LIBRARIES])
    taken = [[time_call(partial(run_process, words)) for words in commands] for _ in range(warm_up + rounds)]
    score, imports = (median(seconds) for seconds in zip(*taken[warm_up:], strict=True))
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
