"""The comparison with peers for a terminal, and as Markdown for README and docs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED, latest

Result = dict[str, Any]

_COLUMNS = ("method", "threads", "ms", "10 to 90 %", "times deepbiq", "PLCC", "SROCC", "GMAC", "times the roof")


def peers_table(results: Sequence[Result]) -> str:
    """The rows of the peers result, the fastest first, as Markdown; what did not run follows in words.

    Args:
        results: All results, of which the one of `bench peers` is taken.
    """
    result = latest(results, "peers")
    if result is None:
        return NOT_MEASURED
    ran = _fastest_first(result)
    idle = [row for row in result["rows"] if row["reason"] is not None]
    roof = result["roof"]
    lines = [f"| {' | '.join(_COLUMNS)} |", f"|{' --- |' * len(_COLUMNS)}"]
    lines += [f"| {' | '.join(_cells(row, emphasis='**'))} |" for row in ran]
    return "\n".join(
        [
            *lines,
            "",
            *(f"- Not run: {row['name']}: {row['reason']}" for row in idle),
            *([""] if idle else []),
            f"*{_measured_on(result)}. Roof: {_roof_words(roof)}. {result['machine']['processor']}, "
            f"{result['date'][:10]}.*",
        ]
    )


def peers_summary_table(results: Sequence[Result]) -> str:
    """A short table for a front page: the default call, the paper's crops in the fastest library, other packages.

    Args:
        results: All results, of which the one of `bench peers` is taken.
    """
    result = latest(results, "peers")
    if result is None:
        return NOT_MEASURED
    ran = _fastest_first(result)
    # deepbiq's plans and its CaffeNet are in the whole table only.
    kinds: dict[str, Result] = {}
    for row in ran:
        if row["plan"] is None:
            crops = row["name"].startswith("25 crops")
            kinds.setdefault(row["name"].rpartition(",")[0] if crops else row["name"], row)
    lines = ["| method | ms | times deepbiq | PLCC | SROCC |", "| --- | --- | --- | --- | --- |"]
    for row in kinds.values():
        name, _, ms, _, ratio, plcc, srocc, *_ = _cells(row, emphasis="**")
        lines.append(f"| {name} | {ms} | {ratio} | {plcc} | {srocc} |")
    return "\n".join(
        [*lines, "", f"*{_measured_on(result)}. {result['machine']['processor']}, {result['date'][:10]}.*"]
    )


def checks_table(results: Sequence[Result]) -> str:
    """What the run had to show, as Markdown."""
    result = latest(results, "peers")
    if result is None:
        return NOT_MEASURED
    lines = ["| row | figure | measured | bound | kept |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| {check['of']} | {check['what']} | {' | '.join(_check_cells(check))} |" for check in result["checks"]
    ]
    return "\n".join([*lines, *_comparison_lines(result)])


def peers_text(result: Result) -> str:
    """The whole result for a terminal.

    Args:
        result: Of `peers_result.compare_with_peers`.
    """
    cells = [_COLUMNS, *(_cells(row) for row in _fastest_first(result))]
    widths = [max(len(line[column]) for line in cells) for column in range(len(_COLUMNS))]
    table = [
        "  ".join(
            cell.rjust(width) if column else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in cells
    ]
    rows = result["rows"]
    idle = [f"not run: {row['name']}: {row['reason']}" for row in rows if row["reason"] is not None]
    failed = [
        f"{row['name']} failed on {row['failures']} pictures: {_first_failure(row)}"
        for row in rows
        if row["failures"] and row["reason"] is None
    ]
    checks = []
    for check in result["checks"]:
        measured, bound, kept = _check_cells(check)
        checks.append(f"{kept:14}{check['of']}: {check['what']}: {measured} ({bound})")
    head = [_measured_on(result), f"roof: {_roof_words(result['roof'])}", ""]
    tail = [*idle, *failed, *_comparison_lines(result)]
    return "\n".join([*head, *table, "", *checks, *([""] if tail else []), *filter(None, tail)])


def _fastest_first(result: Result) -> list[Result]:
    """The rows that ran."""
    return sorted((row for row in result["rows"] if row["reason"] is None), key=lambda row: float(row["ms"]))


def _cells(row: Result, emphasis: str = "") -> tuple[str, ...]:
    ours = row["name"].startswith("deepbiq")
    name = f"{emphasis}{row['name']}{emphasis}" if ours else row["name"]
    if row["note"]:
        name += f" ({row['note']})"
    return (
        f"{name}, {row['version']}" if not ours else name,
        str(row["threads"] or "-"),
        f"{row['ms']:.1f}",
        f"{row['p10_ms']:.1f} to {row['p90_ms']:.1f}",
        f"{row['ratio']:.2f}",
        _number(row["plcc"], ".3f"),
        _number(row["srocc"], ".3f"),
        _number(row["gmacs"], ".2f"),
        _number(row["times_roof"], ".1f"),
    )


def _check_cells(check: Result) -> tuple[str, str, str]:
    verdict = {True: "yes", False: "no", None: "not measured"}[check["passes"]]
    return (
        _number(check["value"], ".3f"),
        f"at {'least' if check['at_least'] else 'most'} {check['bound']:g}",
        verdict if check["binding"] else f"({verdict})",
    )


def _comparison_lines(result: Result) -> list[str]:
    comparison = result["comparison"]
    if comparison is None:
        return []
    if comparison["largest"] is None:
        return ["", "The earlier run has no row in common with this one."]
    worst = max(comparison["rows"], key=lambda row: float(row["difference"]))
    return [
        "",
        f"Against an earlier run the ratios of {len(comparison['rows'])} rows differ by at most "
        f"{100 * comparison['largest']:.1f} % ({worst['name']}: {worst['earlier']:.2f} then, {worst['ratio']:.2f} "
        f"now; bound {100 * comparison['bound']:g} %).",
    ]


def _measured_on(result: Result) -> str:
    rated = ""
    if result["dataset"]:
        rated = f"; accuracy on {result['dataset']} {result['split']}, n = {result['pictures_rated']:,}"
    return (
        f"Array in, score out, {len(result['pictures_timed'])} pictures of 512x512 in turn, at least "
        f"{result['rounds']} rounds, medians, {result['threads']} threads{rated}"
    )


def _roof_words(roof: Result) -> str:
    return (
        f"SGEMM {roof['sgemm_gflops']:.0f} GFLOP/s ({roof['sgemm_by']}), INT8 {roof['int8_gops']:.0f} GOP/s, "
        f"memory {roof['memory_gbps']:.1f} GB/s"
    )


def _first_failure(row: Result) -> str:
    file, fault = next(iter(row["failed_on"].items()))
    return f"{file}: {fault}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)
