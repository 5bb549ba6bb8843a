"""Sizes of memory as people write them: 512M, 2G."""

from __future__ import annotations

import re

from deepbiq.errors import OptionError

_FACTORS = {"M": 1 << 20, "G": 1 << 30}


def parse_size(text: str) -> int:
    """Reads a size.

    Args:
        text: A whole number of at most nine digits with M or G behind it, for 2^20 or 2^30 bytes.

    Returns:
        Bytes.

    Raises:
        OptionError: When it is no such size, or zero.
    """
    found = re.fullmatch(r"([0-9]{1,9})([MG])", text.strip().upper())
    size = int(found[1]) * _FACTORS[found[2]] if found else 0
    if not size:
        raise OptionError(
            f"a size is a whole number of at most nine digits with M or G behind it, for example 512M, got {text!r}"
        )
    return size
