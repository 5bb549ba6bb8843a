"""Links and the pictures they lead to: a move that would part them is found before anything moves.

A name here is a path whose folders are no links, so that there is one for each entry of a folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from deepbiq.imaging import printable


def parting_moves(moves: Mapping[Path, Path], staying: Iterable[Path]) -> dict[Path, str]:
    """Finds the moves after which a link would not lead to its picture any more.

    Args:
        moves: Target by source.
        staying: Pictures that stay and must not lose what they lead to.

    Returns:
        By source why it has to stay. Without these moves all links that move or stay lead where they did.
    """
    faults: dict[Path, str] = {}
    left = dict(moves)
    while found := dict([*_taken_away(left, staying), *_misled(left)]):
        faults |= found
        left = {source: target for source, target in left.items() if source not in found}
        staying = list(found)
    return faults


def _taken_away(moves: Mapping[Path, Path], staying: Iterable[Path]) -> Iterator[tuple[Path, str]]:
    """Finds moves of what a picture that stays leads to."""
    sources = {_name_of(source): source for source in moves}
    for path in staying:
        for name in _way_of(path):
            if name in sources:
                yield sources[name], f"{printable(str(path))}, which stays, leads to it"


def _misled(moves: Mapping[Path, Path]) -> Iterator[tuple[Path, str]]:
    """Finds moves of links that would lead to something else, or to nothing, from their new place."""
    targets = {_name_of(source): target for source, target in moves.items()}
    for source, target in moves.items():
        onward = _next_of(source, source.parent)
        if onward is not None and _next_of(source, target.parent) != _name_of(targets.get(onward, onward)):
            names = printable(str(onward)), printable(str(target.parent))
            yield source, "it is a link that would not lead to {} from {}".format(*names)


def _way_of(path: Path) -> list[Path]:
    """Lists the names by which a path leads to its file: its own, those of links on the way, the file's."""
    way = [_name_of(path)]
    while (onward := _next_of(way[-1], way[-1].parent)) is not None and onward not in way:
        way.append(onward)
    return way


def _next_of(link: Path, folder: Path) -> Path | None:
    """Returns the name that a link leads to if it lies in a folder; None of what is no link."""
    try:
        return _name_of(folder / link.readlink())
    except OSError:
        return None


def _name_of(path: Path) -> Path:
    return Path(os.path.realpath(path.parent), path.name)
