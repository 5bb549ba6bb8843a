"""Averages over windows in two passes, along rows and then along columns: 2 k additions in place of k squared.

A window is made of whole rows, also at an edge, where what lies outside is not counted; so the average of its rows'
averages is its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import onnx
from onnx import helper

from deepbiq_calibration.network import attributes_of, copy_of, keep_nodes

_POOL = "AveragePool"


def pool_in_two_passes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Splits every average over windows with a side of more than one cell; values differ by rounding alone."""
    changed = copy_of(model)
    nodes: list[onnx.NodeProto] = []
    for node in changed.graph.node:
        nodes += _two_passes(node) if node.op_type == _POOL else [node]
    keep_nodes(changed, nodes)
    return changed


def _two_passes(pool: onnx.NodeProto) -> list[onnx.NodeProto]:
    told = attributes_of(pool)
    if not _can_be_split(told):
        return [pool]
    height, width = told.pop("kernel_shape")
    down, along = told.pop("strides", [1, 1])
    top, left, bottom, right = told.pop("pads", [0, 0, 0, 0])
    between = f"{pool.name}/rows"
    return [
        helper.make_node(
            _POOL, [pool.input[0]], [between], name=between,
            kernel_shape=[1, width], strides=[1, along], pads=[0, left, 0, right], **told,
        ),
        helper.make_node(
            _POOL, [between], [pool.output[0]], name=pool.name,
            kernel_shape=[height, 1], strides=[down, 1], pads=[top, 0, bottom, 0], **told,
        ),
    ]  # fmt: skip


def _can_be_split(told: Mapping[str, Any]) -> bool:
    """Says whether a window has two sides of several cells, and none is cut off at the end (`ceil_mode`)."""
    sides = told["kernel_shape"]
    return len(sides) == len("HW") and min(sides) > 1 and not told.get("ceil_mode") and "dilations" not in told
