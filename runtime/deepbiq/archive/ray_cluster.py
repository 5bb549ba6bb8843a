"""The cluster of a run: one that is there, or one on this machine for as long as the run lasts."""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from deepbiq.cores import usable_cores
from deepbiq.errors import ArchiveError
from deepbiq.signal_handlers import handlers_kept

_SCORING_CPU = 0.75
_DECODING_CPU = 0.25
"""Of a core: decoding a picture takes about a quarter of what reading, decoding and scoring take together. A core
therefore holds one scoring actor and one decoding task, and neither can take the other's place."""

_CONNECT_SECONDS = 10.0


@dataclass(frozen=True)
class Workers:
    """What the stages of a run take of a cluster.

    Attributes:
        actors: Scoring actors.
        cpu_of_actor: Cores of each, as Ray counts them.
        gpu_of_actor: GPUs of each.
        cpu_of_task: Cores of a decoding task, as Ray counts them.
        cores: Of the whole cluster.
    """

    actors: int
    cpu_of_actor: float
    gpu_of_actor: float
    cpu_of_task: float
    cores: int


def workers_for(resources: dict[str, float], wanted: int | None) -> Workers:
    """Shares a cluster out: an actor for each GPU, or for each core where there is no GPU.

    Args:
        resources: What the cluster has, as `ray.cluster_resources` counts it.
        wanted: Scoring actors; None takes as many as there is room for.

    Raises:
        ArchiveError: When the cluster has no cores.
    """
    cores, gpus = int(resources.get("CPU", 0)), int(resources.get("GPU", 0))
    if cores < 1:
        raise ArchiveError("the Ray cluster has no free core: give it nodes, or start it with --num-cpus")
    cpu_of_actor = _DECODING_CPU if gpus else _SCORING_CPU
    # A decoding task must find room beside the actors: without it nothing would ever move.
    room = min(gpus or cores, int((cores - _DECODING_CPU) / cpu_of_actor))
    return Workers(
        actors=room if wanted is None else min(wanted, room),
        cpu_of_actor=cpu_of_actor,
        gpu_of_actor=1.0 if gpus else 0.0,
        cpu_of_task=_DECODING_CPU,
        cores=cores,
    )


@contextmanager
def connected(address: str | None) -> Iterator[None]:
    """Connects to a cluster, or starts one on this machine and ends it at the end.

    Args:
        address: As in `ray.init`; None takes the environment variable `RAY_ADDRESS`, which Ray sets in its own
            jobs, and where that is not set starts a cluster.

    Raises:
        ArchiveError: When the cluster does not answer or none can be started.
    """
    # Before the first import, when Ray reads them. Nobody is told that it is used, and its C++ part does not warn
    # of what Ray Data itself does.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray

    if ray.is_initialized():
        yield
        return
    where = address or os.environ.get("RAY_ADDRESS") or "local"
    _check_reachable(where)
    options: dict[str, Any] = {"num_cpus": usable_cores(), "include_dashboard": False} if where == "local" else {}
    with _same_signal_handlers():
        try:
            ray.init(where, log_to_driver=False, logging_level=logging.ERROR, **options)
        except (ConnectionError, OSError, RuntimeError, TimeoutError, ValueError) as error:
            raise ArchiveError(f"no Ray cluster at {where}: {first_line(error)}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _check_reachable(where: str) -> None:
    """Finds out in seconds whether anybody answers: Ray itself tries for minutes."""
    host, _, port = where.rpartition("://")[2].rpartition(":")
    if not port.isdigit():  # `local` or `auto`
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_SECONDS).close()
    except (OSError, OverflowError, UnicodeError) as error:
        raise ArchiveError(
            f"no Ray cluster answers at {where} ({error}): start one, or leave the address out"
        ) from error


@contextmanager
def _same_signal_handlers() -> Iterator[None]:
    """Keeps the caller's: Ray puts its own in the place of SIGTERM's."""
    in_main = threading.current_thread() is threading.main_thread()
    with handlers_kept() if in_main else nullcontext():
        yield


def first_line(error: BaseException) -> str:
    """Returns what an error says first; Ray's go on for pages."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
