"""Notes to people while something is loaded: one line each on stderr, by the logger `deepbiq`.

A program that configures logging decides itself where they go.
"""

from __future__ import annotations

import logging

_LOGGER = logging.getLogger("deepbiq")


def note(message: str) -> None:
    """Tells people one thing that they should know; where nobody configured logging it is one line on stderr."""
    _LOGGER.warning("deepbiq: %s", message)
