"""The parity plot: by plan, how many pictures shift by how much."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from deepbiq_benchmarks.parity import VARIANTS, Observed
from deepbiq_benchmarks.parity_budget import Budget

FLOOR = 1e-4
"""Shifts below this are drawn as this: the axis is logarithmic, and nobody reads scores to four digits."""


def draw_parity(observations: Sequence[Observed], budget: Budget) -> Figure:
    """Draws one panel per plan with the cumulative distribution of every variant's absolute shift.

    Args:
        observations: One per plan.
        budget: Its two bounds of shifts are drawn as lines.
    """
    columns = min(2, len(observations))
    rows = -(-len(observations) // columns)
    figure = Figure(figsize=(5.2 * columns, 3.4 * rows + 0.7), layout="constrained")
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).reshape(-1)
    for panel, observed in zip(panels, observations, strict=False):
        panel.axvline(budget.max_fp32_shift, color="0.75", linestyle=":", linewidth=1)
        panel.axvline(budget.max_shift, color="0.75", linestyle="--", linewidth=1)
        for place, variant in enumerate(VARIANTS):
            if variant not in observed.series:
                continue
            shifts = np.abs(np.subtract(observed.series[variant].scores, observed.reference_scores))
            # A colour and a name belong to a variant in every panel, whichever others ran.
            panel.ecdf(np.maximum(shifts, FLOOR), color=f"C{place}", label=f"{variant.engine} {variant.precision}")
        panel.set(xscale="log", ylim=(0, 1.02), title=observed.plan)
    for panel in panels[len(observations) :]:
        panel.set_axis_off()
    handles = {line.get_label(): line for panel in panels for line in panel.get_legend_handles_labels()[0]}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=3, frameon=False)
    bounds = f"dotted {budget.max_fp32_shift:g}: largest of FP32, dashed {budget.max_shift:g}: mean of the others"
    figure.supxlabel(f"absolute shift of the score ({bounds})", fontsize="medium")
    figure.supylabel("share of the pictures", fontsize="medium")
    return figure
