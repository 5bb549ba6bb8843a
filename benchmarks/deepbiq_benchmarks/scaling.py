"""How cost grows: with crops, megapixels, batch and threads; each point beside the machine's roof.

A line is fitted to every series by least squares: its slope is what one more crop or megapixel costs, its intercept
what a call costs whatever the picture. Memory is that of a process of its own, as a process keeps its peak.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from deepbiq.dense import MAX_PASS_PIXELS
from deepbiq.diagnosis import circumstances
from deepbiq.files import write_atomically
from deepbiq.graphs import Graph, graph_of
from deepbiq.sampling import sample
from deepbiq.scale import bring_to_scale, resize
from deepbiq.scorer import Scorer, load
from deepbiq_benchmarks.alternation import Timed, time_in_turn
from deepbiq_benchmarks.checks import Check
from deepbiq_benchmarks.graph_cost import Cost
from deepbiq_benchmarks.lines import fit_line
from deepbiq_benchmarks.peers import Bgr
from deepbiq_benchmarks.peers_deepbiq import network_cost, scorer_cost
from deepbiq_benchmarks.processes import peak_memory_mb
from deepbiq_benchmarks.roof import Roof, measure_roof

CROPS = (1, 5, 10, 25, 50, 100)
MEGAPIXELS = (0.25, 0.5, 1.0, 1.5, 3.0, 6.0, 12.0, 24.0)
BATCHES = (1, 2, 5, 10, 25)
MOST_MEMORY_PER_MEGAPIXEL_MB = 30.0
"""Of a picture of many tiles: the decoded picture and its padded copy (6 bytes a pixel), the features of its
windows (5 bytes with EfficientNet-Lite0) and their copies. Activations of a whole picture would be hundreds."""
_TILED_PIXELS = 4 * MAX_PASS_PIXELS
"""From so many pixels on every tile has its full size, so that memory grows with the picture alone."""


@dataclass(frozen=True)
class Point:
    """One point of a series.

    Attributes:
        x: What grows.
        timed: Its times.
        roof_ms: The least time that this machine needs for its multiply-adds and bytes.
        fit_x: Where it stands on the fitted line, if not at `x`.
        memory_mb: Peak memory of a process of its own; None where it was not measured.
    """

    x: float
    timed: Timed
    roof_ms: float
    fit_x: float
    memory_mb: float | None = None

    def describe(self) -> dict[str, Any]:
        """Returns the point JSON-ready."""
        return {
            "x": self.x,
            **asdict(self.timed),
            "roof_ms": self.roof_ms,
            "times_roof": self.timed.ms / self.roof_ms,
            "memory_mb": self.memory_mb,
        }


@dataclass(frozen=True)
class Series:
    """How cost grows with one thing.

    Attributes:
        name: `crops`, `megapixels, native`, `megapixels, auto`, `batch` or `threads`.
        precision: Of the network.
        unit: What x counts.
        fitted_on: What the line runs over.
        points: By x.
    """

    name: str
    precision: str
    unit: str
    fitted_on: str
    points: list[Point]

    def describe(self) -> dict[str, Any]:
        """Returns the series JSON-ready, with its line and the roof's."""
        across = [point.fit_x for point in self.points]
        line = fit_line(across, [point.timed.ms for point in self.points])
        roof = fit_line(across, [point.roof_ms for point in self.points])
        return {
            "name": self.name,
            "precision": self.precision,
            "unit": self.unit,
            "fitted_on": self.fitted_on,
            "points": [point.describe() for point in self.points],
            "line": asdict(line) if line else None,
            "roof_line": asdict(roof) if roof else None,
        }


@dataclass(frozen=True, eq=False)
class ScalingPlan:
    """What is measured.

    Attributes:
        bundle: The bundle.
        precisions: Of its network.
        engine: That runs it.
        picture: (H, W, 3) uint8 BGR; every size is made of it.
        threads: Of everything but the series of threads.
        rounds: Turns of every point.
        crops: N of `random:N`.
        megapixels: Sizes of 4:3 pictures.
        batches: Crops in one run of the network.
    """

    bundle: Path
    precisions: Sequence[str]
    engine: str
    picture: Bgr
    threads: int
    rounds: int
    crops: Sequence[int] = CROPS
    megapixels: Sequence[float] = MEGAPIXELS
    batches: Sequence[int] = BATCHES


def measure_scaling(plan: ScalingPlan, note: Callable[[str], None]) -> dict[str, Any]:
    """Measures all series of all precisions.

    Args:
        plan: What is measured.
        note: Told each step.

    Returns:
        The result, JSON-ready.
    """
    roofs = {}
    for threads in range(1, plan.threads + 1):
        note(f"measuring the machine's roof with {threads} threads")
        roofs[threads] = measure_roof(threads)
    series = [one for precision in plan.precisions for one in _all_series(plan, precision, roofs, note)]
    memory = [_memory_check(one) for one in series if one.points[0].memory_mb is not None]
    with load(plan.bundle, engine=plan.engine, precision=plan.precisions[0]) as scorer:
        identity = {"model": scorer.bundle.model_id, "engine": scorer.engine.name, "version": scorer.engine.version}
    return {
        "benchmark": "scaling",
        **identity,
        "threads": plan.threads,
        "rounds": plan.rounds,
        "roofs": [roof.describe() for roof in roofs.values()],
        "series": [one.describe() for one in series],
        "memory": memory,
        "passes": all(check["passes"] is not False for check in memory),
        **circumstances(),
    }


def photo_of(picture: Bgr, megapixels: float) -> Bgr:
    """Makes a 4:3 photo of a size of a picture: mirrored copies side by side, cut to the size.

    Enlarging would leave nothing but blur, which a decoder is quicker with than with a photo.

    Args:
        picture: (H, W, 3) uint8, BGR.
        megapixels: The photo's size, in millions of pixels.
    """
    height = round((1e6 * megapixels * 3 / 4) ** 0.5)
    width = round(height * 4 / 3)
    missing = [max(side - have, 0) for side, have in zip((height, width), picture.shape[:2], strict=True)]
    tiled = np.pad(picture, ((0, missing[0]), (0, missing[1]), (0, 0)), mode="symmetric")
    return np.ascontiguousarray(tiled[:height, :width])


def _all_series(
    plan: ScalingPlan, precision: str, roofs: Mapping[int, Roof], note: Callable[[str], None]
) -> Iterator[Series]:
    opening = partial(load, plan.bundle, engine=plan.engine, precision=precision)
    square = resize(plan.picture, (512, 512))
    roof = roofs[plan.threads]
    note(f"{precision}: crops")
    with ExitStack() as stack:
        scorers = {n: stack.enter_context(opening(plan=f"random:{n}", threads=plan.threads)) for n in plan.crops}
        yield Series("crops", precision, "crops", "crops", _crop_points(plan, scorers, square, roof))
    for scale in ("native", "auto"):
        note(f"{precision}: megapixels, scale {scale}")
        with opening(plan="dense", scale=scale, threads=plan.threads) as scorer:
            points = list(_megapixel_points(plan, scorer, scale, roof))
        yield Series(f"megapixels, {scale}", precision, "megapixels", "megapixels", points)
    note(f"{precision}: batch")
    with opening(plan="random:25", threads=plan.threads) as scorer:
        yield Series("batch", precision, "crops in one run", "batch", _batch_points(plan, scorer, square, roof))
    note(f"{precision}: threads")
    with ExitStack() as stack:
        by_threads = {n: stack.enter_context(opening(plan="dense", threads=n)) for n in roofs}
        yield Series(
            "threads", precision, "threads", "1 / threads", _thread_points(plan, by_threads, square, roofs)
        )


def _crop_points(plan: ScalingPlan, scorers: Mapping[int, Scorer], picture: Bgr, roof: Roof) -> list[Point]:
    graph = _graph_of(next(iter(scorers.values())))
    times = time_in_turn({n: partial(scorer, picture) for n, scorer in scorers.items()}, plan.rounds)
    return [Point(n, times[n], roof.milliseconds(scorer_cost(s, graph, picture)), n) for n, s in scorers.items()]


def _megapixel_points(plan: ScalingPlan, scorer: Scorer, scale: str, roof: Roof) -> Iterator[Point]:
    graph = _graph_of(scorer)
    photos = {size: photo_of(plan.picture, size) for size in plan.megapixels}
    times = time_in_turn({size: partial(scorer, photo) for size, photo in photos.items()}, plan.rounds)
    for size, photo in photos.items():
        setting = scorer.setting
        small = bring_to_scale(photo, setting.scale)
        images = sample(small, setting.plan, setting.size, setting.stride).images
        cost = network_cost(scorer, graph, images.shape)
        memory = _memory_of(photo, scorer, scale, plan.bundle)
        yield Point(size, times[size], roof.milliseconds(cost), size, memory)


def _batch_points(plan: ScalingPlan, scorer: Scorer, picture: Bgr, roof: Roof) -> list[Point]:
    setting, graph = scorer.setting, _graph_of(scorer)
    crops = sample(picture, setting.plan, setting.size, setting.stride).images
    batches = {n: np.ascontiguousarray(np.resize(crops, (n, *crops.shape[1:]))) for n in plan.batches}
    times = time_in_turn({n: partial(scorer.engine.features, images) for n, images in batches.items()}, plan.rounds)
    costs = {n: network_cost(scorer, graph, images.shape) for n, images in batches.items()}
    return [Point(n, times[n], roof.milliseconds(costs[n]), n) for n in batches]


def _thread_points(
    plan: ScalingPlan, scorers: Mapping[int, Scorer], picture: Bgr, roofs: Mapping[int, Roof]
) -> list[Point]:
    cost = _dense_cost(next(iter(scorers.values())), picture)
    times = time_in_turn({n: partial(scorer, picture) for n, scorer in scorers.items()}, plan.rounds)
    # Against one over the threads, work that is shared makes a line whose intercept is the work that is not.
    return [Point(n, times[n], roofs[n].milliseconds(cost), 1 / n) for n in scorers]


def _dense_cost(scorer: Scorer, picture: Bgr) -> Cost:
    return scorer_cost(scorer, _graph_of(scorer), picture)


def _memory_of(photo: Bgr, scorer: Scorer, scale: str, bundle: Path) -> float:
    """Peak memory of `deepbiq score` on the photo as a JPEG file, in MB."""
    import cv2

    encoded = cv2.imencode(".jpg", photo)[1].tobytes()
    with tempfile.TemporaryDirectory(prefix="deepbiq-scaling-") as folder:
        file = Path(folder) / "photo.jpg"
        write_atomically(file, encoded)
        words = ["score", str(file), "--bundle", str(bundle), "--scale", scale, "--plan", "dense"]
        chosen = ["--engine", scorer.engine.name, "--precision", scorer.engine.precision]
        return peak_memory_mb([sys.executable, "-m", "deepbiq", *words, *chosen])


def _memory_check(series: Series) -> dict[str, Any]:
    """Holds the growth of memory against its bound, from where tiles have their full size."""
    beyond = [point for point in series.points if 1e6 * point.x >= _TILED_PIXELS]
    memory = [point.memory_mb for point in beyond if point.memory_mb is not None]
    line = fit_line([point.x for point in beyond], memory)
    slope = line.slope if line else None
    return {
        "series": series.name,
        "precision": series.precision,
        "mb_per_megapixel": slope,
        "peak_mb": max(point.memory_mb or 0 for point in series.points),
        "bound": MOST_MEMORY_PER_MEGAPIXEL_MB,
        "passes": Check("MB per megapixel", slope, MOST_MEMORY_PER_MEGAPIXEL_MB).passes,
    }


def _graph_of(scorer: Scorer) -> Graph:
    return graph_of(scorer.bundle, scorer.engine.precision, scorer.engine.name)
