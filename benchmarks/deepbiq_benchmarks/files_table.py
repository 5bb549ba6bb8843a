"""The results of `deepbiq bench files` as a table for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.checks import check_rows
from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]


def files_table(results: Sequence[Result]) -> str:
    """How cost grows with megapixels, and what a stream gains, as Markdown."""
    ours = [result for result in results if result.get("benchmark") == "files"]
    return "\n\n".join(_table(result) for result in ours) or NOT_MEASURED


def _table(result: Result) -> str:
    stream, memory = result["stream"], result["memory"]
    sizes = [
        f"| {row['megapixels']:.2g} megapixels, {row['bytes'] / 1e6:.2f} MB | {row['score_ms']:.1f} ms | "
        f"{row['entropy_ms']:.1f} ms |"
        for row in result["sizes"]
    ]
    return "\n".join(
        [
            "| JPEG | file to score | its entropy decoding alone |",
            "| --- | --- | --- |",
            *sizes,
            "",
            *check_rows(result["checks"]),
            "",
            f"*Turns of every size: {result['sizes'][0]['n']}; rounds of stream and loop: {stream['rounds']}. "
            f"{stream['n']} files: {stream['loop_per_s']:.1f} pictures/s in a loop, "
            f"{stream['stream_per_s']:.1f} as a stream; peak memory {memory['smallest_mb']:.0f} MB, with 48 "
            f"megapixels {memory['largest_mb']:.0f} MB. "
            f"Plan {result['plan']}, {result['engine']} {result['precision']}, model {result['model']}, "
            f"{result['machine']['processor']}, {result['date'][:10]}.*",
        ]
    )
