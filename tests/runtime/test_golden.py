from deepbiq.bundle import default_bundle_path, open_bundle
from deepbiq.golden import GoldenCheck, check_golden
from deepbiq.scorer import load


def test_the_default_bundle_scores_its_golden_pictures_as_recorded():
    bundle = open_bundle(default_bundle_path())

    def score_of(data, plan):
        with load(plan=plan) as scorer:
            return scorer(data).score

    checks = check_golden(bundle, score_of)
    assert {check.plan.partition(":")[0] for check in checks} == {"random", "grid", "dense", "whole"}
    assert [check for check in checks if not check.passes("fp32")] == []


def test_a_difference_beyond_the_tolerance_fails():
    assert GoldenCheck("a.png", "dense", 50.0, 50.05).passes("fp32")
    assert not GoldenCheck("a.png", "dense", 50.0, 50.2).passes("fp32")
    assert not GoldenCheck("a.png", "dense", 50.0, float("nan")).passes("fp32")
