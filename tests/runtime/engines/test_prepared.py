from __future__ import annotations

import numpy as np
import pytest

from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.engines.onnxruntime import OnnxRuntimeEngine
from deepbiq.engines.prepared import prepare_graph, prepared_graph
from deepbiq.errors import OptionError
from deepbiq.graphs import graph_of

PICTURE = np.random.default_rng(0).integers(0, 256, (1, 256, 288, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("DEEPBIQ_CACHE", str(folder))
    return folder


def features(graph):
    return OnnxRuntimeEngine(graph, threads=1).features(PICTURE)


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_a_prepared_graph_computes_the_same_bits(precision):
    graph = graph_of(open_bundle(default_bundle_path()), precision, "onnxruntime")
    before = features(graph)
    assert prepared_graph(graph) is None
    prepare_graph(graph)
    assert prepared_graph(graph) not in (None, graph.model)
    np.testing.assert_array_equal(features(graph), before)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-1], lambda data: b"", lambda data: data[:40] + b"x" + data[41:]]
)
def test_a_damaged_one_is_as_none(damage):
    graph = graph_of(open_bundle(default_bundle_path()), "int8", "onnxruntime")
    file = prepare_graph(graph)
    file.write_bytes(damage(file.read_bytes()))
    assert prepared_graph(graph) is None
    assert np.isfinite(features(graph)).all()


def test_each_graph_has_its_own():
    bundle = open_bundle(default_bundle_path())
    prepare_graph(graph_of(bundle, "int8", "onnxruntime"))
    assert prepared_graph(graph_of(bundle, "fp32", "onnxruntime")) is None


def test_no_place_to_keep_it_is_an_error_that_says_what_to_do(cache):
    cache.write_text("a file where the folder should be")
    with pytest.raises(OptionError, match="DEEPBIQ_CACHE"):
        prepare_graph(graph_of(open_bundle(default_bundle_path()), "int8", "onnxruntime"))
