"""Listing faults in one message: the first ones in words, the rest as a number."""

from __future__ import annotations

from collections.abc import Sequence

_LISTED = 10
"""How many faults a message lists before it only counts the rest."""


def list_faults(faults: Sequence[str]) -> str:
    """Joins faults into one line."""
    more = f"; and {len(faults) - _LISTED} more" if len(faults) > _LISTED else ""
    return f"{'; '.join(faults[:_LISTED])}{more}"
