"""Figures against bounds: kept, missed or not measured, and how they are written."""

import json
from pathlib import Path

import pytest

from deepbiq_benchmarks.checks import Check, all_kept, check_lines, check_rows, describe_all
from deepbiq_benchmarks.peers_checks import RowCheck

RESULTS = Path(__file__).parents[2] / "benchmarks" / "results"
CHECKS = [
    Check("age, ms", 1234.5, 137.51),
    Check("R2", 0.99, 0.99, at_least=True),
    Check("every input has one row", True, "yes"),
]


@pytest.mark.parametrize(
    ("check", "passes"),
    [
        (Check("", 3.0, 3.0), True),
        (Check("", 3.1, 3.0), False),
        (Check("", 2.9, 3.0, at_least=True), False),
        (Check("", float("nan"), 3.0), False),
        (Check("", False, "the same"), False),
        (Check("", None, 3.0), None),
    ],
)
def test_a_bound_may_be_reached_but_not_missed(check, passes):
    assert check.passes is passes
    assert all_kept([check]) is (passes is not False)


def test_checks_are_written_in_lines_and_rows():
    assert check_lines(describe_all(CHECKS)) == [
        "no  age, ms: 1234 (at most 137.5)",
        "ok  R2: 0.99 (at least 0.99)",
        "ok  every input has one row: true (yes)",
    ]
    assert check_rows(describe_all(CHECKS))[2:] == [
        "| age, ms | 1234 | at most 137.5 | no |",
        "| R2 | 0.99 | at least 0.99 | yes |",
        "| every input has one row | true | yes | yes |",
    ]


@pytest.mark.parametrize(
    "name", ["files-dense-onnxruntime-int8", "archive-local-dense-onnxruntime-int8-12megapixels"]
)
def test_results_files_hold_checks_as_they_are_described(name):
    kept = json.loads((RESULTS / f"{name}.json").read_text())["checks"]
    assert {tuple(check) for check in kept.values()} == {tuple(Check("", 1.0, 2.0).describe())}


def test_results_files_hold_checks_of_rows_as_they_are_described():
    kept = json.loads((RESULTS / "peers-biq2021-test-threads2.json").read_text())["checks"]
    assert {tuple(check) for check in kept} == {tuple(RowCheck("", 1.0, 2.0, of="").describe())}
