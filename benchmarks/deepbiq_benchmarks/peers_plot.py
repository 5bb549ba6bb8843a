"""The scatter plot of accuracy against milliseconds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

_LABEL_PT = (14.0, 10.0)
"""Width and height that a number takes, in points."""

Point = tuple[float, float]


def draw_peers(result: dict[str, Any]) -> Figure:
    """Draws one point per row that has an accuracy, and a tick on the time axis for each that was timed only.

    Args:
        result: Of `peers_result.compare_with_peers`.
    """
    figure = Figure(figsize=(11.0, 6.0), layout="constrained")
    axes = figure.add_subplot()
    ran = sorted((row for row in result["rows"] if row["reason"] is None), key=lambda row: float(row["ms"]))
    for row in ran:
        if row["srocc"] is None:
            axes.axvline(row["ms"], color="0.9", linewidth=0.8, zorder=0)
        else:
            axes.plot(row["ms"], row["srocc"], marker="o", markersize=4, linestyle="none", color=_colour(row))
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.margins(x=0.08, y=0.2)
    pictures = f"{result['dataset']} {result['split']}" if result["dataset"] else "no data set"
    axes.set(xlabel="milliseconds per 512x512 picture", ylabel=f"SROCC, {pictures}")
    axes.set_title(f"{result['machine']['processor']}, {result['threads']} threads", fontsize="small")
    handles = [
        Line2D(
            [],
            [],
            marker=f"${number:02d}$",
            markersize=9,
            linestyle="none",
            color=_colour(row),
            label=row["name"] if row["srocc"] is not None else f"{row['name']} (timed only)",
        )
        for number, row in enumerate(ran, 1)
    ]
    figure.legend(handles=handles, loc="outside right upper", fontsize="x-small", frameon=False, numpoints=1)
    figure.draw_without_rendering()  # where points are on the page is known from here on
    _number(axes, ran)
    return figure


def _number(axes: Axes, rows: list[dict[str, Any]]) -> None:
    """Writes every row's number beside its point, where no other stands: rows that agree lie on each other."""
    taken: list[Point] = []
    for number, row in enumerate(rows, 1):
        rated = row["srocc"] is not None
        transform = axes.transData if rated else axes.get_xaxis_transform()
        anchor = (row["ms"], row["srocc"] if rated else 0.0)
        x, y = transform.transform(anchor) * 72 / axes.figure.dpi
        offset = next(dy for dy in _offsets(both_sides=rated) if not _covers(taken, (x, y + dy)))
        taken.append((x, y + offset))
        axes.annotate(
            f"{number:02d}",
            anchor,
            xycoords=transform,
            xytext=(0, offset),
            textcoords="offset points",
            ha="center",
            va="center",
            fontsize="small",
            color=_colour(row),
            arrowprops={"arrowstyle": "-", "color": "0.8", "linewidth": 0.6, "shrinkA": 4, "shrinkB": 2},
        )


def _offsets(*, both_sides: bool) -> Iterator[float]:
    """Goes away from a point in steps of a label, upwards, or up and down in turn."""
    for step in count(1):
        yield step * _LABEL_PT[1]
        if both_sides:
            yield -step * _LABEL_PT[1]


def _covers(taken: list[Point], place: Point) -> bool:
    width, height = _LABEL_PT
    return any(abs(place[0] - x) < width and abs(place[1] - y) < height for x, y in taken)


def _colour(row: dict[str, Any]) -> str:
    if row["srocc"] is None:
        return "0.4"
    return "C0" if row["name"].startswith("deepbiq") else "C1"
