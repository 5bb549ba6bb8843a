"""ONNX Runtime beside OpenVINO in the documents."""

from deepbiq_benchmarks.engines_table import engines_table
from deepbiq_benchmarks.results import NOT_MEASURED


def test_every_machine_has_a_row_with_both_engines():
    times = {
        "deepbiq dense fp32": 30.04,
        "deepbiq dense fp32, openvino": 31.0,
        "deepbiq dense int8": 12.0,
        "deepbiq dense int8, openvino": 13.0,
        "25 crops of EfficientNet-Lite0, onnxruntime": 140.0,
        "25 crops of EfficientNet-Lite0, openvino": 150.0,
        "PIQE, pypiqe": 1.0,
    }
    peers = {
        "benchmark": "peers",
        "rows": [{"name": name, "ms": ms} for name, ms in times.items()],
        "machine": {"processor": "a processor"},
        "date": "2026-01-02T03:04:05+00:00",
    }
    table = engines_table([{"benchmark": "files"}, peers, peers]).splitlines()
    assert table[0].count("|") == table[1].count("|") == table[2].count("|")
    assert table[2] == "| a processor, 2026-01-02 | 30.0 | 31.0 | 12.0 | 13.0 | 140.0 | 150.0 |"
    assert len(table) == 4


def test_it_says_so_when_nothing_was_measured():
    assert engines_table([{"benchmark": "files"}]) == NOT_MEASURED
