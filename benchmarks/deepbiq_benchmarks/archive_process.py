"""A command watched while it runs: its wall time, the machine's processor time, the memory of its processes."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from deepbiq.errors import EngineError


@dataclass(frozen=True)
class Watched:
    """A command that has run to its end.

    Attributes:
        stdout: What it printed.
        wall_s: Seconds from its start to its end.
        busy_s: Seconds of the machine's processors in that time, whoever had them: nothing else should run.
        peak_mb: Most memory of the command and all its descendants, each page counted once (PSS).
    """

    stdout: str
    wall_s: float
    busy_s: float
    peak_mb: float


def run_watched(command: list[str], *, every_s: float) -> Watched:
    """Runs a command to its end; its stderr is shown only when it fails.

    Args:
        command: The program and its arguments.
        every_s: Seconds between two looks at its memory. A look costs some milliseconds.

    Raises:
        EngineError: When it does not end with exit code 0.
    """
    peak = 0.0
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        busy, start = busy_seconds(), perf_counter()
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr)  # noqa: S603  # ours
        while True:
            peak = max(peak, tree_memory_mb(process.pid))
            try:
                process.wait(every_s)
                break
            except subprocess.TimeoutExpired:
                continue
        wall_s, busy_s = perf_counter() - start, busy_seconds() - busy
        stdout.seek(0)
        stderr.seek(0)
        if process.returncode:
            said = stderr.read().decode(errors="replace").strip()
            raise EngineError(f"{' '.join(command)} ended with exit code {process.returncode}: {said}")
        return Watched(stdout.read().decode(), wall_s, busy_s, peak)


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
