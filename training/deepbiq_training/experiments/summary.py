"""The summary: the best row of each experiment beside what others published (Table 5)."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepbiq.errors import DeepBIQError, OptionError
from deepbiq_training.experiments import names
from deepbiq_training.experiments.published import PUBLISHED
from deepbiq_training.experiments.report import Report, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EXPERIMENTS = (names.PRETRAINED, names.POOLING, names.FINETUNED)
_OURS = "deepbiq"


class ResultsError(DeepBIQError, ValueError):
    """A results file is damaged, or not what its name promises."""


@dataclass(frozen=True)
class Row:
    """One line of the summary.

    Attributes:
        method: In words.
        plcc: Pearson's correlation.
        srocc: Spearman's; None where the source does not give it.
        measured_on: Split and number of pictures.
        source: The paper, or `deepbiq`.
    """

    method: str
    plcc: float
    srocc: float | None
    measured_on: str
    source: str


def summarise(folder: Path, dataset: str) -> Report:
    """Reads what a results folder holds on a data set: experiments, and `bench accuracy` on the official test part.

    Args:
        folder: Where the experiments wrote their reports.
        dataset: Name of the data set.

    Raises:
        OptionError: When there is none of the three experiments.
        ResultsError: When a file is damaged.
    """
    results = _read_experiments(folder, dataset)
    if not results:
        raise OptionError(f"{folder} holds no experiment on {dataset}: run {', '.join(EXPERIMENTS)} first")
    rows = [_best_row(result) for result in results] + _accuracy_rows(folder, dataset)
    rows += [Row(*asdict(found).values()) for found in PUBLISHED.get(dataset, ())]
    return Report(
        name=f"experiment-{names.SUMMARY}-{dataset}",
        title=f"Summary: the experiments on {dataset} beside published figures",
        result={
            "experiment": names.SUMMARY,
            "material": results[-1]["material"],
            "rows": [asdict(row) for row in rows],
        },
        table=_table(rows),
        figure=_draw(rows),
    )


def _read_experiments(folder: Path, dataset: str) -> list[dict[str, Any]]:
    paths = [path for name in EXPERIMENTS for path in sorted(folder.glob(f"experiment-{name}-{dataset}*.json"))]
    results = [_read(path, "experiment", "material", "rows") for path in paths]
    # The name of one data set may begin with that of another.
    return [result for result in results if result["material"]["dataset"] == dataset]


def _read(path: Path, *keys: str) -> dict[str, Any]:
    try:
        result: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        missing = [key for key in keys if key not in result]
    except (OSError, TypeError, ValueError) as error:
        raise ResultsError(f"{path} is no intact results file ({error}): measure it again") from error
    if missing:
        raise ResultsError(f"{path} is no intact results file (no {', '.join(missing)}): measure it again")
    return result


def _best_row(result: dict[str, Any]) -> Row:
    """Takes the row with the highest median SROCC."""
    row = max(result["rows"], key=lambda row: float(row["median"]["srocc"]))
    return Row(
        method=_describe(result["experiment"], row, result.get("backbone", "")),
        plcc=row["median"]["plcc"],
        srocc=row["median"]["srocc"],
        measured_on=f"median of {len(row['splits'])} random splits, n = {result['material']['n']}",
        source=_OURS,
    )


def _describe(experiment: str, row: dict[str, Any], backbone: str) -> str:
    if experiment == names.PRETRAINED:
        return f"I: whole picture, {row['label']}"
    if experiment == names.POOLING:
        return f"II: {row['crops']} crops, {row['pooling']}, {backbone}"
    return f"III: {'fine-tuned' if row['fine_tuned'] else 'pre-trained'}, {row['pooling']}, {backbone}"


def _accuracy_rows(folder: Path, dataset: str) -> list[Row]:
    """Takes what `deepbiq bench accuracy` measured on the official test part."""
    results = [
        _read(path, "model", "plan", "precision", "plcc", "srocc", "n")
        for path in sorted(folder.glob(f"accuracy-{dataset}-test-*.json"))
    ]
    return [
        Row(
            f"{found['model']}, {found['plan']}, {found['precision'].upper()}",
            found["plcc"],
            found["srocc"],
            f"official split, n = {found['n']}",
            _OURS,
        )
        for found in results
    ]


def _table(rows: Sequence[Row]) -> str:
    cells = [
        [
            row.method,
            f"{row.plcc:.3f}" if row.source == _OURS else f"{row.plcc:.2f}",
            "not given" if row.srocc is None else f"{row.srocc:.3f}" if row.source == _OURS else f"{row.srocc:.2f}",
            row.measured_on,
            row.source,
        ]
        for row in rows
    ]
    return markdown_table(("method", "PLCC", "SROCC", "measured on", "source"), cells)


def _draw(rows: Sequence[Row]) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.2 + 0.4 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    drawn = axes.barh(
        [row.method for row in rows],
        [row.plcc for row in rows],
        color=["C0" if row.source == _OURS else "0.7" for row in rows],
    )
    axes.bar_label(drawn, fmt="%.2f", padding=3)
    axes.set(xlabel="PLCC (grey: published)", xlim=(0, 1.05))
    axes.tick_params(axis="y", labelsize=8)
    axes.invert_yaxis()
    return figure
