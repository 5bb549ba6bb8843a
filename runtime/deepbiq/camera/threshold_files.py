"""What thresholds are fitted to, read from files: earlier scores, and people's verdicts."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from deepbiq.errors import OptionError

VERDICTS = {
    "accepted": True, "accept": True, "1": True,
    "rejected": False, "reject": False, "0": False,
}  # fmt: skip
"""Words for a verdict in a CSV; capitals do not matter."""


@dataclass
class Scored:
    """Pictures with their scores, in order.

    Attributes:
        paths: Of each; None for a camera's frame.
        scores: Of each, 0..100.
        faults: Path and fault of each picture that could not be read.
    """

    paths: list[str | None] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    faults: list[tuple[str | None, str]] = field(default_factory=list)

    def add(self, path: str | None, score: float | None, fault: str | None) -> None:
        """Adds a picture: its score, or its fault where it has none."""
        if score is None:
            self.faults.append((path, fault or f"{path}: no score"))
        else:
            self.paths.append(path)
            self.scores.append(score)

    def labelled(self, labels: Mapping[str, bool]) -> Scored:
        """Returns the pictures that have a label; a label without a score is a fault."""
        known = [(path, score) for path, score in zip(self.paths, self.scores, strict=True) if path in labels]
        faults = [(path, fault) for path, fault in self.faults if path in labels]
        found = {path for path, _ in [*known, *faults]}
        faults += [(path, f"{path}: labelled, but not among the scores") for path in labels if path not in found]
        return Scored([path for path, _ in known], [score for _, score in known], faults)


def read_scores(file: Path) -> Scored:
    """Reads the JSON lines that `deepbiq score --format jsonl` or `deepbiq watch` printed.

    Raises:
        OptionError: When the file cannot be read, or a line is none of theirs.
    """
    scored = Scored()
    for number, line in enumerate(_text(file).splitlines(), 1):
        if not line.strip():
            continue
        try:
            entry = _entry(line)
        except ValueError as error:
            raise OptionError(f"{file}, line {number}: {error}") from error
        if entry is not None:
            scored.add(entry.get("path"), entry["score"], entry.get("error"))
    return scored


def read_labels(file: Path) -> dict[str, bool]:
    """Reads people's verdicts: a CSV with the columns `path` and `verdict`.

    Returns:
        Whether each path was accepted; paths as they are written.

    Raises:
        OptionError: When the file cannot be read, a column or a path is missing, a verdict is none of `VERDICTS`,
            or a path stands there twice.
    """
    rows = csv.DictReader(_text(file).splitlines())
    try:
        return _labels(rows)
    except (csv.Error, ValueError) as error:
        # An empty file lacks its first line; the line_num of a DictReader lags behind a faulty one.
        raise OptionError(f"{file}, line {max(1, rows.reader.line_num)}: {error}") from error


def _labels(rows: csv.DictReader[str]) -> dict[str, bool]:
    missing = {"path", "verdict"} - set(rows.fieldnames or ())
    if missing:
        raise ValueError(f"no column {' and '.join(sorted(missing))}: the first line must name the columns")
    labels: dict[str, bool] = {}
    for row in rows:
        # The cells that a short row lacks are None.
        path, verdict = row["path"], (row["verdict"] or "").strip().lower()
        if not path:
            raise ValueError("no path: each row names a picture and its verdict")
        if verdict not in VERDICTS:
            raise ValueError(f"verdict {verdict!r} is none of {', '.join(VERDICTS)}")
        if path in labels:
            raise ValueError(f"{path} stands there twice")
        labels[path] = VERDICTS[verdict]
    return labels


def _text(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{file} cannot be read: {error}") from error


def _entry(line: str) -> dict[str, Any] | None:
    """Returns a line's result; None for an event that is none."""
    entry = json.loads(line)
    if not isinstance(entry, dict):
        raise ValueError("no JSON object")  # noqa: TRY004  # a fault of the line, as those of json
    if entry.get("event", "result") != "result":
        return None
    score = entry.get("score")
    if "score" not in entry or not (score is None or (isinstance(score, (int, float)) and 0 <= score <= 100)):
        raise ValueError(f"no score, 0..100, but {score!r}")
    return entry
