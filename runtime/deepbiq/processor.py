"""The processor: its name, and the instruction sets that decide how fast it computes."""

from __future__ import annotations

import platform
from pathlib import Path

CPU_FEATURES = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "amx_int8", "amx_bf16", "asimd", "asimddp", "i8mm")
"""Instruction sets that decide how fast convolutions are, in FP32 and in INT8, by their names in Linux."""


def processor() -> tuple[str, list[str]]:
    """Returns the processor's name and which of `CPU_FEATURES` it has."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return platform.processor() or platform.machine(), []
    fields: dict[str, str] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip().lower(), value.strip())
    flags = (fields.get("flags") or fields.get("features") or "").split()
    return fields.get("model name", platform.machine()), [flag for flag in CPU_FEATURES if flag in flags]
