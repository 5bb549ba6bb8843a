"""The element types of a graph's tensors, as shape inference finds them."""

from __future__ import annotations

import onnx


def tensor_types(model: onnx.ModelProto) -> dict[str, int]:
    """Returns the element type (`onnx.TensorProto`) of inputs, outputs and everything between, by tensor name.

    Args:
        model: Nodes in topological order.
    """
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        value.name: value.type.tensor_type.elem_type
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }
