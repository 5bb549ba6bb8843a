"""How the commands of benchmarks print their results."""

from __future__ import annotations

from enum import Enum


class TableFormat(str, Enum):
    """For people, for programs or for documents."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
