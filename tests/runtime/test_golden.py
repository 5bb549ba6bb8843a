import platform

import pytest

from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.golden import GoldenCheck, check_golden
from deepbiq.processor import processor
from deepbiq.scorer import load

BUNDLE = open_bundle(default_bundle_path())
VNNI = {"avx_vnni", "avx512_vnni"}


@pytest.mark.parametrize("key", BUNDLE.manifest["graphs"])
def test_the_default_bundle_scores_its_golden_pictures_as_recorded(key):
    if key == "int8-tensorrt" and platform.machine() == "x86_64" and not VNNI & set(processor()[1]):
        pytest.skip("without VNNI ONNX Runtime adds pairs of full 8-bit products in 16 bits, which saturate")

    def score_of(data, plan):
        with load(engine="onnxruntime", precision=key, plan=plan) as scorer:
            return scorer(data).score

    checks = check_golden(BUNDLE, key, score_of)
    assert {check.plan.partition(":")[0] for check in checks} == {"random", "grid", "dense", "whole"}
    assert [check for check in checks if not check.passes(key.partition("-")[0])] == []


def test_a_difference_beyond_the_tolerance_fails():
    assert GoldenCheck("a.png", "dense", 50.0, 50.05).passes("fp32")
    assert not GoldenCheck("a.png", "dense", 50.0, 50.2).passes("fp32")
    assert not GoldenCheck("a.png", "dense", 50.0, float("nan")).passes("fp32")


def test_less_precise_graphs_have_more_room():
    assert GoldenCheck("a.png", "dense", 50.0, 50.4).passes("fp16")
    assert not GoldenCheck("a.png", "dense", 50.0, 50.6).passes("fp16")
    assert GoldenCheck("a.png", "dense", 50.0, 49.1).passes("int8")
    assert not GoldenCheck("a.png", "dense", 50.0, 48.9).passes("int8")
