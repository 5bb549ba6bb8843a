"""A network whose features are known in closed form: the mean colour of every window, 32 pixels apart."""

from __future__ import annotations

import pytest

SIZE = 96
STRIDE = 32


def mean_colour_graph() -> bytes:
    """uint8 NHWC BGR in; `features` (N, 3, h, w) of the 96x96 window around every cell out: blue, green, red."""
    onnx = pytest.importorskip("onnx", reason="the tiny model is made with onnx: install deepbiq[export]")
    pool = onnx.helper.make_node
    return _graph(
        pool("AveragePool", ["nchw"], ["cells"], kernel_shape=[STRIDE] * 2, strides=[STRIDE] * 2),
        pool("AveragePool", ["cells"], ["features"], kernel_shape=[3, 3], strides=[1, 1], pads=[1] * 4),
    )


def inside_windows_graph(size: int) -> bytes:
    """The same of windows of any size that stay inside the picture, 32 pixels apart."""
    onnx = pytest.importorskip("onnx", reason="the tiny model is made with onnx: install deepbiq[export]")
    return _graph(
        onnx.helper.make_node("AveragePool", ["nchw"], ["features"], kernel_shape=[size] * 2, strides=[STRIDE] * 2)
    )


def _graph(*pooling) -> bytes:
    import onnx

    helper, tensor = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("Cast", ["image"], ["float"], to=tensor.FLOAT),
        helper.make_node("Transpose", ["float"], ["nchw"], perm=[0, 3, 1, 2]),
        *pooling,
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
