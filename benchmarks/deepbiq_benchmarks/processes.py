"""Fresh processes: run to their end, with what they print and their peak memory."""

from __future__ import annotations

import os
import subprocess
import sys

from deepbiq.errors import EngineError

_PEAK_OF_CHILD = (
    "import resource, subprocess, sys;"
    "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
    "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
)


def measured_environment() -> dict[str, str]:
    """Returns the environment of measured processes: ours, but they may keep the bytecode of what they import.

    A package that was installed has it. An editable one would otherwise be compiled in every process, which none of
    its users waits for.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run_process(command: list[str]) -> str:
    """Runs a process to its end and returns what it printed to stdout; its stderr is ours.

    Raises:
        EngineError: When it does not end with exit code 0.
    """
    done = subprocess.run(  # noqa: S603  # ours
        command, env=measured_environment(), stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise EngineError(f"{' '.join(command)} ended with exit code {done.returncode}")
    return done.stdout


def peak_memory_mb(command: list[str]) -> float:
    """Runs a process and returns its peak resident memory in MB.

    A child starts with the peak of the process that forks it, so an interpreter that holds nothing starts it.

    Raises:
        EngineError: When it does not end with exit code 0.
    """
    return int(run_process([sys.executable, "-c", _PEAK_OF_CHILD, *command])) / 1024  # Linux counts KiB
