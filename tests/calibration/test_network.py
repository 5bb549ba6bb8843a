"""Reading the network: what is refused, and weights that are stored in half precision."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from deepbiq.errors import BundleError
from deepbiq_calibration.flavours import quantise
from deepbiq_calibration.network import bounds_after, is_depthwise, layers_of, read_network
from tests.calibration.conftest import run
from tests.calibration.networks import miniature, weights_of, with_rectifiers


def changed(change):
    model = miniature()
    change(model)
    return model.SerializeToString()


def foreign(model):
    model.graph.node[5].domain = "com.example"


def unknown(model):
    model.graph.node[5].op_type = "Klip"


def outside(model):
    item = next(item for item in model.graph.initializer if item.name == "head.weight")
    item.ClearField("raw_data")
    item.data_location = onnx.TensorProto.EXTERNAL
    item.external_data.add(key="location", value="../../elsewhere.bin")


def newer(model):
    model.opset_import[0].version = 21


def older(model):
    model.opset_import[0].version = 12


def renamed(model):
    del model.graph.output[1]


def test_layers_lead_to_the_features_and_not_to_the_score(network):
    names = [node.name for node in layers_of(network, "features")]
    assert names[0] == "stem"
    assert names[-1] == "head"
    assert len(names) == 10
    assert "score/conv" not in names


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (b"", "is empty"),
        (miniature().SerializeToString()[:-100], "cut short"),
        (b"\x00\x01 not an onnx file", "no ONNX file"),
        (onnx.ModelProto().SerializeToString(), "is empty"),
        (onnx.ModelProto(ir_version=9).SerializeToString(), "holds no graph"),
        (changed(foreign), "operators of com.example"),
        (changed(unknown), "not a valid ONNX graph.*Klip"),
        (changed(outside), "head.weight.*outside the file"),
        (changed(newer), "opset 21, calibration takes 13 to 20"),
        (changed(older), "opset 12, calibration takes 13 to 20"),
        (changed(renamed), "no output 'features'"),
    ],
)
def test_graphs_that_are_refused(graph, message):
    with pytest.raises(BundleError, match=f"(?s)bundle: model.onnx: .*{message}"):
        read_network(graph, "features", where="bundle: model.onnx")


def test_a_quantised_graph_is_refused(network, ranges_of):
    graph = quantise(network, "features", "cpu", ranges_of("cpu")).SerializeToString()
    with pytest.raises(BundleError, match="quantised already"):
        read_network(graph, "features", where="x")


def test_weights_stored_in_half_precision_are_folded(inputs):
    model = miniature()
    casts = []
    for item in model.graph.initializer:
        if item.name.endswith(".weight"):
            name = item.name
            half = numpy_helper.to_array(item).astype(np.float16)
            item.CopyFrom(numpy_helper.from_array(half, f"{name}.half"))
            casts.append(helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*casts, *nodes])
    folded = read_network(model.SerializeToString(), "features", where="x")
    assert len(layers_of(folded, "features")) == 10
    assert {str(value.dtype) for name, value in weights_of(folded).items() if "weight" in name} == {"float32"}
    assert not [name for name in weights_of(folded) if name.endswith(".half")]
    np.testing.assert_array_equal(run(folded, inputs[0])[0], run(model, inputs[0])[0])


def test_nodes_without_names_get_their_own(network):
    model = onnx.ModelProto()
    model.CopyFrom(network)
    for node in model.graph.node:
        node.name = ""
    names = [node.name for node in read_network(model.SerializeToString(), "features", where="x").graph.node]
    assert len(set(names)) == len(names)
    assert all(names)


def test_what_depthwise_means(network):
    found = {node.name for node in layers_of(network, "features") if is_depthwise(network, node)}
    assert found == {"depthwise0", "depthwise1", "depthwise2"}
    grouped = with_rectifiers()
    assert not [node for node in layers_of(grouped, "features") if is_depthwise(grouped, node)]


def test_bounds_of_activations(network):
    layers = {node.name: node for node in layers_of(network, "features")}
    assert bounds_after(network, layers["head"]) == (0.0, 6.0)
    assert bounds_after(network, layers["project1"]) == (-np.inf, np.inf)
    grouped = with_rectifiers()
    assert bounds_after(grouped, layers_of(grouped, "features")[-1]) == (0.0, np.inf)
