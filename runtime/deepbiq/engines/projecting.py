"""Graphs that compute projections in place of features: the weights go before the pooling."""

from __future__ import annotations

from dataclasses import replace

from deepbiq.engines.onnx_file import Node, OnnxFile, constant, new_node
from deepbiq.graphs import Graph
from deepbiq.projection import Projection

_POOL = "AveragePool"
_SCOPE = "deepbiq/projection/"
_CHANNELS_LAST, _CHANNELS_FIRST = (0, 2, 3, 1), (0, 3, 1, 2)


def project(graph: Graph, projection: Projection | None) -> Graph | None:
    """Lets a graph compute projections in place of features.

    Args:
        graph: A graph of a bundle.
        projection: What to project on, if anything.

    Returns:
        The graph, whose output is (N, K, rows, columns) float32 under the same name. None where there is nothing
        to project on, or features are no averages of cells (CaffeNet's are of a fully connected layer); also where
        the file is no ONNX file: whoever runs it says what is wrong with it.
    """
    if projection is None:
        return None
    try:
        file = OnnxFile.of(graph.model)
    except ValueError:
        return None
    pools = _pools_before(file, graph.output_name)
    if not pools:
        return None
    cells, weights, products, planes = (f"{_SCOPE}{name}" for name in ("cells", "weights", "products", "planes"))
    added = [
        new_node("Transpose", [pools[0].inputs[0]], cells, perm=_CHANNELS_LAST),
        new_node("MatMul", [cells, weights], products),
        new_node("Transpose", [products], planes, perm=_CHANNELS_FIRST),
        pools[0].reading(planes),
        *pools[1:],
    ]
    old = replace(file, nodes=tuple(node for node in file.nodes if node not in pools))
    model = old.with_output(graph.output_name, added, [constant(weights, projection.weights.T)])
    return replace(graph, model=model, feature_size=len(projection.weights))


def _pools_before(file: OnnxFile, output: str) -> list[Node]:
    """Finds the averages that make an output of cells, the first of them first."""
    makers = file.makers()
    pools: list[Node] = []
    node = makers.get(output)
    while node is not None and node.operator == _POOL:
        pools.insert(0, node)
        node = makers.get(node.inputs[0])
    return pools
