"""A command watched while it runs: its wall time, the machine's processor time, the memory of its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from math import inf
from pathlib import Path
from time import perf_counter

from deepbiq.errors import EngineError
from deepbiq_benchmarks.processes import measured_environment

_FIRST_LOOK_S = 0.05


@dataclass(frozen=True)
class Watched:
    """A command that has run to its end.

    Attributes:
        stdout: What it printed.
        wall_s: Seconds from its start to its end, without those in which it was paused.
        busy_s: Seconds of the machine's processors in that time, whoever had them: nothing else should run.
        paused_s: Seconds in which it was paused.
        peak_mb: Most memory of the command and all its descendants, each page counted once (PSS).
    """

    stdout: str
    wall_s: float
    busy_s: float
    paused_s: float
    peak_mb: float


def run_watched(command: list[str], *, every_s: float, turns: Iterable[float] = ()) -> Watched:
    """Runs a command to its end; its stderr is shown only when it fails.

    Args:
        command: The program and its arguments.
        every_s: Most seconds between two looks at its memory; the first ones come sooner, so that commands that end
            early are seen, too. A look costs some milliseconds.
        turns: Seconds for which it may run until it is paused, with all its processes, and the next ones are asked
            for: what is asked then has the machine for itself. The first ones are asked for before it is started.
            Behind the last it runs to its end.

    Raises:
        EngineError: When it does not end with exit code 0.
        KeyboardInterrupt: On Ctrl-C and on SIGTERM, when it has been killed with all its processes.
    """
    with _ended_as_by_ctrl_c(), tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        asked = chain(turns, [inf])
        first = next(asked)
        # A session of its own, so that one signal reaches all its processes.
        process = subprocess.Popen(  # noqa: S603  # ours
            command, env=measured_environment(), stdout=stdout, stderr=stderr, start_new_session=True
        )
        start = perf_counter()
        wall_s = busy_s = peak = 0.0
        try:
            for turn_s in chain([first], asked):
                os.killpg(process.pid, signal.SIGCONT)
                busy, begin = busy_seconds(), perf_counter()
                ended, turn_peak = _watch(process, turn_s, every_s)
                if not ended:
                    os.killpg(process.pid, signal.SIGSTOP)
                wall_s += perf_counter() - begin
                busy_s += busy_seconds() - busy
                peak = max(peak, turn_peak)
                if ended:
                    break
            paused_s = perf_counter() - start - wall_s
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode:
            said = stderr.read().decode(errors="replace").strip()
            raise EngineError(f"{' '.join(command)} ended with exit code {process.returncode}: {said}")
        return Watched(stdout.read().decode(), wall_s, busy_s, paused_s, peak)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Lets SIGTERM raise what Ctrl-C raises: what is paused is ended then, as nothing else would ever do that."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _watch(process: subprocess.Popen[bytes], seconds: float, every_s: float) -> tuple[bool, float]:
    """Waits for the end, for some seconds at most; returns whether it came, and the most memory seen in MB."""
    end = perf_counter() + seconds
    peak, pause_s = 0.0, _FIRST_LOOK_S
    while (left := end - perf_counter()) > 0:
        peak = max(peak, tree_memory_mb(process.pid))
        pause_s = min(2 * pause_s, every_s)
        try:
            process.wait(min(pause_s, left))
        except subprocess.TimeoutExpired:
            continue
        return True, peak
    return False, peak


def busy_seconds() -> float:
    """Returns the seconds that all processors of the machine have worked since it was started."""
    user, nice, system, _, _, irq, softirq = map(int, Path("/proc/stat").read_text().split(maxsplit=8)[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def tree_memory_mb(root: int) -> float:
    """Returns the memory of a process and all its descendants in MB; pages that they share count once (PSS)."""
    return sum(_memory_kb(pid) for pid in _descendants(root)) / 1024


def _descendants(root: int) -> Iterator[int]:
    children: dict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name in brackets may hold anything; behind it come the state and the parent.
            parent = int(entry.read_text(errors="replace").rpartition(")")[2].split()[1])
        except OSError:  # it has ended meanwhile
            continue
        children[parent].append(int(entry.parent.name))
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        yield pid


def _memory_kb(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:  # it has ended meanwhile, or is ending
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
