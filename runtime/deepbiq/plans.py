"""Sampling plans: which parts of a picture the network sees.

`random:N`, `grid:N`, `dense` and `whole` are the four families; a `Plan` is one of them, with its N.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from deepbiq.errors import OptionError

PlanFamily = Literal["random", "grid", "dense", "whole"]
PLAN_FAMILIES: tuple[PlanFamily, ...] = get_args(PlanFamily)
PLAN_HELP = "random:N, grid:N, dense or whole"
MAX_CROPS = 10_000


@dataclass(frozen=True)
class Plan:
    """One sampling plan.

    Attributes:
        family: `random`, `grid`, `dense` or `whole`.
        crops: Number of crops for `random` and `grid` (1..10000), None for the others.
    """

    family: PlanFamily
    crops: int | None = None

    def __post_init__(self) -> None:
        counted = self.family in ("random", "grid")
        if counted and (self.crops is None or not 1 <= self.crops <= MAX_CROPS):
            raise OptionError(f"plan {self.family} takes 1 to {MAX_CROPS} crops, got {self.crops}")
        if not counted and self.crops is not None:
            raise OptionError(f"plan {self.family} takes no number of crops, got {self.crops}")

    def __str__(self) -> str:
        return self.family if self.crops is None else f"{self.family}:{self.crops}"


def parse_plan(text: str) -> Plan:
    """Reads a plan as users write it.

    Args:
        text: `random:N`, `grid:N`, `dense` or `whole`.

    Raises:
        OptionError: When it is none of these.
    """
    name, colon, count = text.partition(":")
    if name not in PLAN_FAMILIES or (colon and not (count.isascii() and count.isdigit())):
        raise OptionError(f"unknown plan {text!r}: use {PLAN_HELP}, for example random:25")
    if name in ("random", "grid") and not colon:
        raise OptionError(f"plan {name} needs a number of crops, for example {name}:25")
    return Plan(name, int(count) if colon else None)
