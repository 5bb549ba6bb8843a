"""Sensitivity: what each layer alone costs when it is the only one that is quantised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import onnx

from deepbiq.budget import Cost


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs.

    Attributes:
        layer: Its name in the graph.
        place: Its number among the convolutions, from 0.
        cost: Of the scores, with every other layer in float.
    """

    layer: str
    place: int
    cost: Cost


def measure_layers(
    layers: Sequence[str],
    quantise_only: Callable[[str], onnx.ModelProto],
    judge: Callable[[onnx.ModelProto], Cost],
    advance: Callable[[], None],
) -> list[LayerCost]:
    """Measures every layer.

    Args:
        layers: Names, in the graph's order.
        quantise_only: Quantises one layer and leaves the others in float.
        judge: Compares a graph's scores with FP32's.
        advance: Called after each layer.

    Returns:
        One item per layer, in the given order.
    """
    found = []
    for place, layer in enumerate(layers):
        found.append(LayerCost(layer, place, judge(quantise_only(layer))))
        advance()
    return found


def costliest_first(costs: Sequence[LayerCost]) -> list[str]:
    """Orders layers by the spread of the shifts that they cause: bias correction takes a common shift away."""
    ordered = sorted(costs, key=lambda item: -item.cost.spread)
    return [item.layer for item in ordered]
