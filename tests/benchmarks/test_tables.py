"""Every table of README and docs is what the results files say."""

from pathlib import Path

import pytest

from deepbiq_benchmarks.overhead_bounds import MEMORY_LIMIT_MB
from deepbiq_benchmarks.tables import DOCUMENTS, fill_in, parity_table, read_results

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("document", DOCUMENTS)
def test_documents_hold_what_was_measured(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    assert "<!-- end -->" in text
    assert fill_in(text, read_results(ROOT / "benchmarks" / "results")) == text


def test_a_table_with_another_figure_is_found():
    text = "<!-- overhead table: x -->\n| typed by hand |\n<!-- end -->\n"
    filled = fill_in(text, read_results(ROOT / "benchmarks" / "results"))
    assert "typed by hand" not in filled
    assert f"| {MEMORY_LIMIT_MB:g} MB |" in filled


def test_an_unknown_table_is_an_error():
    with pytest.raises(KeyError, match="no such"):
        fill_in("<!-- no such: x -->\n<!-- end -->", [])


def test_the_parity_table_lists_what_ran_and_why_the_rest_did_not():
    measures = {
        "cosine_mean": 0.99987, "cosine_worst": 0.91, "shift_mean": 0.43, "shift_p99": 1.5, "shift_max": 2.25,
        "plcc_drop": 0.0011, "srocc_drop": -0.0004, "flips_percent": 2.5, "graph_bytes": 4_200_000,
    }  # fmt: skip
    ran = {
        "engine": "onnxruntime",
        "precision": "int8-cpu",
        "beyond": ["flips_percent"],
        "reason": None,
        **measures,
    }
    idle = {"engine": "tensorrt", "precision": "fp16", "plan": "dense", "reason": "no NVIDIA driver"}
    result = {
        "benchmark": "parity", "model": "net@1", "dataset": "biq2021", "split": "test", "n": 1000,
        "reference": {"engine": "pytorch", "version": "2.14.1", "model": "net@2"},
        "budget": {"max_drop": 0.005, "max_shift": 1.0, "max_flips": 2.0, "max_fp32_shift": 0.1},
        "rows": [{**ran, "plan": "whole"}, {**ran, "plan": "dense", "beyond": []}, idle],
        "machine": {"processor": "a CPU"}, "date": "2026-11-24T12:00:00+00:00",
    }  # fmt: skip
    table = parity_table([{"experiment": "unseen"}, result]).splitlines()
    assert [line.split(" | ")[0] for line in table[2:4]] == ["| `dense`", "| `whole`"]
    assert table[2].endswith("| 0.430 | 1.500 | 2.250 | +0.0011 | -0.0004 | 2.5 % | 4.2 MB | yes |")
    assert table[3].endswith("| no |")
    assert "- Not run: tensorrt `fp16`: no NVIDIA driver." in table
    assert "of net@2, model net@1" in table[-1]


def test_the_parity_table_says_so_when_nothing_was_measured():
    assert parity_table([{"experiment": "unseen"}]) == "*Not measured yet.*"
