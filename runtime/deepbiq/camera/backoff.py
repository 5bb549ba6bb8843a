"""How long to wait before the next attempt to reach a lost source."""

from __future__ import annotations

import random

MIN_WAIT_S = 0.5
MAX_WAIT_S = 30.0
STABLE_S = 1.0
"""A connection that gave pictures for so long was a good one: the next loss is a new one."""

_GROWTH = 1.5
_JITTER = 1.25


class Backoff:
    """Waits that grow by half, each with a jitter of up to a quarter, from 0.5 to 30 seconds.

    The growth is gentle on purpose: where the source has been away for T seconds, a wait is at most 0.625 (T + 1)
    seconds, so that a source that was away for a few seconds is found again within a few. With doubling, the usual
    factor, it would be 1.25 (T + 0.5). The jitter keeps the cameras of one switch from coming back all at the same
    moment.

    Args:
        rng: Where the jitter comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._base = MIN_WAIT_S

    def next_wait(self) -> float:
        """Returns the seconds to wait now, and makes the next wait longer."""
        wait = self._base * self._rng.uniform(1, _JITTER)
        self._base = min(self._base * _GROWTH, MAX_WAIT_S / _JITTER)
        return wait

    def reset(self) -> None:
        """Begins anew, after a connection that was stable."""
        self._base = MIN_WAIT_S
