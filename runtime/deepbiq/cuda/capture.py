"""Writing down the work of a stream as a CUDA graph: later one call starts it instead of one per kernel."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from deepbiq.cuda.protocol import Cuda
from deepbiq.errors import EngineError


def capture(cuda: Cuda, stream: int, enqueue: Callable[[], None]) -> int:
    """Captures what `enqueue` gives to a stream; nothing of it is done yet.

    Args:
        cuda: The device.
        stream: The stream; it is usable again afterwards, whatever happens.
        enqueue: Gives work to the stream. It must have run once before, outside of a capture.

    Returns:
        An executable graph, which the caller destroys.

    Raises:
        EngineError: When something in it cannot be captured.
    """
    cuda.begin_capture(stream)
    try:
        enqueue()
    except BaseException:
        with suppress(EngineError):
            cuda.destroy_graph(cuda.end_capture(stream))
        raise
    graph = cuda.end_capture(stream)
    try:
        return cuda.instantiate(graph)
    finally:
        with suppress(EngineError):  # the executable graph does not need it, and must not get lost
            cuda.destroy_graph(graph)
