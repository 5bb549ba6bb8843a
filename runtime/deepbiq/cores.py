"""The processor's cores that this process may use."""

from __future__ import annotations

import os


def usable_cores() -> int:
    """Counts the logical cores that this process may run on, at least 1: its affinity, not the whole machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
