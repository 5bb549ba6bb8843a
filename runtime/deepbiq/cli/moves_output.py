"""How moves are told: one line each on stdout, tab separated; what stays, and the sum, on stderr."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

import typer

from deepbiq.cli.output import say
from deepbiq.imaging import printable


def print_line(*cells: object) -> None:
    """Prints one line of tab-separated cells; names that are no valid text show as escapes."""
    typer.echo("\t".join(printable(str(cell)) for cell in cells))


def say_refused(refused: Sequence[tuple[str, str]]) -> None:
    """Says which files stay where they are, and why."""
    for path, reason in refused:
        say(f"{path} stays: {reason}")


def say_sum(moved: int, refused: int, *, applied: bool) -> None:
    """Says how many files were moved, or would be."""
    verb = "moved" if applied else "would be moved; nothing was changed, --apply moves them"
    stay = f"; {_files(refused)} {'stays' if refused == 1 else 'stay'}" if refused else ""
    say(f"{_files(moved)} {verb}{stay}")


def say_undo(log: Path) -> None:
    """Says how moves are undone; before the first one, because nobody may be there to say it afterwards."""
    say(f"this can be undone with  deepbiq archive undo {shlex.quote(str(log))} --apply")


def _files(count: int) -> str:
    return f"{count:,} file{'' if count == 1 else 's'}"
