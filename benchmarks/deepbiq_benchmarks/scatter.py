"""The scatter plot of predicted against human scores."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from deepbiq.datasets import RatedPicture
from deepbiq.labels import LABEL_BORDERS, SCORE_MAX, SCORE_MIN


def draw_scatter(
    pictures: Sequence[RatedPicture], predicted: npt.NDArray[np.float64], report: dict[str, Any]
) -> Figure:
    """Draws one point per picture, coloured by subset, with the label borders and the line of agreement.

    Args:
        pictures: What was scored.
        predicted: (n,) score points.
        report: What `accuracy.report` returned, for the title.
    """
    figure = Figure(figsize=(6.4, 6.4), layout="constrained")
    axes = figure.add_subplot()
    mos = np.array([picture.mos for picture in pictures])
    names = np.array([picture.subset or "all" for picture in pictures])
    for border in LABEL_BORDERS:
        axes.axvline(border, color="0.9", linewidth=0.8, zorder=0)
        axes.axhline(border, color="0.9", linewidth=0.8, zorder=0)
    axes.plot((SCORE_MIN, SCORE_MAX), (SCORE_MIN, SCORE_MAX), color="0.6", linewidth=1, zorder=1)
    for name in np.unique(names):
        chosen = names == name
        axes.scatter(
            predicted[chosen], mos[chosen], s=12, alpha=0.6, linewidths=0, label=f"{name} ({chosen.sum()})"
        )
    axes.set(
        xlim=(SCORE_MIN, SCORE_MAX),
        ylim=(SCORE_MIN, SCORE_MAX),
        aspect="equal",
        xlabel="predicted score",
        ylabel="mean opinion score",
        title=f"{report['dataset']} {report['split']}, {report['plan']}, {report['engine']} {report['precision']}\n"
        f"n = {report['n']}, PLCC {report['plcc']:.3f}, SROCC {report['srocc']:.3f}",
    )
    axes.legend(loc="upper left", frameon=False)
    return figure
