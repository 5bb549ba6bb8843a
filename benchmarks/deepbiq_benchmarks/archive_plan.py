"""Plans for large archives as a table for the documents, from the measured rate and size of rows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]

SIZES = (10**7, 10**9)
MACHINES = (1, 10, 100, 1000)
DAYS_WORTH_WAITING = 30
"""Plans that take longer are left out, as long as there is a larger one."""
PICTURE_MB = 3.0
"""Size of a photograph for the plan, in megabytes: what phones and cameras save as JPEG is 2 to 5."""
_HOUR = 3600


def archive_plan(results: Sequence[Result]) -> str:
    """How long ten million and a billion pictures take on such machines, and what they move, as Markdown."""
    result = next((r for r in results if r.get("benchmark") == "archive" and r["on"] == "local"), None)
    if result is None:
        return NOT_MEASURED
    local = result["local"]
    rows = [
        f"| 10^{round(math.log10(size))} | {machines:,} | {_duration(seconds)} | "
        f"{size * local['row_bytes'] / 1e9:,.1f} GB | {size * PICTURE_MB / 1e6:,.0f} TB | "
        f"{8 * PICTURE_MB * local['archive_per_s'] / 1000:.1f} Gbit/s |"
        for size in SIZES
        for machines in MACHINES
        if (seconds := size / local["archive_per_s"] / machines) <= DAYS_WORTH_WAITING * 24 * _HOUR
        and seconds >= _HOUR
    ]
    return "\n".join(
        [
            "| pictures | machines | time | results | read at "
            f"{PICTURE_MB:g} MB a picture | network of each machine |",
            f"|{' --- |' * 6}",
            *rows,
            "",
            f"*From {local['archive_per_s']:.1f} pictures a second and {local['row_bytes']:.0f} bytes a row of "
            f"{local['n']:,} files; {result['machine']['processor']}, plan {result['plan']}, {result['engine']} "
            f"{result['precision']}, {result['date'][:10]}.*",
        ]
    )


def _duration(seconds: float) -> str:
    hours = seconds / _HOUR
    return f"{hours:.1f} hours" if hours < 48 else f"{hours / 24:.1f} days"
