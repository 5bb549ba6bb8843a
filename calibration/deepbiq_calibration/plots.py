"""The plots of a calibration's report."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from deepbiq.labels import LABEL_BORDERS, SCORE_MAX, SCORE_MIN
from deepbiq_calibration.outcome import Outcome

_FLOAT, _INTEGER = "tab:orange", "tab:blue"
_BINS = 41


def png_of(figure: Figure) -> bytes:
    """Draws a figure as PNG."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def draw_layers(outcome: Outcome) -> Figure:
    """Draws what each layer alone costs: how far it spreads scores, and what correlation it takes."""
    figure = Figure(figsize=(9.0, 0.19 * len(outcome.layers) + 1.6), layout="constrained")
    rated = any(item.cost.srocc_drop is not None for item in outcome.layers)
    panels = figure.subplots(1, 2 if rated else 1, sharey=True, squeeze=False)[0]
    left = set(outcome.shown.recipe.left_in_float)
    places = np.arange(len(outcome.layers))
    colours = [_FLOAT if item.layer in left else _INTEGER for item in outcome.layers]
    spreads = [item.cost.spread for item in outcome.layers]
    panels[0].barh(places, spreads, color=colours)
    panels[0].plot([item.cost.shift for item in outcome.layers], places, "k|", label="mean absolute shift")
    panels[0].set(xlabel="spread of the score shift (points)", title="one layer quantised, the others in float")
    panels[0].set_yticks(places, [item.layer for item in outcome.layers], fontsize=6)
    panels[0].invert_yaxis()
    panels[0].legend(frameon=False, fontsize=8)
    if rated:
        panels[1].barh(places, [item.cost.srocc_drop or 0.0 for item in outcome.layers], color=colours)
        panels[1].set(xlabel="SROCC drop", title="orange: left in float")
    return figure


def draw_scatter(outcome: Outcome) -> Figure:
    """Draws INT8's scores over FP32's by the first plan, with the label borders."""
    plan, scores = next(iter(outcome.shown.scores.items()))
    reference = outcome.reference[plan]
    figure = Figure(figsize=(5.4, 5.4), layout="constrained")
    axes = figure.add_subplot()
    for border in LABEL_BORDERS:
        axes.axvline(border, color="0.9", linewidth=0.8, zorder=0)
        axes.axhline(border, color="0.9", linewidth=0.8, zorder=0)
    axes.plot((SCORE_MIN, SCORE_MAX), (SCORE_MIN, SCORE_MAX), color="0.6", linewidth=1, zorder=1)
    flipped = np.searchsorted(LABEL_BORDERS, scores) != np.searchsorted(LABEL_BORDERS, reference)
    axes.scatter(reference[~flipped], scores[~flipped], s=10, linewidths=0, alpha=0.6, label="same label")
    axes.scatter(reference[flipped], scores[flipped], s=16, linewidths=0, color="tab:red", label="other label")
    axes.set(
        xlim=(SCORE_MIN, SCORE_MAX), ylim=(SCORE_MIN, SCORE_MAX), aspect="equal",
        xlabel="FP32 score", ylabel="INT8 score", title=f"{plan}, {len(scores)} held-back pictures",
    )  # fmt: skip
    axes.legend(loc="upper left", frameon=False)
    return figure


def draw_shifts(outcome: Outcome) -> Figure:
    """Draws how far scores moved, a histogram for each plan on common bins."""
    shifts = {plan: scores - outcome.reference[plan] for plan, scores in outcome.shown.scores.items()}
    reach = max(0.1, *(float(np.abs(shift).max()) for shift in shifts.values()))
    figure = Figure(figsize=(5.4, 1.1 + 1.5 * len(shifts)), layout="constrained")
    panels = figure.subplots(len(shifts), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (plan, shift) in zip(panels, shifts.items(), strict=True):
        axes.hist(shift, bins=np.linspace(-reach, reach, _BINS), color=_INTEGER)
        axes.axvline(0.0, color="0.4", linewidth=0.8)
        axes.set(
            ylabel="pictures", title=f"{plan}: mean {shift.mean():+.2f}, mean absolute {np.abs(shift).mean():.2f}"
        )
    panels[-1].set_xlabel("INT8 score less FP32 score (points)")
    return figure
