"""Finishing an exported graph: readable names, nothing superfluous, words of its own, and a check of each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import onnx

from deepbiq_export.export_error import ExportError

INPUT = "image"
FEATURES = "features"
SHAPES: Mapping[str, tuple[str, ...]] = {
    INPUT: ("batch", "height", "width"),
    FEATURES: ("batch", "", "rows", "columns"),
}
"""Names of the dynamic axes; an empty one is fixed."""
_PIXELS = frozenset({"Transpose", "Cast", "Sub"})
OPERATORS: Mapping[str, frozenset[str]] = {
    "efficientnet_lite0": _PIXELS | {"Conv", "Clip", "Add", "AveragePool"},
    "caffenet": _PIXELS | {"Conv", "Relu", "MaxPool", "LRN"},
    "alexnet": _PIXELS | {"Conv", "Relu", "MaxPool"},
}
"""What a graph written by hand would need, by backbone. One that holds more was exported badly, would run slower
and may not build elsewhere (an LRN taken apart brings If nodes, and squares that overflow in FP16)."""


def clean_graph(raw: bytes, backbone: str) -> bytes:
    """Cleans an exporter's graph of features.

    Args:
        raw: The exporter's ONNX file.
        backbone: What decides which operators it may hold.

    Returns:
        The ONNX file with readable names and without the exporter's notes.

    Raises:
        ExportError: When it has other inputs, outputs or operators than expected.
    """
    model = onnx.load_model_from_string(raw)
    _check_operators(model, OPERATORS[backbone])
    _name_axes(model)
    _strip(model)
    return bytes(model.SerializeToString(deterministic=True))


def seal_graph(graph: bytes, properties: Mapping[str, str]) -> bytes:
    """Writes a finished graph's words into it and checks it as a whole.

    Args:
        graph: The ONNX file.
        properties: What goes into its metadata_props.

    Raises:
        ExportError: When it is not valid ONNX.
    """
    model = onnx.load_model_from_string(graph)
    onnx.helper.set_model_props(model, dict(properties))
    try:
        onnx.checker.check_model(model, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise ExportError(f"the exported graph is not valid ONNX: {error}") from error
    return bytes(model.SerializeToString(deterministic=True))


def operator_counts(model: onnx.ModelProto) -> Counter[str]:
    """Counts the nodes of a graph by operator."""
    return Counter(node.op_type for node in model.graph.node)


def _check_operators(model: onnx.ModelProto, allowed: frozenset[str]) -> None:
    superfluous = {name: n for name, n in operator_counts(model).items() if name not in allowed}
    if superfluous:
        raise ExportError(
            f"the exported graph holds {superfluous}, expected only {', '.join(sorted(allowed))}: "
            "this version of torch or onnxscript exports differently; torch 2.14 with onnxscript 0.7 works"
        )


def _name_axes(model: onnx.ModelProto) -> None:
    """Renames the exporter's s40, s62 and s73; names must be the expected ones."""
    values = {value.name: value for value in (*model.graph.input, *model.graph.output)}
    if values.keys() != SHAPES.keys():
        raise ExportError(f"the exported graph has {sorted(values)}, expected {sorted(SHAPES)}")
    for name, axes in SHAPES.items():
        for dim, axis in zip(values[name].type.tensor_type.shape.dim, axes, strict=False):
            if bool(axis) == dim.HasField("dim_value"):
                raise ExportError(f"the exported graph's {name} has a fixed or dynamic axis where it must not")
            if axis:
                dim.dim_param = axis


def _strip(model: onnx.ModelProto) -> None:
    """Drops the exporter's notes: stack traces with paths, and shapes that shape inference restores."""
    del model.graph.value_info[:]
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    for item in (*model.graph.node, *model.graph.input, *model.graph.output, *model.graph.initializer):
        del item.metadata_props[:]
        item.doc_string = ""
