"""Keeping freed memory in the process.

Every layer of a network takes and frees arrays of many megabytes. glibc gives such arrays back to the system at
once and asks for them again, and the system fills each new page with zeros: on CPUs that can take as long as the
arithmetic.
"""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
"""Parameters of mallopt(3), from glibc's malloc.h."""
_NEVER_TRIM, _NO_MAPPINGS = -1, 0


def keep_freed_memory() -> bool:
    """Tells glibc to keep what is freed for the next array, for the rest of the process.

    Returns:
        Whether the C library took it; others than glibc are left as they are.
    """
    if sys.platform != "linux":
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_TRIM_THRESHOLD, _NEVER_TRIM)) and bool(mallopt(_M_MMAP_MAX, _NO_MAPPINGS))
