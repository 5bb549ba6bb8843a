"""The head of a results folder, `_archive.json`: the version of its schema and what its scores were made with."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path

from deepbiq.archive.row import Yardstick
from deepbiq.archive.schema import SCHEMA_VERSION
from deepbiq.errors import ArchiveError
from deepbiq.files import write_atomically
from deepbiq.imaging import printable

_NAME = "_archive.json"


def read_head(folder: Path) -> tuple[Yardstick, ...] | None:
    """Returns the yardsticks of a results folder in the order of their addition; None where there is no head.

    Raises:
        ArchiveError: When the head is damaged, of another schema version, or beside tables that are not ours.
    """
    path = folder / _NAME
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        _check_no_tables(folder)
        return None
    try:
        head = json.loads(text)
        version = head["schema"]
        yardsticks = tuple(Yardstick(**entry) for entry in head["yardsticks"]) if version == SCHEMA_VERSION else ()
    except (ValueError, KeyError, TypeError) as error:
        raise ArchiveError(f"{printable(str(path))} is damaged ({error}): take another results folder") from error
    if version != SCHEMA_VERSION:
        raise ArchiveError(
            f"{printable(str(folder))} holds results of schema {version}, this deepbiq knows {SCHEMA_VERSION}: "
            "use the deepbiq that made them, or take another results folder"
        )
    return yardsticks


def write_head(folder: Path, yardsticks: Sequence[Yardstick]) -> None:
    """Writes the head of a results folder; raises OSError where that fails."""
    head = {"schema": SCHEMA_VERSION, "yardsticks": [asdict(yardstick) for yardstick in yardsticks]}
    write_atomically(folder / _NAME, json.dumps(head, indent=2).encode() + b"\n")


def admit(
    known: tuple[Yardstick, ...], yardstick: Yardstick, folder: Path, *, new_model: bool
) -> tuple[Yardstick, ...]:
    """Returns the yardsticks of a folder once rows of one more may be written into it.

    Args:
        known: Those that the folder has.
        yardstick: What the rows to come are made with.
        folder: The folder, for messages.
        new_model: Whether another model's rows may be put beside those that are there.

    Raises:
        ArchiveError: When the folder holds another model's scores and `new_model` is False, or the same model's
            scores made in another way.
    """
    if not known or yardstick in known:
        return known or (yardstick,)
    where = printable(str(folder))
    same_model = next((other for other in known if other.model == yardstick.model), None)
    if same_model is not None:
        raise ArchiveError(
            f"{where} holds scores of {yardstick.model} made with {differences(same_model, yardstick)}, which do "
            f"not compare with {differences(yardstick, same_model)}: use the same options, or take another "
            "results folder"
        )
    if not new_model:
        models = ", ".join(other.model for other in known)
        raise ArchiveError(
            f"{where} holds scores of {models}, not of {yardstick.model}: --new-model puts the new model's scores "
            "beside them, or take another results folder"
        )
    return (*known, yardstick)


def differences(one: Yardstick, other: Yardstick) -> str:
    """Names what differs between two yardsticks, with the values of the first, for example `plan grid:25`."""
    names = [field.name for field in fields(Yardstick) if getattr(one, field.name) != getattr(other, field.name)]
    return ", ".join(f"{name} {getattr(one, name)}" for name in names)


def _check_no_tables(folder: Path) -> None:
    table = next(folder.glob("*.parquet"), None)
    if table is not None:
        raise ArchiveError(
            f"{printable(str(folder))} holds {printable(table.name)} but no {_NAME}: it is no results folder, "
            "or its head is lost; take another folder"
        )
