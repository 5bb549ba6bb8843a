"""ONNX Runtime beside OpenVINO on every machine that `bench peers` was run on, as a table for the documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from deepbiq_benchmarks.results import NOT_MEASURED

Result = dict[str, Any]

_SAME_WORK = {
    "`dense`, FP32": ("deepbiq dense fp32", "deepbiq dense fp32, openvino"),
    "`dense`, INT8": ("deepbiq dense int8", "deepbiq dense int8, openvino"),
    "25 crops, FP32": (
        "25 crops of EfficientNet-Lite0, onnxruntime",
        "25 crops of EfficientNet-Lite0, openvino",
    ),
}
"""What both compute, by the names of their rows."""


def engines_table(results: Sequence[Result]) -> str:
    """Milliseconds of ONNX Runtime and of OpenVINO for the same work, a row for each machine, as Markdown."""
    ours = [result for result in results if result.get("benchmark") == "peers"]
    if not ours:
        return NOT_MEASURED
    names = " | ".join(f"{work}: ONNX Runtime | OpenVINO" for work in _SAME_WORK)
    return "\n".join([f"| machine | {names} |", f"|{' --- |' * (1 + 2 * len(_SAME_WORK))}", *map(_line, ours)])


def _line(result: Result) -> str:
    times = {row["name"]: row["ms"] for row in result["rows"]}
    cells = [f"{times[name]:.1f}" for pair in _SAME_WORK.values() for name in pair]
    where = f"{result['machine']['processor']}, {result['date'][:10]}"
    return f"| {where} | {' | '.join(cells)} |"
