"""What `deepbiq archive` says at its end."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.output import say
from deepbiq.imaging import printable

if TYPE_CHECKING:
    from deepbiq.archive.results import Stock
    from deepbiq.archive.run import Summary
    from deepbiq.archive.verifying import Verified


@dataclass(frozen=True)
class ArchiveSummary:
    """A call of `deepbiq archive`.

    Attributes:
        folder: The results folder.
        stock: What the sources held.
        graded: What the call has done.
        done: Inputs that had their row before and kept it.
        verified: What reading them again has shown; None where that was not asked for.
        seconds: How long grading took.
    """

    folder: Path
    stock: Stock
    graded: Summary
    done: int
    verified: Verified | None
    seconds: float

    @property
    def rows(self) -> int:
        """Rows that this call has made."""
        return self.graded.scored + self.graded.errors

    @property
    def rate(self) -> float:
        """Pictures a second."""
        return self.rows / self.seconds if self.rows else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Returns what `--format json` prints."""
        return {
            "results": printable(str(self.folder)),
            "inputs": self.stock.inputs,
            "named_twice": self.stock.named_twice,
            "done_before": self.done,
            "scored": self.graded.scored,
            "errors": self.graded.errors,
            "verified": None if self.verified is None else asdict(self.verified),
            "seconds": round(self.seconds, 3),
            "pictures_per_second": round(self.rate, 3),
        }


def print_summary(summary: ArchiveSummary, fmt: ResultFormat) -> None:
    """Prints a summary to stdout."""
    if fmt is ResultFormat.JSON:
        typer.echo(json.dumps(summary.to_dict()))
        return
    for line in _lines(summary):
        typer.echo(line)


def say_how_to_go_on(summary: ArchiveSummary) -> None:
    """Says on stderr how much of an interrupted call is safe, and which command goes on."""
    say(f"interrupted: {summary.done + summary.rows} of {summary.stock.inputs} pictures have their row; go on with")
    say(f"  {shlex.join(['deepbiq', *sys.argv[1:]])}")


def _lines(summary: ArchiveSummary) -> list[str]:
    folder, graded, verified = printable(str(summary.folder)), summary.graded, summary.verified
    lines = [
        f"{summary.stock.inputs} pictures: {graded.scored} scored, {graded.errors} with an error, "
        f"{summary.done} done before",
    ]
    if summary.stock.named_twice:
        lines.append(f"{summary.stock.named_twice} named again, in the table once")
    if verified is not None:
        lines.append(
            f"{verified.read} read again: {verified.differ} differ, {verified.unreadable} cannot be read any more"
        )
    if summary.rows:
        lines.append(f"{summary.seconds:.1f} s, {summary.rate:.1f} pictures/s")
    command = shlex.join(["deepbiq", "archive", "report", folder])
    return [*lines, f"results: {folder}", f"next: {command}"]
