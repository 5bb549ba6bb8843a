from __future__ import annotations

import pytest

onnx = pytest.importorskip("onnx", reason="needs the extra deepbiq[export]")

from deepbiq_export.export_error import ExportError  # noqa: E402  # after the skip
from deepbiq_export.graph import clean_graph, operator_counts, seal_graph  # noqa: E402

WRITTEN_BY_HAND = {"Transpose": 1, "Cast": 1, "Sub": 1, "Conv": 49, "Clip": 33, "Add": 9, "AveragePool": 1}
"""EfficientNet-Lite0: a stem, 16 blocks of two or three convolutions, a head; nine blocks add their input."""
FUSED = {**WRITTEN_BY_HAND, "GlobalAveragePool": 1, "Conv": 50, "Clip": 34, "Reshape": 1}
"""The average over all windows, the SVR, the clipping to 0..100, and one number per picture."""


def shape_of(value):
    return [dim.dim_param or dim.dim_value for dim in value.type.tensor_type.shape.dim]


def test_the_graph_is_as_small_as_one_written_by_hand(features_graph, graph):
    assert operator_counts(onnx.load_model_from_string(features_graph)) == WRITTEN_BY_HAND
    assert operator_counts(onnx.load_model_from_string(graph)) == FUSED


def test_axes_have_names_that_people_read(graph):
    loaded = onnx.load_model_from_string(graph)
    assert [(v.name, shape_of(v)) for v in (*loaded.graph.input, *loaded.graph.output)] == [
        ("image", ["batch", "height", "width", 3]),
        ("score", ["batch"]),
        ("features", ["batch", 1280, "rows", "columns"]),
    ]
    assert loaded.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8


def test_versions_are_those_that_older_programs_read(graph):
    loaded = onnx.load_model_from_string(graph)
    assert [(entry.domain, entry.version) for entry in loaded.opset_import] == [("", 18)]
    assert loaded.ir_version <= 10  # ONNX Runtime 1.20


def test_properties_are_kept_and_the_exporters_notes_dropped(graph):
    loaded = onnx.load_model_from_string(graph)
    assert {item.key: item.value for item in loaded.metadata_props} == {"name": "tested"}
    assert b".py" not in graph
    assert not any(node.metadata_props or node.doc_string for node in loaded.graph.node)


def test_paddings_are_attributes(graph):
    convolutions = [node for node in onnx.load_model_from_string(graph).graph.node if node.op_type == "Conv"]
    pads = {
        tuple(attribute.ints) for node in convolutions for attribute in node.attribute if attribute.name == "pads"
    }
    assert {(0, 0, 1, 1), (1, 1, 2, 2)} <= pads


def changed(model, change):
    loaded = onnx.load_model_from_string(model.raw_graph)
    change(loaded.graph)
    return loaded.SerializeToString()


def test_an_unexpected_operator_is_refused(model):
    extra = onnx.helper.make_node("Relu", ["features"], ["unused"])
    with pytest.raises(ExportError, match="'Relu': 1"):
        clean_graph(changed(model, lambda graph: graph.node.append(extra)), "efficientnet_lite0")


def test_another_output_is_refused(model):
    with pytest.raises(ExportError, match="expected"):
        clean_graph(changed(model, lambda graph: graph.output.pop()), "efficientnet_lite0")


def test_a_fixed_batch_is_refused(model):
    def fix(graph):
        graph.input[0].type.tensor_type.shape.dim[0].dim_value = 1

    with pytest.raises(ExportError, match="image has a fixed or dynamic axis"):
        clean_graph(changed(model, fix), "efficientnet_lite0")


def test_a_broken_graph_is_refused(model):
    with pytest.raises(ExportError, match="not valid ONNX"):
        seal_graph(changed(model, lambda graph: graph.initializer.pop()), {})
