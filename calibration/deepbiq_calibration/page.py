"""The report as one HTML page that needs nothing else."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from html import escape
from typing import Any

from deepbiq.budget import Budget, Cost
from deepbiq_calibration.outcome import Outcome

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 0.8rem 0; font-variant-numeric: tabular-nums }
th, td { padding: 0.25rem 0.7rem; border-bottom: 1px solid #ddd; text-align: right; vertical-align: top }
th:first-child, td:first-child, td.words { text-align: left }
.yes { color: #17692c } .no { color: #b02318 } figure { margin: 1rem 0 } img { max-width: 100% }
.note { color: #666; font-size: 0.85em; max-width: 24rem; overflow-wrap: anywhere }
"""
_BOUNDS = {
    "PLCC drop": ("plcc_drop", "max_plcc_drop", "{:+.4f}"),
    "SROCC drop": ("srocc_drop", "max_srocc_drop", "{:+.4f}"),
    "mean shift": ("shift", "max_shift", "{:.3f}"),
    "label flips": ("flips", "max_flips", "{:.2f} %"),
}

_TITLES = {
    "layers": "What each layer alone costs (calibration pictures)",
    "scatter": "Scores",
    "shifts": "Shifts",
}


def render_page(
    told: Mapping[str, Any], outcomes: Sequence[Outcome], plots: Mapping[str, Mapping[str, bytes]]
) -> str:
    """Renders the report.

    Args:
        told: The report's JSON: its `bundle`, `pictures` and `circumstances` are shown.
        outcomes: One for each flavour.
        plots: PNG files by flavour and name.
    """
    counts = told["pictures"]["counts"]
    parts = [
        f"<h1>INT8 calibration of {escape(told['bundle'])}</h1>",
        f"<p>{counts['calibration']} calibration pictures, {counts['held back']} held back, "
        f"seed {told['pictures']['seed']}. Figures are of the held-back pictures, against FP32, unless "
        "stated otherwise.</p>",
        *(part for outcome in outcomes for part in _section(outcome, plots[outcome.flavour])),
        f"<p class=note>{escape(', '.join(f'{key} {value}' for key, value in told['circumstances'].items()))}</p>",
    ]
    body = "\n".join(parts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>INT8 calibration</title>'
        f"<style>{_STYLE}</style></head>\n<body>\n{body}\n</body></html>\n"
    )


def _section(outcome: Outcome, plots: Mapping[str, bytes]) -> Iterable[str]:
    chosen = outcome.chosen
    verdict = (
        f"<p class=yes>Holds the budget: {escape(chosen.name)}, {len(chosen.graph):,} bytes.</p>"
        if chosen
        else f"<p class=no>Refused. {escape(outcome.refusal())}.</p>"
    )
    yield f"<h2>{'CPU' if outcome.flavour == 'cpu' else 'TensorRT'} flavour</h2>{verdict}"
    yield f"<h3>Budget</h3>{_budget_table(outcome)}"
    yield f"<h3>Ladder</h3>{_ladder_table(outcome)}"
    if outcome.shown.recipe.left_in_float:
        yield f"<p>Left in float: {escape(', '.join(outcome.shown.recipe.left_in_float))}</p>"
    for name, title in _TITLES.items():
        image = base64.b64encode(plots[name]).decode()
        yield f'<figure><h3>{title}</h3><img alt="{title}" src="data:image/png;base64,{image}"></figure>'


def _budget_table(outcome: Outcome) -> str:
    bounds = [form.format(getattr(outcome.budget, bound)) for _, bound, form in _BOUNDS.values()]
    rows = [["at most", *bounds]]
    rows += [[plan, *_cells(cost, outcome.budget)] for plan, cost in outcome.shown.costs.items()]
    return _table(["plan", *_BOUNDS], rows)


def _ladder_table(outcome: Outcome) -> str:
    heading = ["step", "seconds", "in float", "MB", "plan", *_BOUNDS, "verdict", "note"]
    rows = []
    for step in outcome.steps:
        verdict = "holds" if step.comfortable else "holds, without room" if step.holds else "too costly"
        for index, (plan, cost) in enumerate(step.costs.items()):
            first = [
                escape(step.name),
                f"{step.seconds:.0f}",
                str(len(step.recipe.left_in_float)),
                f"{len(step.graph) / 1e6:.2f}",
            ]
            note = f"<span class=note>{escape(step.note)}</span>"
            rows.append(
                [
                    *(first if index == 0 else [""] * 4),
                    plan,
                    *_cells(cost, outcome.budget),
                    *([verdict, note] if index == 0 else ["", ""]),
                ]
            )
    return _table(heading, rows)


def _cells(cost: Cost, budget: Budget) -> list[str]:
    cells = []
    for name, bound, form in _BOUNDS.values():
        value = getattr(cost, name)
        if value is None:
            cells.append("not known")
        else:
            kind = "yes" if value <= getattr(budget, bound) else "no"
            cells.append(f"<span class={kind}>{form.format(value)}</span>")
    return cells


def _table(heading: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{cell}</th>" for cell in heading)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{lines}</table>"


assert {bound for _, bound, _ in _BOUNDS.values()} == {field.name for field in fields(Budget)}
