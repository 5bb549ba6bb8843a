"""What came out of calibrating one flavour, and how it is told to machines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from deepbiq.budget import Budget
from deepbiq_calibration.flavours import Flavour
from deepbiq_calibration.ladder import Step
from deepbiq_calibration.sensitivity import LayerCost

QAT_ADVICE = "next comes quantisation-aware fine-tuning: `deepbiq train --qat`, then export and calibrate again"
AGAIN_ADVICE = (
    "the network was fine-tuned for INT8 already: `deepbiq train --qat` with more steps, or a wider budget"
)


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came out of calibrating one flavour.

    Attributes:
        flavour: `cpu` or `tensorrt`.
        budget: The bounds.
        headroom: Share of them that a step was to keep.
        layers: What each layer alone costs, on calibration pictures.
        steps: The steps of the ladder that were taken.
        chosen: The step that is handed over; None where none holds the budget.
        reference: FP32's scores of the held-back pictures, by plan, (n,).
        is_fine_tuned: Whether the network was fine-tuned with quantisation before.
    """

    flavour: Flavour
    budget: Budget
    headroom: float
    layers: Sequence[LayerCost]
    steps: Sequence[Step]
    chosen: Step | None
    reference: Mapping[str, npt.NDArray[np.float64]]
    is_fine_tuned: bool

    @property
    def shown(self) -> Step:
        """The step that a report shows: the chosen one, or the last that was tried."""
        return self.chosen or self.steps[-1]

    @property
    def advice(self) -> str:
        """What is left to try where nothing is handed over."""
        return AGAIN_ADVICE if self.is_fine_tuned else QAT_ADVICE

    def refusal(self) -> str:
        """Says in one line why nothing is handed over."""
        faults = [fault for cost in self.shown.costs.values() for fault in cost.beyond(self.budget)]
        return f"{self.flavour}: the budget cannot be held: {'; '.join(faults)}; {self.advice}"

    def describe(self) -> dict[str, Any]:
        """Tells everything but the scores; JSON-ready."""
        return {
            "flavour": self.flavour,
            "holds": self.chosen is not None,
            "budget": asdict(self.budget),
            "headroom": self.headroom,
            "chosen": None if self.chosen is None else self.chosen.name,
            "steps": [describe_step(step) for step in self.steps],
            "layers": [{"layer": item.layer, "place": item.place, **asdict(item.cost)} for item in self.layers],
            "advice": None if self.chosen else self.advice,
        }

    def summary(self) -> dict[str, Any]:
        """Tells what a bundle's manifest says of the chosen step; JSON-ready."""
        assert self.chosen is not None
        recipe = self.chosen.recipe
        return {
            "step": self.chosen.name,
            **asdict(recipe),
            "left_in_float": list(recipe.left_in_float),
            "budget": asdict(self.budget),
            "costs": [asdict(cost) for cost in self.chosen.costs.values()],
        }


def describe_step(step: Step) -> dict[str, Any]:
    """Tells what a step cost and gained; JSON-ready."""
    return {
        "name": step.name,
        **asdict(step.recipe),
        "left_in_float": list(step.recipe.left_in_float),
        "seconds": round(step.seconds, 1),
        "bytes": len(step.graph),
        "holds": step.holds,
        "comfortable": step.comfortable,
        "note": step.note,
        "costs": [asdict(cost) for cost in step.costs.values()],
    }
