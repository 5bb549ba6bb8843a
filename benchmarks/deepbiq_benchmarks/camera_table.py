"""The results of `deepbiq bench camera` as a table for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]

_HEADER = (
    "| source | frames a second | scored | dropped | age p50 | p95 | p99 | bound of p95 | cores busy "
    "| memory, growth |"
)


def camera_table(results: Sequence[Result]) -> str:
    """What watching a camera costs, as Markdown."""
    ours = [result for result in results if result.get("benchmark") == "camera"]
    if not ours:
        return NOT_MEASURED
    last = ours[-1]
    where = (
        f"*Plan {last['plan']}, {last['engine']} {last['precision']}, model {last['model']}, "
        f"{last['machine']['processor']}, {last['date'][:10]}.*"
    )
    rule = "|" + " --- |" * (_HEADER.count("|") - 1)
    return "\n".join([_HEADER, rule, *(_line(result) for result in ours), "", where])


def _line(result: Result) -> str:
    age, memory, checks = result["age_ms"], result["memory_mb"], result["checks"]
    bound = checks["age of results at p95, ms"]["bound"]
    served = ", page served" if result["served"] else ""
    cells = (
        f"{result['source']}, {result['width']}x{result['height']}, {result['seconds']:.0f} s{served}",
        f"{result['captured_per_s']:.1f}",
        f"{result['scored_per_s']:.1f}",
        str(result["dropped"]),
        *(f"{age[name]:.0f} ms" for name in ("p50", "p95", "p99")),
        f"{bound:.0f} ms",
        f"{result['cores_busy']:.2f} of {result['cores']}",
        f"{memory['end']:.0f} MB, {memory['most'] - memory['begin']:+.1f} MB",
    )
    return f"| {' | '.join(cells)} |"
