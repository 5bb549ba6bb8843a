"""A network whose features are known in closed form: the mean colour of every 32x32 cell."""

from __future__ import annotations

import pytest

SIZE = 96
STRIDE = 32


def mean_colour_graph() -> bytes:
    """uint8 NHWC BGR in; `features` (N, 3, h, w) of the 96x96 window around every cell out: blue, green, red."""
    onnx = pytest.importorskip("onnx", reason="the tiny model is made with onnx: install deepbiq[export]")
    helper, tensor = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=tensor.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        helper.make_node("AveragePool", ["nchw"], ["cells"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2),
        helper.make_node("AveragePool", ["cells"], ["features"], kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4),
    ]
    graph = helper.make_graph(
        nodes,
        "mean_colour",
        [helper.make_tensor_value_info("image", tensor.UINT8, ["n", "height", "width", 3])],
        [helper.make_tensor_value_info("features", tensor.FLOAT, ["n", 3, "rows", "columns"])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model.SerializeToString()
