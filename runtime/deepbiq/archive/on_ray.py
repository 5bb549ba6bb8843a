"""Grading on a Ray cluster: decoding tasks stream into scoring actors that live long.

The inputs go through Ray Data in waves. A dataset must know its blocks when it starts, and those of a whole archive
are too many to be held. A read task that streams inputs from the driver is no way out: Ray Data joins what one task
returns into one block, and cannot repeat a task whose inputs are gone. A wave holds some minutes of work for each
core, so starting its actors costs little. Within a wave Ray Data bounds how many decoded pictures wait.
"""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from deepbiq.archive.preparing import Preparation
from deepbiq.archive.ray_bundle import load_like, pack_bundle
from deepbiq.archive.ray_cluster import Workers, connected, first_line, workers_for
from deepbiq.archive.ray_ledger import Ledger, start_ledger
from deepbiq.archive.ray_stages import BLOCK, ScoringActor, decode, listed_table
from deepbiq.archive.row import Listed, Row, Yardstick
from deepbiq.archive.run import Grade
from deepbiq.archive.schema import SCHEMA, rows_of
from deepbiq.errors import ArchiveError, DeepBIQError
from deepbiq.scorer import Scorer

if TYPE_CHECKING:
    import pyarrow as pa

WAVE_OF_CORE = 10_000
"""Inputs of a wave for every core of the cluster: some minutes of work, against the seconds in which a wave starts
and runs dry; and about one megabyte of the driver's memory."""
_BLOCK = 64
"""Inputs of a block: what a worker takes at a time, and loses when it dies. Ray Data spends about 25 ms of the
driver on each block, a second of scoring."""
_NATIVE_BLOCK = 8
"""The same where pictures keep all their pixels: a block lies in memory as a whole."""
_WAITING_BYTES = 256 << 20
"""Decoded pictures that may wait in the cluster's memory, for every core: a few blocks of 512x512 pictures."""
_SMALL_BLOCKS = 4
"""Blocks of a small wave for every core, so that all are busy and end at about the same time."""


@dataclass(frozen=True)
class RayRun:
    """What a run on Ray needs to know; it travels to the nodes.

    Attributes:
        yardstick: What the scores have in common, from the scorer of the machine that starts the run.
        how: How pictures are prepared.
        bundle: Folder or zip of a bundle; None takes the one that ships with deepbiq, on every node.
        engine: The inference engine, as in `load`; `auto` lets every node choose.
        actors: Scoring actors; None takes one for each GPU, or for each core where there is no GPU.
        processes: Decode processes of each decoding task: more than one where reading is mostly waiting.
        timeout_s: Seconds after which a file that does not answer is given up.
        address: The cluster; see `connected`.
    """

    yardstick: Yardstick
    how: Preparation
    bundle: Path | None = None
    engine: str = "auto"
    actors: int | None = None
    processes: int = 1
    timeout_s: float = 60.0
    address: str | None = None


def grade_on_ray(run: RayRun, stopped: Callable[[], bool]) -> Grade:
    """Makes the grade of a Ray cluster: rows in any order, exactly one for each input.

    Workers and nodes that are lost cost time, not rows: what they had in work is done again elsewhere.

    Args:
        run: What is run.
        stopped: Inputs that nobody has begun when it becomes true get no row.

    Returns:
        The grade; iterating over its rows raises BundleError or EngineError where a node cannot score as the run
        does, and ArchiveError where the cluster cannot be reached or is lost.
    """

    def grade(inputs: Iterable[Listed]) -> Iterator[Row]:
        packed = None if run.bundle is None else pack_bundle(run.bundle)
        waiting = iter(inputs)
        # Starting a cluster takes seconds, and often nothing is left to do.
        first = list(islice(waiting, 1))
        if not first:
            return
        with connected(run.address):
            yield from _grade(run, _chained(first, waiting), packed, stopped)

    return grade


def _grade(
    run: RayRun, inputs: Iterator[Listed], packed: bytes | None, stopped: Callable[[], bool]
) -> Iterator[Row]:
    import ray

    _configure_ray_data()
    shipped = None if packed is None else ray.put(packed)
    ledger = start_ledger()
    # Counted anew for each wave: nodes come and go.
    while wave := _take_wave(inputs, (workers := _workers(run)).cores, run.how):
        left = Counter({table.column(BLOCK)[0].as_py(): table.num_rows for table in wave})
        tables = _stream(run, wave, workers, partial(_load_on_node, run, shipped), ledger)
        with _errors_of(ledger), closing(tables):
            for table in tables:
                left.subtract(table.column(BLOCK).to_pylist())
                yield from rows_of(table.select(SCHEMA.names))
                if stopped() and not any(left[block] for block in ledger.close()):
                    break
        if stopped():
            _check_complete(left, ledger.close())
            return
        _check_complete(left, left)
        ledger.forget()


def _stream(
    run: RayRun, wave: list[pa.Table], workers: Workers, load_scorer: Callable[[], Scorer], ledger: Ledger
) -> Generator[pa.Table, None, None]:
    """Sends a wave through both stages; yields tables of rows as they come."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(
        object_store_memory=_WAITING_BYTES * workers.cores
    )
    decoding = partial(
        decode,
        how=run.how,
        yardstick=run.yardstick,
        processes=run.processes,
        timeout_s=run.timeout_s,
        ledger=ledger,
    )
    dataset = (
        ray.data.from_arrow(wave)
        .map_batches(
            decoding,
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            num_cpus=workers.cpu_of_task,
        )
        .map_batches(
            ScoringActor,
            fn_constructor_args=(load_scorer, ledger),
            batch_size=None,
            batch_format="pyarrow",
            zero_copy_batch=True,
            # One block in work and one at hand.
            compute=ray.data.ActorPoolStrategy(
                size=min(workers.actors, len(wave)), max_tasks_in_flight_per_actor=2
            ),
            num_cpus=workers.cpu_of_actor,
            num_gpus=workers.gpu_of_actor,
        )
    )
    yield from dataset.iter_batches(batch_size=None, batch_format="pyarrow")


def _workers(run: RayRun) -> Workers:
    import ray

    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return workers_for(resources, run.actors)


def _take_wave(inputs: Iterator[Listed], cores: int, how: Preparation) -> list[pa.Table]:
    """Takes the inputs of a wave, in blocks that are small where the wave is."""
    most = _NATIVE_BLOCK if how.short_side is None else _BLOCK
    first = list(islice(inputs, most * _SMALL_BLOCKS * cores))
    size = min(most, max(1, len(first) // (_SMALL_BLOCKS * cores)))
    rest = _chained(first, islice(inputs, max(0, WAVE_OF_CORE * cores - len(first))))
    blocks = iter(lambda: list(islice(rest, size)), [])
    return [listed_table(number, block) for number, block in enumerate(blocks)]


def _chained(first: Iterable[Listed], rest: Iterator[Listed]) -> Iterator[Listed]:
    yield from first
    yield from rest


def _check_complete(left: Mapping[int, int], begun: Iterable[int]) -> None:
    """Makes sure that every input of the blocks that were begun had one row."""
    wrong = {block: left[block] for block in begun if left[block]}
    if wrong:
        raise RuntimeError(f"Ray did not return one row for each input: missing by block {wrong}")


def _load_on_node(run: RayRun, shipped: Any) -> Scorer:
    import ray

    return load_like(
        run.yardstick,
        run.how,
        packed=None if shipped is None else ray.get(shipped),
        engine=run.engine,
        # An actor has one core; with a GPU the engine decides.
        threads=None if ray.get_gpu_ids() else 1,
    )


def _configure_ray_data() -> None:
    """Has Ray Data say nothing on the terminal, and keep blocks as they are."""
    warnings.filterwarnings("ignore", module=r"ray\.")
    # It sets up its loggers when it is imported, and warns of the settings below.
    import ray.data

    for name in ("ray", "ray.data"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # One block of a task, so that one whose worker died gives the same blocks when it is done again, even if a
    # file has changed.
    context.target_max_block_size = None
    # A block that fails must end the run: its rows would be missing.
    context.max_errored_blocks = 0
    context.actor_task_retry_on_errors = False


@contextmanager
def _errors_of(ledger: Ledger) -> Iterator[None]:
    """Turns what Ray raises into the error that a node has reported, or into one that says how to go on."""
    from ray.data.exceptions import SystemException
    from ray.exceptions import RayError, RayTaskError

    try:
        yield
    except (RayError, SystemException) as error:
        reported = _reported(ledger)
        if reported is not None:
            raise reported from None
        if isinstance(error, RayTaskError):
            raise  # a bug of ours keeps its traceback, which came from the node
        raise ArchiveError(
            f"the Ray cluster could not go on ({first_line(error)}): the same command goes on where it stopped"
        ) from error


def _reported(ledger: Ledger) -> DeepBIQError | None:
    from ray.exceptions import RayError

    with suppress(RayError):
        return ledger.error()
    return None
