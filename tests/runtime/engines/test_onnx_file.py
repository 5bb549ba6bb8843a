"""ONNX files read and written here are those that the package onnx reads and writes."""

import contextlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from deepbiq.bundle import default_bundle_path
from deepbiq.engines.onnx_file import OnnxFile, constant, new_node
from tests.tiny_model import mean_colour_graph

onnx = pytest.importorskip("onnx", reason="what is read is compared with onnx: install deepbiq[export]")


@pytest.mark.parametrize("file", sorted(default_bundle_path().glob("*.onnx")), ids=lambda file: file.name)
def test_the_nodes_are_those_that_onnx_reads(file):
    data = file.read_bytes()
    expected = onnx.load_from_string(data).graph.node
    found = OnnxFile.of(data).nodes
    assert [(n.operator, n.inputs, n.outputs) for n in found] == [
        (n.op_type, tuple(n.input), tuple(n.output)) for n in expected
    ]


def test_an_output_keeps_what_it_needs_and_nothing_else():
    data = (default_bundle_path() / "model.fp32.onnx").read_bytes()
    before = onnx.load_from_string(data)
    after = onnx.load_from_string(OnnxFile.of(data).with_output("features", [], []))
    onnx.checker.check_model(after, full_check=True)
    assert [item.name for item in after.graph.output] == ["features"]
    assert list(after.graph.node) == [n for n in before.graph.node if not n.name.startswith("score/")]
    for field in ("input", "initializer"):
        assert getattr(after.graph, field) == getattr(before.graph, field)
    for field in ("ir_version", "opset_import", "metadata_props", "producer_name"):
        assert getattr(after, field) == getattr(before, field)


@given(
    arrays(np.float32, array_shapes(max_dims=3, max_side=200), elements=st.floats(width=32)),
    st.lists(st.integers(0, 2**40), min_size=1, max_size=4),
)
def test_new_nodes_and_constants_are_read_back(values, numbers):
    node = new_node("Transpose", ["features", "räume"], "turned", perm=numbers)
    data = OnnxFile.of(mean_colour_graph()).with_output("turned", [node], [constant("räume", values)])
    graph = onnx.load_from_string(data).graph
    assert (graph.node[-1].op_type, *graph.node[-1].input) == ("Transpose", "features", "räume")
    (attribute,) = graph.node[-1].attribute
    assert (attribute.name, onnx.helper.get_attribute_value(attribute)) == ("perm", numbers)
    (found,) = (onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if tensor.name == "räume")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, values)


def test_a_node_that_reads_another_tensor_keeps_its_attributes():
    pool = OnnxFile.of(mean_colour_graph()).makers()["features"]
    data = OnnxFile.of(mean_colour_graph()).with_output("features", [pool.reading("nchw")], [])
    before = onnx.load_from_string(mean_colour_graph()).graph.node[-1]
    after = onnx.load_from_string(data).graph.node[-1]
    assert list(after.input) == ["nchw"]
    assert (after.output, after.attribute) == (before.output, before.attribute)


@given(st.binary(max_size=60), st.integers(0, len(mean_colour_graph())), st.integers(0, 60))
def test_damage_is_never_another_error_than_a_wrong_value(damage, at, lost):
    data = mean_colour_graph()
    with contextlib.suppress(ValueError):
        OnnxFile.of(data[:at] + damage + data[at + lost :])


@pytest.mark.parametrize("lost", range(10, 60))
def test_a_file_whose_graph_was_cut_off_is_none(lost):
    with pytest.raises(ValueError, match="no ONNX file"):
        OnnxFile.of(mean_colour_graph()[:-lost])
