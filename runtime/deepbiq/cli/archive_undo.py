"""`deepbiq archive undo`: files that a report moved aside go back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from deepbiq.cli.exit_codes import PASS, USAGE
from deepbiq.cli.formats import ResultFormat
from deepbiq.cli.moves_output import print_line, say_refused, say_sum
from deepbiq.cli.output import say
from deepbiq.cli.progress import progress_bar
from deepbiq.errors import ArchiveError
from deepbiq.imaging import printable

if TYPE_CHECKING:
    from deepbiq.archive.moving.move_log import History
    from deepbiq.archive.moving.undo import Step

Outcomes = list[tuple["Step", str | None]]
"""Steps, each with why its file stays, or None."""


def archive_undo(
    log: Annotated[Path, typer.Argument(help="The _moves-....jsonl that `deepbiq archive report --apply` wrote.")],
    apply: Annotated[bool, typer.Option("--apply", help="Really move; only said otherwise.")] = False,
    fmt: Annotated[ResultFormat, typer.Option("--format", help="How the result is printed.")] = ResultFormat.TEXT,
) -> None:
    """Move files back to where `deepbiq archive report --apply` took them from.

    Nothing is overwritten: where something new lies at the old place, or a file has changed since, it stays.
    Folders that the moves made are removed if they are empty. A log whose moves were broken off, and one that was
    undone before, do no harm.

    Exit codes: 0 done, 2 usage, no such log, or a file could not be moved back, 130 interrupted.
    """
    from deepbiq.archive.moving.move_log import read_log
    from deepbiq.archive.moving.undo import plan_undo

    history = read_log(log)
    steps = plan_undo(history)
    outcomes = _apply(log, history, steps) if apply else [(step, step.reason) for step in steps]
    refused = [(str(step.intent.target), fault) for step, fault in outcomes if fault is not None]
    moved = [(step.intent.target, step.intent.source) for step, fault in outcomes if fault is None]
    if fmt is ResultFormat.JSON:
        text = [{"from": printable(str(source)), "to": printable(str(target))} for source, target in moved]
        stay = [{"path": printable(path), "reason": printable(reason)} for path, reason in refused]
        typer.echo(json.dumps({"moves": text, "refused": stay}, indent=2))
    else:
        for source, target in moved:
            print_line("moved" if apply else "move", source, target)
    say_refused(refused)
    if outcomes:
        say_sum(len(moved), len(refused), applied=apply)
    else:
        say("nothing is left to undo")
    raise typer.Exit(USAGE if apply and refused else PASS)


def _apply(log: Path, history: History, steps: list[Step]) -> Outcomes:
    from deepbiq.archive.moving.move_log import MoveLog
    from deepbiq.archive.moving.undo import carry_back

    outcomes: Outcomes = []
    try:
        writer = MoveLog.reopen(log)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ArchiveError(
            f"{printable(str(log))}: nothing is moved without writing to the log: {reason}"
        ) from error
    with writer, progress_bar("moving back", len(steps)) as advance:
        for outcome in carry_back(writer, history, steps):
            outcomes.append(outcome)
            advance()
    return outcomes
