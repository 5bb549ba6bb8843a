"""Plans for large archives as a table for the documents, from the measured rate and size of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.archive_table import photographs_in_words
from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]

SIZES = (10**7, 10**9)
MACHINES = (1, 10, 100, 1000)
DAYS_WORTH_WAITING = 30
"""Plans that take longer are left out, as long as there is a larger one."""
_HOUR = 3600


def archive_plan(results: Sequence[Result]) -> str:
    """How long ten million and a billion pictures take on such machines, and what they move, as Markdown.

    The rate is that of the largest photographs, the size of a row that of the most different ones: where few repeat
    under other names, rows compress better than they ever will.
    """
    ours = [r for r in results if r.get("benchmark") == "archive" and r["on"] == "local" and "photographs" in r]
    if not ours:
        return NOT_MEASURED
    result = max(ours, key=lambda r: r["photographs"]["mean_mb"])
    local, photographs = result["local"], result["photographs"]
    rows_of = max(ours, key=lambda r: r["photographs"]["n"])
    row_bytes = rows_of["local"]["row_bytes"]
    mb = photographs["mean_mb"]
    rows = [
        f"| 10^{round(math.log10(size))} | {machines:,} | {_duration(seconds)} | "
        f"{size * row_bytes / 1e9:,.1f} GB | {size * mb / 1e6:,.0f} TB | "
        f"{8 * mb * local['archive_per_s'] / 1000:.1f} Gbit/s |"
        for size in SIZES
        for machines in MACHINES
        if (seconds := size / local["archive_per_s"] / machines) <= DAYS_WORTH_WAITING * 24 * _HOUR
        and seconds >= _HOUR
    ]
    return "\n".join(
        [
            "| pictures | machines | time | results | read | network of each machine |",
            f"|{' --- |' * 6}",
            *rows,
            "",
            f"*From {local['archive_per_s']:.1f} pictures a second, {photographs_in_words(photographs)}, and "
            f"{row_bytes:.0f} bytes a row of {rows_of['photographs']['n']:,} different ones; "
            f"{result['machine']['processor']}, plan {result['plan']}, {result['engine']} "
            f"{result['precision']}, {result['date'][:10]}.*",
        ]
    )


def _duration(seconds: float) -> str:
    hours = seconds / _HOUR
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
