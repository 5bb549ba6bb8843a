"""The scaling series for a terminal, and as Markdown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED, latest

Result = dict[str, Any]


def scaling_table(results: Sequence[Result]) -> str:
    """Every series in one row, with its line beside that of the roof, as Markdown.

    Args:
        results: All results, of which the one of `bench scaling` is taken.
    """
    result = latest(results, "scaling")
    if result is None:
        return NOT_MEASURED
    lines = [
        "| what grows | precision | milliseconds | line | R2 | at the roof | times the roof |",
        f"|{' --- |' * 7}",
    ]
    for series in result["series"]:
        line, roof = series["line"], series["roof_line"]
        over = [point["times_roof"] for point in series["points"]]
        cells = (
            series["name"],
            f"`{series['precision']}`",
            ", ".join(f"{point['x']:g}: {point['ms']:.1f}" for point in series["points"]),
            _line_words(line, series["fitted_on"]),
            "-" if line is None else f"{line['r2']:.3f}",
            _line_words(roof, series["fitted_on"]),
            f"{min(over):.1f} to {max(over):.1f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    roof = result["roofs"][-1]
    return "\n".join(
        [
            *lines,
            "",
            *(f"- Memory, {_memory_words(check)}" for check in result["memory"]),
            "",
            f"*{result['engine']} {result['version']}, model {result['model']}, {result['threads']} threads, "
            f"medians of {result['rounds']} turns; roof: "
            f"SGEMM {roof['sgemm_gflops']:.0f} GFLOP/s, INT8 {roof['int8_gops']:.0f} GOP/s, memory "
            f"{roof['memory_gbps']:.1f} GB/s. {result['machine']['processor']}, {result['date'][:10]}.*",
        ]
    )


def scaling_text(result: Result) -> str:
    """The whole result for a terminal.

    Args:
        result: Of `scaling.measure_scaling`.
    """
    lines = [
        f"roof, {roof['threads']} threads: SGEMM {roof['sgemm_gflops']:.0f} GFLOP/s ({roof['sgemm_by']}), INT8 "
        f"{roof['int8_gops']:.0f} GOP/s ({roof['int8_by']}), memory {roof['memory_gbps']:.1f} GB/s"
        for roof in result["roofs"]
    ]
    for series in result["series"]:
        lines += [
            "",
            f"{series['name']}, {series['precision']}: {_line_words(series['line'], series['fitted_on'])}",
        ]
        lines.append(f"{series['unit']:>18}{'ms':>9}{'roof ms':>9}{'times':>7}{'MB':>7}")
        for point in series["points"]:
            memory = "-" if point["memory_mb"] is None else f"{point['memory_mb']:.0f}"
            times = f"{point['ms']:9.1f}{point['roof_ms']:9.1f}{point['times_roof']:7.1f}"
            lines.append(f"{point['x']:18g}{times}{memory:>7}")
    return "\n".join([*lines, "", *(f"memory, {_memory_words(check)}" for check in result["memory"])])


def _line_words(line: Result | None, fitted_on: str) -> str:
    if line is None:
        return "-"
    intercept = round(line["intercept"], 6) + 0.0  # what rounding leaves of nought is none, and has no sign
    return f"{line['slope']:.3g} ms x {fitted_on} {intercept:+.3g} ms"


def _memory_words(check: Result) -> str:
    slope = check["mb_per_megapixel"]
    grows = "not measured" if slope is None else f"{slope:.1f} MB per megapixel from 6.6 megapixels on"
    return (
        f"{check['series']} `{check['precision']}`: {grows} (bound {check['bound']:g}), "
        f"{check['peak_mb']:.0f} MB at the most"
    )
