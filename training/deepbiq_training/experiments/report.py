"""What an experiment leaves behind: JSON with everything, a Markdown table, a plot."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepbiq.diagnosis import circumstances
from deepbiq.errors import OptionError
from deepbiq.files import write_atomically
from deepbiq_training.experiments.outcome import Outcome, median_outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MEASURES = ("PLCC", "SROCC", "RMSE", "MAE")
SHARES = ("within 1 std", "within 2 std", "within 3 std")


@dataclass(frozen=True, eq=False)
class Report:
    """The result of one experiment.

    Attributes:
        name: Of its files, without ending.
        title: One line.
        result: Everything, JSON-ready.
        table: The Markdown table.
        figure: The plot.
    """

    name: str
    title: str
    result: Mapping[str, Any]
    table: str
    figure: Figure


def check_folder(folder: Path) -> None:
    """Makes the results folder before anything is computed.

    Raises:
        OptionError: When it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OptionError(f"the results folder {folder} cannot be made: {error.strerror}") from error


def write_report(folder: Path, report: Report) -> list[Path]:
    """Writes NAME.json, NAME.md and NAME.png, each whole or not at all.

    Returns:
        The files.

    Raises:
        OSError: When the disk is full or the folder not writable.
    """
    result = {"title": report.title, **report.result, **circumstances()}
    plot = io.BytesIO()
    report.figure.savefig(plot, format="png", dpi=110)
    contents = {
        ".json": json.dumps(result, indent=1).encode() + b"\n",
        ".md": f"# {report.title}\n\n{report.table}\n\n{_signature(result)}\n".encode(),
        ".png": plot.getvalue(),
    }
    files = [folder / f"{report.name}{ending}" for ending in contents]
    for file, data in zip(files, contents.values(), strict=True):
        write_atomically(file, data)
    return files


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Lays out a table; rows have as many cells as the header."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def outcome_header(outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    """Names the columns of `outcome_cells`."""
    return MEASURES if outcomes[0].within is None else MEASURES + SHARES


def outcome_cells(outcomes: Sequence[Outcome]) -> list[str]:
    """Formats the medians of all measures."""
    median = median_outcome(outcomes)
    cells = [f"{median.plcc:.3f}", f"{median.srocc:.3f}", f"{median.rmse:.2f}", f"{median.mae:.2f}"]
    return cells + [f"{100 * share:.1f} %" for share in median.within or ()]


def draw_boxes(title: str, outcomes: Mapping[str, Sequence[Outcome]]) -> Figure:
    """Draws the spread of PLCC and SROCC over the splits, one box per label."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 1.6 + 0.5 * len(outcomes)), layout="constrained")
    for axes, measure in zip(figure.subplots(1, 2, sharey=True), ("plcc", "srocc"), strict=True):
        values = [[getattr(outcome, measure) for outcome in found] for found in outcomes.values()]
        axes.boxplot(values, orientation="horizontal", tick_labels=list(outcomes), widths=0.6)
        axes.set(xlabel=f"{measure.upper()}, {len(values[0])} splits")
        axes.grid(axis="x", color="0.9")
        axes.invert_yaxis()
    figure.suptitle(title, fontsize=10)
    return figure


def _signature(result: Mapping[str, Any]) -> str:
    material, machine = result["material"], result["machine"]
    return (
        f"*{material['dataset']} {material['split']}, n = {material['n']}, split by {material['split_by']}; "
        f"deepbiq {result['deepbiq']}, {machine['processor']}, {result['date'][:10]}.*"
    )
