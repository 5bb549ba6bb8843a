"""The error of a calibration that would hand over something worse than was asked for."""

from __future__ import annotations

from deepbiq.errors import EngineError


class CalibrationError(EngineError):
    """A network cannot be made of integers within the budget, or not at all."""
