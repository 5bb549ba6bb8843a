"""From an ONNX graph to a TensorRT network, with every silence of the parser turned into an error."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deepbiq.errors import EngineError
from deepbiq.graphs import Graph
from deepbiq_export.tensorrt.toolchain import Toolchain

if TYPE_CHECKING:
    import tensorrt

_COLOURS = 3


@dataclass(frozen=True)
class NetworkFacts:
    """What a network consists of before TensorRT fuses its layers.

    Attributes:
        layers: How many.
        by_type: Layers by type, for example `CONVOLUTION`.
        by_precision: Layers that compute, by what they compute in, for example `FLOAT`; a convolution of quantised
            values counts as `INT8`. Layers that only store or convert are left out.
    """

    layers: int
    by_type: Mapping[str, int]
    by_precision: Mapping[str, int]


def parse_network(tools: Toolchain, builder: tensorrt.Builder, graph: Graph) -> tensorrt.INetworkDefinition:
    """Parses a graph into a strongly typed network: what a layer computes in is what the ONNX says.

    Args:
        tools: The library.
        builder: What makes the network.
        graph: The graph.

    Raises:
        EngineError: When the graph cannot be parsed, or its network has other inputs or outputs than expected.
    """
    flag = tools.trt.NetworkDefinitionCreationFlag
    # A flag in TensorRT 10, and in 11 the only kind of network that there is.
    flags = 1 << int(flag.STRONGLY_TYPED) if hasattr(flag, "STRONGLY_TYPED") else 0
    network = builder.create_network(flags)
    if network is None:
        raise tools.failure("cannot create a network")
    parser = tools.trt.OnnxParser(network, tools.messages.logger)
    if not parser.parse(graph.model) or parser.num_errors:
        raise tools.failure(f"cannot parse the graph {graph.key}", _errors(parser))
    _check_input(tools, network, graph)
    _check_output(tools, network, graph)
    return network


def keep_only(network: tensorrt.INetworkDefinition, output: str) -> None:
    """Unmarks all other outputs; the builder then leaves out what only they need."""
    for tensor in _outputs(network):
        if tensor.name != output:
            network.unmark_output(tensor)


def network_facts(tools: Toolchain, network: tensorrt.INetworkDefinition) -> NetworkFacts:
    """Counts layers by type and by precision."""
    kinds = tools.trt.LayerType
    idle = {kinds.CONSTANT, kinds.CAST, kinds.QUANTIZE, kinds.DEQUANTIZE, kinds.SHUFFLE}
    types: Counter[str] = Counter()
    precisions: Counter[str] = Counter()
    dequantised = set()
    for index in range(network.num_layers):
        layer = network.get_layer(index)
        output, data = layer.get_output(0), layer.get_input(0)
        types[layer.type.name] += 1
        if output is None:  # as of the layers of an If
            continue
        if layer.type == kinds.DEQUANTIZE:
            dequantised.add(output.name)
        if layer.type not in idle:
            quantised = layer.type == kinds.CONVOLUTION and data is not None and data.name in dequantised
            precisions["INT8" if quantised else output.dtype.name] += 1
    return NetworkFacts(network.num_layers, dict(types), dict(precisions))


def _inputs(network: tensorrt.INetworkDefinition) -> list[tensorrt.ITensor]:
    return [network.get_input(index) for index in range(network.num_inputs)]


def _outputs(network: tensorrt.INetworkDefinition) -> list[tensorrt.ITensor]:
    return [network.get_output(index) for index in range(network.num_outputs)]


def _errors(parser: tensorrt.OnnxParser) -> str:
    return "; ".join(_in_words(parser.get_error(index)) for index in range(parser.num_errors))


def _in_words(error: tensorrt.ParserError) -> str:
    reason = " ".join(error.desc().split())
    if error.node() < 0:
        return reason
    if "Plugin not found" in reason:
        reason = f"TensorRT does not know the operator {error.node_operator()}"
    return f"node {error.node()} {error.node_name()} ({error.node_operator()}): {reason}"


def _check_input(tools: Toolchain, network: tensorrt.INetworkDefinition, graph: Graph) -> None:
    # TensorRT takes shapes for an input that does not exist, and then complains about the one that does.
    tensors = _inputs(network)
    fits = len(tensors) == 1 and (
        tensors[0].name == graph.input_name
        and tensors[0].dtype == tools.trt.DataType.UINT8
        and len(tensors[0].shape) == 4
        and tensors[0].shape[3] == _COLOURS
    )
    if not fits:
        raise EngineError(
            f"the graph {graph.key} has the inputs {_described(tensors)}, expected one: "
            f"{graph.input_name} UINT8 (batch, height, width, {_COLOURS})"
        )


def _check_output(tools: Toolchain, network: tensorrt.INetworkDefinition, graph: Graph) -> None:
    tensors = _outputs(network)
    fits = any(
        tensor.name == graph.output_name
        and tensor.dtype == tools.trt.DataType.FLOAT
        and len(tensor.shape) == 4
        and tensor.shape[1] == graph.feature_size
        for tensor in tensors
    )
    if not fits:
        raise EngineError(
            f"the graph {graph.key} has the outputs {_described(tensors)}, expected "
            f"{graph.output_name} FLOAT (batch, {graph.feature_size}, rows, columns)"
        )


def _described(tensors: list[tensorrt.ITensor]) -> str:
    return ", ".join(f"{tensor.name} {tensor.dtype.name} {tuple(tensor.shape)}" for tensor in tensors) or "none"
