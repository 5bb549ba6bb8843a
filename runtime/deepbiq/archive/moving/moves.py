"""Moving files aside as planned, one after the other; the log can undo it whenever this stops."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deepbiq.archive.moving.move_log import Intent, MoveLog
from deepbiq.archive.moving.placing import PlacingError, place, stamp_of
from deepbiq.imaging import printable


def carry_out(log: MoveLog, intents: Iterable[Intent]) -> Iterator[tuple[Intent, str | None]]:
    """Moves files to their targets.

    Yields:
        Each move, and None where it came off, or why the file stays where it was.
    """
    for intent in intents:
        fault = move(log, intent, back=False)
        log.outcome(intent, fault, back=False)
        yield intent, fault


def move(log: MoveLog, intent: Intent, *, back: bool) -> str | None:
    """Moves one file, or moves it back; returns why it stays, or None.

    Folders that are missing are made; on the way there the log says so, so that undoing removes them.
    """
    source, target = (intent.target, intent.source) if back else (intent.source, intent.target)
    try:
        if stamp_of(source) != intent.stamp:
            return "it has changed in the meantime"
        for folder in _missing_folders(target):
            if not back:
                log.folder(folder)
            folder.mkdir(exist_ok=True)
        place(
            source, target, log.temporary(intent, back=back),
            lambda identity: log.placing(intent, identity, back=back),
        )  # fmt: skip
    except PlacingError as error:
        return f"{error}: {printable(str(target))}"
    except OSError as error:
        return f"{error.strerror or error}: {printable(str(target.parent))}"
    return None


def _missing_folders(path: Path) -> list[Path]:
    """Lists the folders above a path that are not there, outer ones first."""
    missing = []
    for folder in path.parents:
        if folder.is_dir():
            break
        missing.append(folder)
    return missing[::-1]
