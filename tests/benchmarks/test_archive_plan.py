"""Plans for large archives."""

from deepbiq_benchmarks.archive_plan import archive_plan
from deepbiq_benchmarks.results import NOT_MEASURED


def measured(megapixels, mb, rate, different=3, row_bytes=10.0):
    return {
        "benchmark": "archive",
        "on": "local",
        "plan": "dense",
        "engine": "onnxruntime",
        "precision": "int8",
        "photographs": {"n": different, "mean_megapixels": megapixels, "mean_mb": mb},
        "local": {"n": 2020, "archive_per_s": rate, "row_bytes": row_bytes},
        "machine": {"processor": "a processor"},
        "date": "2026-01-02T03:04:05+00:00",
    }


def test_a_plan_has_the_rate_of_the_largest_photographs_and_the_rows_of_the_most_different_ones():
    plan = archive_plan([measured(0.26, 0.03, 90.0, different=500, row_bytes=100.0), measured(12.0, 2.0, 50.0)])
    # 10^7 pictures at 50 a second are 55.6 hours, 20 TB at 2 MB each, and 50 times 16 Mbit a second.
    assert "| 10^7 | 1 | 2.3 days | 1.0 GB | 20 TB | 0.8 Gbit/s |" in plan
    assert "| 10^7 | 10 | 5.6 hours | 1.0 GB | 20 TB | 0.8 Gbit/s |" in plan
    assert "photographs of 12 megapixels and 2 MB, and 100 bytes a row of 500 different ones" in plan


def test_there_is_none_without_photographs_of_known_size():
    unknown = measured(12.0, 2.0, 50.0)
    del unknown["photographs"]
    assert archive_plan([unknown]) == NOT_MEASURED
