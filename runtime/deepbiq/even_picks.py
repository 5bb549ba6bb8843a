"""Taking some items of a sequence, spread evenly over it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

_Item = TypeVar("_Item")


def pick_evenly(items: Sequence[_Item], count: int) -> list[_Item]:
    """Takes so many items, the first among them, in order; all of them where there are no more.

    Args:
        items: N items.
        count: At least 1.
    """
    count = min(count, len(items))
    return [items[i * len(items) // count] for i in range(count)]
