"""Latency against one thing that changes: number of crops, size of the picture, threads of an inference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

from deepbiq.cores import usable_cores
from deepbiq.errors import OptionError
from deepbiq.plans import parse_plan
from deepbiq_benchmarks.latency import Conditions, Load, measure, measure_steadily
from deepbiq_benchmarks.latency_picture import BenchPicture, at_megapixels


class Over(str, Enum):
    """What changes."""

    CROPS = "crops"
    MEGAPIXELS = "megapixels"
    THREADS = "threads"


_CROPS = (1, 5, 10, 15, 20, 25, 50)
_MEGAPIXELS = (0.25, 0.5, 1, 2, 4, 8, 12)


@dataclass(frozen=True, eq=False)
class Situation:
    """What is measured at one point.

    Attributes:
        value: Crops, megapixels or threads.
        conditions: What the scorer is loaded with.
        picture: What it scores.
    """

    value: float
    conditions: Conditions
    picture: BenchPicture


def parse_values(over: Over, text: str | None) -> tuple[float, ...]:
    """Reads the points of a sweep.

    Args:
        over: What changes.
        text: Numbers with commas between them; None takes the usual ones.

    Raises:
        OptionError: When one is no number above 0, or a fraction of a crop or a thread.
    """
    if text is None:
        return {Over.CROPS: _CROPS, Over.MEGAPIXELS: _MEGAPIXELS, Over.THREADS: _usual_threads()}[over]
    try:
        values = tuple(float(word) if over is Over.MEGAPIXELS else int(word) for word in text.split(","))
    except ValueError:
        values = ()
    if not values or not all(0 < value < float("inf") for value in values):
        kind = "numbers" if over is Over.MEGAPIXELS else "whole numbers"
        raise OptionError(f"--at takes {kind} of {over.value} above 0 with commas between them, got {text!r}")
    return values


def situations(
    over: Over, values: Sequence[float], conditions: Conditions, picture: BenchPicture
) -> list[Situation]:
    """Says what is measured at each point; nothing is loaded.

    Args:
        over: What changes.
        values: Its values.
        conditions: What stays; a sweep over crops takes `random:N` where its plan has no crops to count.
        picture: What is scored; a sweep over megapixels resizes it.

    Raises:
        OptionError: When a value is none that a plan has, or a picture's size is none that can be scored.
    """
    if over is Over.CROPS:
        family = parse_plan(conditions.plan).family if conditions.plan else "random"
        family = family if family in ("random", "grid") else "random"
        plans = [str(parse_plan(f"{family}:{int(value)}")) for value in values]
        return [Situation(v, replace(conditions, plan=p), picture) for v, p in zip(values, plans, strict=True)]
    if over is Over.THREADS:
        return [Situation(value, replace(conditions, threads=int(value)), picture) for value in values]
    return [Situation(value, conditions, at_megapixels(picture, value)) for value in values]


def measure_sweep(over: Over, points: Sequence[Situation], load: Load, limit: float) -> dict[str, Any]:
    """Measures every point with a scorer of its own.

    Args:
        over: What changes.
        points: From `situations`.
        load: How requests come at every point.
        limit: Variation above which a point counts as disturbed and is measured once more.

    Returns:
        JSON-ready: `over`, and `points` with `value`, `plan`, `threads`, `image_wh` and the figures of a run.

    Raises:
        OptionError: When the engine has no threads of ours to vary.
    """
    measured = []
    for situation in points:
        with situation.conditions.load() as scorer:
            if over is Over.THREADS and scorer.engine.name == "tensorrt":
                raise OptionError("a sweep over threads needs an engine on the CPU, not tensorrt: --engine")
            measurement = measure_steadily(partial(measure, scorer, situation.picture, load), limit)
            measured.append(
                {
                    "value": situation.value,
                    "plan": str(scorer.setting.plan),
                    "threads": situation.conditions.threads_of(scorer),
                    "image_wh": [situation.picture.width, situation.picture.height],
                    **measurement.describe(),
                }
            )
    return {"over": over.value, "points": measured}


def _usual_threads() -> tuple[int, ...]:
    """Powers of two up to the number of cores that may be used, and that number."""
    cores = usable_cores()
    return tuple(sorted({2**power for power in range(cores.bit_length())} | {cores}))
