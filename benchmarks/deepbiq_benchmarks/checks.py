"""Figures held against their bounds: in results files, for a terminal and for the documents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

BOUND_MISSED = 1
"""Exit code of a benchmark that missed a bound."""

Described = Mapping[str, Mapping[str, Any]]
"""Checks in a results file: by what they hold, `value`, `bound` in words and `passes`."""


@dataclass(frozen=True)
class Check:
    """A figure held against its bound.

    Attributes:
        what: The figure in words.
        value: What was measured: a number, or whether something is so; None where nothing was measured.
        bound: A number; or words for something that must be so.
        at_least: Whether the figure must reach the bound; otherwise it must not exceed it.
    """

    what: str
    value: float | None
    bound: float | str
    at_least: bool = False

    @property
    def passes(self) -> bool | None:
        """Whether the bound is kept; None where nothing was measured."""
        if self.value is None:
            return None
        if isinstance(self.bound, str):
            return bool(self.value)
        return self.value >= self.bound if self.at_least else self.value <= self.bound

    def describe(self) -> dict[str, Any]:
        """Returns the check JSON-ready."""
        limit = "at least" if self.at_least else "at most"
        words = self.bound if isinstance(self.bound, str) else f"{limit} {self.bound:.4g}"
        return {"value": self.value, "bound": words, "passes": self.passes}


def all_kept(checks: Iterable[Check]) -> bool:
    """Whether no bound is missed; what was not measured misses none."""
    return all(check.passes is not False for check in checks)


def describe_all(checks: Iterable[Check]) -> dict[str, dict[str, Any]]:
    """Returns checks JSON-ready, by what they hold."""
    return {check.what: check.describe() for check in checks}


def check_lines(checks: Described) -> list[str]:
    """Writes a line for a terminal about every check."""
    return [
        f"{'ok' if check['passes'] else 'no'}  {what}: {_figure(check['value'])} ({check['bound']})"
        for what, check in checks.items()
    ]


def check_rows(checks: Described) -> list[str]:
    """Writes a table of checks as Markdown, its head first."""
    rows = [
        f"| {what} | {_figure(check['value'])} | {check['bound']} | {'yes' if check['passes'] else 'no'} |"
        for what, check in checks.items()
    ]
    return ["| what | measured | bound | kept |", "| --- | --- | --- | --- |", *rows]


def _figure(value: object) -> str:
    """Writes what a check measured: a number, or whether something is so."""
    if not isinstance(value, float):
        return str(value).lower()
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"
