"""Plans for large archives."""

from deepbiq_benchmarks.archive_plan import archive_plan
from deepbiq_benchmarks.results import NOT_MEASURED


def measured(megapixels, mb, rate):
    return {
        "benchmark": "archive",
        "on": "local",
        "plan": "dense",
        "engine": "onnxruntime",
        "precision": "int8",
        "photographs": {"n": 3, "mean_megapixels": megapixels, "mean_mb": mb},
        "local": {"n": 2020, "archive_per_s": rate, "row_bytes": 100.0},
        "machine": {"processor": "a processor"},
        "date": "2026-01-02T03:04:05+00:00",
    }


def test_a_plan_is_that_of_the_largest_photographs():
    plan = archive_plan([measured(0.26, 0.03, 90.0), measured(12.0, 2.0, 50.0)])
    # 10^7 pictures at 50 a second are 55.6 hours, 20 TB at 2 MB each, and 50 times 16 Mbit a second.
    assert "| 10^7 | 1 | 2.3 days | 1.0 GB | 20 TB | 0.8 Gbit/s |" in plan
    assert "| 10^7 | 10 | 5.6 hours | 1.0 GB | 20 TB | 0.8 Gbit/s |" in plan
    assert "photographs of 12 megapixels and 2 MB" in plan


def test_there_is_none_without_photographs_of_known_size():
    unknown = measured(12.0, 2.0, 50.0)
    del unknown["photographs"]
    assert archive_plan([unknown]) == NOT_MEASURED
