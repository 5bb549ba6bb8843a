"""Progress bars: on stderr, and only where somebody can see them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

from deepbiq.cli.output import say

_LOG_EVERY_S = 10.0


@contextmanager
def progress_bar(what: str, total: int | None) -> Iterator[Callable[[], None]]:
    """Shows how far a command is, when stderr is a terminal.

    Args:
        what: A word before the bar.
        total: How many steps there are; None where nobody knows.

    Yields:
        A function that counts one step.
    """
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def rated_progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """Shows how far a long command is, how fast, and how long it will take: a bar on a terminal, else log lines.

    Args:
        what: A word before the bar.
        total: How many pictures there are.

    Yields:
        A function that counts one picture.
    """
    with _rated_bar(what, total) if sys.stderr.isatty() else _rated_lines(what, total) as advance:
        yield advance


@contextmanager
def _rated_bar(what: str, total: int) -> Iterator[Callable[[], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    class RateColumn(TextColumn):
        def render(self, task: Task) -> Text:
            return Text(_rate(task.completed, task.elapsed or 0.0))

    columns = (
        TextColumn(what),
        BarColumn(),
        MofNCompleteColumn(),
        RateColumn(""),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    # Twice a second: drawing takes time from the pictures.
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=2) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)


@contextmanager
def _rated_lines(what: str, total: int) -> Iterator[Callable[[], None]]:
    start = said = monotonic()
    done = 0

    def tell(now: float) -> None:
        seconds = now - start
        left = f", {_duration((total - done) * seconds / done)} left" if 0 < done < total else ""
        say(f"{what}: {done} of {total}, {_rate(done, seconds)}{left}")

    def advance() -> None:
        nonlocal said, done
        done += 1
        now = monotonic()
        if now - said >= _LOG_EVERY_S:
            said = now
            tell(now)

    try:
        yield advance
    finally:
        if done:
            tell(monotonic())


def _rate(count: float, seconds: float) -> str:
    return f"{count / seconds:.1f} pictures/s" if seconds > 0 else "0.0 pictures/s"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}"
