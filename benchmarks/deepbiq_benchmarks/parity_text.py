"""The parity table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from deepbiq_benchmarks.parity_rows import Figures, ParityRow

COLUMNS = (
    ("plan", "left"),
    ("engine", "left"),
    ("precision", "left"),
    ("cosine", "right"),
    ("worst", "right"),
    ("shift", "right"),
    ("99 %", "right"),
    ("largest", "right"),
    ("PLCC drop", "right"),
    ("SROCC drop", "right"),
    ("flips", "right"),
    ("MB", "right"),
    ("budget", "left"),
)
WIDTH = 132
"""Of a table that goes to a file: rich would cut it to 80 characters."""
_SHORT = {
    "shift_mean": "shift",
    "shift_max": "largest shift",
    "flips_percent": "flips",
    "plcc_drop": "PLCC drop",
    "srocc_drop": "SROCC drop",
}


def print_rows(result: dict[str, Any], rows: Sequence[ParityRow]) -> None:
    """Prints the result of `deepbiq bench parity` to stdout.

    Args:
        result: The whole result.
        rows: Its rows, by plan.
    """
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    console.print(heading_of(result), markup=False, soft_wrap=True)
    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False)
    for heading, justify in COLUMNS:
        table.add_column(heading, justify="right" if justify == "right" else "left", no_wrap=heading != "budget")
    for row in rows:
        if row.figures is not None:
            table.add_row(row.plan, row.variant.engine, row.variant.precision, *_cells(row, row.figures))
    console.print(table)
    for plan, agreement in result["reference"]["agreement"].items():
        if agreement["plcc"] is not None:
            console.print(
                f"reference, {plan}: PLCC {agreement['plcc']:.4f}, SROCC {agreement['srocc']:.4f}", markup=False
            )
    not_run = {f"{row.variant.engine} {row.variant.precision}": row.reason for row in rows if row.reason}
    for name, reason in not_run.items():
        console.print(f"not run: {name}: {reason}", markup=False, soft_wrap=True)


def heading_of(result: dict[str, Any]) -> str:
    """Says in one line what was compared with what, on which pictures."""
    reference = result["reference"]
    pictures = " ".join(filter(None, (result["dataset"], result["split"]))) or "pictures"
    against = f"{reference['engine']} {reference['precision']}"
    other = "" if reference["model"] == result["model"] else f" of {reference['model']}"
    return f"{result['model']} against {against}{other}, {pictures}, n = {result['n']}"


def _cells(row: ParityRow, figures: Figures) -> tuple[str, ...]:
    megabytes = "-" if row.graph_bytes is None else f"{row.graph_bytes / 1e6:.1f}"
    verdict = f"beyond: {', '.join(_SHORT[name] for name in row.beyond)}" if row.beyond else "within"
    return (
        f"{figures.cosine_mean:.5f}",
        f"{figures.cosine_worst:.4f}",
        f"{figures.shift_mean:.3f}",
        f"{figures.shift_p99:.3f}",
        f"{figures.shift_max:.3f}",
        _signed(figures.plcc_drop),
        _signed(figures.srocc_drop),
        f"{figures.flips_percent:.1f} %",
        megabytes,
        verdict,
    )


def _signed(drop: float | None) -> str:
    return "-" if drop is None else f"{drop:+.4f}"
