"""The scatter plot of accuracy against milliseconds."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter


def draw_peers(result: dict[str, Any]) -> Figure:
    """Draws one point per row that has an accuracy, and a tick on the time axis for each that was timed only.

    Args:
        result: Of `peers_result.compare_with_peers`.
    """
    figure = Figure(figsize=(11.0, 6.0), layout="constrained")
    axes = figure.add_subplot()
    ran = sorted((row for row in result["rows"] if row["reason"] is None), key=lambda row: float(row["ms"]))
    for number, row in enumerate(ran, 1):
        colour = "C0" if row["name"].startswith("deepbiq") else "C1"
        look: dict[str, Any] = {"marker": f"${number:02d}$", "markersize": 9, "linestyle": "none"}
        if row["srocc"] is None:
            axes.axvline(row["ms"], color="0.9", linewidth=0.8, zorder=0)
            # A tick on the axis, whatever its limits will be.
            where = axes.get_xaxis_transform()
            axes.plot(row["ms"], 0.02, color="0.4", transform=where, label=f"{row['name']} (timed only)", **look)
        else:
            axes.plot(row["ms"], row["srocc"], color=colour, label=row["name"], **look)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.08, y=0.1)
    pictures = f"{result['dataset']} {result['split']}" if result["dataset"] else "no data set"
    axes.set(xlabel="milliseconds per 512x512 picture", ylabel=f"SROCC, {pictures}")
    axes.set_title(f"{result['machine']['processor']}, {result['threads']} threads", fontsize="small")
    figure.legend(loc="outside right upper", fontsize="x-small", frameon=False, numpoints=1)
    return figure
