"""Averages in two passes are those of one, also at edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, checker, helper

from deepbiq_calibration.window_pooling import pool_in_two_passes
from tests.calibration.conftest import run


def pooling(**attributes):
    node = helper.make_node("AveragePool", ["image"], ["features"], name="pool", **attributes)
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", "c", f"{name} h", f"{name} w"])
        for name in ("image", "features")
    ]
    graph = helper.make_graph([node], "pooling", ends[:1], ends[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


@settings(max_examples=40)
@given(
    sides=st.tuples(st.integers(2, 7), st.integers(2, 7)),
    pads=st.tuples(*[st.integers(0, 1)] * 4),
    strides=st.tuples(st.integers(1, 2), st.integers(1, 2)),
    counted=st.booleans(),
    cells=st.tuples(st.integers(7, 12), st.integers(7, 12)),
)
def test_windows_of_any_size_and_padding(sides, pads, strides, counted, cells):
    plain = pooling(kernel_shape=sides, pads=pads, strides=strides, count_include_pad=int(counted))
    split = pool_in_two_passes(plain)
    checker.check_model(split, full_check=True)
    assert [node.op_type for node in split.graph.node] == ["AveragePool"] * 2
    values = np.random.default_rng(0).uniform(0, 6, (2, 3, *cells)).astype(np.float32)
    np.testing.assert_allclose(run(split, values)[0], run(plain, values)[0], rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    "attributes",
    [{"kernel_shape": [1, 7]}, {"kernel_shape": [3, 3], "ceil_mode": 1}, {"kernel_shape": [3]}],
)
def test_what_gains_nothing_or_would_differ_is_left_alone(attributes):
    plain = pooling(**attributes)
    assert pool_in_two_passes(plain) == plain
