"""The result of `deepbiq bench refit` as tables for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED, latest

Result = dict[str, Any]


def refit_table(results: Sequence[Result]) -> str:
    """What refits gain by the number of ratings, and how often senseless ratings are refused, as Markdown."""
    result = latest(results, "refit")
    if result is None:
        return NOT_MEASURED
    rows = [
        f"| {row['old']} | {row['n']} | "
        f"{' | '.join(_figures(row, way) for way in ('before', 'old', 'zero', 'chosen'))} | "
        f"{100 * row['accepted']:.0f} % |"
        for row in result["rows"]
    ]
    random = [f"| {row['n']} | {row['draws']} | {row['refused']} |" for row in result["random"]]
    return "\n".join(
        [
            "| old head | ratings | before | drawn to the old head | drawn to zero | as cross-validation chooses | "
            "accepted |",
            f"|{' --- |' * 7}",
            *rows,
            "",
            "| random scores of | draws | refused |",
            "| --- | --- | --- |",
            *random,
            "",
            f"*SROCC / MAE on {result['test_n']:,} test pictures of {result['data']}, means over "
            f"{result['rows'][0]['draws']} draws from {result['pool_n']} others. Plan {result['plan']}, "
            f"{result['engine']} {result['precision'].upper()}, model {result['model']}, "
            f"{result['machine']['processor']}, {result['date'][:10]}.*",
        ]
    )


def _figures(row: Result, way: str) -> str:
    return f"{row[f'{way}_srocc']:.3f} / {row[f'{way}_mae']:.2f}"
