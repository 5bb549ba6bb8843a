"""What TensorRT takes in silence or refuses in riddles, and what the builder says instead."""

from __future__ import annotations

import dataclasses
import subprocess
import sys
from types import SimpleNamespace

import pytest

from deepbiq.cli.exit_codes import UNUSABLE_MODEL, USAGE, exit_code_of
from deepbiq.engines.tensorrt.request import BuildRequest, ShapeRange, request_for
from deepbiq.errors import EngineError, OptionError
from deepbiq_export.tensorrt.builder import build
from deepbiq_export.tensorrt.configuration import load_timings, save_timings
from deepbiq_export.tensorrt.library import import_library
from deepbiq_export.tensorrt.network import keep_only, parse_network
from deepbiq_export.tensorrt.toolchain import open_toolchain

onnx = pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")

from tests.export.tensorrt.graphs import TARGET, changed, fixed, tiny_graph, windows_graph  # noqa: E402

pytestmark = pytest.mark.tensorrt
GOOD = ShapeRange((1, 96, 96), (25, 96, 96), (32, 96, 96))


def refused(request, match, error=EngineError, code=UNUSABLE_MODEL):
    with pytest.raises(error, match=match) as caught:
        build(request, target=TARGET)
    assert exit_code_of(caught.value) == code
    assert "cudaError" not in str(caught.value)
    assert "\n" not in str(caught.value)


def asked(graph, shapes=GOOD, **settings):
    return BuildRequest(graph, "crops", shapes, **settings)


def node(index, **values):
    def change(model):
        for name, value in values.items():
            setattr(model.graph.node[index], name, value)

    return change


def rewired(index, value):
    def change(model):
        model.graph.node[index].input[0] = value

    return change


def retyped(kind):
    def change(model):
        model.graph.input[0].type.tensor_type.elem_type = kind

    return change


GRAPHS = {
    "unknown operator": (
        node(2, op_type="Frobnicate"),
        r"cannot parse the graph fp32: node 2  \(Frobnicate\): TensorRT does not know the operator Frobnicate",
    ),
    "dangling input": (rewired(2, "nowhere"), r"node 2  \(AveragePool\): .*Node input was not registered"),
    "uint8 that meets no Cast": (
        lambda model: model.graph.node.pop(0) and rewired(0, "image")(model),
        r"node 0  \(Transpose\): .*first input has type UInt8 but must have type",
    ),
    "float input": (
        retyped(onnx.TensorProto.FLOAT),
        r"has the inputs image FLOAT \(-1, -1, -1, 3\), expected one: image UINT8 \(batch, height, width, 3\)",
    ),
    "no output": (
        lambda model: model.graph.output.pop(),
        r"has the outputs none, expected features FLOAT \(batch, 3, rows, columns\)",
    ),
}


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("case", GRAPHS)
def test_graphs(case):
    change, match = GRAPHS[case]
    refused(asked(changed(tiny_graph(), change)), match)


NAMES = {
    "wrong profile name": ({"input_name": "picture"}, "has the inputs image .*expected one: picture"),
    "wrong output name": ({"output_name": "scores"}, "has the outputs features .*expected scores"),
    "wrong feature size": ({"feature_size": 1280}, r"features FLOAT \(-1, 3, -1, -1\), expected .*1280"),
}


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("case", NAMES)
def test_names_that_the_graph_does_not_have(case):
    changes, match = NAMES[case]
    refused(asked(tiny_graph(**changes)), match)


SHAPES = {
    "batch is fixed": (
        fixed(tiny_graph(), 0, 1),
        GOOD,
        "axis 0 of image is fixed to 1 in the graph fp32, but an engine for crops takes 1 to 32",
    ),
    "height is fixed to another size": (
        fixed(tiny_graph(), 1, 128),
        GOOD,
        "axis 1 of image is fixed to 128 .* 96 to 96",
    ),
    "too small for a window": (
        windows_graph(),
        ShapeRange((1, 32, 32), (1, 32, 32), (1, 32, 32)),
        "TensorRT-RTX .* cannot build the graph fp32 for crops: ",
    ),
    "minimum above maximum": (
        tiny_graph(),
        SimpleNamespace(axes=((5, 96, 96), (1, 96, 96), (1, 96, 96)), is_static=False),
        r"TensorRT-RTX .* refuses the shapes \(5, 96, 96, 3\), .* of image",
    ),
}


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("case", SHAPES)
def test_shapes(case):
    graph, shapes, match = SHAPES[case]
    refused(asked(graph, shapes), match)


TAKEN = {
    "one shape": (tiny_graph(), ShapeRange((4, 96, 96), (4, 96, 96), (4, 96, 96))),
    "one shape of a fixed graph": (fixed(tiny_graph(), 0, 4), ShapeRange((4, 96, 96), (4, 96, 96), (4, 96, 96))),
    "any batch": (tiny_graph(), GOOD),
    "any height": (tiny_graph(), ShapeRange((1, 96, 96), (1, 128, 96), (1, 1280, 96))),
    "everything dynamic": (tiny_graph(), ShapeRange((1, 96, 96), (5, 128, 160), (32, 640, 1280))),
}


@pytest.mark.usefixtures("rtx")
@pytest.mark.parametrize("case", TAKEN)
def test_shapes_that_are_taken(case):
    graph, shapes = TAKEN[case]
    assert build(asked(graph, shapes), target=TARGET).plan


@pytest.mark.usefixtures("rtx")
def test_an_empty_graph_is_caught_before_the_parser_takes_it():
    refused(asked(tiny_graph(b"")), "the ONNX file is empty")


@pytest.mark.usefixtures("rtx")
def test_an_accelerator_that_is_not_there_is_refused():
    shapes = ShapeRange((4, 96, 96), (4, 96, 96), (4, 96, 96))
    half = tiny_graph(key="fp16", precision="fp16")
    refused(asked(half, shapes, dla_core=0), "DLA core 0 was asked for, but TensorRT-RTX .* finds no deep learning")


@pytest.mark.usefixtures("rtx")
def test_the_accelerator_has_no_fp32():
    refused(request_for(tiny_graph(), "crops", dla_core=0), "FP16 and INT8 only", OptionError, USAGE)


@pytest.mark.usefixtures("rtx")
def test_scratch_memory_is_limited():
    assert build(asked(tiny_graph(), workspace_bytes=64 << 20), target=TARGET).plan
    refused(
        asked(tiny_graph(), workspace_bytes=1 << 20), r"cannot build .*OutOfMemory \(Requested size was 1048576"
    )


@pytest.mark.usefixtures("rtx")
@pytest.mark.filterwarnings("ignore:.*Timing cache operations:DeprecationWarning")
def test_timings_that_are_not_there_or_damaged_are_no_obstacle(tmp_path, caplog):
    """TensorRT-RTX keeps none, but takes the calls."""
    tools = open_toolchain(TARGET)
    builder = tools.create_builder()
    for content in (None, b"damaged"):
        path = tmp_path / "deeper" / "cache.timing"
        if content is not None:
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        config = builder.create_builder_config()
        load_timings(tools, config, path)
        save_timings(config, path)
    save_timings(config, path / "inside a file")
    assert "the timings of this build are not kept" in caplog.text


@pytest.mark.usefixtures("rtx")
def test_outputs_that_the_runtime_does_not_need_are_left_out():
    def add_output(model):
        twin = model.graph.output.add()
        twin.CopyFrom(model.graph.output[0])
        twin.name = "float"
        model.graph.output[1].type.tensor_type.shape.CopyFrom(model.graph.input[0].type.tensor_type.shape)

    tools = open_toolchain(TARGET)
    network = parse_network(tools, tools.create_builder(), changed(tiny_graph(), add_output))
    assert {network.get_output(index).name for index in range(network.num_outputs)} == {"features", "float"}
    keep_only(network, "features")
    assert [network.get_output(index).name for index in range(network.num_outputs)] == ["features"]


@pytest.mark.usefixtures("rtx")
def test_an_unknown_target_is_refused():
    with pytest.raises(OptionError, match="use tensorrt or tensorrt-rtx"):
        import_library("tensorflow")


def test_without_a_driver_the_process_lives_and_says_what_to_install():
    from deepbiq.cuda import has_driver

    if has_driver():
        pytest.skip("this machine has a driver")
    code = (
        "from deepbiq.errors import EngineError\n"
        "from deepbiq_export.tensorrt.library import import_library\n"
        "try: import_library('tensorrt')\n"
        "except EngineError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "no NVIDIA driver" in done.stdout
    assert "--target tensorrt-rtx" in done.stdout


def test_without_tensorrt_rtx_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorrt_rtx", None)
    with pytest.raises(EngineError, match="pip install tensorrt-rtx"):
        import_library(TARGET)


@pytest.mark.gpu
def test_an_engine_for_this_device_keeps_the_features_alone(tmp_path):
    trt = pytest.importorskip("tensorrt", reason="TensorRT is not installed")
    from deepbiq.cuda import has_driver
    from tests.export.tensorrt.graphs import default_graph

    if not has_driver():
        pytest.skip("no NVIDIA driver on this machine")
    timings = tmp_path / "cache.timing"
    request = dataclasses.replace(request_for(default_graph("fp16"), "crops"), workspace_bytes=1 << 30)
    found = build(request, target="tensorrt", timing_cache=timings)
    assert timings.stat().st_size > 0
    engine = trt.Runtime(trt.Logger()).deserialize_cuda_engine(found.plan)
    assert [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)] == ["image", "features"]
    assert engine.get_tensor_profile_shape("image", 0)[2][0] == 32
