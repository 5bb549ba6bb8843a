"""Work done ahead: a function applied to the next items, several at once, while the caller uses the present one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from deepbiq.errors import OptionError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_ahead(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    lookahead: int,
    *,
    workers: int,
    ready: Callable[[], bool] = lambda: True,
) -> Generator[Result, None, None]:
    """Applies a function to items in worker threads; results come in order, at most `lookahead` ahead.

    Args:
        function: Whatever it raises reaches the caller at that item's turn.
        items: Read lazily, in the caller's thread; a result that is finished is handed out before the next item is.
        lookahead: Items that may be in work or wait as results, at least 1: with 1, every result is handed out
            before the next item is read.
        workers: Threads, at least 1.
        ready: Says whether the next item is there without waiting, or that there is none. While it is not, all
            results are handed out, also those that are still in work.

    Yields:
        The result of each item.
    """
    if lookahead < 1:
        raise OptionError(f"lookahead must be at least 1, got {lookahead}")
    waiting: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="deepbiq-stream") as pool:
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                # One result for one item: a slow caller does not empty what the workers have before them.
                if len(waiting) == lookahead or waiting[0].done():
                    yield waiting.popleft().result()
                while waiting and not ready():
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
