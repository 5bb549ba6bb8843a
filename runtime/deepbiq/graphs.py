"""The graphs of a bundle: which ONNX file computes in which precision, and which of them an engine takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deepbiq.bundle import Bundle
from deepbiq.configuration import AUTO
from deepbiq.errors import BundleError, OptionError
from deepbiq.plans import Plan, parse_plan

PRECISIONS = ("fp32", "fp16", "int8")
CPU_INT8 = "int8-cpu"
TENSORRT_INT8 = "int8-tensorrt"
INT8_FLAVOURS = (CPU_INT8, TENSORRT_INT8)
GRAPH_HELP = f"{', '.join(PRECISIONS)}; or a flavour of INT8 by its name: {', '.join(INT8_FLAVOURS)}"
PRECISION_HELP = f"auto, {GRAPH_HELP}"
_ADDED_BY = {"fp16": "deepbiq export", CPU_INT8: "deepbiq calibrate", TENSORRT_INT8: "deepbiq calibrate"}


@dataclass(frozen=True, eq=False)
class Graph:
    """One graph of a bundle, with what an engine must know to run it.

    Attributes:
        key: Its name in the manifest: `fp32`, `fp16`, `int8-cpu` or `int8-tensorrt`.
        precision: What was asked for, as results state it.
        model: The ONNX file's bytes.
        input_name: The uint8 NHWC BGR input.
        output_name: The (N, D, rows, columns) features.
        input_size: Side of a crop in pixels.
        stride: Pixels from one window to the next.
        outer_windows: Windows at each edge of a picture that reach over it.
        feature_size: Length D of a feature vector.
    """

    key: str
    precision: str
    model: bytes
    input_name: str
    output_name: str
    input_size: int
    stride: int
    outer_windows: int
    feature_size: int

    @property
    def kind(self) -> str:
        """The precision without the flavour: `fp32`, `fp16` or `int8`."""
        return self.key.partition("-")[0]


def graph_key(precision: str, engine: str) -> str:
    """Names the graph that a precision stands for: INT8 has one flavour for TensorRT and one for everything else.

    Args:
        precision: One of `PRECISIONS` or `INT8_FLAVOURS`.
        engine: Name of the engine or build target.

    Raises:
        OptionError: When there is no such precision.
    """
    if precision == AUTO:
        raise OptionError(f"precision auto names no graph: use {GRAPH_HELP}")
    if precision not in (*PRECISIONS, *INT8_FLAVOURS):
        raise OptionError(f"unknown precision {precision!r}: use {PRECISION_HELP}")
    if precision == "int8":
        return TENSORRT_INT8 if engine.startswith("tensorrt") else CPU_INT8
    return precision


def graph_of(bundle: Bundle, precision: str, engine: str) -> Graph:
    """Takes the graph of a precision out of a bundle.

    Args:
        bundle: The opened bundle.
        precision: One of `PRECISIONS` or `INT8_FLAVOURS`.
        engine: Name of the engine or build target that will run it.

    Raises:
        OptionError: When there is no such precision.
        BundleError: When the bundle has no graph of it.
    """
    key = graph_key(precision, engine)
    manifest = bundle.manifest
    if key not in manifest["graphs"]:
        advice = f": `{_ADDED_BY[key]}` adds it" if key in _ADDED_BY else ""
        raise BundleError(f"{bundle.path}: holds no {key} graph, only {', '.join(manifest['graphs'])}{advice}")
    entry = manifest["graphs"][key]
    feature = manifest["feature"]
    return Graph(
        key=key,
        precision=precision,
        model=bundle.read(entry["file"]),
        input_name=manifest["input"]["name"],
        output_name=entry["output"],
        input_size=manifest["input"]["size"],
        stride=feature["stride"],
        outer_windows=outer_windows_of(manifest),
        feature_size=feature["size"],
    )


def keeps_accuracy(manifest: Mapping[str, Any], key: str, plan: Plan, pooling: str) -> bool:
    """Says whether a graph is known to score as FP32 does: its calibration kept a budget for this plan and pooling.

    Args:
        manifest: The bundle's.
        key: The graph's.
        plan: The sampling plan. Fewer crops than the calibration looked at are not known: errors average out less.
        pooling: The pooling; budgets are kept for the bundle's own.
    """
    if key == "fp32":
        return True
    if key not in manifest["graphs"] or pooling != manifest["plans"][plan.family]["pooling"]:
        return False
    proven = [parse_plan(cost["plan"]) for cost in manifest["graphs"][key].get("calibration", {}).get("costs", ())]
    return any(p.family == plan.family and (p.crops or 0) <= (plan.crops or 0) for p in proven)


def outer_windows_of(manifest: Mapping[str, Any]) -> int:
    """Reads how many windows reach over an edge; where it is not stated there is one around every cell."""
    around_every_cell = manifest["input"]["size"] // manifest["feature"]["stride"] // 2
    return int(manifest["feature"].get("outer_windows", around_every_cell))
