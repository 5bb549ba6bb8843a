"""What a run must show, as named checks, and how far it agrees with an earlier run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from deepbiq_benchmarks.checks import Check
from deepbiq_benchmarks.peers_names import (
    CAFFENET_CROPS,
    CAFFENET_DENSE,
    DEFAULT,
    crops_name,
    deepbiq_name,
)

Row = Mapping[str, Any]

CAFFENET_SPEED = 10.0
EFFICIENTNET_SPEED = 7.0
CAFFENET_DENSE_SPEED = 2.3
SROCC_DROP = 0.005
SGEMM_SHARE = 1.0
OUTSIDE_SHARE = 0.10
AGREEMENT = 0.10
"""Two runs on an idle machine agree within this part of every ratio."""


@dataclass(frozen=True, kw_only=True)
class RowCheck(Check):
    """A figure of a row held against its bound; there is none where a row that it needs did not run.

    Attributes:
        of: The row that is held against it.
        binding: Whether the command fails when it is missed; other rows are held against the same bounds for
            comparison.
    """

    of: str
    binding: bool = True

    def describe(self) -> dict[str, Any]:
        """Returns the check JSON-ready."""
        return {"of": self.of, **asdict(self), "passes": self.passes}


def checks_of(rows: Sequence[Row], outside: float | None) -> list[RowCheck]:
    """Holds the default call, and every other dense row of deepbiq, against the bounds.

    Args:
        rows: Of the result; see `peers_result`.
        outside: Share of the default call that is not the network; None where it was not measured.
    """
    by_name = {row["name"]: row for row in rows}
    dense = [row["name"] for row in rows if row["plan"] == "dense" and row["name"].startswith("deepbiq ")]
    checks = [check for name in (DEFAULT, *dense) for check in _checks_of_call(by_name, name)]
    checks.append(RowCheck("share of the call outside the network", outside, OUTSIDE_SHARE, of=DEFAULT))
    return [*checks, _faster(by_name, CAFFENET_DENSE, CAFFENET_CROPS, CAFFENET_DENSE_SPEED, binding=True)]


def compare_ratios(rows: Sequence[Row], earlier: Sequence[Row]) -> dict[str, Any]:
    """Compares every row's ratio to the default call with that of an earlier run.

    Args:
        rows: Of this run.
        earlier: Of the other.

    Returns:
        JSON-ready: per row in both the two ratios and their relative difference, the largest of them, and whether
        all are within 10 %; None for both where no row is in both.
    """
    before = {row["name"]: row["ratio"] for row in earlier if row["ratio"] is not None}
    compared = [
        {
            "name": row["name"],
            "ratio": row["ratio"],
            "earlier": before[row["name"]],
            "difference": abs(row["ratio"] / before[row["name"]] - 1),
        }
        for row in rows
        if row["ratio"] is not None and row["name"] in before
    ]
    largest = max((entry["difference"] for entry in compared), default=None)
    return {
        "rows": compared,
        "largest": largest,
        "bound": AGREEMENT,
        "passes": Check("largest difference", largest, AGREEMENT).passes,
    }


def _checks_of_call(rows: Mapping[str, Row], name: str) -> list[RowCheck]:
    """The bounds of one way to call deepbiq."""
    ours = name == DEFAULT
    caffenet, efficientnet = (crops_name(title, "onnxruntime") for title in ("CaffeNet", "EfficientNet-Lite0"))
    fp32, srocc = rows.get(deepbiq_name("dense", "fp32"), {}).get("srocc"), rows.get(name, {}).get("srocc")
    drop = None if fp32 is None or srocc is None else fp32 - srocc
    share, before = (_share(rows, name, key) for key in ("sgemm_ms", "sgemm_before_ms"))
    at_peak = "time / that of its multiply-adds at the SGEMM peak"
    return [
        _faster(rows, name, caffenet, CAFFENET_SPEED, binding=ours),
        _faster(rows, name, efficientnet, EFFICIENTNET_SPEED, binding=ours),
        RowCheck("SROCC below FP32 dense", drop, SROCC_DROP, of=name, binding=ours),
        RowCheck(at_peak, share, SGEMM_SHARE, of=name, binding=ours),
        RowCheck("the same at the best SGEMM before all turns", before, SGEMM_SHARE, of=name, binding=False),
    ]


def _faster(rows: Mapping[str, Row], name: str, slower: str, bound: float, *, binding: bool) -> RowCheck:
    """Holds how many times faster one row is than another against its bound."""
    above, below = (rows.get(row, {}).get("ratio") for row in (slower, name))
    times = None if above is None or below is None else above / below
    return RowCheck(f"times faster than {slower}", times, bound, at_least=True, of=name, binding=binding)


def _share(rows: Mapping[str, Row], name: str, bound: str) -> float | None:
    """The time of a row over one of its own bounds, in the mood of the default call's median."""
    row, default = rows.get(name, {}), rows[DEFAULT]
    if row.get("ratio") is None or not row.get(bound):
        return None
    return float(row["ratio"] * default["ms"] / row[bound])
