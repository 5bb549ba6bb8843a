"""The budget: how far an engine or precision may stray from the reference."""

from __future__ import annotations

from dataclasses import dataclass

from deepbiq.errors import OptionError


@dataclass(frozen=True)
class Budget:
    """Bounds, each of which a row may reach but not exceed.

    Attributes:
        max_drop: Of PLCC and of SROCC, below the reference's.
        max_shift: Of the mean absolute difference from the reference's score, in score points.
        max_flips: Of pictures whose label differs from the reference's, in percent.
        max_fp32_shift: Of the largest absolute difference, in score points, for FP32. It replaces the other bounds
            there: FP32 differs by rounding only, and a difference this small moves nothing but a score on a border.
    """

    max_drop: float = 0.005
    max_shift: float = 1.0
    max_flips: float = 2.0
    max_fp32_shift: float = 0.1

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value >= 0:
                raise OptionError(f"--{name.replace('_', '-')} is a bound, at least 0, got {value}")
