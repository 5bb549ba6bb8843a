"""Work done ahead: a function applied to the next items while the caller uses the present one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from deepbiq.errors import OptionError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], lookahead: int
) -> Iterator[tuple[Item, Result]]:
    """Applies a function to items in one worker thread, in order, at most `lookahead` results ahead.

    Args:
        function: Whatever it raises reaches the caller at that item's turn.
        items: Read lazily, in the caller's thread.
        lookahead: At least 1.

    Yields:
        Each item with its result.
    """
    if lookahead < 1:
        raise OptionError(f"lookahead must be at least 1, got {lookahead}")
    source = iter(items)
    waiting: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="deepbiq-decode") as pool:
        try:
            waiting.extend((item, pool.submit(function, item)) for item in islice(source, lookahead))
            while waiting:
                item, future = waiting.popleft()
                result = future.result()
                waiting.extend((following, pool.submit(function, following)) for following in islice(source, 1))
                yield item, result
        finally:
            for _, future in waiting:
                future.cancel()
