"""The result of `deepbiq bench latency` for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from deepbiq_benchmarks.latency import STAGES

COLUMNS = ("p50_ms", "p90_ms", "p95_ms", "p99_ms", "mean_ms")
_WIDTH = 14


def as_text(result: dict[str, Any]) -> str:
    """Writes the result in lines: what was measured, the times by stage in milliseconds, and all the rest."""
    return "\n".join(_lines(result))


def heading_of(result: dict[str, Any]) -> str:
    """Says in one line what was measured."""
    threads = f"{result['threads']} threads" if result["threads"] else "threads as the engine chooses"
    return f"{result['plan']}, {result['engine']} {result['precision']}, {threads}, {result['model']}"


def _lines(result: dict[str, Any]) -> Iterator[str]:
    width, height = result["image_wh"]
    yield heading_of(result)
    yield f"{result['image']} ({width}x{height}, {result['image_bytes'] / 1000:.0f} kB)"
    yield (
        f"n = {result['n']} after {result['warm_up']} for warm-up, batch {result['batch']}, "
        f"concurrency {result['concurrency']}"
    )
    yield _row("ms", (column.removesuffix("_ms") for column in COLUMNS))
    for stage in STAGES:
        yield _figures(stage, result["stages"][stage])
    yield _figures("request", result)
    if "nvidia" in result:
        yield from _nvidia_lines(result["nvidia"])
    yield f"{'throughput':{_WIDTH}}{result['pictures_per_s']:.1f} pictures/s"
    yield from _fresh_lines(result)
    verdict = "disturbed" if result["disturbed"] else "steady"
    yield f"{'variation':{_WIDTH}}{result['variation']:.3f} (limit {result['max_variation']:g}): {verdict}"
    if "sweep" in result:
        yield from _sweep_lines(result["sweep"])


def _fresh_lines(result: dict[str, Any]) -> Iterator[str]:
    if "cold_start" not in result:
        return
    cold = result["cold_start"]
    yield (
        f"{'cold start':{_WIDTH}}{cold['total_ms']:.0f} ms: import {cold['import_ms']:.0f}, load "
        f"{cold['load_ms']:.0f}, first score {cold['first_score_ms']:.0f} (median of {cold['n']} processes)"
    )
    yield f"{'peak memory':{_WIDTH}}{result['peak_memory_mb']:.0f} MB"


def _nvidia_lines(nvidia: dict[str, Any]) -> Iterator[str]:
    for work, figures in nvidia.get("cuda_events", {}).items():
        if isinstance(figures, dict):
            yield _figures(f"CUDA {work}", figures)
    for when in ("before", "after"):
        state = nvidia[when]
        degrees = ", ".join(f"{zone} {celsius}" for zone, celsius in state["temperature_c"].items())
        yield (
            f"{f'device {when}':{_WIDTH}}power mode {state['power_mode']}, GPU {state['gpu_mhz']} of "
            f"{state['gpu_max_mhz']} MHz, degrees Celsius: {degrees}"
        )


def _sweep_lines(sweep: dict[str, Any]) -> Iterator[str]:
    yield _row(sweep["over"], (column.removesuffix("_ms") for column in COLUMNS))
    for point in sweep["points"]:
        yield _figures(f"{point['value']:g}", point) + ("  disturbed" if point["disturbed"] else "")


def _figures(name: str, figures: dict[str, Any]) -> str:
    return _row(name, (f"{figures[column]:.2f}" for column in COLUMNS))


def _row(name: str, cells: Iterator[str]) -> str:
    return f"{name:{_WIDTH}}" + "".join(f"{cell:>10}" for cell in cells)
