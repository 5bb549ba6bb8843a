"""The plots of a calibration's report."""

from __future__ import annotations

import io

import numpy as np
from matplotlib.figure import Figure

from deepbiq.labels import LABEL_BORDERS, SCORE_MAX, SCORE_MIN, label_numbers
from deepbiq_calibration.outcome import Outcome

_FLOAT, _INTEGER = "tab:orange", "tab:blue"
_BINS = 41


def draw_plots(outcome: Outcome) -> dict[str, bytes]:
    """Draws everything that a report shows of a flavour.

    Returns:
        PNG files by name: `layers`, `scatter`, `shifts`.
    """
    figures = {"layers": draw_layers, "scatter": draw_scatter, "shifts": draw_shifts}
    return {name: _png(draw(outcome)) for name, draw in figures.items()}


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()


def _figure(width: float, height: float, *, left: float) -> Figure:
    """Makes a figure with margins in inches; letting matplotlib find them takes longer than drawing."""
    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=left / width, right=1 - 0.2 / width, bottom=0.6 / height, top=1 - 0.4 / height)
    return figure


def draw_layers(outcome: Outcome) -> Figure:
    """Draws what each layer alone costs: how far it spreads scores, and what correlation it takes."""
    figure = _figure(9.0, 0.19 * len(outcome.layers) + 1.6, left=1.4)
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
    panels[0].set_ylim(len(places) - 0.4, -0.6)
    panels[0].legend(frameon=False, fontsize=8)
    if rated:
        panels[1].barh(places, [item.cost.srocc_drop or 0.0 for item in outcome.layers], color=colours)
        panels[1].set(xlabel="SROCC drop", title="orange: left in float")
        panels[1].locator_params(axis="x", nbins=5)
    return figure


def draw_scatter(outcome: Outcome) -> Figure:
    """Draws INT8's scores over FP32's by the first plan, with the label borders."""
    plan, scores = next(iter(outcome.shown.scores.items()))
    reference = outcome.reference[plan]
    figure = _figure(5.4, 5.8, left=0.7)
    axes = figure.add_subplot()
    for border in LABEL_BORDERS:
        axes.axvline(border, color="0.9", linewidth=0.8, zorder=0)
        axes.axhline(border, color="0.9", linewidth=0.8, zorder=0)
    axes.plot((SCORE_MIN, SCORE_MAX), (SCORE_MIN, SCORE_MAX), color="0.6", linewidth=1, zorder=1)
    flipped = label_numbers(scores) != label_numbers(reference)
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
    figure = _figure(5.4, 1.1 + 1.6 * len(shifts), left=0.7)
    panels = figure.subplots(len(shifts), 1, sharex=True, squeeze=False, gridspec_kw={"hspace": 0.4})[:, 0]
    for axes, (plan, shift) in zip(panels, shifts.items(), strict=True):
        axes.hist(shift, bins=np.linspace(-reach, reach, _BINS), color=_INTEGER)
        axes.axvline(0.0, color="0.4", linewidth=0.8)
        axes.set(
            ylabel="pictures", title=f"{plan}: mean {shift.mean():+.2f}, mean absolute {np.abs(shift).mean():.2f}"
        )
    panels[-1].set_xlabel("INT8 score less FP32 score (points)")
    return figure
