"""The plots of how cost grows, with the fitted lines and the roof."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure


def draw_scaling(result: dict[str, Any]) -> Figure:
    """Draws one panel per thing that grows: measured points, the fitted line, and the roof dashed.

    Args:
        result: Of `scaling.measure_scaling`.
    """
    names = list(dict.fromkeys(series["name"] for series in result["series"]))
    figure = Figure(figsize=(4.0 * len(names), 4.0), layout="constrained")
    panels = np.atleast_1d(figure.subplots(1, len(names)))
    for panel, name in zip(panels, names, strict=True):
        for place, series in enumerate(one for one in result["series"] if one["name"] == name):
            _draw_series(panel, series, f"C{place}")
        panel.set(title=name, xlabel=series["unit"], ylabel="milliseconds")
        panel.set_ylim(bottom=0)
        panel.legend(fontsize="x-small", frameon=False)
    figure.suptitle(f"{result['machine']['processor']}, {result['threads']} threads", fontsize="small")
    return figure


def _draw_series(panel: Axes, series: dict[str, Any], colour: str) -> None:
    across = np.array([point["x"] for point in series["points"]])
    panel.plot(across, [point["ms"] for point in series["points"]], "o", color=colour, label=series["precision"])
    line = series["line"]
    if line is not None:
        at = np.linspace(across.min(), across.max(), 50)
        places = 1 / at if series["fitted_on"].startswith("1 /") else at
        panel.plot(at, line["slope"] * places + line["intercept"], "-", color=colour, linewidth=0.8)
    roof = [point["roof_ms"] for point in series["points"]]
    panel.plot(across, roof, "--", color=colour, linewidth=0.8, label=f"roof, {series['precision']}")
