"""The results of `deepbiq bench archive` as tables for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.checks import check_rows
from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]


def archive_table(results: Sequence[Result]) -> str:
    """What archives cost beside a stream, and on Ray against their number of pictures, as Markdown."""
    ours = [result for result in results if result.get("benchmark") == "archive"]
    return "\n\n".join(_table(result) for result in ours) or NOT_MEASURED


def archive_lines(result: Result) -> list[str]:
    """What was measured, in lines for a terminal or below a table."""
    if "local" in result:
        return _local_lines(result["local"])
    return _ray_lines(result["scaling"])


def photographs_in_words(photographs: Result) -> str:
    """Says of which size they are on average."""
    return f"photographs of {photographs['mean_megapixels']:.2g} megapixels and {photographs['mean_mb']:.2g} MB"


def _table(result: Result) -> str:
    measured = [] if "local" in result else [*_ray_table(result["scaling"]), ""]
    of = f"{photographs_in_words(result['photographs'])}; " if "photographs" in result else ""
    where = (
        f"*{of}{'; '.join(archive_lines(result))}. "
        f"Plan {result['plan']}, {result['engine']} {result['precision']}, model {result['model']}, "
        f"{result['machine']['processor']}, {result['date'][:10]}.*"
    )
    return "\n".join([*measured, *check_rows(result["checks"]), "", where])


def _ray_table(scaling: Result) -> list[str]:
    rows = [
        f"| {point['n']:,} | {point['ray_s']:.1f} s | {point['local_s']:.1f} s | "
        f"{1000 * point['ray_s'] / point['n']:.1f} ms | {1000 * point['local_s'] / point['n']:.1f} ms | "
        f"{point['ray_peak_mb']:.0f} MB |"
        for point in scaling["points"]
    ]
    head = "| inputs | on Ray | on this machine | a picture on Ray | a picture here | peak memory on Ray |"
    return [head, "| --- | --- | --- | --- | --- | --- |", *rows]


def _local_lines(local: Result) -> list[str]:
    return [
        f"{local['n']:,} files, {local['errors']} of them broken, rounds in turn: {local['rounds']}; stream "
        f"{local['stream_per_s']:.1f} pictures/s, archive {local['archive_per_s']:.1f}",
        f"processor time a picture {local['stream_cpu_ms']:.1f} ms and {local['archive_cpu_ms']:.1f} ms, cores "
        f"busy {100 * local['stream_cores']:.0f} % and {100 * local['archive_cores']:.0f} %",
        f"the whole command {local['archive_command_s']:.1f} s; peak memory {local['peak_mb']:.0f} MB, of "
        f"{local['few']} files {local['few_mb']:.0f} MB",
    ]


def _ray_lines(scaling: Result) -> list[str]:
    lines = {
        name: "no line through one size"
        if line is None
        else f"{1000 * line['slope']:.2f} ms a picture and {line['intercept']:.1f} s once, R2 {line['r2']:.4f}"
        for name, line in (("on Ray", scaling["ray_line"]), ("on this machine", scaling["local_line"]))
    }
    return [f"rounds: {scaling['rounds']}", *(f"{name}: {words}" for name, words in lines.items())]
