"""The error of an export that would hand over something else than what was trained."""

from __future__ import annotations

from deepbiq.errors import EngineError


class ExportError(EngineError):
    """The exported graph is not what was trained: other operators, shapes or values."""
