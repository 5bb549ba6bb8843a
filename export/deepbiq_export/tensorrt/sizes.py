"""Sizes of memory as people write them: 512M, 2G."""

from __future__ import annotations

import re

from deepbiq.errors import OptionError

_FACTORS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Reads a size.

    Args:
        text: A number of bytes, or one with K, M or G behind it for multiples of 1024, 1024^2 or 1024^3.

    Raises:
        OptionError: When it is no such number, or zero.
    """
    found = re.fullmatch(r"([0-9]+)([KMG]?)", text.strip().upper())
    size = int(found[1]) * _FACTORS[found[2]] if found else 0
    if not size:
        raise OptionError(f"a size is a number of bytes, or one with K, M or G, for example 512M, got {text!r}")
    return size
