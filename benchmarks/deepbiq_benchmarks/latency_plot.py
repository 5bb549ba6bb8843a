"""The latency plot: how requests and their stages are distributed, and latency against what a sweep changed."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from deepbiq_benchmarks.latency import Run
from deepbiq_benchmarks.latency_text import heading_of

_AXES = {
    "crops": "crops of a picture",
    "megapixels": "megapixels of the file",
    "threads": "threads of one inference",
}


def draw_latency(run: Run, result: dict[str, Any]) -> Figure:
    """Draws the distribution, and beside it the sweep if there is one.

    Args:
        run: The run that the result describes.
        result: The whole result.
    """
    panels = 2 if "sweep" in result else 1
    figure = Figure(figsize=(6.4 * panels, 4.8), layout="constrained")
    first, *others = figure.subplots(1, panels, squeeze=False).reshape(-1)
    _draw_distribution(first, run, result)
    for panel in others:
        _draw_sweep(panel, result["sweep"])
    disturbed = ", DISTURBED" if result["disturbed"] else ""
    figure.suptitle(f"{heading_of(result)}\n{result['machine']['processor']}{disturbed}", fontsize="small")
    return figure


def _draw_distribution(panel: Axes, run: Run, result: dict[str, Any]) -> None:
    for stage, times in run.stage_ms.items():
        if stage != "total":
            panel.ecdf(times, label=stage, linewidth=1)
    panel.ecdf(run.request_ms, label="request", color="black", linewidth=2)
    panel.axvline(result["p50_ms"], color="0.6", linestyle=":", label=f"p50 = {result['p50_ms']:.1f} ms")
    panel.axvline(result["p99_ms"], color="0.6", linestyle="--", label=f"p99 = {result['p99_ms']:.1f} ms")
    panel.set(xscale="log", xlabel="milliseconds", ylabel="share of the requests", ylim=(0, 1.02))
    panel.set_title(f"n = {result['n']}, batch {result['batch']}, concurrency {result['concurrency']}")
    panel.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, frameon=False, fontsize="small")


def _draw_sweep(panel: Axes, sweep: dict[str, Any]) -> None:
    points = sweep["points"]
    values = [point["value"] for point in points]
    for name, style in (("p50", "-"), ("p90", "--"), ("p99", ":")):
        panel.plot(values, [point[f"{name}_ms"] for point in points], f"o{style}", label=name, markersize=4)
    panel.set(xlabel=_AXES[sweep["over"]], ylabel="milliseconds of a request")
    panel.set(xlim=(0, None), ylim=(0, 1.05 * max(point["p99_ms"] for point in points)))
    panel.set_title(f"latency against {sweep['over']}, plan {points[0]['plan'].partition(':')[0]}")
    panel.legend(frameon=False, loc="lower right")
