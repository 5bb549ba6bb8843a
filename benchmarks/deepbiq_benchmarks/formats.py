"""How the commands of benchmarks print their results."""

from __future__ import annotations

from enum import Enum


class ResultFormat(str, Enum):
    """For people or for programs."""

    TEXT = "text"
    JSON = "json"


class TableFormat(str, Enum):
    """For people, for programs or for documents."""

    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
