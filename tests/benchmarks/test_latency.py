"""Times of requests: percentiles against closed forms, disturbance on constructed times, real runs for the rest."""

import numpy as np
import pytest

from deepbiq.configuration import Configuration
from deepbiq.errors import EngineError, ImageError
from deepbiq.result import Timing
from deepbiq.tuning.store import save_trials
from deepbiq.tuning.trials import Trial
from deepbiq_benchmarks.latency import STAGES, Conditions, Load, Run, measure, measure_steadily, summary
from deepbiq_benchmarks.latency_picture import BenchPicture, make_picture, open_picture


def run_of(*request_ms):
    times = np.array(request_ms, dtype=np.float64)
    return Run(times, dict.fromkeys(STAGES, times), pictures_per_s=1.0)


CALM, ROUGH, ROUGHER = run_of(10, 11, 10, 9), run_of(10, 10, 10, 30), run_of(10, 10, 10, 90)


def test_percentiles_are_those_of_all_values_with_linear_interpolation():
    times = np.random.default_rng(0).permutation(np.arange(101.0))
    expected = {"p50_ms": 50, "p90_ms": 90, "p95_ms": 95, "p99_ms": 99, "mean_ms": 50, "min_ms": 0, "max_ms": 100}
    assert summary(times) == expected
    assert summary(np.array([1.0, 2.0]))["p90_ms"] == pytest.approx(1.9)
    assert set(summary(np.array([7.0])).values()) == {7}


def test_variation_is_the_standard_deviation_over_the_mean():
    assert run_of(8, 12).variation == pytest.approx(0.2)
    assert run_of(5).variation == 0


@pytest.mark.parametrize(
    ("runs", "counted", "disturbed"),
    [
        ([CALM], CALM, False),
        ([ROUGH, CALM], CALM, False),
        ([ROUGH, ROUGHER], ROUGH, True),
        ([ROUGHER, ROUGH], ROUGH, True),
    ],
)
def test_a_disturbed_run_is_repeated_once_and_the_steadier_one_counts(caplog, runs, counted, disturbed):
    left = list(runs)
    found = measure_steadily(lambda: left.pop(0), 0.2)
    assert not left
    assert found.run is counted
    assert found.variations == tuple(run.variation for run in runs)
    told = found.describe()
    assert told["disturbed"] is disturbed
    assert told["max_variation"] == 0.2
    assert len(told["variation_of_runs"]) == len(runs)
    assert [("once more" in text, "do not rely" in text) for text in caplog.messages] == (
        [(True, False)] * (len(runs) - 1) + [(False, True)] * disturbed
    )


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("concurrency", [1, 2])
def test_every_counted_picture_is_there(tiny_bundle, batch, concurrency):
    with Conditions(bundle=str(tiny_bundle)).load() as scorer:
        run = measure(scorer, make_picture(), Load(5, 1, batch, concurrency))
    assert run.request_ms.shape == (5,)
    assert {stage: times.shape for stage, times in run.stage_ms.items()} == dict.fromkeys(STAGES, (5 * batch,))
    assert run.pictures_per_s > 0
    parts = sum(run.stage_ms[stage] for stage in STAGES if stage != "total")
    np.testing.assert_allclose(parts, run.stage_ms["total"])
    if batch == 1:
        assert (run.request_ms >= run.stage_ms["total"]).all()
    assert (run.stage_ms["decode"] > 0).all()


def test_stages_are_those_of_the_scorer():
    assert Timing(*range(5)).total == 4
    assert STAGES == ("decode", "sample", "infer", "regress", "total")


@pytest.mark.parametrize("load", [Load(3, 0), Load(3, 0, batch=2), Load(3, 0, concurrency=2), Load(3, 1, batch=2)])
def test_a_picture_that_cannot_be_scored_is_no_fast_request(tiny_bundle, load):
    broken = BenchPicture("broken.jpg", b"no picture", b"no picture", 1, 1)
    with Conditions(bundle=str(tiny_bundle)).load() as scorer, pytest.raises(ImageError):
        measure(scorer, broken, load)


def test_a_fault_of_the_engine_ends_the_run(tiny_bundle):
    scorer = Conditions(bundle=str(tiny_bundle)).load()
    scorer.close()
    with pytest.raises(EngineError, match="closed"):
        measure(scorer, make_picture(), Load(3, 0, concurrency=2))


def test_conditions_are_what_the_scorer_is_loaded_with(tiny_bundle):
    with Conditions(str(tiny_bundle), "onnxruntime", "fp32", "grid:4", "128", 1).load() as scorer:
        assert scorer.identity()["plan"] == "grid:4"
        assert scorer.setting.scale.short_side == 128


@pytest.mark.parametrize(("asked", "used"), [(None, 1), (2, 2)])
def test_threads_are_those_asked_for_or_tuned(tiny_bundle, monkeypatch, tmp_path, asked, used):
    conditions = Conditions(str(tiny_bundle), threads=asked)
    with conditions.load() as scorer:
        monkeypatch.setenv("DEEPBIQ_CACHE", str(tmp_path / "cache"))
        assert conditions.threads_of(scorer) == asked
        save_trials(scorer.bundle, scorer.setting, [Trial(Configuration("onnxruntime", "fp32", 1), 1.0, None)])
        assert conditions.threads_of(scorer) == used


def test_a_file_is_read_anew_by_every_request(samples):
    picture = open_picture(samples[0])
    assert picture.source == str(samples[0])
    assert picture.describe() == {
        "image": samples[0].name, "image_wh": [512, 512], "image_bytes": samples[0].stat().st_size
    }  # fmt: skip
