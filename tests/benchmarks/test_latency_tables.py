"""The latency tables of benchmarks/README.md."""

from deepbiq_benchmarks.tables import latency_sweep_table, latency_table

FIGURES = {"p50_ms": 30.04, "p90_ms": 31.06, "p95_ms": 32, "p99_ms": 40, "disturbed": False}


def result(**changes):
    stages = {
        stage: {"p50_ms": ms} for stage, ms in (("decode", 1), ("sample", 0.2), ("infer", 28), ("regress", 0.8))
    }
    machine = {"processor": "a CPU, 2 cores", "NVIDIA device": "none"}
    return {
        "benchmark": "latency", "plan": "dense", "engine": "onnxruntime", "precision": "fp32", "model": "net@1",
        "image": "a.jpg", "image_wh": [600, 400], "n": 200, "warm_up": 20, "batch": 1, "concurrency": 1,
        "threads": None, **FIGURES, "stages": stages, "pictures_per_s": 33.1, "cold_start": {"total_ms": 345.6},
        "peak_memory_mb": 177.4, "machine": machine, "date": "2026-11-24T12:00:00+00:00", **changes,
    }  # fmt: skip


def test_results_of_the_same_circumstances_share_a_table():
    without = result(plan="grid:25", threads=2, disturbed=True)
    del without["cold_start"], without["peak_memory_mb"]
    lines = latency_table([{"experiment": "unseen"}, result(), without]).splitlines()
    assert lines[2] == (
        "| `dense` | onnxruntime | `fp32` | engine's choice | 1 | 1 | 30.0 | 31.1 | 32.0 | 40.0 | 1.0 | 0.2 | 28.0 "
        "| 0.8 | 33.1 | 346 ms | 177 MB | yes |"
    )
    assert lines[3].startswith("| `grid:25` | onnxruntime | `fp32` | 2 |")
    assert lines[3].endswith("| - | - | no |")
    assert lines[4:] == [
        "",
        "*Milliseconds of a request; a.jpg (600x400), n = 200 after 20 for warm-up, model net@1, a CPU, 2 cores, "
        "2026-11-24.*",
    ]
    assert {line.count("|") for line in lines[:4]} == {19}


def test_other_machines_and_pictures_have_their_own():
    device = {"processor": "ARM", "NVIDIA device": "Orin, compute capability 8.7"}
    text = latency_table([result(), result(image="b.jpg"), result(machine=device, engine="tensorrt")])
    assert text.count("| plan | engine |") == 3
    assert "ARM, Orin, compute capability 8.7, 2026-11-24.*" in text


def test_sweeps_are_listed_by_point_and_nowhere_else():
    points = [{"value": value, "plan": "dense", **FIGURES} for value in (0.5, 12)]
    swept = result(sweep={"over": "megapixels", "points": points})
    assert latency_table([swept]) == "*Not measured yet.*"
    lines = latency_sweep_table([result(), swept]).splitlines()
    assert [line.split(" | ")[4] for line in lines[2:4]] == ["0.5", "12"]
    assert lines[3] == "| onnxruntime | `fp32` | `dense` | megapixels | 12 | 30.0 | 31.1 | 32.0 | 40.0 | yes |"


def test_nothing_measured_is_said_so():
    assert latency_table([]) == latency_sweep_table([]) == "*Not measured yet.*"
