"""The parity plot: by plan, how many pictures shift by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deepbiq_benchmarks.parity import VARIANTS, Observed
from deepbiq_benchmarks.parity_budget import Budget

FLOOR = 1e-4
"""Shifts below this are drawn as this: the axis is logarithmic, and nobody reads scores to four digits."""


def draw_parity(observations: Sequence[Observed], budget: Budget, title: str) -> Figure:
    """Draws one panel per plan with the cumulative distribution of every variant's absolute shift.

    Args:
        observations: One per plan.
        budget: Its two bounds of shifts are drawn as lines.
        title: What is compared with what.
    """
    columns = min(2, len(observations))
    rows = -(-len(observations) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.2 * rows + 1), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    for panel, observed in zip(panels, observations, strict=False):
        panel.axvline(budget.max_fp32_shift, color="0.6", linestyle=":", label="bound of FP32's largest")
        panel.axvline(budget.max_shift, color="0.6", linestyle="--", label="bound of the others' mean")
        for place, variant in enumerate(VARIANTS):
            if variant not in observed.series:
                continue
            shifts = np.abs(np.subtract(observed.series[variant].scores, observed.reference_scores))
            # A colour and a name belong to a variant in every panel, whichever others ran.
            label = f"{variant.engine} {variant.precision}"
            panel.ecdf(np.maximum(shifts, FLOOR), color=f"C{place}", label=label)
        panel.set(xscale="log", ylim=(0, 1.02), title=observed.plan)
        panel.set(xlabel="absolute shift of the score", ylabel="share of the pictures")
        panel.label_outer()
    for panel in panels[len(observations) :]:
        panel.set_axis_off()
    handles = {line.get_label(): line for panel in panels for line in panel.get_legend_handles_labels()[0]}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    figure.suptitle(title, fontsize="medium")
    return figure
