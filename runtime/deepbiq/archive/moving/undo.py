"""Moving files back to where a log says they came from, however far the moving or an earlier undoing got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from deepbiq.archive.moving.move_log import History, Intent, MoveLog
from deepbiq.archive.moving.moves import move
from deepbiq.archive.moving.placing import TAKEN, Stamp, identity_of, same_content, stamp_of


class Action(Enum):
    """What undoing does to one file."""

    MOVE_BACK = "move back"
    DROP_COPY = "drop the second copy of a move that was broken off"
    REFUSE = "refuse"


@dataclass(frozen=True)
class Step:
    """One step of undoing.

    Attributes:
        intent: The move that is undone.
        action: What is done.
        reason: Why it is refused.
    """

    intent: Intent
    action: Action
    reason: str | None = None


def plan_undo(history: History) -> list[Step]:
    """Looks what there is to undo, the last move first; nothing is changed."""
    steps = (_step_of(intent, history) for intent in reversed(history.intents))
    return [step for step in steps if step is not None]


def carry_back(log: MoveLog, history: History, steps: Sequence[Step]) -> Iterator[tuple[Step, str | None]]:
    """Undoes moves, then removes the folders that they made if these are empty.

    Yields:
        Each step, and None where it came off, or why the file stays where it is.
    """
    for intent in history.intents:
        for back in (False, True):
            with suppress(OSError):  # its folder may be gone
                log.temporary(intent, back=back).unlink()
    for step in steps:
        fault = _carry_out(log, step)
        log.outcome(step.intent, fault, back=True)
        yield step, fault
    for folder in reversed(history.folders):
        with suppress(OSError):  # it is not empty, or gone
            folder.rmdir()


def _step_of(intent: Intent, history: History) -> Step | None:
    """Decides by what lies where; the log only says whose it is. None where nothing is to be done."""
    fault = history.outcomes.get((intent.number, False), "")
    if fault:
        return None
    try:
        source, target = stamp_of(intent.source), stamp_of(intent.target)
        return _decide(intent, history, source, target, moved=fault is None)
    except OSError as error:
        return Step(intent, Action.REFUSE, error.strerror or str(error))


def _decide(
    intent: Intent, history: History, source: Stamp | None, target: Stamp | None, *, moved: bool
) -> Step | None:
    returned = history.outcomes.get((intent.number, True), "") is None
    if target is None:
        return Step(intent, Action.REFUSE, "it is gone") if source is None and not returned else None
    if source is None:
        if target != intent.stamp:
            return Step(intent, Action.REFUSE, "it has changed since it was moved")
        return Step(intent, Action.MOVE_BACK)
    if _is_second_copy(intent, history, target):
        return Step(intent, Action.DROP_COPY)
    # Both are there and are two files: a move that never began, one undone before, or a new file at the old place.
    return Step(intent, Action.REFUSE, TAKEN) if moved and not returned else None


def _is_second_copy(intent: Intent, history: History, target: Stamp) -> bool:
    """Tells whether both names are of one file that was being moved, there or back, when the program ended."""
    there, back = (history.placed.get((intent.number, back)) for back in (False, True))
    if identity_of(intent.target) != there and identity_of(intent.source) != back:
        return False
    return target == intent.stamp and same_content(intent.source, intent.target)


def _carry_out(log: MoveLog, step: Step) -> str | None:
    if step.action is Action.REFUSE:
        return step.reason
    if step.action is Action.MOVE_BACK:
        return move(log, step.intent, back=True)
    try:
        step.intent.target.unlink()
    except OSError as error:
        return error.strerror or str(error)
    return None
