"""What deepbiq may add to the network and to its libraries, and how many turns show it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from deepbiq_benchmarks.checks import Check

CALL_ROUNDS = 20
CALL_LIMIT = 1.10
PROCESS_LIMIT = 2.5
MEMORY_LIMIT_MB = 350.0


def checks_of_overhead(call: Mapping[str, Any], process: Mapping[str, Any], imported: Sequence[str]) -> list[Check]:
    """Holds what was measured against its bounds.

    Args:
        call: From `overhead.call_against_bare_run`.
        process: From `overhead.process_against_imports`.
        imported: From `overhead.modules_of_import`.
    """
    return [
        Check("call / bare run", call["ratio"], CALL_LIMIT),
        Check("score process / imports", process["ratio"], PROCESS_LIMIT),
        Check("peak memory of a score process, MB", process["peak_memory_mb"], MEMORY_LIMIT_MB),
        Check("heavy modules that import deepbiq imports", len(imported), 0),
    ]
