"""The four formats of results: text, json, jsonl, csv. Data goes to stdout, everything else to stderr."""

from __future__ import annotations

import csv
import json
import os
import sys
from collections.abc import Callable
from enum import Enum
from typing import Protocol, TextIO

from deepbiq.imaging import printable
from deepbiq.result import Failure, Score

LABEL_STYLES = {
    "bad": "red",
    "poor": "dark_orange",
    "fair": "yellow",
    "good": "green",
    "excellent": "bright_green",
}
CSV_COLUMNS = (
    "path", "score", "label", "spread", "plan", "pool", "engine", "precision", "model",
    "decode_ms", "sample_ms", "infer_ms", "regress_ms", "total_ms", "warnings", "error",
)  # fmt: skip


class Format(str, Enum):
    """How results are printed."""

    TEXT = "text"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


def say(message: str) -> None:
    """Prints one line for people, on stderr; names that are no valid text show as escapes."""
    print(f"deepbiq: {printable(message)}", file=sys.stderr)


class Writer(Protocol):
    """Prints results one by one."""

    def write(self, result: Score | Failure) -> None:
        """Prints or keeps one result."""

    def finish(self) -> None:
        """Ends the document."""


def writer_for(fmt: Format) -> Writer:
    """Returns the writer of a format, printing to stdout."""
    kinds: dict[Format, Callable[[TextIO], Writer]] = {
        Format.TEXT: TextWriter,
        Format.JSON: JsonWriter,
        Format.JSONL: JsonLinesWriter,
        Format.CSV: CsvWriter,
    }
    return kinds[fmt](sys.stdout)


class TextWriter:
    """One aligned line per picture, in colour on a terminal; faults and warnings on stderr."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._colour = stream.isatty() and not os.environ.get("NO_COLOR")

    def write(self, result: Score | Failure) -> None:
        """Prints one result."""
        if isinstance(result, Failure):
            say(result.error)
            return
        for warning in result.warnings:
            say(f"{result.path}: {warning}")
        self._print(
            f"{result.score:5.1f}  ", result.label, f"  ±{result.spread:<5.1f} {printable(result.path or '')}"
        )

    def _print(self, before: str, label: str, after: str) -> None:
        if not self._colour:
            print(f"{before}{label:9}{after}", file=self._stream)
            return
        from rich.console import Console
        from rich.text import Text

        line = Text.assemble(before, (f"{label:9}", LABEL_STYLES[label]), after)
        Console(file=self._stream).print(line, soft_wrap=True)

    def finish(self) -> None:
        """Needs nothing."""


class JsonLinesWriter:
    """One JSON object a line, flushed at once so that a reader sees each result when it is there."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, result: Score | Failure) -> None:
        """Prints one result."""
        print(json.dumps(result.to_dict()), file=self._stream, flush=True)

    def finish(self) -> None:
        """Needs nothing."""


class JsonWriter:
    """A JSON array with one object a line."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._before = "[\n"

    def write(self, result: Score | Failure) -> None:
        """Prints one result."""
        print(self._before + json.dumps(result.to_dict()), end="", file=self._stream)
        self._before = ",\n"

    def finish(self) -> None:
        """Closes the array, also an empty one."""
        print("[]" if self._before == "[\n" else "\n]", file=self._stream)


class CsvWriter:
    """A heading and one row per picture."""

    def __init__(self, stream: TextIO) -> None:
        self._writer = csv.DictWriter(stream, CSV_COLUMNS, lineterminator="\n")
        self._writer.writeheader()

    def write(self, result: Score | Failure) -> None:
        """Prints one result."""
        row = result.to_dict()
        stages = row.pop("ms") or {}
        row |= {f"{stage}_ms": value for stage, value in stages.items()}
        row["warnings"] = "; ".join(row["warnings"])
        self._writer.writerow({key: printable(v) if isinstance(v, str) else v for key, v in row.items()})

    def finish(self) -> None:
        """Needs nothing."""
