"""What all workers of a run on Ray must know, wherever they are: kept by one actor that costs nothing."""

from __future__ import annotations

from collections import Counter
from typing import Any

from deepbiq.errors import DeepBIQError, EngineError

MOST_ATTEMPTS = 10
"""How often a block of pictures is begun before it is given up. Workers and nodes are lost now and then; a block
that loses ten scoring actors in a row would do so for ever, and Ray would let it."""


class Ledger:
    """The workers' side of a ledger: picklable, every call asks the actor.

    Args:
        actor: From `start_ledger`.
    """

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def admit(self, block: int) -> bool:
        """Notes that a block of inputs is in work; returns whether it may be: not after an end was asked for."""
        return bool(self._ask("admit", block))

    def close(self) -> set[int]:
        """Asks for an end: no block of inputs is begun any more. Returns those that are or were in work."""
        admitted: set[int] = self._ask("close")
        return admitted

    def forget(self) -> None:
        """Forgets which blocks of inputs were in work, as all are done."""
        self._ask("forget")

    def begin(self, block: str) -> None:
        """Notes that scoring a block of pictures is begun.

        Args:
            block: Its name, by which people can tell what is in it.

        Raises:
            EngineError: When it was begun too often and never finished.
        """
        if int(self._ask("begin", block)) > MOST_ATTEMPTS:
            raise EngineError(f"{MOST_ATTEMPTS} scoring actors in a row died at {block}")

    def finish(self, block: str) -> None:
        """Notes that a block is done; does not wait."""
        self._actor.finish.remote(block)

    def report(self, error: DeepBIQError) -> None:
        """Leaves the error that ends the run, as Ray itself would only pass its text on, among much else."""
        self._ask("report", error)

    def error(self) -> DeepBIQError | None:
        """Returns the first error that was reported."""
        error: DeepBIQError | None = self._ask("error")
        return error

    def _ask(self, method: str, *arguments: object) -> Any:
        import ray

        return ray.get(getattr(self._actor, method).remote(*arguments))


class _Book:
    """The actor's side."""

    def __init__(self) -> None:
        self._closed = False
        self._admitted: set[int] = set()
        self._attempts: Counter[str] = Counter()
        self._error: DeepBIQError | None = None

    def admit(self, block: int) -> bool:
        if not self._closed:
            self._admitted.add(block)
        # Also after the end, where a worker was lost.
        return block in self._admitted

    def close(self) -> set[int]:
        self._closed = True
        return self._admitted

    def forget(self) -> None:
        self._admitted.clear()

    def begin(self, block: str) -> int:
        self._attempts[block] += 1
        return self._attempts[block]

    def finish(self, block: str) -> None:
        del self._attempts[block]

    def report(self, error: DeepBIQError) -> None:
        self._error = self._error or error

    def error(self) -> DeepBIQError | None:
        return self._error


def start_ledger() -> Ledger:
    """Starts a run's ledger on the connected cluster; it ends when nobody holds it any more."""
    import ray

    # It takes no core. Should it be lost with its node, the run goes on with an empty one.
    return Ledger(ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(_Book).remote())
