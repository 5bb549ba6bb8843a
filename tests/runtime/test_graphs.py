import pytest

from deepbiq.bundle import open_bundle, write_bundle
from deepbiq.errors import BundleError, OptionError
from deepbiq.graphs import graph_key, graph_of, outer_windows_of
from deepbiq.scorer import load
from tests.conftest import tiny_files, tiny_manifest


@pytest.mark.parametrize(
    ("precision", "engine", "key"),
    [
        ("fp32", "onnxruntime", "fp32"),
        ("fp16", "tensorrt", "fp16"),
        ("int8", "onnxruntime", "int8-cpu"),
        ("int8", "openvino", "int8-cpu"),
        ("int8", "tensorrt", "int8-tensorrt"),
        ("int8", "tensorrt-rtx", "int8-tensorrt"),
        ("int8-tensorrt", "onnxruntime", "int8-tensorrt"),
        ("int8-cpu", "tensorrt", "int8-cpu"),
    ],
)
def test_int8_means_the_engines_own_flavour(precision, engine, key):
    assert graph_key(precision, engine) == key


@pytest.mark.parametrize("precision", ["int4", "FP32", "", "int8-", "auto"])
def test_an_unknown_precision_is_refused_with_the_known_ones(precision):
    with pytest.raises(OptionError, match="fp32, fp16, int8"):
        graph_key(precision, "onnxruntime")


@pytest.mark.parametrize(
    ("precision", "engine", "missing", "advice"),
    [
        ("fp16", "onnxruntime", "fp16", "deepbiq export"),
        ("int8", "onnxruntime", "int8-cpu", "deepbiq calibrate"),
        ("int8", "tensorrt", "int8-tensorrt", "deepbiq calibrate"),
    ],
)
def test_a_missing_graph_is_named_with_what_adds_it(tiny_bundle, precision, engine, missing, advice):
    with pytest.raises(BundleError, match=f"no {missing} graph, only fp32.*{advice}"):
        graph_of(open_bundle(tiny_bundle), precision, engine)


def test_a_graph_knows_its_names_and_geometry(tiny_bundle):
    graph = graph_of(open_bundle(tiny_bundle), "fp32", "onnxruntime")
    assert (graph.key, graph.kind, graph.precision) == ("fp32", "fp32", "fp32")
    assert (graph.input_name, graph.output_name) == ("image", "features")
    assert (graph.input_size, graph.stride, graph.outer_windows, graph.feature_size) == (96, 32, 1, 3)
    assert graph.model == tiny_files()["features.onnx"]


def test_stated_outer_windows_win():
    manifest = {"input": {"size": 224}, "feature": {"stride": 32}}
    assert outer_windows_of(manifest) == 3
    assert outer_windows_of({**manifest, "feature": {"stride": 32, "outer_windows": 0}}) == 0


def test_results_state_the_precision_that_was_asked_for(tmp_path):
    manifest = tiny_manifest()
    manifest["graphs"] = {"fp32": manifest["graphs"]["fp32"], "int8-cpu": manifest["graphs"]["fp32"]}
    write_bundle(tmp_path / "bundle", manifest, tiny_files())
    for asked in ("fp32", "int8", "int8-cpu"):
        with load(tmp_path / "bundle", engine="onnxruntime", precision=asked) as scorer:
            assert scorer.identity()["precision"] == asked
