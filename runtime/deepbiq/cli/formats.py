"""How commands print what is no list of scores."""

from __future__ import annotations

from enum import Enum


class ResultFormat(str, Enum):
    """For people or for programs."""

    TEXT = "text"
    JSON = "json"
