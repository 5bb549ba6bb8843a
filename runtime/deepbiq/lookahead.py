"""Work done ahead: a function applied to the next items, several at once, while the caller uses the present one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

from deepbiq.errors import OptionError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result], items: Iterable[Item], lookahead: int, *, workers: int
) -> Generator[Result, None, None]:
    """Applies a function to items in worker threads; results come in order, at most `lookahead` ahead.

    Args:
        function: Whatever it raises reaches the caller at that item's turn.
        items: Read lazily, in the caller's thread.
        lookahead: Items that may be in work or wait as results, at least 1.
        workers: Threads, at least 1.

    Yields:
        The result of each item.
    """
    if lookahead < 1:
        raise OptionError(f"lookahead must be at least 1, got {lookahead}")
    source = iter(items)
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="deepbiq-stream") as pool:
        try:
            waiting.extend(pool.submit(function, item) for item in islice(source, lookahead))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(function, item) for item in islice(source, 1))
                yield result
        finally:
            for future in waiting:
                future.cancel()
