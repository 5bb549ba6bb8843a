"""The FP32 network that is calibrated: read, checked, and its weights as plain float32 initialisers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from deepbiq.errors import BundleError

OPSETS = range(13, 21)
"""From 13 on a scale may differ by channel; deepbiq's TensorRT builder reads up to 20."""
ACTIVATIONS = ("Clip", "Relu")
_QUANTISED = ("QuantizeLinear", "DequantizeLinear")


def read_network(graph: bytes, features: str, *, where: str) -> onnx.ModelProto:
    """Reads an FP32 graph.

    Args:
        graph: The ONNX file.
        features: Name of the output that only what feeds it is quantised.
        where: What to call the file in errors.

    Returns:
        The model, its weights float32 initialisers, every node named.

    Raises:
        BundleError: When it is empty, cut short, of another opset, holds operators or weights from elsewhere, is
            quantised already, or has no such output.
    """
    model = _parse(graph, where)
    _check_opset(model, where)
    outside = [item.name for item in model.graph.initializer if item.data_location == TensorProto.EXTERNAL]
    if outside:
        raise BundleError(
            f"{where}: {outside[0]} and perhaps others lie outside the file: a bundle's graph is whole"
        )
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise BundleError(f"{where}: not a valid ONNX graph ({str(error).strip()})") from error
    if any(node.op_type in _QUANTISED for node in model.graph.node):
        raise BundleError(f"{where}: is quantised already: calibration starts from the FP32 graph")
    _fold_half_weights(model)
    _name_nodes(model)
    if features not in (output.name for output in model.graph.output) or not layers_of(model, features):
        raise BundleError(f"{where}: has no output {features!r} that convolutions lead to")
    return model


def _parse(graph: bytes, where: str) -> onnx.ModelProto:
    if not graph:
        raise BundleError(f"{where}: the ONNX file is empty")
    try:
        model = onnx.load_model_from_string(graph)
    except DecodeError as error:
        raise BundleError(f"{where}: is no ONNX file, or was cut short ({error})") from error
    if not model.graph.node:
        raise BundleError(f"{where}: the ONNX file holds no graph")
    return model


def _check_opset(model: onnx.ModelProto, where: str) -> None:
    found = {item.domain: item.version for item in model.opset_import}
    foreign = sorted({node.domain for node in model.graph.node} - {"", "ai.onnx"})
    if foreign:
        raise BundleError(f"{where}: holds operators of {', '.join(foreign)}; only ONNX's own can be calibrated")
    if found.get("", 0) not in OPSETS:
        raise BundleError(
            f"{where}: is of opset {found.get('', 'none')}, calibration takes {OPSETS.start} to {OPSETS.stop - 1}: "
            "export the bundle again"
        )


def _fold_half_weights(model: onnx.ModelProto) -> None:
    """Makes float32 initialisers of float16 ones behind a Cast, as a compact export stores weights."""
    halved = {item.name: item for item in model.graph.initializer if item.data_type == TensorProto.FLOAT16}
    kept = []
    for node in model.graph.node:
        if node.op_type == "Cast" and node.input[0] in halved:
            weights = numpy_helper.to_array(halved[node.input[0]]).astype(np.float32)
            model.graph.initializer.append(numpy_helper.from_array(weights, node.output[0]))
        else:
            kept.append(node)
    keep_nodes(model, kept)


def _name_nodes(model: onnx.ModelProto) -> None:
    """Gives every node a name of its own: layers are left in float by name."""
    taken: set[str] = set()
    for index, node in enumerate(model.graph.node):
        if not node.name or node.name in taken:
            node.name = f"{node.op_type}:{index}"
        taken.add(node.name)


def replace(field: object, items: Sequence[object]) -> None:
    """Puts other items into a repeated field of a protobuf."""
    del field[:]  # type: ignore[attr-defined]  # protobuf's containers have no common type
    field.extend(items)  # type: ignore[attr-defined]


def keep_nodes(model: onnx.ModelProto, nodes: Sequence[onnx.NodeProto]) -> None:
    """Makes these the nodes of a model, in place, and drops the constants that none of them takes."""
    used = {name for node in nodes for name in node.input}
    replace(model.graph.node, nodes)
    replace(model.graph.initializer, [item for item in model.graph.initializer if item.name in used])


def copy_of(model: onnx.ModelProto) -> onnx.ModelProto:
    """Copies a model; every step of the room returns a new one."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    return copied


def feeding(model: onnx.ModelProto, *tensors: str) -> list[onnx.NodeProto]:
    """Lists the nodes that tensors depend on, in the graph's order."""
    wanted = set(tensors)
    found = []
    for node in reversed(model.graph.node):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            found.append(node)
    return found[::-1]


def layers_of(model: onnx.ModelProto, features: str) -> list[onnx.NodeProto]:
    """Lists the layers that can be quantised: the convolutions with constant weights that feed the features.

    Fully connected layers are convolutions in deepbiq's graphs.
    """
    constant = {item.name for item in model.graph.initializer}
    return [node for node in feeding(model, features) if node.op_type == "Conv" and node.input[1] in constant]


def initialisers(model: onnx.ModelProto) -> dict[str, npt.NDArray[np.generic]]:
    """Returns every initialiser's values by name."""
    return {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}


def set_initialisers(model: onnx.ModelProto, values: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Replaces initialisers, in place."""
    for item in model.graph.initializer:
        if item.name in values:
            item.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values[item.name]), item.name))


def consumers(model: onnx.ModelProto) -> dict[str, list[onnx.NodeProto]]:
    """Maps each tensor to the nodes that take it."""
    found: dict[str, list[onnx.NodeProto]] = {}
    for node in model.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    return found


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    """Maps each tensor to the node that makes it."""
    return {name: node for node in model.graph.node for name in node.output}


def chain_from(model: onnx.ModelProto, tensor: str, *operators: str) -> list[onnx.NodeProto] | None:
    """Follows a tensor through nodes of these operators, as long as each is all that takes what came before.

    Returns:
        A node for each operator; None where the network goes on otherwise.
    """
    taking = consumers(model)
    chain: list[onnx.NodeProto] = []
    for operator in operators:
        nodes = taking.get(tensor, [])
        if len(nodes) != 1 or nodes[0].op_type != operator or nodes[0].input[0] != tensor:
            return None
        chain.append(nodes[0])
        tensor = nodes[0].output[0]
    return chain


def attributes_of(node: onnx.NodeProto) -> dict[str, Any]:
    """Returns the values of a node's attributes by name; what is not set is missing."""
    return {item.name: helper.get_attribute_value(item) for item in node.attribute}


def groups_of(layer: onnx.NodeProto) -> int:
    """Reads into how many groups a convolution splits its channels."""
    return int(attributes_of(layer).get("group", 1))


def is_depthwise(model: onnx.ModelProto, layer: onnx.NodeProto) -> bool:
    """Says whether a convolution looks at each channel alone."""
    shape = next(item.dims for item in model.graph.initializer if item.name == layer.input[1])
    return groups_of(layer) > 1 and shape[1] == 1


def activation_after(model: onnx.ModelProto, layer: onnx.NodeProto) -> onnx.NodeProto | None:
    """Returns the Clip or Relu that is all that takes a layer's output, if there is one."""
    following = consumers(model).get(layer.output[0], [])
    return following[0] if len(following) == 1 and following[0].op_type in ACTIVATIONS else None


def bounds_after(model: onnx.ModelProto, layer: onnx.NodeProto) -> tuple[float, float]:
    """Returns between which values a layer's activation keeps its output; infinite where it does not."""
    activation = activation_after(model, layer)
    if activation is None:
        return -np.inf, np.inf
    if activation.op_type == "Relu":
        return 0.0, np.inf
    values = initialisers(model)
    low, high = (
        float(values[name]) if name else default
        for name, default in zip([*activation.input[1:], "", ""][:2], (-np.inf, np.inf), strict=True)
    )
    return low, high


def tensors_of(nodes: Sequence[onnx.NodeProto], constants: set[str]) -> Iterator[str]:
    """Yields every tensor that nodes take or give and that depends on the picture."""
    for node in nodes:
        yield from (name for name in (*node.input, *node.output) if name and name not in constants)


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Copies a model with other outputs, of types that shape inference restores; the rest of it is not run."""
    exposed = copy_of(model)
    replace(exposed.graph.output, [helper.make_empty_tensor_value_info(name) for name in names])
    return exposed
