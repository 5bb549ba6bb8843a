"""Grading on one machine: decode processes feed one engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from deepbiq.archive.decoders import Decoders
from deepbiq.archive.grading import row_of
from deepbiq.archive.row import Listed, Row
from deepbiq.archive.run import Grade
from deepbiq.lookahead import map_ahead
from deepbiq.scorer import Scorer

_LOOKAHEAD = 1024
"""Inputs in work or waiting as rows, which are small: the others go on while one blocks for a minute. Pixels are
only held by threads, one picture each, so they are bounded by the number of threads."""


def grade_locally(scorer: Scorer, decoders: Decoders, stopped: Callable[[], bool]) -> Grade:
    """Makes the grade of one machine: rows in the order of their inputs, every core busy.

    Each of a few threads takes an input, has it prepared by a decode process and then scored by a thread of the
    engine's. There are as many as can be prepared and scored at once, so both always have something to do.

    Args:
        scorer: Scores; the caller closes it.
        decoders: Prepare; the caller closes them.
        stopped: Inputs that nobody has begun when it becomes true get no row.
    """

    def grade(inputs: Iterable[Listed]) -> Iterator[Row]:
        workers = scorer.engine.workers
        # Threads that only score go on from one picture to the next without a pause. One that waits for its turn to
        # score is often woken on a busy core while another stands idle: on a machine of two that cost a tenth.
        with ThreadPoolExecutor(workers, thread_name_prefix="deepbiq-score") as scoring:

            def grade_one(listed: Listed) -> Row | None:
                if stopped():
                    return None
                prepared = decoders.prepare(listed)
                return scoring.submit(row_of, listed.path, prepared, scorer).result()

            with closing(map_ahead(grade_one, inputs, _LOOKAHEAD, workers=decoders.count + workers)) as rows:
                yield from (row for row in rows if row is not None)

    return grade
