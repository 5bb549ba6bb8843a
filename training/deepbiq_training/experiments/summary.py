"""The summary: the best row of each experiment beside what others published (Table 5)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepbiq.errors import DeepBIQError, OptionError
from deepbiq_training.experiments import finetuned, pooling, pretrained
from deepbiq_training.experiments.published import PUBLISHED, Published
from deepbiq_training.experiments.report import Report, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

NAME = "summary"
EXPERIMENTS = (pretrained.NAME, pooling.NAME, finetuned.NAME)


class ResultsError(DeepBIQError, ValueError):
    """A results file is damaged, or not of the experiment that its name promises."""


def summarise(folder: Path, dataset: str) -> Report:
    """Reads the experiments on a data set that a results folder holds.

    Args:
        folder: Where the experiments wrote their reports.
        dataset: Name of the data set.

    Raises:
        OptionError: When there is none of the three experiments.
        ResultsError: When a file is damaged.
    """
    results = {name: result for name in EXPERIMENTS if (result := _read(folder, name, dataset)) is not None}
    if not results:
        raise OptionError(f"{folder} holds no experiment on {dataset}: run {', '.join(EXPERIMENTS)} first")
    best = {name: _best_row(result["rows"]) for name, result in results.items()}
    published = PUBLISHED.get(dataset, ())
    latest = results[next(reversed(results))]
    return Report(
        name=f"experiment-{NAME}-{dataset}",
        title=f"Summary: the experiments on {dataset} beside published figures",
        result={
            "experiment": NAME,
            "material": latest["material"],
            "rows": [{"experiment": name, **row} for name, row in best.items()],
            "published": [vars(found) for found in published],
        },
        table=_table(best, results, published),
        figure=_draw(best, published),
    )


def _read(folder: Path, name: str, dataset: str) -> dict[str, Any] | None:
    path = folder / f"experiment-{name}-{dataset}.json"
    if not path.exists():
        return None
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if result["experiment"] != name:
            raise ResultsError(f"{path} is of the experiment {result['experiment']!r}, not {name!r}")
        _best_row(result["rows"])
    except (OSError, KeyError, TypeError, ValueError) as error:
        if isinstance(error, ResultsError):
            raise
        raise ResultsError(f"{path} is no intact report of an experiment ({error}): run it again") from error
    return result


def _best_row(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Returns the row with the highest median SROCC."""
    return max(rows, key=lambda row: float(row["median"]["srocc"]))


def _label(name: str, row: Mapping[str, Any]) -> str:
    if name == pretrained.NAME:
        return f"I: whole picture, {row['label']}"
    if name == pooling.NAME:
        return f"II: {row['crops']} crops, {row['pooling']}"
    return f"III: {'fine-tuned' if row['fine_tuned'] else 'pre-trained'}, {row['pooling']}"


def _table(
    best: Mapping[str, dict[str, Any]], results: Mapping[str, dict[str, Any]], published: Sequence[Published]
) -> str:
    rows = [
        [
            f"Experiment {_label(name, row)}",
            f"{row['median']['plcc']:.3f}",
            f"{row['median']['srocc']:.3f}",
            f"median of {len(row['splits'])} random splits, n = {results[name]['material']['n']}",
            "this repository",
        ]
        for name, row in best.items()
    ]
    rows += [
        [found.method, f"{found.plcc:.2f}", _two_digits(found.srocc), found.protocol, found.source]
        for found in published
    ]
    return markdown_table(("method", "PLCC", "SROCC", "measured on", "source"), rows)


def _two_digits(value: float | None) -> str:
    return "not given" if value is None else f"{value:.2f}"


def _draw(best: Mapping[str, dict[str, Any]], published: Sequence[Published]) -> Figure:
    from matplotlib.figure import Figure

    bars = {_label(name, row): row["median"]["plcc"] for name, row in best.items()}
    bars |= {found.method: found.plcc for found in published}
    figure = Figure(figsize=(8, 1.2 + 0.4 * len(bars)), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.barh(list(bars), list(bars.values()), color=["C0"] * len(best) + ["0.7"] * len(published))
    axes.bar_label(drawn, fmt="%.2f", padding=3)
    axes.set(xlabel="PLCC (grey: published, other splits)", xlim=(0, 1.05))
    axes.invert_yaxis()
    return figure
