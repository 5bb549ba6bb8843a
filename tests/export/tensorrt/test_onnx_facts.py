"""The few fields of ONNX that are read without the onnx package, compared with that package."""

from __future__ import annotations

import numpy as np
import pytest

from deepbiq import onnx_fields as fields
from deepbiq.cli.exit_codes import UNUSABLE_MODEL, exit_code_of
from deepbiq.errors import EngineError
from deepbiq.protobuf import join
from deepbiq_export.tensorrt.onnx_facts import read_onnx

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")

from tests.export.tensorrt.graphs import changed, default_graph, quantised, tiny_graph  # noqa: E402  # after the skip


def refused(model, match):
    with pytest.raises(EngineError, match=match) as caught:
        read_onnx(model)
    assert exit_code_of(caught.value) == UNUSABLE_MODEL


def elements(model):
    return sum(int(np.prod(item.dims)) for item in onnx.load_model_from_string(model).graph.initializer)


def test_weights_count_in_the_type_that_they_are_computed_in():
    graph = default_graph("fp32")
    facts = read_onnx(graph.model)
    assert facts.opset == 18
    # The bundle stores weights in FP16 and casts them: four bytes of each are computed with, whatever is stored.
    assert facts.weight_bytes == pytest.approx(4 * elements(graph.model), rel=1e-3)


def test_quantised_weights_count_one_byte():
    half, full = quantised(default_graph("fp32")), default_graph("fp32")
    kept, everything = read_onnx(half.model).weight_bytes, read_onnx(full.model).weight_bytes
    depthwise_and_bias = 0.1
    assert everything / 4 < kept < everything * (1 / 4 + depthwise_and_bias)


def test_weights_before_a_quantize_node_count_one_byte():
    tensor = onnx.TensorProto
    weight = onnx.numpy_helper.from_array(np.zeros((3, 3, 5, 5), np.float32), "weight")
    node = onnx.helper.make_node("QuantizeLinear", ["weight", "scale", "zero"], ["quantised"])
    graph = onnx.helper.make_graph([node], "g", [], [], [weight])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)])
    assert read_onnx(model.SerializeToString()).weight_bytes == 225
    model.graph.node[0].op_type = "Identity"
    assert read_onnx(model.SerializeToString()).weight_bytes == 900
    model.graph.initializer[0].data_type = tensor.DOUBLE
    assert read_onnx(model.SerializeToString()).weight_bytes == 1800


def test_constants_inside_branches_are_found():
    def branch(name):
        value = onnx.numpy_helper.from_array(np.zeros(1000, np.float32), name)
        node = onnx.helper.make_node("Constant", [], [name], value=value)
        return onnx.helper.make_graph([node], name, [], [onnx.helper.make_empty_tensor_value_info(name)])

    node = onnx.helper.make_node("If", ["c"], ["y"], then_branch=branch("a"), else_branch=branch("b"))
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [], []))
    model.opset_import[0].version = 18
    assert read_onnx(model.SerializeToString()).weight_bytes == 8000


def test_an_empty_file_is_refused():
    refused(b"", "the ONNX file is empty")


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.999])
def test_a_file_that_was_cut_short_is_refused(kept):
    model = default_graph("fp32").model
    refused(model[: int(len(model) * kept)], "cut short or no ONNX")


@pytest.mark.parametrize("model", [b"nonsense", b"\x08\x08", b"\x08" + b"\xff" * 12, b"\x3a\x02\x12\x00"])
def test_what_is_no_graph_is_refused(model):
    refused(model, "ONNX")


@pytest.mark.parametrize("version", [5, 12, 21, 99])
def test_another_opset_is_refused(version):
    def change(model):
        model.opset_import[0].version = version

    refused(changed(tiny_graph(), change).model, f"is of opset {version}, deepbiq builds 13 to 20")


def test_graphs_in_graphs_without_end_are_refused():
    graph = b""
    for _ in range(2000):
        attribute = join([(fields.ATTRIBUTE_GRAPH, graph)])
        graph = join([(fields.GRAPH_NODE, join([(fields.NODE_ATTRIBUTE, attribute)]))])
    refused(join([(fields.MODEL_GRAPH, graph)]), "no ONNX .*recursion")


def test_a_file_without_opset_is_refused():
    refused(changed(tiny_graph(), lambda model: model.opset_import.pop()).model, "opset None")


@pytest.mark.parametrize("location", ["weights.bin", "../secret.bin", "/etc/passwd"])
def test_weights_in_other_files_are_refused(location):
    """Also inside the folder: TensorRT would read them from whatever folder the process runs in."""

    def change(model):
        weight = model.graph.initializer.add(name="w", data_type=onnx.TensorProto.FLOAT, dims=[4])
        weight.data_location = onnx.TensorProto.EXTERNAL
        weight.external_data.add(key="location", value=location)

    refused(changed(tiny_graph(), change).model, location)
