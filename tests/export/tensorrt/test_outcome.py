from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="graphs are made with onnx: install deepbiq[export]")

from deepbiq.engines.tensorrt.request import request_for  # after the skip
from deepbiq_export.tensorrt.builder import BuiltPlan
from deepbiq_export.tensorrt.command import _where_scoring_looks
from deepbiq_export.tensorrt.network import NetworkFacts
from deepbiq_export.tensorrt.outcome import Outcome
from tests.export.tensorrt.graphs import tiny_graph

REQUEST = request_for(tiny_graph(key="fp16", precision="fp16"), "crops", dla_core=1, workspace_bytes=512 << 20)
BUILT = BuiltPlan(
    plan=b"plan",
    library="TensorRT 10.3.0",
    seconds=12.34,
    weight_bytes=6_700_000,
    network=NetworkFacts(103, {"CONVOLUTION": 50, "CAST": 53}, {"HALF": 46, "FLOAT": 4}),
    gpu_layers=9,
)
OUTCOME = Outcome("tensorrt", REQUEST, Path("/cache/x.plan"), 7_200_000, BUILT, ("a remark",))


def test_a_build_is_told_in_words():
    assert list(OUTCOME.lines()) == [
        "/cache/x.plan",
        "  graph fp16 for crops: only 25x96x96",
        "  7.2 MB, weights 6.7 MB, built in 12.3 s by TensorRT 10.3.0",
        "  103 layers before fusion, 50 compute: 46 HALF, 4 FLOAT",
        "  DLA core 1 can run 94 of them; the other 9 fall back to the GPU",
        "  a remark",
    ]


def test_what_was_there_already_is_told_so():
    found = dataclasses.replace(OUTCOME, built=None)
    assert "7.2 MB, built before; --fresh builds it again" in "\n".join(found.lines())
    told = found.to_dict()
    assert told["cached"]
    assert {key for key, value in told.items() if value is None} == {
        "built_by",
        "seconds",
        "weight_bytes",
        "layers",
        "layers_by_type",
        "layers_by_precision",
        "gpu_layers",
    }


def test_an_unusual_engine_says_how_scoring_finds_it(monkeypatch):
    for name in ("DEEPBIQ_DLA_CORE", "DEEPBIQ_WORKSPACE_MIB"):
        monkeypatch.delenv(name, raising=False)
    assert _where_scoring_looks(request_for(tiny_graph(), "crops")) == []
    (remark,) = _where_scoring_looks(REQUEST)
    assert remark.endswith("DEEPBIQ_DLA_CORE=1 DEEPBIQ_WORKSPACE_MIB=512")
    monkeypatch.setenv("DEEPBIQ_DLA_CORE", "1")
    monkeypatch.setenv("DEEPBIQ_WORKSPACE_MIB", "512")
    assert _where_scoring_looks(REQUEST) == []
