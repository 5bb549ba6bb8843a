"""What `deepbiq bench latency` measures, as one object."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from deepbiq.diagnosis import circumstances
from deepbiq.scorer import Scorer
from deepbiq_benchmarks.latency import Conditions, Load, Run, measure, measure_steadily
from deepbiq_benchmarks.latency_device import device_or_none, device_state, machine_name
from deepbiq_benchmarks.latency_fresh import measure_fresh
from deepbiq_benchmarks.latency_picture import BenchPicture
from deepbiq_benchmarks.latency_sweep import Over, Situation, measure_sweep


@dataclass(frozen=True, eq=False)
class Request:
    """What is asked of the benchmark.

    Attributes:
        conditions: What the scorer is loaded with.
        picture: What it scores.
        load: How requests come.
        max_variation: Variation above which a run counts as disturbed and is repeated once.
        cold_starts: Fresh processes to time; with 0 none, and no peak of memory.
        sweep: What changes, with its points; None for no sweep.
    """

    conditions: Conditions
    picture: BenchPicture
    load: Load
    max_variation: float
    cold_starts: int
    sweep: tuple[Over, list[Situation]] | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """What the benchmark found.

    Attributes:
        result: JSON-ready.
        run: The run that the result describes, for plots.
        machine: The machine's name, for the file's.
    """

    result: dict[str, Any]
    run: Run
    machine: str


def measure_latency(scorer: Scorer, request: Request) -> Outcome:
    """Measures everything that was asked for.

    Args:
        scorer: Loaded with the request's conditions.
        request: What is asked.

    Raises:
        ImageError: When the picture cannot be scored.
        EngineError: When an engine or a fresh process fails.
        OptionError: When a sweep is over threads and the engine has none of ours.
    """
    picture, load, conditions = request.picture, request.load, request.conditions
    device = device_or_none()
    before = device_state(device) if device else None
    measurement = measure_steadily(partial(measure, scorer, picture, load), request.max_variation)
    result: dict[str, Any] = {
        "benchmark": "latency",
        **scorer.identity(),
        "engine_version": scorer.engine.version,
        "scale": conditions.scale,
        **picture.describe(),
        "n": load.count,
        "warm_up": load.warm_up,
        "batch": load.batch,
        "concurrency": load.concurrency,
        "threads": conditions.threads_of(scorer),
        **measurement.describe(),
    }
    if device:
        result["nvidia"] = {"before": before, "after": device_state(device), **_events(scorer, picture, load)}
    if request.cold_starts:
        result |= measure_fresh(conditions, picture, request.cold_starts)
    if request.sweep:
        over, points = request.sweep
        result["sweep"] = measure_sweep(over, points, load, request.max_variation)
    result |= circumstances()
    return Outcome(result, measurement.run, machine_name(device, result["machine"]["processor"]))


def words_of(request: Request, outcome: Outcome) -> tuple[str, ...]:
    """Returns the words of a results file's name: machine, engine, precision, plan, and what is no default."""
    result, conditions, load = outcome.result, request.conditions, request.load
    usual = Load()
    others = (
        *((result["model"],) if conditions.bundle else ()),
        *((Path(request.picture.name).stem,) if isinstance(request.picture.source, str) else ()),
        *((f"scale{conditions.scale}",) if conditions.scale != "auto" else ()),
        *((f"threads{conditions.threads}",) if conditions.threads else ()),
        *((f"batch{load.batch}",) if load.batch > 1 else ()),
        *((f"concurrency{load.concurrency}",) if load.concurrency > 1 else ()),
        *((f"n{load.count}",) if load.count != usual.count else ()),
        *((f"warmup{load.warm_up}",) if load.warm_up != usual.warm_up else ()),
        *((f"by{request.sweep[0].value}",) if request.sweep else ()),
    )
    return ("latency", outcome.machine, result["engine"], result["precision"], result["plan"], *others)


def _events(scorer: Scorer, picture: BenchPicture, load: Load) -> dict[str, Any]:
    if scorer.engine.name != "tensorrt":
        return {}
    from deepbiq_benchmarks.latency_events import measure_events

    return {"cuda_events": measure_events(scorer, picture, load)}
