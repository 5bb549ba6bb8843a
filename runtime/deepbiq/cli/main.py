"""The entry point: finds the verb, runs it, turns errors into one line and an exit code.

Verbs are loaded when they are called, so `deepbiq score` pays for nothing else. The runtime's own are listed
here; the other rooms register theirs through the entry-point group `deepbiq.commands` under the words that
call them, for example `bench accuracy`.
"""

from __future__ import annotations

import atexit
import os
import sys
import traceback
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from deepbiq import __version__
from deepbiq.cli.exit_codes import (
    BELOW_MIN_SCORE,
    INTERRUPTED,
    PASS,
    READER_GONE,
    UNEXPECTED,
    USAGE,
    exit_code_of,
)
from deepbiq.cli.standard_streams import ReaderGoneError, StandardStreamError, open_standard_streams
from deepbiq.errors import DeepBIQError

RUNTIME_VERBS = {
    "score": "deepbiq.cli.score:score",
    "info": "deepbiq.cli.info:info",
    "doctor": "deepbiq.cli.doctor:doctor",
    "tune": "deepbiq.cli.tune:tune",
    "watch": "deepbiq.cli.watch:watch",
    "config": "deepbiq.cli.config:config",
    "threshold": "deepbiq.cli.threshold:threshold",
    "archive": "deepbiq.cli.archive:archive",
    "archive report": "deepbiq.cli.archive_report:archive_report",
    "archive undo": "deepbiq.cli.archive_undo:archive_undo",
    "refit": "deepbiq.cli.refit:refit",
}
GROUP_HELP = {
    "bench": "Measure accuracy and speed on your own machine and data.",
    "experiment": "Repeat the DeepBIQ paper's experiments on your own data.",
}


@cache
def _registered_verbs() -> Mapping[str, str]:
    from importlib.metadata import entry_points

    return {entry.name: entry.value for entry in entry_points(group="deepbiq.commands")}


def _load_verb(words: str, target: str) -> Any:
    module, _, function = target.partition(":")
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.command()(getattr(import_module(module), function))
    command = typer.main.get_command(app)
    command.name = words.rpartition(" ")[2]
    return command


class VerbGroup(TyperGroup):
    """A group of verbs that are imported when they are called."""

    words = ""
    """The words before a verb of this group, for example `bench `; empty at the top."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002  # click's signature
        """Lists the verbs of this group, the runtime's first."""
        everything = [*RUNTIME_VERBS, *sorted(_registered_verbs())]
        mine = [name.removeprefix(self.words) for name in everything if name.startswith(self.words)]
        return list(dict.fromkeys(name.partition(" ")[0] for name in mine))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Finds the verb that arguments begin with; `archive report` is one, not an argument of `archive`."""
        two_words = " ".join(args[:2])
        if two_words in RUNTIME_VERBS:
            return two_words, self.get_command(ctx, two_words), args[2:]
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Imports one verb, or makes the group that it leads to."""
        words = self.words + cmd_name
        if words in RUNTIME_VERBS:
            return _load_verb(words, RUNTIME_VERBS[words])
        if words in _registered_verbs():
            return _load_verb(words, _registered_verbs()[words])
        if cmd_name in self.list_commands(ctx):
            group = VerbGroup(name=cmd_name, help=GROUP_HELP.get(words), no_args_is_help=True)
            group.words = f"{words} "
            return group
        return None

    def invoke(self, ctx: Any) -> Any:
        """Runs a verb; an error of deepbiq ends it with one line and its exit code, a bug keeps its traceback."""
        try:
            return super().invoke(ctx)
        except DeepBIQError as error:
            typer.echo(f"deepbiq: {error}", err=True)
            raise typer.Exit(exit_code_of(error)) from error
        except KeyboardInterrupt:
            typer.echo("deepbiq: interrupted", err=True)
            raise typer.Exit(INTERRUPTED) from None


app = typer.Typer(cls=VerbGroup, add_completion=False, no_args_is_help=True, rich_markup_mode="markdown")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"deepbiq {__version__}")
        raise typer.Exit


@app.callback()
def deepbiq(
    version: Annotated[  # the callback acts on it
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and end."),
    ] = False,
) -> None:
    """Blind image quality assessment: a photo in, a score from 0 (bad) to 100 (excellent) out.

    Exit codes: 0 pass, 1 an image is below --min-score, 2 usage, nothing to score or an output cannot be written,
    3 an image could not be read, 4 model or engine unusable or an unexpected error, 5 a camera can never be opened,
    130 interrupted, 141 whoever read the output has gone away.
    """


def main() -> None:
    """Runs the command line and ends the process."""
    # Faults of pictures are reported in our own words, once; OpenCV would add its own lines to stderr.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    open_standard_streams()
    try:
        code = _run()
        _finish()
    except ReaderGoneError:
        code = READER_GONE
    except StandardStreamError as error:
        code = USAGE
        _tell(f"deepbiq: {error}\n")
    except KeyboardInterrupt:  # while the last output waits for a reader that takes nothing
        os._exit(INTERRUPTED)
    except BaseException:  # noqa: BLE001  # nothing may end with Python's own 1
        code = UNEXPECTED
        _tell(traceback.format_exc())
    _end(code)


def _run() -> int:
    """Runs the verb and returns its exit code."""
    try:
        typer.main.get_command(app)(prog_name="deepbiq")
    except SystemExit as done:
        asked_for = isinstance(done.__context__, typer.Exit)
        if isinstance(done.code, int) and (asked_for or done.code != BELOW_MIN_SCORE):
            return done.code
        # typer and rich end with 1, which would be a verdict, when some exceptions escape a verb.
        raise done.__context__ or done  # noqa: B904  # as what it was, not as its successor
    return PASS


def _finish() -> None:
    """Does what was registered to happen at exit, and flushes everything printed."""
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()


def _tell(text: str) -> None:
    with suppress(OSError):  # the exit code still says it
        sys.stderr.write(text)
        sys.stderr.flush()


def _end(code: int) -> NoReturn:
    """Ends the process without taking the interpreter and ONNX Runtime apart: a tenth of a short call."""
    with suppress(OSError, KeyboardInterrupt):
        _finish()
    os._exit(code)
