"""`--verify`: whether files still hold what was scored, though size and modification time say so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import takewhile

from deepbiq.archive.decoders import Decoders
from deepbiq.archive.results import Results
from deepbiq.archive.row import Listed
from deepbiq.lookahead import map_ahead


@dataclass
class Verified:
    """What reading everything again has shown.

    Attributes:
        read: Files that were read again.
        differ: Those that hold other bytes.
        unreadable: Those that cannot be read any more.
    """

    read: int = 0
    differ: int = 0
    unreadable: int = 0

    @property
    def reopened(self) -> int:
        """Files that have to be graded again."""
        return self.differ + self.unreadable


def verify(
    results: Results, decoders: Decoders, *, advance: Callable[[], None], stopped: Callable[[], bool]
) -> Verified:
    """Hashes every input again that is done; those that differ or cannot be read are to be graded again.

    Args:
        results: Knows what is done, and is told what is not.
        decoders: Read and hash.
        advance: Called after each file.
        stopped: No file is begun once it is true.
    """
    verified = Verified()

    def look(item: tuple[Listed, str]) -> tuple[str, str, str | None]:
        listed, known = item
        return listed.path, known, decoders.identify(listed).facts.content_hash

    done = takewhile(lambda _: not stopped(), results.done())
    for path, known, found in map_ahead(look, done, 2 * decoders.count, workers=decoders.count):
        advance()
        verified.read += 1
        if found == known:
            continue
        verified.differ += found is not None
        verified.unreadable += found is None
        results.reopen(path)
    return verified
