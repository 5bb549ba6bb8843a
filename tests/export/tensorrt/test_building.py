"""Plans that TensorRT-RTX really builds: their sizes, and what their layers compute in."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from deepbiq.cli.exit_codes import UNUSABLE_MODEL, exit_code_of
from deepbiq.engines.tensorrt.request import request_for
from deepbiq.errors import EngineError
from deepbiq_export.tensorrt.builder import LARGEST_RATIO, build, check_size

pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")

from tests.export.tensorrt.graphs import (  # after the skip
    TARGET,
    default_graph,
    one_shape,
    quantised,
    tiny_graph,
)

pytestmark = [pytest.mark.tensorrt, pytest.mark.usefixtures("rtx")]
FAMILIES = ("crops", "dense")
MAGIC = b"vtrt"
"""What every plan of TensorRT-RTX begins with."""
CONVOLUTIONS = 49
DEPTHWISE = 16
LITE0_WEIGHTS = 3.35e6


@pytest.fixture(scope="module")
def graphs():
    return {precision: default_graph(precision) for precision in ("fp32", "fp16", "int8")}


@pytest.fixture(scope="module")
def built(graphs):
    return {
        (precision, family): build(request_for(graph, family), target=TARGET)
        for precision, graph in graphs.items()
        for family in FAMILIES
    }


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(("precision", "item_bytes"), [("fp32", 4), ("fp16", 2)])
def test_lite0_in_floating_point_is_as_large_as_its_weights(built, precision, family, item_bytes):
    found = built[precision, family]
    assert found.plan.startswith(MAGIC)
    assert found.weight_bytes == pytest.approx(LITE0_WEIGHTS * item_bytes, rel=0.01)
    assert found.weight_bytes < len(found.plan) < found.weight_bytes * 1.2
    assert found.network.by_type["CONVOLUTION"] >= CONVOLUTIONS


def test_lite0_in_fp32_computes_in_nothing_else(built):
    for family in FAMILIES:
        assert set(built["fp32", family].network.by_precision) == {"FLOAT"}


def test_lite0_in_fp16_really_computes_in_it(built):
    for family in FAMILIES:
        precisions = built["fp16", family].network.by_precision
        assert precisions["HALF"] >= CONVOLUTIONS + 33  # with their activations
        assert precisions.get("FLOAT", 0) <= 8  # the mean, and the score


@pytest.mark.parametrize("family", FAMILIES)
def test_lite0_in_int8_really_computes_in_it(built, family):
    found = built["int8", family]
    assert set(found.network.by_precision) == {"INT8", "FLOAT"}
    assert 0 < found.network.by_precision["INT8"] <= CONVOLUTIONS - DEPTHWISE
    assert found.network.by_type["QUANTIZE"] > 0
    assert len(found.plan) < len(built["fp32", family].plan)


def test_weights_shrink_with_the_precision(built):
    sizes = [built[precision, "crops"].weight_bytes for precision in ("fp32", "fp16", "int8")]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] / sizes[2] > 2


def test_two_builds_at_once_give_what_one_after_the_other_gives(graphs, built):
    """Not byte by byte: names that TensorRT makes up inside a plan are numbered differently every time."""
    with ThreadPoolExecutor(2) as pool:
        builds = {
            precision: pool.submit(build, request_for(graphs[precision], "crops"), target=TARGET)
            for precision in ("fp32", "fp16")
        }
    for precision, found in builds.items():
        assert len(found.result().plan) == pytest.approx(len(built[precision, "crops"].plan), abs=1000)
        assert found.result().network == built[precision, "crops"].network


def test_quantised_depthwise_convolutions_make_a_plan_that_is_refused(graphs):
    """Each of the 16 becomes a dense one where there is one shape: 200 MB in place of 3.5."""
    request = one_shape(quantised(graphs["fp32"], depthwise=True), 25, 224)
    with pytest.raises(EngineError, match=r"has 20\d\.\d MB, its weights 3\.5 MB: quantised depthwise") as caught:
        build(request, target=TARGET)
    assert "--allow-large-plan" in str(caught.value)
    assert exit_code_of(caught.value) == UNUSABLE_MODEL
    assert len(build(request, target=TARGET, allow_large=True).plan) > 200e6


def test_small_plans_may_be_many_times_their_weights():
    found = build(request_for(tiny_graph(), "crops"), target=TARGET)
    assert found.weight_bytes == 0
    assert len(found.plan) > 1000
    with pytest.raises(EngineError, match=r"weights 40\.0 MB"):
        check_size(int(40e6 * LARGEST_RATIO) + (17 << 20), int(40e6), "fp32")


@pytest.mark.slow
def test_caffenet_builds_with_its_lrn_layers(tmp_path):
    """The real network with random weights: 57 million of them, and two LRN layers."""
    torch = pytest.importorskip("torch", reason="needs the extra deepbiq[export]")
    pytest.importorskip("onnxscript", reason="needs the extra deepbiq[export]")
    from deepbiq_export.from_pytorch import load_pytorch_checkpoint
    from deepbiq_training.backbones import CaffeNet
    from deepbiq_training.checkpoint import write_checkpoint
    from tests.export.conftest import description

    torch.manual_seed(0)
    network = CaffeNet(7, mean_bgr=(104.0, 117.0, 123.0))
    write_checkpoint(tmp_path, {**description(), "backbone": "caffenet"}, network, {})
    raw_graph = load_pytorch_checkpoint(tmp_path).raw_graph
    (tmp_path / "backbone.safetensors").unlink()  # 240 MB
    graph = tiny_graph(raw_graph, input_size=227, outer_windows=0, feature_size=4096)
    found = build(request_for(graph, "crops"), target=TARGET)
    assert found.weight_bytes == pytest.approx(57e6 * 4, rel=0.01)
    assert found.weight_bytes < len(found.plan) < found.weight_bytes * 1.1
    assert found.network.by_type["LRN"] == 2
    assert found.network.by_type["CONVOLUTION"] == 7
    assert set(found.network.by_precision) == {"FLOAT"}
    dense = build(request_for(graph, "dense"), target=TARGET)
    assert dense.weight_bytes < len(dense.plan) < dense.weight_bytes * 1.1
