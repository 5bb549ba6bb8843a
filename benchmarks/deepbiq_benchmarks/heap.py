"""The process's heap: freed memory can be kept for the next call, or given back to the system after each."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD = -1
M_MMAP_MAX = -4
"""Parameters of mallopt, by glibc's malloc.h."""
DEFAULT_TRIM_THRESHOLD = 128 * 1024
DEFAULT_MMAP_MAX = 65_536
"""What mallopt(3) names as the defaults of both."""
NEVER = 2**31 - 1
"""The largest threshold that mallopt's int holds: nothing is given back."""


@contextmanager
def freed_memory_kept() -> Iterator[bool]:
    """Keeps what is freed in the process for the next allocation, and gives it back to the system in the end.

    glibc takes blocks of more than 32 MiB (the most that DEFAULT_MMAP_THRESHOLD_MAX lets M_MMAP_THRESHOLD grow to)
    from the system each time and gives them back when they are freed. A network whose layers' outputs are larger
    then waits for page faults in every call, by times that depend on the machine's mood more than on the network.

    Yields:
        Whether it is so; other C libraries than glibc keep memory by their own rules.
    """
    if platform.libc_ver()[0] != "glibc":
        yield False
        return
    libc = ctypes.CDLL(None)
    kept = bool(libc.mallopt(M_MMAP_MAX, 0) and libc.mallopt(M_TRIM_THRESHOLD, NEVER))
    try:
        yield kept
    finally:
        libc.mallopt(M_MMAP_MAX, DEFAULT_MMAP_MAX)
        libc.mallopt(M_TRIM_THRESHOLD, DEFAULT_TRIM_THRESHOLD)
        libc.malloc_trim(0)
